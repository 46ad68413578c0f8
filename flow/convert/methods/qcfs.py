"""QCFS: Bu et al., ICLR 2022. Quantised, clipped, floored and shifted activations.

Trained with lambda clip(floor(x L / lambda + 1/2) / L, 0, 1), lambda learned. Then IF neurons, in
every step of T::

    v += W (lambda s[t]) + b;   spike where v >= lambda;   v -= lambda      (lambda / 2 at first)

T may be another than L. The expected error is zero where spikes come evenly, which they need not:
what comes too late is lost, what comes too early cannot be taken back. Read from the authors' code
(github.com/putshua/ANN_SNN_QCFS, ``Models/layer.py``), whose membranes begin with half a threshold
too; the paper proves the expected error to be zero for that shift, whatever T and L.
"""

from spikewright.flow.convert.method import Initial, Method, Negative, Neuron

__all__ = ["QCFS"]

QCFS = Method(
    name="qcfs",
    title="trained quantised, clipped and shifted; plain IF neurons of half a threshold",
    source="Bu et al., ICLR 2022 (QCFS)",
    repeats=True,
    neuron=Neuron(initial=Initial.HALF, negative=Negative.NEVER),
    levels=8,
)
