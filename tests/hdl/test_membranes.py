"""State words are read as they were written, wherever they live."""

import random

import pytest

from spikewright.golden.errors import ConfigurationError
from spikewright.hdl.membranes import Membranes
from spikewright.hdl.plan import MembraneStore
from support.stores import TWO_PORTS
from support.streams import simulate


def test_constructor_errors():
    with pytest.raises(
        ConfigurationError, match=r"^there must be at least one group of one bit, found 0 of 8$"
    ):
        Membranes(groups=0, width=8, store=MembraneStore.REGISTERS)
    with pytest.raises(
        ConfigurationError, match=r"^there must be at least one group of one bit, found 8 of 0$"
    ):
        Membranes(groups=8, width=0, store=MembraneStore.BLOCK)
    with pytest.raises(
        ConfigurationError,
        match=r"^words that are read and written in a cycle must be in a store of two ports, found",
    ):
        Membranes(groups=8, width=8, store=MembraneStore.SPRAM)


@pytest.mark.parametrize("store", TWO_PORTS)
@pytest.mark.parametrize("groups", [1, 2, 3, 8])
def test_random_reads_and_writes(store, groups):
    dut = Membranes(groups=groups, width=12, store=store)
    rng = random.Random(groups)
    met = 0

    async def bench(ctx):
        nonlocal met
        model = []
        for g in range(groups):
            model.append(rng.getrandbits(12))
            ctx.set(dut.write_enable, 1)
            ctx.set(dut.write_group, g)
            ctx.set(dut.write_word, model[g])
            await ctx.tick()
        for _ in range(300):
            read = rng.randrange(groups)
            ctx.set(dut.read_group, read)
            ctx.set(dut.read_enable, 1)
            write, group, word = rng.random() < 0.5, rng.randrange(groups), rng.getrandbits(12)
            ctx.set(dut.write_enable, write)
            ctx.set(dut.write_group, group)
            ctx.set(dut.write_word, word)
            await ctx.tick()
            if write:
                model[group] = word
            met += write and group == read
            assert (dut.latency, dut.interval) == (1, 1)
            assert ctx.get(dut.word) == model[read]

    simulate(dut, bench)
    assert met


@pytest.mark.parametrize("store", TWO_PORTS)
def test_a_word_is_held_until_the_next_read(store):
    dut = Membranes(groups=2, width=4, store=store)

    async def bench(ctx):
        ctx.set(dut.write_enable, 1)
        for group, word in ((0, 5), (1, 9)):
            ctx.set(dut.write_group, group)
            ctx.set(dut.write_word, word)
            await ctx.tick()
        ctx.set(dut.write_enable, 0)
        for enable, group, word in ((1, 1, 9), (0, 0, 9), (0, 1, 9), (1, 0, 5), (0, 1, 5)):
            ctx.set(dut.read_enable, enable)
            ctx.set(dut.read_group, group)
            await ctx.tick()
            assert ctx.get(dut.word) == word

    simulate(dut, bench)
