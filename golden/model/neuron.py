"""The soma: one step of every neuron of a population, exactly as ``Soma`` says it.

Integers are kept in floats, which compute several times as fast as int64; no register can leave
the mantissa, since every one is proven to fit (``number_type``).
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from spikewright.golden.model.arithmetic import FLOAT32_END
from spikewright.golden.spec import (
    BiasWhen,
    Fire,
    IntArray,
    Leak,
    LeakOrder,
    Population,
    Ranges,
    Reset,
)

__all__ = ["Neurons", "State", "number_type"]


@dataclass(kw_only=True)
class State:
    """What a batch of neurons remembers from step to step; integers in floats, [batch, n].

    ``v`` membrane, ``i`` current (None without one), ``s`` tracer, ``level`` what the last step
    fired, ``steps`` made since the reset, ``wait`` steps to come in which v stays (None where none
    ever does). A step changes i in place, and v where nothing waits; it makes a new s and level.
    """

    v: Tensor
    i: Tensor | None
    s: Tensor
    level: Tensor
    steps: int
    wait: Tensor | None


def number_type(population: Population, ranges: Ranges) -> torch.dtype:
    """float32 where it holds every register, with a bit to spare; float64 holds any.

    Parameters
    ----------
    population : whose registers.
    ranges : what they can hold in the mode that is run.
    """
    soma = population.soma
    held = (ranges.emitted, ranges.total, ranges.charge, ranges.v, ranges.i)
    ends = [end for each in held if each is not None for end in (each.low, each.high)]
    vectors = (soma.threshold, soma.threshold_negative, soma.amount, soma.bias, soma.initial_v)
    ends += [int(np.abs(each).max()) for each in vectors if each is not None]
    ends += [each for each in (soma.reset_value, soma.v_min, soma.v_max) if each is not None]
    largest = max(map(abs, ends))
    largest *= max((each.multiplier for each in (soma.leak_v, soma.leak_i) if each), default=1)
    return torch.float32 if 2 * largest < FLOAT32_END else torch.float64


class Neurons:
    """All neurons of one population: their parameters, and no state of their own.

    Parameters
    ----------
    population : what they compute.
    dtype : what they compute with, as ``number_type`` says.
    device : where they compute it.
    """

    def __init__(self, population: Population, *, dtype: torch.dtype, device: torch.device) -> None:
        soma = population.soma

        def spread(values: IntArray) -> Tensor:
            """Per neuron, or one entry for all."""
            entries = values if values.size == 1 else population.per_neuron(values)
            return torch.tensor(entries, dtype=dtype, device=device)

        self.n = population.n
        self.soma = soma
        self.dtype = dtype
        self.device = device
        self.threshold = spread(soma.threshold)
        self.amount = spread(soma.amount)
        self.negative = (
            self.threshold if soma.threshold_negative is None else spread(soma.threshold_negative)
        )
        # of integers: v >= th where v - rise >= 1, and -v >= th_n where v - fall <= -1
        self.rise = nonzero(self.threshold - 1)
        self.fall = nonzero(1 - self.negative)
        self.bias = spread(soma.bias)
        self.biased = bool(soma.bias.any())
        if soma.phases is not None and soma.phases.slope is not None:
            self.slope = spread(soma.phases.slope)
        self.initial_v = spread(soma.initial_v)

    def reset(self, batch: int) -> State:
        """The state before the first step of ``batch`` samples."""
        zero = torch.zeros(1, dtype=self.dtype, device=self.device).expand(batch, self.n)
        return State(
            v=zero + self.initial_v,
            i=zero.clone() if self.soma.current else None,
            s=zero,
            level=zero,
            steps=0,
            wait=zero if self.soma.refractory else None,
        )

    def step(self, state: State, charge: Tensor | None) -> None:
        """One step. ``charge`` [batch, n] is the sum of its weighted payloads, None if no event."""
        soma, v, phases = self.soma, state.v, self.soma.phases
        if state.wait is not None:
            v = v.clone()
        if soma.leak_order is LeakOrder.BEFORE:
            leak(v, soma.leak_v)
        if state.i is None:
            self.integrate(v, charge, fresh=state.steps == 0)
        else:
            if phases is not None and state.steps == phases.receive:
                state.i.copy_(self.slope.expand_as(state.i))
            else:
                leak(state.i, soma.leak_i)
            self.integrate(state.i, charge, fresh=state.steps == 0)
            v.add_(state.i)
        if soma.leak_order is LeakOrder.AFTER:
            leak(v, soma.leak_v)
        if soma.reset_delay:
            self.after_firing(v, state.level)
        if soma.v_min is not None or soma.v_max is not None:
            v.clamp_(soma.v_min, soma.v_max)
        if state.wait is not None:
            held = state.wait > 0
            state.v = torch.where(held, state.v, v)
        if phases is None or phases.may_fire(state.steps):
            state.level, state.s = self.fire(state.v, state.s, state.steps)
        else:
            state.level = torch.zeros_like(v)
        if state.wait is not None:
            self.wait(state, held)
        if not soma.reset_delay:
            self.after_firing(state.v, state.level)
        state.steps += 1

    def integrate(self, register: Tensor, charge: Tensor | None, *, fresh: bool) -> None:
        """Add a step's input, and the bias where this step has one."""
        if charge is not None:
            register.add_(charge)
        if self.biased and (fresh or self.soma.bias_when is BiasWhen.EVERY):
            register.add_(self.bias)

    def wait(self, state: State, held: Tensor) -> None:
        """Take back what was fired where v is ``held``; what else fired waits from now on."""
        assert state.wait is not None
        state.s = state.s - torch.where(held, state.level, 0)
        state.level = state.level.masked_fill(held, 0)
        left = (state.wait - 1).clamp_(min=0)
        state.wait = left.masked_fill_(state.level != 0, self.soma.refractory)

    def fire(self, v: Tensor, s: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        """The level at membrane ``v`` and tracer ``s`` after ``steps``, and the tracer with it."""
        soma = self.soma
        if soma.fire is Fire.NONE:
            return s, s  # both are 0
        if soma.fire is Fire.PATTERN:
            assert soma.phases is not None  # the contract says
            power = soma.max_level >> (steps - soma.phases.receive)
            level = (v >= self.threshold * power).to(v.dtype) * power
            return level, s + level
        if soma.fire is Fire.ONEHOT:
            level = self.onehot(v)
            return level, s + level
        if soma.fire is Fire.BURST:
            level = self.burst(v, s)
            return level, s + level
        if soma.fire is Fire.BINARY:
            level = cut(v, self.rise, 0, 1)
        elif self.rise is None and self.fall is None:
            level = v.clamp(-1, 1)
        else:
            level = cut(v, self.rise, 0, 1).add_(cut(v, self.fall, -1, 0))
        if soma.s_min is None and soma.s_max is None:
            return level, s + level
        tracer = level.add_(s).clamp_(soma.s_min, soma.s_max)
        return tracer - s, tracer

    def onehot(self, v: Tensor) -> Tensor:
        """The largest power of two, up to ``max_level``, by which the threshold fits into v."""
        level = (v >= self.threshold).to(v.dtype)
        for power in range(1, self.soma.max_level.bit_length()):
            level += (v >= self.threshold * 2**power).to(v.dtype) * 2 ** (power - 1)
        return level

    def burst(self, v: Tensor, s: Tensor) -> Tensor:
        """How often firing repeats in a step: until v falls short, S or the levels run out."""
        soma = self.soma
        up = self.repeats(v - self.threshold, None if soma.s_max is None else soma.s_max - s)
        if soma.threshold_negative is None:
            return up
        return up - self.repeats(-v - self.negative, None if soma.s_min is None else s - soma.s_min)

    def repeats(self, excess: Tensor, room: Tensor | None) -> Tensor:
        """How often the amount can be taken from what is ``excess`` before it is below 0."""
        times = torch.div(excess, self.amount, rounding_mode="floor").add_(1)
        times.clamp_(0, self.soma.max_level)
        return times if room is None else torch.minimum(times, room)

    def after_firing(self, v: Tensor, level: Tensor) -> None:
        """Reset the membrane as ``level`` earned it."""
        reset = self.soma.reset
        if self.soma.fire is Fire.NONE or reset is Reset.NONE:
            return
        if reset is Reset.SUBTRACT:
            v.addcmul_(level, self.amount, value=-1)
            return
        # v += fired * (value - v): products are several times as fast as masks
        fired = level if self.soma.levels == (0, 1) else level.sign().square_()
        value = self.soma.reset_value
        v.addcmul_(v - value if value else v, fired, value=-1)

    def collapse(self, state: State, charge: Tensor | None) -> None:
        """The closed form of stepping until nothing fires, from the summed input of a sample.

        S = clip(floor((v0 + sum I) / th), s_min, s_max); the membrane keeps the rest, and what is
        fired is the change of S.
        """
        soma = self.soma
        fires = soma.fire is not Fire.NONE
        fresh = state.steps == 0
        if fires and not fresh:
            state.v.addcmul_(state.s, self.threshold)  # v0 + sum I of the samples before
        self.integrate(state.v, charge, fresh=fresh)
        state.steps += 1
        if fires:
            level = torch.div(state.v, self.threshold, rounding_mode="floor")
            before, state.s = state.s, level.clamp_(soma.s_min, soma.s_max)
            state.level = state.s if fresh else state.s - before
            state.v.addcmul_(state.s, self.threshold, value=-1)


def nonzero(values: Tensor) -> Tensor | None:
    """None where all values are 0."""
    return values if values.any() else None


def cut(v: Tensor, middle: Tensor | None, low: int, high: int) -> Tensor:
    """``v`` less ``middle`` (0 where None), within bounds."""
    return v.clamp(low, high) if middle is None else (v - middle).clamp_(low, high)


def leak(z: Tensor, rule: Leak | None) -> None:
    """Leak in place: (m * z) >> k with the arithmetic shift, which is floor for negative z too."""
    if rule is not None:
        if rule.multiplier != 1:
            z.mul_(rule.multiplier)
        z.mul_(2.0**-rule.shift).floor_()
