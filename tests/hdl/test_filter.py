"""The filter unit against the definition: stalls, streams, blocks, holes in the addresses."""

import itertools
import random

import numpy as np
import pytest
from amaranth.hdl import ResetInserter, Signal

from spikewright.golden.spec import (
    Biquad,
    Decision,
    Interval,
    Readout,
    ReadoutKind,
    TokenKind,
)
from spikewright.hdl.filter import FilterReadout
from spikewright.hdl.token import TokenLayout, axes_of
from support.streams import run_stream, simulate

SPIKE, STEP, END = (kind.value for kind in TokenKind)
STALLS = [("1", "1"), ("01", "1"), ("1", "001"), ("110", "011")]
SLOW, FAST = Biquad(a1=-200, a2=60, shift=8), Biquad(a1=-4, a2=4, shift=4)


def scalar(rule, xs, state):
    """The lines of ``Biquad`` on Python's integers; ``state`` is kept."""
    out = []
    for x in xs:
        x1, x2, y1, y2, e = state
        acc = rule.b0 * (x + 2 * x1 + x2) - rule.a1 * y1 - rule.a2 * y2 + e
        y, e = divmod(acc, 2**rule.shift)
        state[:] = x, x1, y, y1, e
        out.append(y)
    return out


class Reference:
    """A readout's filter of one neuron."""

    def __init__(self, readout):
        self.readout = readout
        self.reset()

    def reset(self):
        self.states = [[0] * 5 for _ in self.readout.biquads]

    def cascade(self, xs):
        for rule, state in zip(self.readout.biquads, self.states, strict=True):
            xs = scalar(rule, xs, state)
        return xs

    def sample(self, xs):
        xs = [x << self.readout.fraction for x in xs]
        if self.readout.block is None:
            return self.cascade(xs)
        out = []
        for start in range(0, len(xs), self.readout.block):
            self.reset()
            there = self.cascade(xs[start : start + self.readout.block])
            self.reset()
            out += self.cascade(there[::-1])[::-1]
        return out


def readout(*biquads, **options):
    return Readout(
        population="p",
        kind=ReadoutKind.STREAM,
        decision=Decision.FILTER,
        biquads=biquads,
        **options,
    )


READOUTS = {
    "one": readout(FAST),
    "two, fraction": readout(SLOW, FAST, fraction=3),
    "three": readout(FAST, SLOW, SLOW),
    "block": readout(SLOW, block=3),
    "blocks of two": readout(FAST, SLOW, block=2, fraction=1),
}


def token(kind, address=0, payload=0, *, unit):
    return {"kind": kind, "address": address} | ({} if unit else {"payload": payload})


def case(rng, rule, dut, n, *, unit, samples=4):
    """Tokens in, tokens out."""
    code = dut.layout.encode(np.arange(n)).tolist()
    references = [Reference(rule) for _ in range(n)]
    sent, expected = [], []
    for _ in range(samples):
        steps = rng.randint(1, 7)
        x = np.zeros((steps, n), dtype=np.int64)
        for t in range(steps):
            for k in rng.sample(range(n), rng.randint(0, n)):
                x[t, k] = 1 if unit else rng.choice([-7, -3, 1, 6])
                sent.append(token(SPIKE, code[k], int(x[t, k]), unit=unit))
            sent.append(token(STEP, unit=unit))
        keep = rng.randint(0, 1)
        sent.append(token(END, keep, unit=unit))
        y = [each.sample(x[:, k].tolist()) for k, each in enumerate(references)]
        for t in range(steps):
            expected += [(SPIKE, code[k], y[k][t]) for k in range(n)]
            expected.append((STEP, 0, 0))
        expected.append((END, keep, 0))
        for each in references:
            if not keep:
                each.reset()
    return sent, expected


def read(payload):
    return (payload.kind, payload.address, payload.payload)


