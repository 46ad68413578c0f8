"""The soma, as ``golden.model.neuron`` has it, but with a gradient through every step.

A spike's derivative, which is 0 nearly everywhere, is that of a surrogate at (v + 1/2 - th) / th:
of integers, v >= th where v + 1/2 > th. What a reset takes off, and how much the tracer leaves
room for, count as constants there, as in snnTorch; floor passes straight through. A burst has the
gradient of its line, 1 / amount where it is not cut off, and what it takes off has it too: what is
left has none, so that neurons which send all that they hear remember nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spikewright.flow.tuning.shadows import SLOW, Leaks, ShadowLeak, Shadows, through
from spikewright.golden.spec import (
    LIMITS,
    BiasWhen,
    Fire,
    IntArray,
    LeakOrder,
    Population,
    Reset,
    Soma,
)

__all__ = ["Neurons", "Numbers", "State", "Surrogate"]

Surrogate = Callable[[Tensor], Tensor]
REGISTER_MAX = (1 << (LIMITS.register - 1)) - 1


@dataclass(kw_only=True)
class State:
    """What a batch of neurons remembers; integers in floats, [batch, n].

    ``v``, ``i`` and ``level`` carry gradients, the tracer ``s`` and the steps to ``wait`` none; s
    counts only where it is bounded.
    """

    v: Tensor
    i: Tensor | None
    s: Tensor
    level: Tensor
    wait: Tensor | None
    steps: int = 0


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """A population's parameters for one run, per neuron [n] or one for all [1]."""

    threshold: Tensor
    negative: Tensor
    amount: Tensor
    bias: Tensor | None
    initial_v: Tensor
    slope: Tensor | None
    leak_v: Tensor | None
    leak_i: Tensor | None


