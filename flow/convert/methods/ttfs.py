"""Time to the first spike: Stanojevic et al., Nature Communications 2024.

A neuron of level x sends one spike, x steps before the end of its phase; see
``flow.convert.latency`` and ``golden.spec.Phases`` for the equations. The result is that of the
quantised network exactly, with at most one spike a neuron. Needs levels that do not fall below 0,
no skips, and means in place of maxima.
"""

from spikewright.flow.convert.code import Code
from spikewright.flow.convert.latency import as_latency
from spikewright.flow.convert.method import Method

__all__ = ["TTFS"]

TTFS = Method(
    name="ttfs",
    title="one spike a neuron, the earlier the larger its value",
    source="Stanojevic et al., Nature Communications 2024",
    code=Code.FIRST_SPIKE,
    rewrite=lambda network, _: as_latency(network),
)
