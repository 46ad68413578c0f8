"""The golden model: torch, integers only, exact; what a network computes."""

from spikewright.golden.model.encode import encode
from spikewright.golden.model.model import Model
from spikewright.golden.model.record import Result, Trace

__all__ = ["Model", "Result", "Trace", "encode"]
