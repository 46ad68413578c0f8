"""What a conversion method is: choices of one converter, and nothing that runs by itself."""

import enum
from collections.abc import Callable
from dataclasses import dataclass

from spikewright.flow.convert.code import Code, Cut
from spikewright.golden.spec import Fire, Mode, Network

__all__ = ["Initial", "Method", "Negative", "Neuron", "Tuning"]


class Initial(enum.StrEnum):
    """What a membrane starts with.

    ``zero``; ``half`` a threshold, which makes a floor a rounding; ``measured``: per neuron, what
    brings the mean level of a run nearest to the activation on calibration data.
    """

    ZERO = "zero"
    HALF = "half"
    MEASURED = "measured"


class Negative(enum.StrEnum):
    """When a neuron takes a spike back, if it ever sent one.

    ``never``; ``below-zero``: v < 0 (Fast-SNN, ST-BIF); ``threshold``: v <= -threshold (SNM).
    """

    NEVER = "never"
    BELOW_ZERO = "below-zero"
    THRESHOLD = "threshold"


class Tuning(enum.StrEnum):
    """What trains on after the quantised network, with spikes.

    ``layers``: one layer after the other, each to the levels that it had before. ``rate``: all of
    it, a layer's spikes with the gradient of their mean. ``surrogate``: all of it through time,
    with the gradient of a surrogate of the spike.
    """

    LAYERS = "layers"
    RATE = "rate"
    SURROGATE = "surrogate"


@dataclass(frozen=True, kw_only=True)
class Neuron:
    """The soma of a hidden neuron.

    Where the input comes once, what it sent stays within 0 and its levels: then a run that goes on
    until nothing fires, and the closed form, are the quantised network exactly. Where it comes in
    every step nothing bounds it from above.

    Parameters
    ----------
    initial : of the membrane.
    negative : when it takes a spike back.
    fires_at : the share of the threshold at which it fires; a spike takes all of it (DSR).
    leak : k of a membrane that loses a 2**k-th in each step, or None.
    """

    initial: Initial = Initial.HALF
    negative: Negative = Negative.BELOW_ZERO
    fires_at: float = 1.0
    leak: int | None = None

    @property
    def fire(self) -> Fire:
        """Of one spike a step."""
        return Fire.BINARY if self.negative is Negative.NEVER else Fire.TERNARY


@dataclass(frozen=True, kw_only=True)
class Method:
    """A way from a trained network to a spiking one.

    Parameters
    ----------
    name : what ``--method`` takes. title : one line. source : the paper.
    code : what a hidden neuron sends.
    cut : what training makes of its value; ``none`` where nothing trains.
    repeats : whether the input, and every bias, comes in each step, and a level is the mean over
        all steps; else they come once, and it is a sum.
    equalised : whether each channel is scaled to a largest activation of one first (NeuronNorm).
    percentile : of the activations, which is worth the highest level; None: the user's.
    neuron : its soma. tuning : what trains on once it spikes.
    levels : of a hidden neuron, where the user does not say: T times the levels of a step where
        the input repeats. least_levels : fewer are refused.
    bursts : whether a spike carries several levels, as many as its bits hold.
    leaky_readout : whether the readout's membrane leaks as the others do, which weighs late spikes
        more.
    pruned : whether layers lose the channels that carry no variance before (PCA).
    least_steps : fewer are refused.
    rewrite : what makes the network of the one that runs collapsed, and of the most steps.
    modes : in which its networks are valid; max pooling by OR leaves only stepwise.
    """

    name: str
    title: str
    source: str
    code: Code = Code.RATE
    cut: Cut = Cut.NEAREST
    repeats: bool = False
    equalised: bool = False
    percentile: float | None = None
    neuron: Neuron = Neuron()
    tuning: Tuning | None = None
    levels: int = 15
    least_levels: int = 1
    bursts: bool = False
    leaky_readout: bool = False
    pruned: bool = False
    least_steps: int = 1
    rewrite: Callable[[Network, int], Network] | None = None
    modes: tuple[Mode, ...] = (Mode.STEPWISE,)

    @property
    def own_steps(self) -> bool:
        """Whether its networks take as many steps as they need."""
        return self.code in (Code.ONEHOT, Code.FIRST_SPIKE, Code.PATTERN)

    @property
    def trains(self) -> bool:
        """Whether it has a training of its own."""
        return self.cut is not Cut.NONE
