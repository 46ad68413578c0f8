"""What a connection with a delay sends comes one step later, and not in the next sample."""

import random

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.hdl.delay import DelayUnit
from spikewright.hdl.token import TokenLayout, axes_of
from support.late import END, KEEP, RESET, SPIKE, STEP, Consumer, mark
from support.ports import run_ports
from support.streams import run_stream, simulate

LAYOUT = TokenLayout(axes=axes_of((5,)), low=0, high=1)
STALLS = [("1", "1", "1"), ("01", "1", "1"), ("1", "0001", "1"), ("1", "1", "001")]


def tokens(samples):
    """[sample][step][address] and flags, as a stream."""
    for steps, flag in samples:
        for spikes in steps:
            yield from (mark(SPIKE, address) for address in spikes)
            yield mark(STEP)
        yield mark(END, flag)


def expected(now, late):
    """What each step of the consumer adds, as the docstring words it: (now, late), or a flag."""
    before = []
    for (steps, flag), (sources, _) in zip(now, late, strict=True):
        for spikes, source in zip(steps, sources, strict=True):
            yield sorted(spikes), sorted(before)
            before = source
        yield flag
        if flag == RESET:
            before = []


def seen(items):
    """The same of what the merge sent."""
    step = ([], [])
    for token in items:
        if token["kind"] == SPIKE:
            step[token["port"]].append(token["body"])
        elif token["kind"] == STEP:
            yield sorted(step[0]), sorted(step[1])
            step = ([], [])
        else:
            assert step == ([], [])
            yield token["body"]


def drawn(rng, flags, most):
    def spikes():
        return [rng.randrange(5) for _ in range(rng.randrange(4))]

    lengths = [rng.randint(1, most) for _ in flags]
    return [
        [([spikes() for _ in range(n)], flag) for n, flag in zip(lengths, flags, strict=True)]
        for _ in range(2)
    ]


@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize("most", [1, 4])
@pytest.mark.parametrize("depth", [6, 12, 40])
def test_every_step_has_the_spikes_of_the_step_before(stalls, most, depth):
    rng = random.Random(f"{stalls}{most}{depth}")
    flags = [RESET, RESET, KEEP, KEEP, RESET, KEEP, RESET, RESET]
    now, late = drawn(rng, flags, most)
    want = list(expected(now, late))
    sent_now, sent_late = list(tokens(now)), list(tokens(late))
    # What waits for a sample that never comes is not awaited either.
    dropped = sum(1 for steps, flag in late for _ in steps[-1] if flag == RESET)
    kept = sum(len(spikes) for steps, _ in late for spikes in steps) - dropped
    count = len(sent_now) + kept
    dut = Consumer(DelayUnit(layout=LAYOUT), depth)
    _, sinks = run_ports(
        dut,
        {"now": (sent_now, stalls[0]), "late": (sent_late, stalls[1])},
        {"o": (count, stalls[2])},
        read=lambda token: {name: getattr(token, name) for name in ("kind", "port", "body")},
    )
    assert list(seen(sinks["o"].payloads)) == want


def alone(dut, tokens, asks):
    """Drive a unit without a consumer: ``asks`` says by cycle what the other inputs wait at.

    Returns (cycle, kind) of what left and the cycles in which a token was taken.
    """
    left, taken = [], []

    async def bench(ctx):
        queue = list(tokens)
        ctx.set(dut.o.ready, 1)
        for now, kind in enumerate(asks):
            ctx.set(dut.steps, kind == "s")
            ctx.set(dut.ends, kind in "ek")
            ctx.set(dut.keep, kind == "k")
            ctx.set(dut.i.valid, bool(queue))
            if queue:
                ctx.set(dut.i.payload, queue[0])
            kind = ctx.get(dut.o.payload.kind)
            ctx.set(dut.passed, ctx.get(dut.o.valid) and kind != SPIKE)
            if ctx.get(dut.o.valid):
                left.append((now, kind))
            if queue and ctx.get(dut.i.ready):
                taken.append(now)
                queue.pop(0)
            await ctx.tick()

    simulate(dut, bench)
    return left, taken


def test_latency_and_interval():
    """A marker of its own or a token that waits passes in the cycle that asks for it."""
    dut = DelayUnit(layout=LAYOUT)
    spikes = [mark(SPIKE, n) for n in range(3)]
    left, taken = alone(dut, [*spikes, mark(STEP), mark(STEP)], "-ssssss-")
    assert (dut.latency, dut.interval) == (0, 1)
    # The first step has nothing; then a token a cycle.
    assert left == [(1, STEP), (2, SPIKE), (3, SPIKE), (4, SPIKE), (5, STEP), (6, STEP)]
    assert taken == [2, 3, 4, 5, 6]


def test_what_is_dropped_takes_a_cycle_a_token():
    """Behind END(reset) three tokens go and the END; no later one passes meanwhile."""
    dut = DelayUnit(layout=LAYOUT)
    old = [mark(SPIKE, 1), mark(SPIKE, 2), mark(STEP), mark(END, RESET)]
    left, taken = alone(dut, [*old, mark(SPIKE, 4), mark(STEP)], "seeesssss")
    # The marker of the next sample's first step passes while the old tokens go.
    assert left[:2] == [(0, STEP), (1, END)]
    assert taken[:4] == [2, 3, 4, 5]
    assert [now for now, _ in left[3:]] == [6, 7]
    assert [kind for _, kind in left[2:]] == [STEP, SPIKE, STEP]
    assert left[2][0] >= 2


@pytest.mark.parametrize("ready", ["1", "01", "0001"])
def test_a_token_holds_while_it_waits(ready):
    """At the unit's own output, whatever its consumer does."""
    dut = DelayUnit(layout=LAYOUT)
    sent = [mark(SPIKE, 3), mark(SPIKE, 1), mark(STEP), mark(SPIKE, 2), mark(STEP)]

    class Asked(wiring.Component):
        """The other inputs wait at a STEP for ever."""

        def __init__(self):
            super().__init__({"i": In(LAYOUT.signature), "o": Out(LAYOUT.signature)})

        def elaborate(self, platform):
            m = Module()
            m.submodules.dut = dut
            wiring.connect(m, wiring.flipped(self.i), dut.i)
            wiring.connect(m, dut.o, wiring.flipped(self.o))
            is_marker = dut.o.payload.kind != SPIKE
            m.d.comb += [
                dut.steps.eq(1),
                dut.passed.eq(dut.o.valid & dut.o.ready & is_marker),
            ]
            return m

    def read(payload):
        return (payload.kind, payload.address)

    seen = run_stream(Asked(), sent, count=6, read=read, valid="011", ready=ready)
    assert seen.payloads == [(STEP, 0), (SPIKE, 3), (SPIKE, 1), (STEP, 0), (SPIKE, 2), (STEP, 0)]
