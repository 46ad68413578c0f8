"""Rate coding without training: Rueckauer et al., Frontiers in Neuroscience 2017 (snn_toolbox).

With lambda_l the largest activation of layer l on calibration data, or its percentile, a spike of
layer l is worth lambda_l. In every step of T::

    v += W s[t] + b;   spike where v >= lambda;   v -= lambda * spike          (v = 0 at first)

so that lambda * spikes / T comes near the activation: the paper's W * lambda_{l-1} / lambda_l with
thresholds of 1, read from the code of snn_toolbox. The readout adds up what it hears.

Works on any network that the converter reads; T is free, and the error falls as 1 / T.
"""

from spikewright.flow.convert.code import Cut
from spikewright.flow.convert.method import Initial, Method, Negative, Neuron

__all__ = ["RATE", "RATE_MAX"]

PLAIN = Neuron(initial=Initial.ZERO, negative=Negative.NEVER)

RATE_MAX = Method(
    name="rate-max",
    title="rates, each layer's largest activation is one spike a step",
    source="Diehl et al., IJCNN 2015; Rueckauer et al., Frontiers in Neuroscience 2017",
    cut=Cut.NONE,
    repeats=True,
    percentile=100.0,
    neuron=PLAIN,
    levels=16,
)
RATE = Method(
    name="rate",
    title="rates, the 99.9 percentile of a layer's activations is one spike a step",
    source="Rueckauer et al., Frontiers in Neuroscience 2017 (snn_toolbox)",
    cut=Cut.NONE,
    repeats=True,
    percentile=99.9,
    neuron=PLAIN,
    levels=16,
)
