"""Counters count what happens, modulo 2**32, until they are cleared."""

import random

import pytest

from spikewright.golden.errors import ConfigurationError
from spikewright.hdl.counters import CoreCounters
from support.streams import simulate


def test_constructor_errors():
    with pytest.raises(ConfigurationError, match=r"^neurons must be at least 1, found 0$"):
        CoreCounters(neurons=0)


def test_random_events():
    dut = CoreCounters(neurons=7)
    rng = random.Random(1)
    pairs = {
        "row": ("rows", 1),
        "spike_in": ("synops", 7),
        "spike_out": ("spikes_out", 1),
        "stall": ("stalls", 1),
        "busy": ("busy_cycles", 1),
    }

    async def bench(ctx):
        counts = dict.fromkeys([*(name for name, _ in pairs.values()), "spikes_in"], 0)
        for _ in range(400):
            clear = rng.random() < 0.02
            ctx.set(dut.clear, clear)
            for event, (name, amount) in pairs.items():
                happens = rng.random() < 0.5
                ctx.set(getattr(dut, event), happens)
                counts[name] = 0 if clear else counts[name] + amount * happens
            counts["spikes_in"] = counts["synops"] // 7
            for _ in range(dut.latency):
                await ctx.tick()
            assert {name: ctx.get(getattr(dut, name)) for name in counts} == counts

    simulate(dut, bench)
