"""NeuronNorm and signed neurons with memory, without training.

SNM: Wang, Zhang, Chen and Qu, IJCAI 2022. Each neuron has its own largest activation lambda_i, and
its spikes are worth that. In every step of T::

    v += W (lambda s[t]) + b
    +1 where v >= lambda_i;                                   v -= lambda_i
    -1 where v <= -lambda_i, and more +1 than -1 were sent;   v += lambda_i

(read from ``models/spikeLayer.py`` of github.com/ppppps/ANN2SNNConversion_SNM_NeuronNorm, the
authors'; v = 0 at first). Here the network is scaled before it is converted: the weights
into a neuron by 1 / lambda_i, those out of it by lambda_i, which changes no
output of a ReLU network (``equalise``). Then lambda is 1 everywhere, and a spike carries no number.
A channel of a convolution has one lambda, since its weights are shared: the paper's is one for each
position too. Channels that others see as they are (skips), and those behind a norm or a clipped
activation of their own, stay as they are.

DNISNM: Wang, Liu, Zhang, Luo and Qu, Neural Networks 2024. The abstract says that data-based
neuronal initialisation is for the errors of discreteness, SNM for those of asynchrony, and that the
network itself is not changed; how the authors choose what a membrane begins with could not be read.
Here, for the T that is converted for, v0_i is the one of 0, 1/16 .. 1 thresholds for which the mean
over calibration data of

    clip(floor(T a + v0), 0, T) / T

is nearest to that of a, the activation in lambda_i: no error on average, as of Bu et al., AAAI 2022
(of single errors a half is always the least, whatever the data).
"""

from dataclasses import replace

from spikewright.flow.convert.code import Cut
from spikewright.flow.convert.method import Initial, Method, Negative, Neuron

__all__ = ["DNISNM", "NEURON_NORM"]

NEURON_NORM = Method(
    name="neuron-norm",
    title="rates, each neuron's largest activation is one spike a step; signed neurons with memory",
    source="Wang, Zhang, Chen, Qu, IJCAI 2022 (SNM)",
    cut=Cut.NONE,
    repeats=True,
    equalised=True,
    percentile=100.0,
    neuron=Neuron(initial=Initial.ZERO, negative=Negative.THRESHOLD),
    levels=8,
)
DNISNM = replace(
    NEURON_NORM,
    name="dnisnm",
    title="as neuron-norm, with membranes that begin at values from data",
    source="Wang, Liu, Zhang, Luo, Qu, Neural Networks 2024",
    neuron=Neuron(initial=Initial.MEASURED, negative=Negative.THRESHOLD),
)
