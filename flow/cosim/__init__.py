"""Lockstep co-simulation of generated Verilog with the golden model. Importing it loads no torch."""

from spikewright.flow.cosim.compare import Difference
from spikewright.flow.cosim.cosimulate import CosimReport, cosimulate
from spikewright.flow.cosim.streams import OUTPUT, Golden, TokenStream, expected_streams

__all__ = [
    "OUTPUT",
    "CosimReport",
    "Difference",
    "Golden",
    "TokenStream",
    "cosimulate",
    "expected_streams",
]
