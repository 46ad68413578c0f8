"""Counts add up; the lowest index of the largest value wins."""

import itertools
import random

import numpy as np
import pytest

from spikewright.golden.spec import ReadoutKind, TokenKind
from spikewright.hdl.readout import ArgmaxReadout, TallyReadout
from spikewright.hdl.token import TokenLayout, axes_of
from support.streams import run_stream

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


@pytest.mark.parametrize(("valid", "ready"), STALLS)
@pytest.mark.parametrize("unit", [True, False])
@pytest.mark.parametrize("banks", [(1, 1, 1), (3, 1, 1)])
def test_counts_of_random_samples(valid, ready, unit, banks):
    """With three channel lanes the addresses have a hole."""
    seed = f"{valid}{ready}{unit}"
    rng = random.Random(seed)
    low, high = (0, 1) if unit else (-2, 3)
    dut = TallyReadout(
        layout=TokenLayout(axes=axes_of((5,), banks), low=low, high=high),
        kind=ReadoutKind.COUNT,
        low=40 * low,
        high=40 * high,
    )
    code = dut.layout.encode(np.arange(5)).tolist()
    sent, expected, counts = [], [], [0] * 5
    for _ in range(6):
        for _ in range(4):
            for _ in range(rng.randrange(8)):
                n, level = rng.randrange(5), 1 if unit else rng.choice([-2, -1, 1, 3])
                counts[n] += level
                sent.append(token(SPIKE, code[n], level, unit=unit))
            sent.append(token(STEP, unit=unit))
            expected.append((STEP, 0, 0))
        keep = rng.randrange(2)
        sent.append(token(END, keep, unit=unit))
        expected += [*((SPIKE, code[n], c) for n, c in enumerate(counts)), (END, keep, 0)]
        counts = counts if keep else [0] * 5
    seen = run_stream(dut, sent, count=len(expected), read=read, valid=valid, ready=ready)
    assert seen.payloads == expected, seed


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
