"""State words are read as they were written, wherever they live."""

import random

import pytest

from spikewright.golden.errors import ConfigurationError
from spikewright.hdl.membranes import Membranes
from spikewright.hdl.plan import MembraneStore
from support.streams import simulate


def test_constructor_errors():
    with pytest.raises(
        ConfigurationError, match=r"^there must be at least one group of one bit, found 0 of 8$"
    ):
        Membranes(groups=0, width=8, store=MembraneStore.REGISTERS)
    with pytest.raises(
        ConfigurationError,
        match=r"^membranes in block RAM need at least 2 groups, found 1; use registers$",
    ):
        Membranes(groups=1, width=8, store=MembraneStore.BLOCK)


@pytest.mark.parametrize("store", list(MembraneStore))
@pytest.mark.parametrize("groups", [2, 3, 8])
def test_random_reads_and_writes(store, groups):
    dut = Membranes(groups=groups, width=12, store=store)
    rng = random.Random(groups)

    async def bench(ctx):
        model = []
        for g in range(groups):
            model.append(rng.getrandbits(12))
            ctx.set(dut.write_enable, 1)
            ctx.set(dut.write_group, g)
            ctx.set(dut.write_word, model[g])
            await ctx.tick()
        expected = []
        for _ in range(300):
            read = rng.randrange(groups)
            ctx.set(dut.read_group, read)
            ctx.set(dut.read_enable, 1)
            expected.append(model[read])
            write, group, word = rng.random() < 0.5, rng.randrange(groups), rng.getrandbits(12)
            ctx.set(dut.write_enable, write)
            ctx.set(dut.write_group, group)
            ctx.set(dut.write_word, word)
            await ctx.tick()
            if write:
                model[group] = word
            # Block RAM answers with what stood there before a write in the same cycle.
            if store is not MembraneStore.BLOCK:
                expected[-1] = model[read]
            assert dut.latency == 1
            assert ctx.get(dut.word) == expected[-1]

    simulate(dut, bench)
