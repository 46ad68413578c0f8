"""Read a trained network: load it, trace it, make its semantics explicit."""

from spikewright.flow.importers.graph import SUPPORTED, import_module
from spikewright.flow.importers.layers import QuantisedReLU, round_half_up
from spikewright.flow.importers.source import load_module, load_weights
from spikewright.flow.importers.stages import Activation, FloatArray, Norm, Stage

__all__ = [
    "SUPPORTED",
    "Activation",
    "FloatArray",
    "Norm",
    "QuantisedReLU",
    "Stage",
    "import_module",
    "load_module",
    "load_weights",
    "round_half_up",
]
