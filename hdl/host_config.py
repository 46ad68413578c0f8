"""A population on a core, in numbers."""

from dataclasses import dataclass

import numpy as np

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import (
    BiasWhen,
    Fire,
    IntArray,
    Interval,
    LeakOrder,
    Mode,
    Population,
    Reset,
)

from .envelope import ParameterBounds, PopulationBounds
from .token import Axes, TokenLayout

__all__ = ["HostConfig"]


@dataclass(frozen=True, kw_only=True, eq=False)
class HostConfig:
    """A population on a core, or the slice of its channels from ``first_channel`` on.

    ``axes`` are the slice's, ``target`` the tokens of the whole population. Its groups of neurons
    count from ``first_group`` in the core, its channel blocks from ``first_block``. ``added`` is
    what the register that rows add to can hold. ``every_step``: its membranes are read in each.
    ``replays``: rows come in the first step of a sample, and count in every one. ``bounds``: what
    its parameters may be, where others are loaded in their turn.
    """

    population: Population
    mode: Mode
    first_channel: int
    axes: Axes
    target: TokenLayout
    v: Interval
    added: Interval
    tracer: Interval | None
    first_group: int
    first_block: int
    every_step: bool
    replays: bool
    bounds: PopulationBounds | None = None

    @property
    def n(self) -> int:
        """Neurons."""
        return self.axes[0].size * self.axes[1].size * self.axes[2].size

    @property
    def blocks(self) -> tuple[int, int, int]:
        """Blocks of channels, rows and columns."""
        channels, rows, columns = self.axes
        return (channels.blocks, rows.blocks, columns.blocks)

    @property
    def groups(self) -> int:
        """Groups of neurons, one of each lane."""
        channels, rows, columns = self.blocks
        return channels * rows * columns

    @property
    def address_block(self) -> int:
        """The first channel block in an address."""
        return self.first_channel // self.axes[0].banks

    @property
    def fires(self) -> bool:
        """Whether the population spikes."""
        return self.population.soma.fire is not Fire.NONE

    def spread(self, values: IntArray) -> IntArray:
        """A parameter vector as [channels, rows, columns] of the slice."""
        whole = self.population.per_neuron(values).reshape(self.target.shape)
        return whole[self.first_channel : self.first_channel + self.axes[0].size]

    def bound(self, name: str) -> ParameterBounds | None:
        """What a parameter may be; None where it is this network's alone.

        Raises
        ------
        ConfigurationError
            If the envelope does not have it.
        """
        if self.bounds is None:
            return None
        found = self.bounds.parameter(name)
        if found is None:
            raise ConfigurationError(
                f"the envelope must have bounds of {name}",
                found="none",
                where=f"population {self.population.name!r}",
            )
        return found

    @property
    def initial_total(self) -> IntArray:
        """What rows are first added to, per neuron: leak and bias are in it."""
        soma = self.population.soma
        total = self.initial_v
        if self.replays and soma.bias_when is BiasWhen.FIRST:
            return np.zeros(self.population.n, np.int64)
        if self.keeps_v_apart:
            total = np.zeros(self.population.n, np.int64)
            phases = soma.phases
            if phases is not None and phases.slope is not None and phases.receive == 0:
                total = self.population.per_neuron(phases.slope)
        total = total + self.population.per_neuron(soma.bias)
        if self.fires and self.mode is Mode.COLLAPSED:
            assert soma.s_min is not None  # collapsed networks are bounded, the contract says
            total -= soma.s_min * self.population.per_neuron(soma.threshold)
        return total

    @property
    def initial_v(self) -> IntArray:
        """The membrane before the first step, per neuron: a leak before the input is in it.

        So is a bias that comes once, where the rest of the input comes again and again.
        """
        soma = self.population.soma
        v = self.population.per_neuron(soma.initial_v)
        if self.mode is not Mode.COLLAPSED and soma.leak_v and soma.leak_order is LeakOrder.BEFORE:
            v = (v * soma.leak_v.multiplier) >> soma.leak_v.shift
        if self.replays and soma.bias_when is BiasWhen.FIRST:
            return v + self.population.per_neuron(soma.bias)
        return v

    @property
    def keeps_v_apart(self) -> bool:
        """Whether rows add to another register than v: to a current, since v must stay at times, or
        since what they add up to is needed again.
        """
        soma = self.population.soma
        return soma.current or soma.refractory > 0 or self.replays

    @property
    def changes_alone(self) -> bool:
        """Whether a step may do more than add its input, with whatever network is there."""
        soma = self.population.soma
        bias = self.bounds.parameter("bias") if self.bounds is not None else None
        if bias is None or soma.bias_when is not BiasWhen.EVERY:
            return soma.changes_alone
        return soma.changes_still or bias.low < bias.high

    @property
    def own_amount(self) -> bool:
        """Whether the hardware has a reset amount beside the threshold."""
        if self.bounds is not None:
            return self.bounds.parameter("amount") is not None
        return self.sets_amount

    @property
    def sets_amount(self) -> bool:
        """Whether a reset takes something else than the threshold."""
        soma = self.population.soma
        same = self.population.per_neuron(soma.amount) == self.population.per_neuron(soma.threshold)
        return self.fires and soma.reset is Reset.SUBTRACT and not bool(same.all())
