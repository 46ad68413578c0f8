"""Bits of a level, one a step: the temporal pattern of Rueckauer's thesis (Zurich, 2021).

A neuron receives until all that it hears has come, then sends the bits of its level, the highest
first: in step t of b a spike worth 2**(b - 1 - t) where v >= th * 2**(b - 1 - t), which is taken
off the membrane; see ``flow.convert.pattern``. The result is that of the quantised network exactly.
Levels are 1, 3, 7, 15 .. (snn_toolbox's own code takes the value 2**-(i + 1) for the bits below
it; here integers have their bits).
"""

from spikewright.flow.convert.code import Code
from spikewright.flow.convert.method import Method
from spikewright.flow.convert.pattern import as_pattern

__all__ = ["PATTERN"]

PATTERN = Method(
    name="pattern",
    title="the bits of a neuron's value, one a step, the highest first",
    source="Rueckauer, thesis, University of Zurich 2021 (temporal pattern)",
    code=Code.PATTERN,
    rewrite=lambda network, _: as_pattern(network),
)
