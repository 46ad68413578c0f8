"""Spikes of several bits: Shen et al., CVPR 2024 (the bit budget).

A spike carries up to k = 2**bits - 1 (``--spike-bits``)::

    v += W (A s[t]) + b;   s = clip(floor(v / A), 0, k);   v -= A s            (v = A / 2 at first)

trained with T k levels as QCFS is. What the abstract says (arXiv 2311.10802): steps and the bits of
an activation are analogous, weights, activations and steps share a budget of bits, and that is
better spent on spike patterns and weights than on steps. The product T * spike bits * weight bits
as its measure, and the neuron, are this project's reading: the soft reset of ``qcfs``, repeated
within a step.
"""

from spikewright.flow.convert.method import Initial, Method, Negative, Neuron

__all__ = ["BURSTS"]

BURSTS = Method(
    name="bursts",
    title="trained quantised; spikes that carry several bits, in few steps",
    source="Shen et al., CVPR 2024 (bit budget)",
    repeats=True,
    neuron=Neuron(initial=Initial.HALF, negative=Negative.NEVER),
    bursts=True,
    levels=6,
)
