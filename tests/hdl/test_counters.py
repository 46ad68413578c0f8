"""Counters count what happens, modulo 2**32, until they are cleared."""

import random

import pytest

from spikewright.golden.errors import ConfigurationError
from spikewright.hdl.counters import COUNTERS, CoreCounters
from support.streams import simulate


def test_constructor_errors():
    with pytest.raises(
        ConfigurationError,
        match=r"^lanes, rows and spikes must be at least 1, found 7, 0, 1 and 1$",
    ):
        CoreCounters(lanes=7, rows=0, taken=1, sent=1)


def test_random_events():
    dut = CoreCounters(lanes=7, rows=2, taken=2, sent=4)
    rng = random.Random(1)
    most = {"row": 2, "updates": 14, "spikes": 2, "spike_out": 4, "stall": 1, "works": 1}

    async def bench(ctx):
        counts = [0] * len(most)
        for _ in range(400):
            clear = rng.random() < 0.02
            amounts = [rng.randrange(high + 1) for high in most.values()]
            ctx.set(dut.clear, clear)
            for event, amount in zip(most, amounts, strict=True):
                ctx.set(getattr(dut, event), amount)
            counts = [0 if clear else a + b for a, b in zip(counts, amounts, strict=True)]
            for _ in range(dut.latency):
                await ctx.tick()
            assert [ctx.get(getattr(dut, name)) for name in COUNTERS] == counts

    simulate(dut, bench)
