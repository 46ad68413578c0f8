"""One population at a time: cases worked by hand, and where hardware and torch tend to part."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spikewright.golden.model.neuron import Neurons, leak, number_type
from spikewright.golden.spec import (
    BiasWhen,
    Fire,
    Interval,
    Leak,
    LeakOrder,
    Payload,
    Population,
    Ranges,
    Reset,
    Soma,
)

CPU = torch.device("cpu")


def neurons(n: int = 1, **options) -> Neurons:
    population = Population(name="p", shape=(n,), soma=Soma(**options), payload=Payload.SIGN)
    return Neurons(population, dtype=torch.float32, device=CPU)


def step(each: Neurons, state, charges: list[list[int]]):
    each.step(state, torch.tensor(charges, dtype=torch.float32))
    return state


def play(each: Neurons, charges: list[int]) -> tuple[list[int], list[int]]:
    """Levels and membranes of one neuron."""
    state = each.reset(1)
    levels, membranes = [], []
    for charge in charges:
        each.step(state, None if charge == 0 else torch.tensor([[float(charge)]]))
        levels.append(state.level.item())
        membranes.append(state.v.item())
    return levels, membranes


def test_fires_at_the_threshold_and_not_below():  # checklist 1
    each = neurons(fire=Fire.BINARY, threshold=5)
    assert play(each, [4, 1, 5, 0]) == ([0, 1, 1, 0], [4, 0, 0, 0])
    strict = neurons(fire=Fire.BINARY, threshold=6, reset_amount=5)  # v > 5
    assert play(strict, [4, 1, 1]) == ([0, 0, 1], [4, 5, 1])


def test_fires_down_at_the_negative_threshold():
    each = neurons(fire=Fire.TERNARY, threshold=5, threshold_negative=3)
    assert play(each, [-2, -1, -4, -1]) == ([0, -1, 0, -1], [-2, 2, -2, 2])


def test_v_below_zero_is_threshold_negative_one():  # checklist 16
    each = neurons(fire=Fire.TERNARY, threshold=4, threshold_negative=1, s_min=0, s_max=2)
    # a negative spike only takes back what was sent: S is compared before this spike
    assert play(each, [-1, 5, -1, -4, -4]) == ([0, 1, -1, 0, 0], [-1, 0, 3, -1, -5])
    assert play(each, [20, 0, 0, 0]) == ([1, 1, 0, 0], [16, 12, 12, 12])
    # up wins where both could
    both = neurons(fire=Fire.TERNARY, threshold=1, threshold_negative=1)
    assert play(both, [1, -1]) == ([1, -1], [0, 0])


def test_a_burst_repeats_until_it_may_not():
    burst = {"fire": Fire.BURST, "threshold": 5, "max_level": 3}
    assert play(neurons(**burst), [4, 1, 12, 100]) == ([0, 1, 2, 3], [4, 0, 2, 87])
    small = neurons(**burst, reset_amount=2)  # from the threshold on, two at a time
    assert play(small, [4, 4, 1]) == ([0, 2, 1], [4, 4, 3])
    signed = {**burst, "threshold_negative": 1}
    assert play(neurons(**signed), [-1, -11, 11]) == ([-1, -2, 2], [4, 3, 4])
    assert play(neurons(**signed, s_min=0, s_max=4), [-1, 30, 0, -27]) == (
        [0, 3, 1, -3],
        [-1, 14, 9, -3],
    )


def test_onehot_is_the_largest_power_that_fits():
    onehot = {"fire": Fire.ONEHOT, "threshold": 3, "max_level": 4}
    assert play(neurons(**onehot), [2, 1, 6, 14, 23]) == ([0, 1, 2, 4, 4], [2, 0, 0, 2, 13])
    hard = neurons(**onehot, reset=Reset.VALUE, reset_value=-1)
    assert play(hard, [11, 7, 4]) == ([2, 2, 1], [-1, -1, -1])


def test_tracer_counts_on_past_any_width():  # checklist 17
    each = neurons(fire=Fire.TERNARY, threshold=1, threshold_negative=1, s_min=0)
    state = each.reset(1)
    for _ in range(300):
        step(each, state, [[1]])
    assert state.s.item() == 300
    for _ in range(310):
        step(each, state, [[-1]])
    assert (state.s.item(), state.v.item()) == (0, -10)


def test_reset_delay_is_after_the_leak():  # checklist 2
    half = Leak(shift=1)
    now = neurons(fire=Fire.BINARY, threshold=8, leak_v=half)
    late = neurons(fire=Fire.BINARY, threshold=8, leak_v=half, reset_delay=True)
    assert play(now, [11, 0, 0]) == ([1, 0, 0], [3, 1, 0])  # leak(v - th)
    assert play(late, [11, 0, 0]) == ([1, 0, 0], [11, -3, -2])  # leak(v) - th


def test_a_delayed_reset_comes_before_the_clip():
    each = neurons(fire=Fire.BINARY, threshold=8, reset_delay=True, v_max=9)
    assert play(each, [30, 5, 0]) == ([1, 0, 0], [9, 6, 6])


@pytest.mark.parametrize(
    ("reset", "options", "expected"),
    [
        (Reset.NONE, {}, [7, 7]),
        (Reset.SUBTRACT, {}, [2, 2]),
        (Reset.SUBTRACT, {"reset_amount": 6}, [1, 1]),  # checklist 18
        (Reset.VALUE, {}, [0, 0]),
        (Reset.VALUE, {"reset_value": -3}, [-3, -3]),
    ],
)
def test_resets(reset, options, expected):
    each = neurons(fire=Fire.BINARY, threshold=5, s_max=1, reset=reset, **options)
    assert play(each, [7, 0]) == ([1, 0], expected)


def test_a_scaled_threshold_is_a_start_for_if_only():  # checklist 18
    """th / 2 as the threshold and th as the amount equals v0 = th / 2 without a leak."""
    charges = [3, 4, 0, 6, -2, 9, 1]
    low = neurons(fire=Fire.BINARY, threshold=4, reset_amount=8)
    start = neurons(fire=Fire.BINARY, threshold=8, initial_v=4)
    assert play(low, charges)[0] == play(start, charges)[0]
    leaky = {"fire": Fire.BINARY, "leak_v": Leak(shift=1)}
    low = neurons(threshold=4, reset_amount=8, **leaky)
    start = neurons(threshold=8, initial_v=4, **leaky)
    assert play(low, charges)[0] != play(start, charges)[0]


@pytest.mark.parametrize(
    ("multiplier", "shift", "z", "expected"),
    [(1, 1, -1, -1), (1, 1, -3, -2), (1, 4, 15, 0), (3, 2, 5, 3), (3, 2, -5, -4), (15, 4, 1, 0)],
)
def test_leak_is_floor(multiplier, shift, z, expected):  # checklist 3
    found = torch.tensor([float(z)])
    leak(found, Leak(multiplier=multiplier, shift=shift))
    assert found.item() == expected == floor(Fraction(multiplier * z, 2**shift))


def test_leak_before_or_after_the_input():  # checklist 4
    options = {"fire": Fire.NONE, "leak_v": Leak(shift=1)}
    assert play(neurons(**options), [5, 5])[1] == [5, 7]
    assert play(neurons(leak_order=LeakOrder.AFTER, **options), [5, 5])[1] == [2, 3]


def test_no_leak_on_the_first_step_of_an_empty_neuron():  # checklist 15, LIAF's first step
    assert play(neurons(fire=Fire.NONE, leak_v=Leak(multiplier=3, shift=2)), [9])[1] == [9]


def test_clip_is_once_a_step_after_all_input():  # checklist 7
    each = neurons(fire=Fire.BINARY, threshold=100, v_min=-4, v_max=4)
    assert play(each, [9 - 8, 9, -20])[1] == [1, 4, -4]


def test_bias_every_step_or_the_first():
    assert play(neurons(fire=Fire.NONE, bias=3), [1, 0, 0])[1] == [4, 7, 10]
    first = neurons(fire=Fire.NONE, bias=3, bias_when=BiasWhen.FIRST)
    assert play(first, [1, 0, 0])[1] == [4, 4, 4]


def test_current_carries_input_and_bias_on():
    each = neurons(fire=Fire.NONE, current=True, leak_i=Leak(shift=1), bias=1)
    # i: 5, 2+1, 1+1; v sums them
    assert play(each, [4, 0, 0])[1] == [5, 8, 10]
    forever = neurons(fire=Fire.NONE, current=True, bias=2, bias_when=BiasWhen.FIRST)
    assert play(forever, [0, 0, 0])[1] == [2, 4, 6]


def test_parameters_per_channel():
    population = Population(
        name="p",
        shape=(2, 3),
        soma=Soma(fire=Fire.BINARY, threshold=np.array([1, 2]), initial_v=np.arange(6), bias=7),
        payload=Payload.UNIT,
    )
    each = Neurons(population, dtype=torch.float64, device=CPU)
    assert each.threshold.tolist() == [1, 1, 1, 2, 2, 2]
    assert each.initial_v.tolist() == [0, 1, 2, 3, 4, 5]
    assert each.bias.tolist() == [7]  # one for all stays one
    assert each.reset(1).v.tolist() == [[0, 1, 2, 3, 4, 5]]


def test_a_reset_forgets_everything():  # checklist 15
    each = neurons(fire=Fire.TERNARY, threshold=3, threshold_negative=1, current=True, initial_v=2)
    used = step(each, step(each, each.reset(2), [[4], [-9]]), [[1], [1]])
    assert used.i.tolist() == [[5], [-8]]
    again = each.reset(2)
    for name, start in {"v": 2, "i": 0, "s": 0, "level": 0}.items():
        assert getattr(again, name).tolist() == [[start], [start]]


def test_collapse_floors_and_clips():
    each = neurons(
        3,
        fire=Fire.TERNARY,
        threshold=4,
        threshold_negative=1,
        s_min=-2,
        s_max=3,
        initial_v=1,
        bias=1,
        bias_when=BiasWhen.FIRST,
    )
    state = each.reset(2)
    each.collapse(state, torch.tensor([[-3.0, 5, 99], [-99, 1, 2]]))
    assert state.level.tolist() == [[-1, 1, 3], [-2, 0, 1]]
    assert state.v.tolist() == [[3, 3, 89], [-89, 3, 0]]
    # The sums are now 8, 3, 2 and 1, 2, 24, each with v0 + bias = 2: S is what they give alone.
    each.collapse(state, torch.tensor([[11.0, -2, -97], [100, 1, 22]]))
    assert state.s.tolist() == [[2, 1, 1], [0, 1, 3]]
    assert state.level.tolist() == [[3, 0, -2], [2, 1, 2]]
    assert state.v.tolist() == [[2, 1, 0], [3, 0, 14]]


@given(
    st.lists(st.integers(-40, 40), min_size=1, max_size=30),
    st.integers(1, 6),
    st.integers(1, 30),
    st.sampled_from(list(LeakOrder)),
    st.sampled_from([Reset.SUBTRACT, Reset.VALUE]),
)
def test_dyadic_leaks_equal_the_real_neuron(charges, shift, threshold, order, reset):
    """Nested floors: with leak 2**-k the integer neuron fires as the real-valued one, always."""
    each = neurons(
        fire=Fire.BINARY,
        threshold=threshold,
        leak_v=Leak(shift=shift),
        leak_order=order,
        reset=reset,
    )
    v, expected, membranes = Fraction(0), [], []
    for charge in charges:
        v = v / 2**shift + charge if order is LeakOrder.BEFORE else (v + charge) / 2**shift
        level = int(v >= threshold)
        if level:
            v = v - threshold if reset is Reset.SUBTRACT else Fraction(0)
        expected.append(level)
        membranes.append(floor(v))
    assert play(each, charges) == (expected, membranes)


def test_other_leaks_are_a_definition_of_their_own():
    """m / 2**k with m > 1 is not the real neuron's floor; the theorem is for m = 1 only."""
    each = neurons(fire=Fire.NONE, leak_v=Leak(multiplier=3, shift=2))
    v, charges = Fraction(0), [1, 1, 1, 1, 1, 1]
    for charge in charges:
        v = v * 3 / 4 + charge
    assert play(each, charges)[1][-1] != floor(v)


