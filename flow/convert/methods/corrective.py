"""First spikes that are taken back: ``ttfs_corrective`` of snn_toolbox (Rueckauer's thesis, 2021).

In every step, i the current and v the membrane, which nothing resets::

    i += W s + b (b in the first step);   v += i
    s = +1 where v >= th and it is off;  -1 where v < th and it is on

In between a neuron is on, and adds its weight in every step. The larger its value, the longer that
is. See ``flow.convert.corrective`` for the thresholds, and for what differs from snn_toolbox. It is
not exact. The network is made for the T that ``--max-steps`` says, at least 8, and runs in that.
"""

from spikewright.flow.convert.code import LEAST_STEPS, Code
from spikewright.flow.convert.corrective import as_corrective
from spikewright.flow.convert.method import Method

__all__ = ["CORRECTIVE"]

CORRECTIVE = Method(
    name="corrective",
    title="a spike when a neuron crosses its threshold, and one when it falls back",
    source="Rueckauer, thesis, University of Zurich 2021 (ttfs_corrective)",
    code=Code.CORRECTIVE,
    least_steps=LEAST_STEPS,
    rewrite=as_corrective,
)
