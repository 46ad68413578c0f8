"""Fast-SNN: Hu, Zheng, Jiang and Pan, IEEE TPAMI 2023. A quantised network in T = 2**b - 1 steps.

Trained with T levels; then signed IF neurons, in every step::

    v += W (th s[t]) + b;   +1 where v >= th;  v -= th
                            -1 where v < 0, and more +1 than -1 were sent;  v += th

with v = th / 2 at first and th the step of the trained levels times T (read from the authors'
``spiking.py``; its bound -0.001 is v <= -1 in integers). Spikes that came too early are taken back,
but nothing bounds what is sent, and the last steps have none after them (*sequential error*).
Layers 2 to L - 1 are then tuned one by one, so that their mean spikes come near the levels that
were trained, and the better of before and after is kept (``snn_ft.py`` there, which judges after
each epoch; here once a layer).

The authors round halves to even; here they are rounded up, in training as in the neuron.
"""

from spikewright.flow.convert.method import Initial, Method, Negative, Neuron, Tuning

__all__ = ["FAST_SNN"]

FAST_SNN = Method(
    name="fast-snn",
    title="trained quantised; signed IF neurons in as many steps as levels, layers tuned in turn",
    source="Hu, Zheng, Jiang, Pan, IEEE TPAMI 2023 (Fast-SNN)",
    repeats=True,
    neuron=Neuron(initial=Initial.HALF, negative=Negative.BELOW_ZERO),
    tuning=Tuning.LAYERS,
    levels=3,
)