def unit_of(rule, n, banks=(1, 1, 1), *, unit=False):
    low, high = (0, 1) if unit else (-7, 6)
    layout = TokenLayout(axes=axes_of((n,), banks), low=low, high=high)
    return FilterReadout(layout=layout, readout=rule, value=Interval(low, high))


@pytest.mark.parametrize(("valid", "ready"), STALLS)
@pytest.mark.parametrize("name", READOUTS)
def test_random_streams(name, valid, ready):
    rng = random.Random(f"{name}{valid}{ready}")
    dut = unit_of(READOUTS[name], 3)
    sent, expected = case(rng, READOUTS[name], dut, 3, unit=False)
    seen = run_stream(dut, sent, count=len(expected), read=read, valid=valid, ready=ready)
    assert seen.payloads == expected


@pytest.mark.parametrize("name", READOUTS)
@pytest.mark.parametrize(("n", "banks"), [(1, (1, 1, 1)), (5, (3, 1, 1))])
def test_unit_spikes_of_any_addresses(name, n, banks):
    rng = random.Random(f"{name}{n}")
    dut = unit_of(READOUTS[name], n, banks, unit=True)
    sent, expected = case(rng, READOUTS[name], dut, n, unit=True)
    seen = run_stream(dut, sent, count=len(expected), read=read)
    assert seen.payloads == expected


def test_timing():
    dut = unit_of(READOUTS["two, fraction"], 3)
    sent = [token(STEP, unit=False) for _ in range(3)]
    seen = run_stream(dut, sent, count=12, read=read)
    first = [now for now, payload in seen.items if payload[0] == SPIKE][::3]
    assert first[0] - seen.accepted[0] == dut.latency
    assert {b - a for a, b in itertools.pairwise(first)} == {dut.interval}


@pytest.mark.parametrize(("name", "block"), [("block", 3), ("blocks of two", 2)])
def test_timing_of_blocks(name, block):
    """Nothing leaves before a block is whole; each step of it is gone through there and back."""
    dut = unit_of(READOUTS[name], 3)
    sent = [token(STEP, unit=False) for _ in range(3 * block)]
    seen = run_stream(dut, sent, count=3 * block * 4, read=read)
    markers = [now for now, payload in seen.items if payload[0] == STEP]
    blocks = markers[block - 1 :: block]
    gaps = {b - a for a, b in itertools.pairwise(blocks)}
    # Of each step its token, both ways, its values and its marker.
    each = 1 + 2 * dut.pass_cycles + 2 * 3 + 1
    assert gaps == {block * each}
    assert each == dut.interval


def test_values_are_cleared_behind_reset():
    """A cycle a value, before the first token is taken."""
    dut = unit_of(READOUTS["block"], 3)
    seen = run_stream(dut, [token(STEP, unit=False)], count=0, read=read)
    assert seen.accepted == [dut.values]


def test_reset_makes_all_values_zero():
    """The memories keep their words through a reset; the unit must not believe them."""
    dut = unit_of(READOUTS["one"], 2)
    reset = Signal()
    seen = []

    async def bench(ctx):
        ctx.set(dut.o.ready, 1)
        tokens = {10: (SPIKE, 0, 6), 11: (STEP, 0, 0), 60: (SPIKE, 1, 5)}
        # The same again behind the reset, in the middle of a step.
        tokens |= {80: (SPIKE, 0, 6), 81: (STEP, 0, 0)}
        for now in range(130):
            kind, address, payload = tokens.get(now, (STEP, 0, 0))
            ctx.set(dut.i.payload, {"kind": kind, "address": address, "payload": payload})
            ctx.set(dut.i.valid, now in tokens)
            ctx.set(reset, now == 70)
            if ctx.get(dut.o.valid):
                seen.append(ctx.get(dut.o.payload.payload))
            await ctx.tick()

    simulate(ResetInserter(reset)(dut), bench)
    once = seen[:3]
    assert once == [scalar(FAST, [6], [0] * 5)[0], 0, 0]
    assert once[0] > 0
    assert seen == [*once, *once]
