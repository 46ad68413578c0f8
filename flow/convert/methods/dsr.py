"""DSR: Meng et al., CVPR 2022. Spiking networks trained through the mapping of their rates.

In every step of T::

    IF     m += x;                      s = m >= Vth / 2;        m -= Vth s;    sends Vth s
    LIF    m = beta m + (1 - beta) x;   s = m >= 0.3 Vth;        m -= Vth s;    sends Vth s / dt

with m = 0 at first: a neuron fires at a share of the threshold, and a spike takes all of it (read
from the authors' ``cifar/modules/neuron.py``, github.com/qymeng94/DSR; alpha is 0.5 and 0.3 there,
tau is 1, and beta = exp(-dt)). Forward the spikes are those of T steps; backward a layer's mean,
of LIF weighted by beta**(T - t), is clip(mean x, 0, Vth), of LIF clip(mean x, 0, Vth / dt). The
readout adds up, of LIF with the same weights: a membrane that leaks by beta.

Here beta is 1 - 1 / 4, which integers hold (the authors' dt of 0.05 makes it 0.95), and dt is taken
to be 1 - beta. Divided by it, LIF is v = beta v + x, which fires at 0.3 A and takes A = Vth / dt,
what a spike is worth. Of IF neurons firing at a half is bit for bit a membrane that begins with
half a threshold (``qcfs``).
"""

from dataclasses import replace

from spikewright.flow.convert.method import Initial, Method, Negative, Neuron, Tuning

__all__ = ["DSR", "DSR_LIF"]

DSR = Method(
    name="dsr",
    title="spikes trained through their rate; IF neurons fire at half of what a spike takes",
    source="Meng et al., CVPR 2022 (DSR)",
    repeats=True,
    neuron=Neuron(initial=Initial.ZERO, negative=Negative.NEVER, fires_at=0.5),
    tuning=Tuning.RATE,
    levels=5,
)
DSR_LIF = replace(
    DSR,
    name="dsr-lif",
    title="as dsr, with leaky neurons and a readout that leaks too",
    neuron=Neuron(
        initial=Initial.ZERO,
        negative=Negative.NEVER,
        fires_at=0.3,
        leak=2,
    ),
    leaky_readout=True,
    levels=10,
)
