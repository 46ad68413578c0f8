"""Bits of a level, one a step: the temporal pattern of Rueckauer's thesis (Zurich, 2021).

A neuron of b bits receives until all that it hears has come, v = v0 + sum W x, then in the steps
t = 0 .. b - 1 of its phase, the highest bit first::

    spike of payload 2**(b - 1 - t) where v >= th * 2**(b - 1 - t);   v -= th * payload

so that what it sends adds up to clip(floor(v / th), 0, 2**b - 1): that of the quantised network
exactly, of the same levels, which are 1, 3, 7, 15 .. (snn_toolbox's own code takes the value
2**-(i + 1) for the bits below it; here integers have their bits).
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
