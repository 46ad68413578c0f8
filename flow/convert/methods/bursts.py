"""Spikes of several bits: Shen et al., CVPR 2024 (the bit budget).

A spike carries up to k = 2**bits - 1 (``--spike-bits``)::

    v += W (A s[t]) + b;   s = clip(floor(v / A), 0, k);   v -= A s            (v = A / 2 at first)

trained with T k levels as QCFS is. The paper's claim is that steps, bits of a spike and bits of a
weight are one budget, T * spike bits * weight bits, better spent on bits than on steps; its exact
neuron could not be read, and this one is the soft reset repeated within a step.
"""

from spikewright.flow.convert.method import Initial, Method, Negative, Neuron

__all__ = ["BURSTS"]

BURSTS = Method(
    name="bursts",
    title="trained quantised; spikes that carry several bits, in few steps",
    source="Shen et al., CVPR 2024 (bit budget)",
    repeats=True,
    neuron=Neuron(initial=Initial.HALF, negative=Negative.NEVER, bounded=False),
    bursts=True,
    levels=6,
)
