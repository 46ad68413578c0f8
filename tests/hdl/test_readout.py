"""Counts add up; the lowest index of the largest value wins."""

import itertools
import random

import numpy as np
import pytest

from spikewright.golden.spec import EndFlag, ReadoutKind, TokenKind
from spikewright.hdl.readout import ArgmaxReadout, TallyReadout
from spikewright.hdl.token import TokenLayout, axes_of
from support.streams import run_stream

pytestmark = pytest.mark.pairs

SPIKE, STEP, END = (kind.value for kind in TokenKind)
STALLS = [("1", "1"), ("01", "1"), ("1", "001"), ("110", "011")]


def token(kind, address=0, payload=0, *, unit=False):
    return {"kind": kind, "address": address} | ({} if unit else {"payload": payload})


def read(payload):
    return (payload.kind, payload.address, payload.payload)


@pytest.mark.parametrize(("valid", "ready"), STALLS)
@pytest.mark.parametrize(("low", "high"), [(0, 3), (-2, 1)])
def test_argmax_of_every_triple(valid, ready, low, high):
    """Every triple of small values, ties included, against numpy, whose first maximum wins."""
    dut = ArgmaxReadout(layout=TokenLayout(axes=axes_of((3,)), low=low, high=high, valued=True))
    sent, expected = [], []
    for values in np.ndindex((high - low + 1,) * 3):
        values = [v + low for v in values]
        spikes = [(SPIKE, n, v) for n, v in enumerate(values)]
        sent += [token(STEP), *(token(*spike) for spike in spikes), token(END)]
        expected += [(STEP, 0, 0), *spikes, (END, int(np.argmax(values)), 0)]
    seen = run_stream(dut, sent, count=len(expected), read=read, valid=valid, ready=ready)
    assert seen.payloads == expected
    if (valid, ready) == ("1", "1"):
        assert seen.items[0][0] - seen.accepted[0] == dut.latency
        times = [now for now, _ in seen.items]
        assert {b - a for a, b in itertools.pairwise(times)} == {dut.interval}


KINDS = (ReadoutKind.COUNT, ReadoutKind.FIRST_SPIKE, ReadoutKind.MAXIMUM)
KEEP, RESET = EndFlag.KEEP.value, EndFlag.RESET.value


def tally(kind, *, n=5, banks=(1, 1, 1), low=-2, high=3, most=400):
    """Of a membrane ``low`` and ``high`` are its range, and so the maximum's."""
    shows = kind is ReadoutKind.MAXIMUM
    layout = TokenLayout(axes=axes_of((n,), banks), low=low, high=high, valued=shows)
    bounds = {
        ReadoutKind.COUNT: (5 * most * low, 5 * most * high),
        ReadoutKind.FIRST_SPIKE: (0, most),
        ReadoutKind.MAXIMUM: (low, high),
    }
    return TallyReadout(
        layout=layout, kind=kind, **dict(zip(("low", "high"), bounds[kind], strict=True))
    )


def values_of(kind, steps, n):
    """By the words of ``ReadoutKind``; ``steps`` are all since the state was last reset."""
    spikes = [[level for step in steps for k, level in step if k == neuron] for neuron in range(n)]
    if kind is ReadoutKind.COUNT:
        return [sum(levels) for levels in spikes]
    if kind is ReadoutKind.MAXIMUM:
        return [max(levels) for levels in spikes]
    firsts = [[t for t, step in enumerate(steps) if neuron in dict(step)] for neuron in range(n)]
    return [len(steps) - when[0] if when else 0 for when in firsts]


def told(dut, samples):
    """Tokens in and tokens out of samples (steps of (neuron, level), flag)."""
    n, unit = dut.layout.neurons, dut.layout.is_unit
    code = dut.layout.encode(np.arange(n)).tolist()
    sent, expected, since = [], [], []
    for steps, flag in samples:
        for step in steps:
            sent += [token(SPIKE, code[k], level, unit=unit) for k, level in step]
            sent.append(token(STEP, unit=unit))
            expected.append((STEP, 0, 0))
        since += steps
        values = values_of(dut.kind, since, n)
        expected += [*((SPIKE, code[k], value) for k, value in enumerate(values)), (END, flag, 0)]
        sent.append(token(END, flag, unit=unit))
        since = since if flag == KEEP else []
    return sent, expected


def drawn(rng, kind, n, low, high, *, steps, flags):
    """Random samples; a neuron may fire several times in a step, but shows one membrane."""

    def step():
        if kind is ReadoutKind.MAXIMUM:
            return [(k, rng.randint(low, high)) for k in range(n)]
        levels = [level for level in range(low, high + 1) if level]
        return [(rng.randrange(n), rng.choice(levels)) for _ in range(rng.randrange(n))]

    return [([step() for _ in range(steps)], flag) for flag in flags]


