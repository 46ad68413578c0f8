"""StepReLU: Wang, Cao, Chen, Feng and Wang, IJCAI 2023, as far as it could be read.

Trained with the staircase clip(floor(x / th), 0, L) * th, whose step th becomes the threshold::

    v += W s + b;   +1 where v >= th and S < L;   v -= th;   -1 where v < 0 and S > 0;   v += th

with v = 0 at first, and the whole value of a sample as charge at once (membrane potential
encoding), so that S = clip(floor((sum + b) / th), 0, L) when nothing fires any more: the trained
network exactly. The abstract names the staircase, the encoding and the leak; neither paper nor code
could be read, so that the equations are this project's reading of the names, and the negative spike
is its own, for order not to matter.

``step-relu-leaky`` runs the same network step by step, with v -> v - v / 16 in each: the paper
switches a leak on after training, for robustness. It is not exact.
"""

from dataclasses import replace

from spikewright.flow.convert.code import Cut
from spikewright.flow.convert.method import Initial, Method, Neuron
from spikewright.golden.spec import Mode

__all__ = ["STEP_RELU", "STEP_RELU_LEAKY"]

STEP_RELU = Method(
    name="step-relu",
    title="a trained staircase of floors; the charge of a sample comes at once",
    source="Wang, Cao, Chen, Feng, Wang, IJCAI 2023 (StepReLU)",
    cut=Cut.BELOW,
    neuron=Neuron(initial=Initial.ZERO),
    levels=3,
    modes=(Mode.STEPWISE, Mode.SETTLE, Mode.COLLAPSED),
)
STEP_RELU_LEAKY = replace(
    STEP_RELU,
    name="step-relu-leaky",
    title="as step-relu, with a leak, for robustness to noise",
    neuron=Neuron(initial=Initial.ZERO, leak=4),
    modes=(Mode.STEPWISE,),
)
