"""What a connection with a delay sends in collapsed mode comes one sample later."""

import random

import pytest

from spikewright.hdl.sample_delay import SampleDelay
from spikewright.hdl.token import TokenLayout, axes_of
from support.late import END, KEEP, RESET, SPIKE, Consumer, mark
from support.ports import run_ports
from support.streams import simulate

LAYOUT = TokenLayout(axes=axes_of((5,)), low=-4, high=4)
STALLS = [("1", "1", "1"), ("01", "1", "1"), ("1", "0001", "1"), ("1", "1", "001")]


def tokens(samples):
    """[sample] of spikes by address and a flag, as a stream."""
    for spikes, flag in samples:
        yield from (mark(SPIKE, address, value) for address, value in spikes.items())
        yield mark(END, flag, 0)


def expected(now, late):
    before = {}
    for (spikes, flag), (sources, _) in zip(now, late, strict=True):
        yield spikes, before, flag
        before = sources if flag == KEEP else {}


def body(address, value):
    return address | (value % 16) << LAYOUT.address_bits


def drawn(rng, flags):
    def spikes():
        return {a: rng.choice([-4, -1, 1, 4]) for a in range(5) if rng.random() < 0.6}

    return [[(spikes(), flag) for flag in flags] for _ in range(2)]


@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize("depth", [12, 40])
def test_every_sample_has_the_spikes_of_the_sample_before(stalls, depth):
    rng = random.Random(f"{stalls}{depth}")
    flags = [RESET, RESET, KEEP, KEEP, RESET, KEEP, RESET, KEEP, KEEP, KEEP]
    now, late = drawn(rng, flags)
    want = list(expected(now, late))
    count = sum(len(spikes) + len(before) + 1 for spikes, before, _ in want)
    _, sinks = run_ports(
        Consumer(SampleDelay(layout=LAYOUT), depth),
        {"now": (list(tokens(now)), stalls[0]), "late": (list(tokens(late)), stalls[1])},
        {"o": (count, stalls[2])},
        read=lambda token: tuple(getattr(token, name) for name in ("kind", "port", "body")),
    )
    found = iter(sinks["o"].payloads)
    for spikes, before, flag in want:
        sample = [next(found) for _ in range(len(spikes) + len(before))]
        assert [b for _, port, b in sample if port == 0] == [body(*s) for s in spikes.items()]
        assert [b for _, port, b in sample if port == 1] == [body(*s) for s in before.items()]
        assert all(kind == SPIKE for kind, *_ in sample)
        assert next(found) == (END, 0, flag)


def test_latency_and_interval():
    """An END of a fresh sample passes at once; so does what waited, one token a cycle."""
    unit = SampleDelay(layout=LAYOUT)
    waits = [mark(SPIKE, 0, 1), mark(SPIKE, 1, 2), mark(SPIKE, 2, 3), mark(END, KEEP, 0)]
    shown = []

    async def bench(ctx):
        queue = list(waits)
        for tick in range(5):
            ctx.set(unit.ends, 1)
            ctx.set(unit.keep, KEEP)
            ctx.set(unit.o.ready, 1)
            ctx.set(unit.i.valid, 1)
            ctx.set(unit.i.payload, queue[0])
            assert ctx.get(unit.o.valid)
            shown.append((tick, ctx.get(unit.o.payload.kind)))
            ctx.set(unit.passed, shown[-1][1] == END)
            if ctx.get(unit.i.ready):
                queue.pop(0)
            await ctx.tick()
        assert queue == []

    simulate(unit, bench)
    assert (unit.latency, unit.interval) == (0, 1)
    assert shown == list(enumerate([END, SPIKE, SPIKE, SPIKE, END]))
