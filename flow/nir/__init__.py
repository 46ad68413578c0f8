"""Networks that others trained, as NIR files: in and out, with a stated discretisation."""

from .discretisation import PRESETS, Compare, Decay, Discretisation
from .graph import Graph, read_graph

__all__ = ["PRESETS", "Compare", "Decay", "Discretisation", "Graph", "read_graph"]