class Neurons(torch.nn.Module):
    """All neurons of one population, and what of their numbers is trained.

    Parameters
    ----------
    population : what they compute.
    surrogate : 1 where its argument is above 0, else 0, with a derivative of its own.
    unit : what a bias or an initial membrane of 1 counts, where they are trained.
    thresholds, biases, initial : whether these are trained; reset amounts go with thresholds. Those
        that a negative threshold below 1 is tied to stay.
    leaks : what of the leaks is trained.
    """

    def __init__(
        self,
        population: Population,
        surrogate: Surrogate,
        *,
        unit: float,
        thresholds: bool,
        biases: bool,
        initial: bool,
        leaks: Leaks,
    ) -> None:
        super().__init__()
        soma = population.soma
        self.population, self.soma, self.n = population, soma, population.n
        self.surrogate = surrogate
        negative = soma.threshold_negative
        tied = negative is not None and int(negative.min()) < 1
        trains = thresholds and soma.fire is not Fire.NONE and not tied

        def at_least_one(values: IntArray | None) -> Shadows | None:
            if values is None:
                return None
            unit, low = float(np.abs(values).mean()) / SLOW, min(1, int(values.min()))
            return Shadows(values, unit=unit, low=low, high=REGISTER_MAX, trains=trains)

        def signed(values: IntArray, trains: bool) -> Shadows:
            low, high = -REGISTER_MAX, REGISTER_MAX
            return Shadows(values, unit=unit, low=low, high=high, trains=trains)

        threshold = at_least_one(soma.threshold)
        assert threshold is not None  # every soma has one
        self.threshold = threshold
        self.negative = at_least_one(negative)
        self.amount = at_least_one(soma.reset_amount)
        self.bias = signed(soma.bias, biases)
        self.initial_v = signed(soma.initial_v, initial)
        where = f"population {population.name!r}"
        self.leak_v = (
            None if soma.leak_v is None else ShadowLeak(soma.leak_v, leaks, where=f"{where} leak_v")
        )
        self.leak_i = (
            None if soma.leak_i is None else ShadowLeak(soma.leak_i, leaks, where=f"{where} leak_i")
        )
        self.biased = biases or bool(soma.bias.any())

    def numbers(self, dtype: torch.dtype) -> Numbers:
        """The parameters as they are now."""

        def spread(values: Tensor) -> Tensor:
            if values.numel() not in (1, self.n):
                values = values.repeat_interleave(self.n // values.numel())
            return values.to(dtype)

        threshold = spread(self.threshold())
        amount = threshold if self.amount is None else spread(self.amount())
        if self.soma.fire is Fire.BURST:  # it takes no more than the threshold
            amount = torch.minimum(amount, threshold)
        phases = self.soma.phases
        slope = None
        if phases is not None and phases.slope is not None:
            slope = spread(torch.tensor(phases.slope))
        return Numbers(
            threshold=threshold,
            negative=threshold if self.negative is None else spread(self.negative()),
            amount=amount,
            bias=spread(self.bias()) if self.biased else None,
            initial_v=spread(self.initial_v()),
            slope=None if slope is None else slope.to(threshold.device),
            leak_v=None if self.leak_v is None else self.leak_v().to(dtype),
            leak_i=None if self.leak_i is None else self.leak_i().to(dtype),
        )

    @torch.no_grad()
    def rule(self) -> Soma:
        """The soma with the numbers as they are now."""
        soma = self.soma
        amount = None if self.amount is None else self.amount.integers()
        threshold = self.threshold.integers()
        if amount is not None and soma.fire is Fire.BURST:
            each = np.minimum(
                self.population.per_neuron(amount), self.population.per_neuron(threshold)
            )
            amount = each if (each != self.population.per_neuron(amount)).any() else amount
        return replace(
            soma,
            threshold=threshold,
            threshold_negative=None if self.negative is None else self.negative.integers(),
            reset_amount=amount,
            bias=self.bias.integers(),
            initial_v=self.initial_v.integers(),
            leak_v=None if self.leak_v is None else self.leak_v.rule(),
            leak_i=None if self.leak_i is None else self.leak_i.rule(),
        )

    @torch.no_grad()
    def largest(self, numbers: Numbers, charge: float, steps: int) -> float:
        """A bound of what must be an integer in ``steps`` steps, of charges within +-``charge``.

        A membrane is compared with half a threshold more, so that it counts twice.
        """
        soma = self.soma
        into = charge + (0.0 if numbers.bias is None else float(numbers.bias.abs().max()))
        if soma.current:
            slope = 0.0 if numbers.slope is None else float(numbers.slope.abs().max())
            into = slope + _grown(into, numbers.leak_i, steps)
        taken = float(numbers.amount.max()) * max(map(abs, soma.levels))
        start = float(numbers.initial_v.abs().max()) + abs(soma.reset_value)
        v = start + _grown(into + taken, numbers.leak_v, steps)
        multipliers = [each.rule().multiplier for each in (self.leak_v, self.leak_i) if each]
        up = float(numbers.threshold.max()) * soma.levels[1]
        ends = [up, float(numbers.negative.abs().max())]
        return max(v * max(2, *multipliers), 2 * max(ends)) if multipliers else 2 * max(v, *ends)

    def begin(self, numbers: Numbers, batch: int) -> State:
        """The state before the first step."""
        zero = numbers.initial_v.detach().new_zeros(batch, self.n)
        return State(
            v=zero + numbers.initial_v,
            i=zero if self.soma.current else None,
            s=zero,
            level=zero,
            wait=zero if self.soma.refractory else None,
        )

    def step(self, numbers: Numbers, state: State, charge: Tensor | None) -> None:
        """One step of all; ``charge`` [batch, n], None where nothing can come in."""
        soma, v, phases = self.soma, state.v, self.soma.phases
        if soma.leak_order is LeakOrder.BEFORE:
            v = leaked(v, numbers.leak_v)
        if state.i is None:
            v = self._with_input(v, numbers, charge, state.steps)
        else:
            if phases is not None and state.steps == phases.receive:
                assert numbers.slope is not None  # it comes with phases
                i = numbers.slope.expand_as(state.i)
            else:
                i = leaked(state.i, numbers.leak_i)
            state.i = self._with_input(i, numbers, charge, state.steps)
            v = v + state.i
        if soma.leak_order is LeakOrder.AFTER:
            v = leaked(v, numbers.leak_v)
        if soma.reset_delay:
            v = self._reset(numbers, v, state.level)
        if soma.v_min is not None or soma.v_max is not None:
            v = v.clamp(soma.v_min, soma.v_max)
        if state.wait is not None:
            v = torch.where(state.wait > 0, state.v, v)
        if soma.fire is not Fire.NONE and (phases is None or phases.may_fire(state.steps)):
            level = self._fire(numbers, v, state.s, state.steps)
        else:
            level = torch.zeros_like(v)
        if state.wait is not None:
            level = level * (state.wait <= 0)
            left = (state.wait - 1).clamp(min=0)
            state.wait = left.masked_fill(level.detach() != 0, soma.refractory)
        state.v = v if soma.reset_delay else self._reset(numbers, v, level)
        state.level = level
        if soma.traced:
            state.s = state.s + level.detach()
        state.steps += 1

    def _with_input(
        self, register: Tensor, numbers: Numbers, charge: Tensor | None, step: int
    ) -> Tensor:
        if charge is not None:
            register = register + charge
        if numbers.bias is not None and (step == 0 or self.soma.bias_when is BiasWhen.EVERY):
            register = register + numbers.bias
        return register

    def _fire(self, numbers: Numbers, v: Tensor, s: Tensor, step: int) -> Tensor:
        soma = self.soma
        if soma.fire is Fire.PATTERN:
            assert soma.phases is not None  # the contract says
            power = soma.max_level >> (step - soma.phases.receive)
            return self._reached(v, numbers.threshold * power) * power
        if soma.fire is Fire.BURST:
            return self._burst(numbers, v, s)
        level = self._reached(v, numbers.threshold)
        if soma.fire is Fire.ONEHOT:
            for power in range(1, soma.max_level.bit_length()):
                level = level + self._reached(v, numbers.threshold * 2**power) * 2 ** (power - 1)
            return level
        if soma.s_max is not None:
            level = level * (s < soma.s_max)
        if soma.fire is Fire.BINARY:
            return level
        down = self._reached(-v, numbers.negative, self._unit(numbers))
        if soma.s_min is not None:
            down = down * (s > soma.s_min)
        return level - down

    def _reached(self, v: Tensor, threshold: Tensor, unit: Tensor | None = None) -> Tensor:
        """1 where v >= threshold, with the gradient of the surrogate, in units of the threshold."""
        unit = threshold if unit is None else unit
        return self.surrogate((v - (threshold - 0.5)) / unit).to(v.dtype)

    def _unit(self, numbers: Numbers) -> Tensor:
        """What a negative threshold is measured by: itself, where it is above 0."""
        return torch.where(numbers.negative >= 1, numbers.negative, numbers.threshold)

    def _burst(self, numbers: Numbers, v: Tensor, s: Tensor) -> Tensor:
        soma = self.soma
        up = None if soma.s_max is None else soma.s_max - s
        level = self._repeats(v - numbers.threshold, numbers.amount, up)
        if soma.threshold_negative is None:
            return level
        down = None if soma.s_min is None else s - soma.s_min
        return level - self._repeats(-v - numbers.negative, numbers.amount, down)

    def _repeats(self, excess: Tensor, amount: Tensor, room: Tensor | None) -> Tensor:
        """How often the amount can be taken from what is ``excess`` before it is below 0."""
        line = (excess / amount + 1).clamp(0, self.soma.max_level)
        times = torch.div(excess.detach(), amount.detach(), rounding_mode="floor").add_(1)
        times.clamp_(0, self.soma.max_level)
        if room is not None:
            times = torch.minimum(times, room)
        return through(times, line)

    def _reset(self, numbers: Numbers, v: Tensor, level: Tensor) -> Tensor:
        reset = self.soma.reset
        if self.soma.fire is Fire.NONE or reset is Reset.NONE:
            return v
        if reset is Reset.SUBTRACT:
            taken = level if self.soma.fire is Fire.BURST else level.detach()
            return v - taken * numbers.amount
        return torch.where(level.detach() != 0, float(self.soma.reset_value), v)


def leaked(z: Tensor, share: Tensor | None) -> Tensor:
    """floor(share * z), the floor passing the gradient straight through."""
    if share is None:
        return z
    left: Tensor = _Floor.apply(z * share)  # type: ignore[no-untyped-call]
    return left


class _Floor(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        return z.floor()

    @staticmethod
    def backward(ctx: Any, above: Tensor) -> Tensor:
        return above


def _grown(step: float, share: Tensor | None, steps: int) -> float:
    """Where |x| can get by |x'| <= share * |x| + 1 + step in so many steps from 0."""
    if share is None:
        return step * steps
    return (step + 1) * min(float(steps), 1 / (1 - float(share)))