@pytest.mark.parametrize(("valid", "ready"), STALLS)
@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (-2, 3), (-9, -4)], ids=["unit", "signed", "negative"]
)
@pytest.mark.parametrize("banks", [(1, 1, 1), (3, 1, 1)])
@pytest.mark.parametrize("kind", KINDS)
def test_tallies_of_random_samples(kind, banks, low, high, steps, valid, ready):
    """With three channel lanes the addresses have a hole."""
    seed = f"{kind}{banks}{low}{steps}{valid}{ready}"
    rng = random.Random(seed)
    # No more than three samples come without a reset between: the number of the step just fits.
    dut = tally(kind, banks=banks, low=low, high=high, most=3 * steps + 1)
    flags = [RESET, RESET, KEEP, KEEP, RESET, KEEP, RESET]
    samples = drawn(rng, kind, 5, low, high, steps=steps, flags=flags)
    sent, expected = told(dut, samples)
    seen = run_stream(dut, sent, count=len(expected), read=read, valid=valid, ready=ready)
    assert seen.payloads == expected, seed


def test_first_spikes_by_the_step():
    """Every first step of three, none at all, and what a stream that is kept counts on."""
    dut = tally(ReadoutKind.FIRST_SPIKE, n=4, low=-1, high=1)
    once = ([[(0, 1)], [(1, -1), (0, 1)], [(2, 1), (0, -1)]], RESET)
    kept = ([[], [(1, 1)]], KEEP)
    sent, expected = told(dut, [once, once, kept, ([[(0, 1)]], RESET), ([[], []], RESET)])
    values = [value for kind, _, value in expected if kind == SPIKE]
    assert values == [3, 2, 1, 0, 3, 2, 1, 0, 0, 1, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0]
    assert run_stream(dut, sent, count=len(expected), read=read).payloads == expected


def test_negative_maxima():
    """No value that was not shown may win: not 0, and not what a sample before left."""
    dut = tally(ReadoutKind.MAXIMUM, n=2, low=-8, high=5)
    samples = [
        ([[(0, -8), (1, -3)]], RESET),
        ([[(0, 5), (1, -2)], [(0, 4), (1, -7)]], RESET),
        ([[(0, -6), (1, -8)], [(0, -5), (1, -8)]], KEEP),
        ([[(0, -7), (1, -4)]], RESET),
        ([[(0, -1), (1, -8)]], RESET),
    ]
    sent, expected = told(dut, samples)
    values = [value for kind, _, value in expected if kind == SPIKE]
    assert values == [-8, -3, 5, -2, -5, -8, -5, -4, -1, -8]
    assert run_stream(dut, sent, count=len(expected), read=read).payloads == expected


@pytest.mark.parametrize("kind", KINDS)
def test_timing_of_tallies(kind):
    """A cycle a spike and a marker; END waits for a value of each neuron."""
    dut = tally(kind, n=3)
    step = [(0, 1), (1, 3), (2, -2)]
    sent, expected = told(dut, [([step, step], RESET), ([step], KEEP)])
    seen = run_stream(dut, sent, count=len(expected), read=read)
    steps = [k for k, each in enumerate(sent) if each["kind"] == STEP]
    shown = [now for now, payload in seen.items if payload[0] == STEP]
    assert [now - seen.accepted[k] for k, now in zip(steps, shown, strict=True)] == [
        dut.latency
    ] * 3
    gaps = [b - a for a, b in itertools.pairwise(seen.accepted)]
    ends = [k for k, each in enumerate(sent) if each["kind"] == END]
    assert [gaps[k - 1] for k in ends] == [3 + 1] * 2
    assert {gap for k, gap in enumerate(gaps, 1) if k not in ends} == {dut.interval}
    values = [now for now, payload in seen.items if payload[0] != STEP]
    assert [b - a for a, b in itertools.pairwise(values[:4])] == [1] * 3


def test_argmax_takes_the_lowest_address_in_whatever_order_they_come():
    dut = ArgmaxReadout(layout=TokenLayout(axes=axes_of((4,)), low=0, high=3, valued=True))
    sent, expected = [], []
    for order in itertools.permutations(range(4)):
        values = [2, 3, 3, 1]
        spikes = [(SPIKE, n, values[n]) for n in order]
        sent += [*(token(*spike) for spike in spikes), token(END)]
        expected += [*spikes, (END, 1, 0)]
    seen = run_stream(dut, sent, count=len(expected), read=read)
    assert seen.payloads == expected
