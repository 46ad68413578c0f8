"""Read a trained network: load it, trace it, make its semantics explicit."""

from spikewright.flow.importers.check import check_graph
from spikewright.flow.importers.evaluate import each_value, evaluate
from spikewright.flow.importers.graph import SUPPORTED, import_module
from spikewright.flow.importers.layers import QuantisedReLU, round_half_up
from spikewright.flow.importers.source import load_module, load_weights
from spikewright.flow.importers.stages import (
    INPUT,
    Activation,
    AverageStage,
    Branch,
    BranchKind,
    FloatArray,
    Graph,
    MaxStage,
    Node,
    Norm,
    Pool,
    Shape,
    Stage,
    UpsampleStage,
)

__all__ = [
    "INPUT",
    "SUPPORTED",
    "Activation",
    "AverageStage",
    "Branch",
    "BranchKind",
    "FloatArray",
    "Graph",
    "MaxStage",
    "Node",
    "Norm",
    "Pool",
    "QuantisedReLU",
    "Shape",
    "Stage",
    "UpsampleStage",
    "check_graph",
    "each_value",
    "evaluate",
    "import_module",
    "load_module",
    "load_weights",
    "round_half_up",
]
