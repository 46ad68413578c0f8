"""Time to the first spike: Stanojevic et al., Nature Communications 2024.

The authors' code (``call_spiking``) has, for a layer that fires in t_min .. t_max, after the one
before it, with thresholds of t_max - t_min - D::

    t_i = min((t_j - t_min) W + t_max - D, t_max);     t_max - t_i = max(0, (t_min - t_j) W + D)

In integers a neuron of level x sends one spike, x steps before the end of its phase: see
``flow.convert.latency`` and ``golden.spec.Phases``. The result is that of the quantised network
exactly, with at most one spike a neuron. Needs levels that do not fall below 0, no skips, and means
in place of maxima.
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
