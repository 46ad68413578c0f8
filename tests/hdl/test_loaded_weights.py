"""Weights that are loaded lie where the address generator looks for them."""

import numpy as np
import pytest

from spikewright.golden.errors import ConfigurationError
from spikewright.hdl.loaded_weights import LoadedWeights
from support.streams import simulate


def memory_of(depth, width, seed=0):
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, (depth, width))
    return LoadedWeights(rows=[int("".join(map(str, row)), 2) for row in bits], width=width)


async def load(ctx, memory, words, *, gaps=None):
    """Offer words until they are taken; a gap is a cycle without one. Returns how many were."""
    taken = 0
    for word in words:
        while gaps is not None and gaps.random() < 0.4:
            ctx.set(memory.load.valid, 0)
            await ctx.tick()
        ctx.set(memory.load.payload, word)
        ctx.set(memory.load.valid, 1)
        if not ctx.get(memory.load.ready):
            break
        taken += 1
        await ctx.tick()
    ctx.set(memory.load.valid, 0)
    return taken


async def check_rows(ctx, memory):
    asked = [*range(len(memory.rows)), *reversed(range(len(memory.rows)))]
    seen = []
    for k in range(len(asked) + memory.latency):
        ctx.set(memory.address, asked[k % len(asked)])
        seen.append(ctx.get(memory.row))
        await ctx.tick()
    assert seen[memory.latency :] == [memory.rows[k] for k in asked]


def test_constructor_errors():
    with pytest.raises(
        ConfigurationError, match=r"^a weight memory must have at least one row, found none$"
    ):
        LoadedWeights(rows=[], width=4)
    with pytest.raises(ConfigurationError, match=r"^every row must fit 4 bits, found a wider one$"):
        LoadedWeights(rows=[16], width=4)


def test_words_of_a_row():
    memory = LoadedWeights(rows=[0x2_1234_5678, 0x1_0000_0001], width=34)
    assert memory.words == [0x5678, 0x1234, 2, 1, 0, 1]
    assert memory.slices == (16, 16, 2)


@pytest.mark.parametrize(("depth", "width"), [(1, 1), (2, 16), (5, 17), (37, 64), (64, 40)])
@pytest.mark.parametrize("gaps", [False, True])
def test_every_row_is_where_it_is_looked_for(depth, width, gaps):
    memory = memory_of(depth, width, seed=depth)

    async def bench(ctx):
        assert not ctx.get(memory.loaded)
        rng = np.random.default_rng(1) if gaps else None
        # Whatever the core asks for meanwhile changes nothing.
        ctx.set(memory.address, depth - 1)
        assert await load(ctx, memory, memory.words, gaps=rng) == len(memory.words)
        assert ctx.get(memory.loaded)
        await check_rows(ctx, memory)
        # What comes after is not taken, and changes nothing.
        assert await load(ctx, memory, [0xFFFF]) == 0
        await check_rows(ctx, memory)

    simulate(memory, bench)
    assert (memory.latency, memory.interval) == (2, 1)


def test_one_word_less_is_not_loaded():
    memory = memory_of(3, 20)

    async def bench(ctx):
        await load(ctx, memory, memory.words[:-1])
        for _ in range(5):
            assert not ctx.get(memory.loaded)
            await ctx.tick()

    simulate(memory, bench)


def test_words_in_another_order_are_found():
    memory = memory_of(4, 32)

    async def bench(ctx):
        await load(ctx, memory, memory.words[::-1])
        await check_rows(ctx, memory)

    with pytest.raises(AssertionError):
        simulate(memory, bench)
