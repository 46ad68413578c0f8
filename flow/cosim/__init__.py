"""Lockstep co-simulation of generated Verilog with the golden model; importing loads no torch."""

from spikewright.flow.cosim.compare import Difference
from spikewright.flow.cosim.run import CosimReport, cosimulate
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
