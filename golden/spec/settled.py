"""Closed bounds of the modes in which time does not matter: ``settle`` and ``collapsed``.

Both follow from v = v0 + sum I - threshold * S: S rises to k only from v0 + sum I >= k * threshold
and falls to k only from v0 + sum I < (k + 1) * threshold. So S never leaves the interval that holds
0 and the two clipped quotients of the extremes of v0 + sum I, whatever the order of the spikes.
A connection with a delay brings an S, or an input's sum, of the sample before.

Where END(keep) keeps the state, sum I is that of all samples since the reset, and what is sent are
changes, so it is made of one x and one S of each neuron, now the old and now the new one: its
bounds are the same. A change is no more than the whole span.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from spikewright.golden.spec.normalise import IntArray
from spikewright.golden.spec.parts import Input, Mode, Population
from spikewright.golden.spec.soma import Fire
from spikewright.golden.spec.soma_bounds import Registers
from spikewright.golden.spec.transfer import Bounds, Node, Signal, Transfer

__all__ = ["recalled", "settled_bounds"]


def recalled(node: Node, signals: Mapping[str, Signal], *, keeps: bool) -> Signal:
    """What is left of a source's sample for the next one: its sum, all in one step.

    ``keeps``: whether the state is kept, so that it is a change.
    """
    if isinstance(node, Input):
        own = signals[node.name]
        low, high = own.total_low, own.total_high
    else:
        # Of what leads back to itself no more is known than its bounds.
        low = np.full(node.n, min(node.soma.s_min or 0, 0), np.int64)
        high = np.full(node.n, max(node.soma.s_max or 0, 0), np.int64)
    return _sent_at_once(low, high, keeps=keeps)


def _sent_at_once(low: IntArray, high: IntArray, *, keeps: bool) -> Signal:
    """A sum between two bounds, or how it changes."""
    if keeps:
        return Signal(low=low - high, high=high - low, total_low=low, total_high=high)
    return Signal(low=low, high=high, total_low=low, total_high=high)


def settled_bounds(
    population: Population,
    incoming: Sequence[Transfer],
    signals: Mapping[str, Signal],
    mode: Mode,
    *,
    keeps: bool,
) -> tuple[Registers, Signal]:
    """Registers of a population, and what it can emit; ``keeps``: END(keep) keeps its state."""
    soma = population.soma
    registers = Registers(population, mode)
    bias, initial_v = population.per_neuron(soma.bias), population.per_neuron(soma.initial_v)
    zero = np.zeros(population.n, np.int64)
    low, high = zero, zero
    step_low, step_high = zero, zero
    for item in incoming:
        heard = signals
        if item.connection.delay:
            heard = {name: recalled(item.source, signals, keeps=keeps) for name in item.reads}
        total, step = item.total(heard), item.step(heard)
        low, high = low + total[0], high + total[1]
        step_low, step_high = step_low + step[0], step_high + step[1]
    if mode is Mode.COLLAPSED and not keeps:
        step_low, step_high = low, high
    for extra in (zero, bias):
        registers.see("charge", step_low + extra, step_high + extra)
    registers.see("v", initial_v, initial_v)
    if mode is Mode.COLLAPSED:
        # The sample may be summed in the membrane itself, to which the bias comes last.
        registers.see("v", initial_v + low, initial_v + high)
    low, high = initial_v + bias + low, initial_v + bias + high
    if soma.fire is Fire.NONE or soma.s_min is None or soma.s_max is None:
        registers.see("v", low, high)
        return registers, Signal(low=zero, high=zero, total_low=zero, total_high=zero)
    threshold = population.per_neuron(soma.threshold)
    least = np.minimum(0, (low // threshold).clip(soma.s_min, soma.s_max))
    most = np.maximum(0, (high // threshold).clip(soma.s_min, soma.s_max))
    if mode is Mode.COLLAPSED:
        registers.see("v", low, high)
        registers.see("v", low - soma.s_min * threshold, high - soma.s_min * threshold)
        registers.see("v", *_rest(low, high, threshold, soma.s_min, soma.s_max))
        return registers, _sent_at_once(least, most, keeps=keeps)
    registers.see("v", low - threshold * most, high - threshold * least)
    fires = (most > least).astype(np.int64)
    return registers, Signal(low=-fires, high=fires, total_low=least, total_high=most)


def _rest(low: IntArray, high: IntArray, threshold: IntArray, s_min: int, s_max: int) -> Bounds:
    """A - S * threshold for A in [low, high]: one line where S is one number, else a saw tooth."""
    first, last = (low // threshold).clip(s_min, s_max), (high // threshold).clip(s_min, s_max)
    line = first == last
    rest_low = np.where(line, low - first * threshold, np.minimum(0, low - s_min * threshold))
    rest_high = np.where(
        line, high - first * threshold, np.maximum(threshold - 1, high - s_max * threshold)
    )
    return rest_low, rest_high
