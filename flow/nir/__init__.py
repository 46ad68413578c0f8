"""Networks that others trained, as NIR files: in and out, with a stated discretisation."""

from .discretisation import (
    PRESETS,
    Compare,
    Decay,
    Discretisation,
    load_discretisation,
    preset_of,
)
from .graph import Graph, read_graph

__all__ = [
    "PRESETS",
    "Compare",
    "Decay",
    "Discretisation",
    "Graph",
    "load_discretisation",
    "preset_of",
    "read_graph",
]
