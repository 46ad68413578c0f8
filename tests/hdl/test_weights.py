"""Rows hold every weight where the address generator looks for it."""

import numpy as np
import pytest

from spikewright.golden.errors import ConfigurationError, RangeError
from spikewright.hdl.plan import WeightStore
from spikewright.hdl.weights import WeightMemory, column_slices, pack_rows
from support.streams import simulate


def test_constructor_errors():
    with pytest.raises(
        ConfigurationError, match=r"^a weight memory must have at least one row, found none$"
    ):
        WeightMemory(rows=[], width=4, store=WeightStore.BLOCK)
    with pytest.raises(ConfigurationError, match=r"^every row must fit 4 bits, found a wider one$"):
        WeightMemory(rows=[16], width=4, store=WeightStore.BLOCK)
    with pytest.raises(ConfigurationError, match=r"^a row must have at least one bit, found 0$"):
        WeightMemory(rows=[0], width=0, store=WeightStore.BLOCK)
    with pytest.raises(ConfigurationError, match=r"^ports must be at least 1, found 0$"):
        WeightMemory(rows=[0], width=1, store=WeightStore.BLOCK, ports=0)
    with pytest.raises(
        ConfigurationError,
        match=r"^an initialised memory must be in block RAM or logic, found spram$",
    ):
        WeightMemory(rows=[0], width=1, store=WeightStore.SPRAM)
    with pytest.raises(RangeError, match=r"^a weight must lie in -8\.\.7, found -9\.\.0$"):
        pack_rows(np.array([[0, -9]]), weight_bits=4)


@pytest.mark.parametrize("weight_bits", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (3, 2, 3, 4)])
def test_every_weight_is_where_it_is_looked_for(weight_bits, shape):
    rng = np.random.default_rng(weight_bits * 100 + len(shape))
    limit = 1 << (weight_bits - 1)
    weights = rng.integers(-limit, limit, shape)
    rows = pack_rows(weights, weight_bits=weight_bits)
    assert len(rows) == shape[0]
    for row, values in zip(rows, weights.reshape(shape[0], -1), strict=True):
        for k, value in enumerate(values):
            field = row >> k * weight_bits & (2 * limit - 1)
            assert (field - 2 * limit if field >= limit else field) == value
        assert row >> values.size * weight_bits == 0


@pytest.mark.parametrize(
    ("rows", "width", "expected"),
    [
        (2048, 64, (64,)),
        (2049, 64, (4,) * 16),
        (4096, 6, (4, 2)),
        (4097, 64, (2,) * 32),
        (8192, 5, (2, 2, 1)),
        (8193, 3, (1, 1, 1)),
        (40000, 3, (1, 1, 1)),
    ],
)
def test_deep_memories_are_slices_that_one_block_holds(rows, width, expected):
    assert column_slices(rows, width, WeightStore.BLOCK) == expected
    assert column_slices(rows, width, WeightStore.LOGIC) == (width,)
    large = column_slices(rows, width, WeightStore.SPRAM)
    assert sum(large) == width and set(large[:-1]) <= {16}


@pytest.mark.parametrize("store", [WeightStore.BLOCK, WeightStore.LOGIC])
@pytest.mark.parametrize("depth", [1, 19, 2100])
def test_a_row_comes_after_the_latency_every_cycle(store, depth):
    rows = [(k * 37 + 1) % 256 for k in range(depth)]
    memory = WeightMemory(rows=rows, width=8, store=store)
    asked = [*range(min(depth, 19)), *range(max(0, depth - 19), depth)]

    async def bench(ctx):
        seen = []
        for k in range(len(asked) + memory.latency):
            ctx.set(memory.address, asked[k % len(asked)])
            seen.append(ctx.get(memory.row))
            await ctx.tick()
        assert seen[memory.latency :] == [rows[address] for address in asked]
        assert memory.interval == 1

    simulate(memory, bench)


@pytest.mark.parametrize("store", [WeightStore.BLOCK, WeightStore.LOGIC])
@pytest.mark.parametrize("ports", [2, 4])
def test_every_port_reads_a_row_of_its_own(store, ports):
    rows = [(k * 37 + 1) % 256 for k in range(29)]
    memory = WeightMemory(rows=rows, width=8, store=store, ports=ports)
    rng = np.random.default_rng(ports)
    asked = rng.integers(0, 29, (60, ports))

    async def bench(ctx):
        for k in range(60):
            fields = [int(row) << port * memory.address_bits for port, row in enumerate(asked[k])]
            ctx.set(memory.address, sum(fields))
            if k >= memory.latency:
                wanted = [rows[row] << port * 8 for port, row in enumerate(asked[k - 2])]
                assert ctx.get(memory.row) == sum(wanted)
            await ctx.tick()

    simulate(memory, bench)