@pytest.mark.parametrize(
    ("soma", "v", "expected"),
    [
        ({}, 2**23 - 1, torch.float32),
        ({}, 2**23, torch.float64),
        ({"threshold": 2**23}, 1, torch.float64),
        ({"v_min": -(2**30)}, 1, torch.float64),
        ({"leak_v": Leak(multiplier=3, shift=2)}, (2**23 - 1) // 3, torch.float32),
        ({"leak_v": Leak(multiplier=3, shift=2)}, (2**23 - 1) // 3 + 1, torch.float64),
    ],
)
def test_float32_where_every_register_fits_it(soma, v, expected):  # checklist 12
    options = Soma(**{"fire": Fire.BINARY, **soma})
    population = Population(name="p", shape=(1,), soma=options, payload=Payload.UNIT)
    one = Interval(0, 1)
    ranges = Ranges(emitted=one, total=one, charge=one, v=Interval(-v, 0))
    assert number_type(population, ranges) is expected


def test_thresholds_hold_to_the_last_bit():  # checklist 12
    """At the ends of what float32 is used for, and of the 32 bits that float64 is."""
    for dtype, most in ((torch.float32, 2**23 - 1), (torch.float64, 2**31 - 1)):
        soma = Soma(fire=Fire.TERNARY, threshold=most, threshold_negative=most)
        population = Population(name="p", shape=(5,), soma=soma, payload=Payload.SIGN)
        each = Neurons(population, dtype=dtype, device=CPU)
        state = each.reset(1)
        charge = torch.tensor([[most, most - 1, -most, 1 - most, 0]], dtype=dtype)
        each.step(state, charge)
        assert state.level.tolist() == [[1, 0, -1, 0, 0]]
        assert state.v.tolist() == [[0, most - 1, 0, 1 - most, 0]]
