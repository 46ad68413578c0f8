"""The soma: one step of every neuron of a population, exactly as ``Soma`` says it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from spikewright.golden.spec import (
    BiasWhen,
    Fire,
    IntArray,
    Leak,
    LeakOrder,
    Population,
    Reset,
)

__all__ = ["Neurons", "State"]


@dataclass(frozen=True, kw_only=True)
class State:
    """What a batch of neurons remembers from step to step; int64 tensors [batch, n].

    ``v`` membrane, ``i`` current, ``s`` tracer, ``level`` what the last step fired, ``fresh``
    whether no step was made since the reset.
    """

    v: Tensor
    i: Tensor
    s: Tensor
    level: Tensor
    fresh: bool


class Neurons:
    """All neurons of one population: parameters spread per neuron, and no state of their own.

    Parameters
    ----------
    population : what they compute.
    device : where they compute it.
    """

    def __init__(self, population: Population, *, device: torch.device) -> None:
        soma = population.soma

        def spread(values: IntArray) -> Tensor:
            return torch.tensor(population.per_neuron(values), dtype=torch.int64, device=device)

        self.n = population.n
        self.soma = soma
        self.device = device
        self.threshold = spread(soma.threshold)
        self.amount = spread(soma.amount)
        self.negative = (
            self.threshold if soma.threshold_negative is None else spread(soma.threshold_negative)
        )
        self.bias = spread(soma.bias)
        self.initial_v = spread(soma.initial_v)

    def reset(self, batch: int) -> State:
        """The state before the first step of ``batch`` samples."""
        zero = torch.zeros(batch, self.n, dtype=torch.int64, device=self.device)
        return State(v=self.initial_v.expand(batch, -1), i=zero, s=zero, level=zero, fresh=True)

    def step(self, state: State, charge: Tensor | None) -> State:
        """One step. ``charge`` [batch, n] is the sum of its weighted payloads, None if no event.

        The level that fires is in the state that is returned.
        """
        soma = self.soma
        total = self.input(charge, fresh=state.fresh)
        current = state.i
        if soma.current:
            current = leak(state.i, soma.leak_i) + total
            total = current
        if soma.leak_order is LeakOrder.BEFORE:
            v = leak(state.v, soma.leak_v) + total
        else:
            v = leak(state.v + total, soma.leak_v)
        if soma.reset_delay:
            v = self.after_firing(v, state.level)
        if soma.v_min is not None or soma.v_max is not None:
            v = v.clamp(soma.v_min, soma.v_max)
        level = self.fire(v, state.s)
        if not soma.reset_delay:
            v = self.after_firing(v, level)
        return State(v=v, i=current, s=state.s + level, level=level, fresh=False)

    def input(self, charge: Tensor | None, *, fresh: bool) -> Tensor:
        """The accumulated input plus the bias, where this step has one."""
        biased = fresh or self.soma.bias_when is BiasWhen.EVERY
        if charge is None:
            return self.bias if biased else torch.zeros_like(self.bias)
        return charge + self.bias if biased else charge

    def fire(self, v: Tensor, s: Tensor) -> Tensor:
        """The level at membrane ``v`` and tracer ``s`` (before this spike)."""
        soma = self.soma
        if soma.fire is Fire.NONE:
            return torch.zeros_like(v)
        up = v >= self.threshold
        if soma.s_max is not None:
            up = up & (s < soma.s_max)
        if soma.fire is Fire.BINARY:
            return up.to(torch.int64)
        down = (v <= -self.negative) & ~up
        if soma.s_min is not None:
            down = down & (s > soma.s_min)
        return up.to(torch.int64) - down.to(torch.int64)

    def after_firing(self, v: Tensor, level: Tensor) -> Tensor:
        """The membrane after the reset that ``level`` earned."""
        reset = self.soma.reset
        if self.soma.fire is Fire.NONE or reset is Reset.NONE:
            return v
        if reset is Reset.SUBTRACT:
            return v - level * self.amount
        return torch.where(level != 0, self.soma.reset_value, v)

    def collapse(self, charge: Tensor | None, batch: int) -> State:
        """The closed form of stepping until nothing fires, from the summed input of a sample.

        S = clip(floor((v0 + sum I) / th), s_min, s_max); the membrane keeps the rest.
        """
        soma = self.soma
        fresh = self.reset(batch)
        v = fresh.v + self.input(charge, fresh=True)
        if soma.fire is Fire.NONE:
            return State(v=v, i=fresh.i, s=fresh.s, level=fresh.level, fresh=False)
        level = torch.div(v, self.threshold, rounding_mode="floor").clamp(soma.s_min, soma.s_max)
        v = v - level * self.threshold
        return State(v=v, i=fresh.i, s=level, level=level, fresh=False)


def leak(z: Tensor, rule: Leak | None) -> Tensor:
    """(m * z) >> k with the arithmetic shift, which is floor for negative z too."""
    return z if rule is None else (rule.multiplier * z) >> rule.shift
