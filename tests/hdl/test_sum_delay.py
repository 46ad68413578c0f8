"""What a connection with a delay sends in settle mode is summed up, and comes one sample later."""

import random

import pytest

from spikewright.golden.spec import Interval
from spikewright.hdl.sum_delay import SumDelay
from spikewright.hdl.token import TokenLayout, axes_of
from support.late import END, KEEP, RESET, SPIKE, STEP, Consumer, mark
from support.ports import run_ports
from support.streams import simulate

LAYOUT = TokenLayout(axes=axes_of((5,)), low=-1, high=1)
STALLS = [("1", "1", "1"), ("01", "1", "1"), ("1", "0001", "1"), ("1", "1", "001")]


def unit():
    return SumDelay(layout=LAYOUT, sums=Interval(-9, 9))


def tokens(samples):
    """[sample][step] of (address, sign) and a flag, as a stream."""
    for steps, flag in samples:
        for spikes in steps:
            yield from (mark(SPIKE, *spike) for spike in spikes)
            yield mark(STEP, 0, 0)
        yield mark(END, flag, 0)


def expected(now, late):
    """What each step of the consumer adds, as the docstring words it: (now, late), or a flag."""
    before = [0] * 5
    for (steps, flag), (sources, _) in zip(now, late, strict=True):
        for step, spikes in enumerate(steps):
            comes = [] if step else [(n, 1 if s > 0 else -1) for n, s in enumerate(before) if s]
            counts = [abs(before[n]) for n, _ in comes]
            yield sorted(spikes), [spike for spike, c in zip(comes, counts) for _ in range(c)]
        yield flag
        before = [0] * 5
        if flag == KEEP:
            for address, sign in (spike for spikes in sources for spike in spikes):
                before[address] += sign


def spike(body):
    sign = body >> LAYOUT.address_bits
    return (body % (1 << LAYOUT.address_bits), -1 if sign > 1 else 1)


def seen(items):
    """The same of what the merge sent."""
    step = ([], [])
    for kind, port, body in items:
        if kind == SPIKE:
            step[port].append(spike(body))
        elif kind == STEP:
            yield sorted(step[0]), step[1]
            step = ([], [])
        else:
            assert step == ([], [])
            yield body


def drawn(rng, flags, most):
    """Of each sample of each input any number of steps, as sources that settle make."""

    def spikes():
        return [(rng.randrange(5), rng.choice([-1, 1])) for _ in range(rng.randrange(3))]

    return [[([spikes() for _ in range(rng.randint(1, most))], f) for f in flags] for _ in range(2)]


def run(dut, now, late, stalls, count):
    _, sinks = run_ports(
        dut,
        {"now": (list(tokens(now)), stalls[0]), "late": (list(tokens(late)), stalls[1])},
        {"o": (count, stalls[2])},
        read=lambda token: tuple(getattr(token, name) for name in ("kind", "port", "body")),
    )
    return sinks["o"]


@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize("most", [1, 4])
@pytest.mark.parametrize("depth", [2, 9])
def test_the_first_step_has_the_sums_of_the_sample_before(stalls, most, depth):
    rng = random.Random(f"{stalls}{most}{depth}")
    flags = [RESET, RESET, KEEP, KEEP, RESET, KEEP, RESET, KEEP, KEEP, KEEP]
    now, late = drawn(rng, flags, most)
    want = list(expected(now, late))
    count = sum(1 + (len(w[0]) + len(w[1]) if isinstance(w, tuple) else 0) for w in want)
    sink = run(Consumer(unit(), depth), now, late, stalls, count)
    assert list(seen(sink.payloads)) == want


def test_latency_and_interval():
    """Before the first marker of a kept sample the bank sends; all others pass at once."""
    dut = unit()
    comes = [mark(SPIKE, 3, 1), mark(SPIKE, 3, 1), mark(STEP, 0, 0), mark(END, KEEP, 0)]
    taken, passed = [], []

    async def bench(ctx):
        while not ctx.get(dut.banks[0].counts):
            await ctx.tick()
        queue = list(comes)
        ctx.set(dut.o.ready, 1)
        ctx.set(dut.keep, KEEP)
        for kind in (STEP, STEP, END):
            ctx.set(dut.steps, kind == STEP)
            ctx.set(dut.ends, kind == END)
            ctx.set(dut.passed, 1)
            assert ctx.get(dut.o.valid)
            passed.append(ctx.get(dut.o.payload.kind))
            await ctx.tick()
        ctx.set(dut.ends, 0)
        ctx.set(dut.passed, 0)
        for now in range(20):
            if queue:
                ctx.set(dut.i.payload, queue[0])
            ctx.set(dut.i.valid, bool(queue))
            if queue and ctx.get(dut.i.ready):
                taken.append(now)
                queue.pop(0)
            await ctx.tick()
        ctx.set(dut.steps, 1)
        for now in range(40):
            if ctx.get(dut.o.valid):
                passed.append((now, ctx.get(dut.o.payload.kind)))
                if passed[-1][1] == STEP:
                    break
            await ctx.tick()

    simulate(dut, bench)
    assert (dut.latency, dut.interval) == (0, 1)
    # A spike a cycle; the END waits two cycles for the last one.
    assert taken == [0, 1, 2, 4]
    assert passed[:3] == [STEP, STEP, END]
    *spikes, marker = passed[3:]
    assert [kind for _, kind in spikes] == [SPIKE, SPIKE]
    # A cycle to be asked, the pass, one more for the second spike, and one to see that it is over.
    assert marker == (1 + dut.banks[0].latency + 1 + 1, STEP)
