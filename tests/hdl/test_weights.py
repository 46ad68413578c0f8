"""Rows hold every weight where the fetch looks for it."""

import numpy as np
import pytest

from spikewright.golden.errors import ConfigurationError, RangeError
from spikewright.hdl.plan import WeightStore
from spikewright.hdl.weights import WeightMemory, pack_rows
from support.streams import simulate


def test_constructor_errors():
    with pytest.raises(
        ConfigurationError, match=r"^a weight memory must have at least one row, found none$"
    ):
        WeightMemory(rows=[], width=4, store=WeightStore.BLOCK)
    with pytest.raises(ConfigurationError, match=r"^every row must fit 4 bits, found a wider one$"):
        WeightMemory(rows=[16], width=4, store=WeightStore.BLOCK)
    with pytest.raises(RangeError, match=r"^a weight must lie in -8\.\.7, found -9\.\.0$"):
        pack_rows(np.array([[0, -9]]), weight_bits=4, lanes=2)


@pytest.mark.parametrize("weight_bits", [2, 3, 4, 8])
@pytest.mark.parametrize(("pre", "post", "lanes"), [(1, 1, 1), (5, 7, 3), (4, 8, 4), (3, 2, 8)])
def test_every_weight_is_where_the_fetch_looks(weight_bits, pre, post, lanes):
    rng = np.random.default_rng(weight_bits * 100 + pre)
    limit = 1 << (weight_bits - 1)
    weights = rng.integers(-limit, limit, (pre, post))
    rows = pack_rows(weights, weight_bits=weight_bits, lanes=lanes)
    assert len(rows) == pre * -(-post // lanes)
    for p in range(pre):
        for q in range(-(-post // lanes) * lanes):
            field = rows[(q // lanes) * pre + p] >> (q % lanes) * weight_bits & (2 * limit - 1)
            value = field - 2 * limit if field >= limit else field
            assert value == (weights[p, q] if q < post else 0)


@pytest.mark.parametrize("store", list(WeightStore))
def test_a_row_comes_after_the_latency_every_cycle(store):
    rows = [(k * 37) % 256 for k in range(19)]
    memory = WeightMemory(rows=rows, width=8, store=store)

    async def bench(ctx):
        seen = []
        for k in range(len(rows) + memory.latency):
            ctx.set(memory.address, k % len(rows))
            seen.append(ctx.get(memory.row))
            await ctx.tick()
        assert seen[memory.latency :] == rows
        assert memory.interval == 1

    simulate(memory, bench)
