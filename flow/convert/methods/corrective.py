"""First spikes that are taken back: ``ttfs_corrective`` of snn_toolbox (Rueckauer's thesis, 2021).

A neuron sends +1 where its membrane comes up to the threshold and -1 where it falls below again;
in between its weight is added in every step. The larger its value, the longer it is on: see
``flow.convert.corrective`` for the equations, and what differs from snn_toolbox. It is not exact.
The network is made for the T that ``--max-steps`` says, at least 8, and runs in that.
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
