"""Rows that are loaded lie where they are looked for."""

import numpy as np
import pytest

from spikewright.golden.errors import ConfigurationError
from spikewright.hdl.loaded_memory import LoadedMemory
from spikewright.hdl.plan import WeightStore
from support.loading import fill
from support.streams import simulate

BLOCK, SPRAM = WeightStore.BLOCK, WeightStore.SPRAM


def memory_of(depth, width, *, store=BLOCK, ports=1):
    rng = np.random.default_rng(depth)
    rows = [
        int.from_bytes(rng.bytes(-(-width // 8)), "little") % (1 << width) for _ in range(depth)
    ]
    return LoadedMemory(rows=rows, width=width, store=store, ports=ports)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            {"store": WeightStore.LOGIC},
            "what is loaded must live in block RAM or large RAMs, found",
        ),
        ({"store": SPRAM, "ports": 2}, "ports must be 1 in large RAMs, found 2"),
        ({"ports": 0}, "ports must be at least 1, found 0"),
        ({"rows": []}, "a weight memory must have at least one row, found none"),
        ({"width": 0}, "a row must have at least one bit, found 0"),
    ],
)
def test_what_it_refuses(arguments, text):
    with pytest.raises(ConfigurationError, match=text):
        LoadedMemory(**({"rows": [1, 0], "width": 4, "store": BLOCK} | arguments))


@pytest.mark.parametrize(
    ("depth", "width", "store", "ports"),
    [
        (1, 1, BLOCK, 1),
        (5, 16, BLOCK, 1),
        (7, 37, BLOCK, 2),
        (6, 20, BLOCK, 4),
        (4, 17, BLOCK, 3),
        (2049, 18, BLOCK, 1),
        (5, 33, SPRAM, 1),
    ],
)
def test_every_row_at_every_port(depth, width, store, ports):
    memory = memory_of(depth, width, store=store, ports=ports)
    assert (memory.latency, memory.interval) == (2, 1)
    assert sum(memory.slices) == width
    bits = memory.address_bits

    async def bench(ctx):
        # Whatever is asked for meanwhile changes nothing.
        ctx.set(memory.address, (1 << ports * bits) - 1)
        await fill(ctx, memory.load, memory)
        asked = []
        for first in [*range(0, depth, max(1, depth // 40)), 0, 0]:
            rows = [(first + port * 3) % depth for port in range(ports)]
            asked.append(rows)
            ctx.set(memory.address, sum(row << port * bits for port, row in enumerate(rows)))
            await ctx.tick()
            if len(asked) >= memory.latency:
                before = asked[-memory.latency]
                wanted = sum(memory.rows[row] << port * width for port, row in enumerate(before))
                assert ctx.get(memory.row) == wanted, before

    simulate(memory, bench)


def test_a_row_can_be_written_alone():
    memory = memory_of(4, 40)

    async def bench(ctx):
        await fill(ctx, memory.load, memory)
        ctx.set(memory.load.row, 2)
        ctx.set(memory.load.enables, 0b010)
        ctx.set(memory.load.data, 0x1234)
        await ctx.tick()
        ctx.set(memory.load.enables, 0)
        for row, before in enumerate(memory.rows):
            ctx.set(memory.address, row)
            await ctx.tick().repeat(memory.latency)
            mask = 0xFFFF << 16
            wanted = before & ~mask | 0x1234 << 16 if row == 2 else before
            assert ctx.get(memory.row) == wanted

    simulate(memory, bench)
