"""One stream fills several memories, one after the other."""

from dataclasses import replace

import numpy as np
import pytest
from amaranth.hdl import Module, ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.spec import Mode
from spikewright.hdl import Accelerator
from spikewright.hdl.load import LOAD_SIGNATURE, image_words, load_in_turn
from spikewright.hdl.loaded_weights import LoadedWeights
from spikewright.hdl.plan import WeightStore
from support.branching import branching, convolution, dense
from support.chains import bounded_chain
from support.graphs import plan_for
from support.streams import simulate

SPRAM = WeightStore.SPRAM


def test_image_words():
    assert image_words([0x12345, 0x0FFFF], 17) == [0x2345, 1, 0xFFFF, 0]
    assert image_words([5], 3) == [5]


class Several(wiring.Component):
    """Three memories behind one stream."""

    def __init__(self):
        self.parts = [
            LoadedWeights(rows=[10 * k + row for row in range(k + 1)], width=8) for k in range(3)
        ]
        super().__init__({"load": In(LOAD_SIGNATURE), "loaded": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules += self.parts
        m.d.comb += self.loaded.eq(load_in_turn(m, self.load, self.parts))
        return m


def test_parts_take_their_words_in_turn():
    several = Several()
    words = [word for part in several.parts for word in part.words]
    assert words == [0, 10, 11, 20, 21, 22]

    async def bench(ctx):
        for word in words:
            assert ctx.get(several.load.ready) and not ctx.get(several.loaded)
            ctx.set(several.load.payload, word)
            ctx.set(several.load.valid, 1)
            await ctx.tick()
        assert ctx.get(several.loaded) and not ctx.get(several.load.ready)
        ctx.set(several.load.payload, 99)
        await ctx.tick()
        for part in several.parts:
            for row, value in enumerate(part.rows):
                ctx.set(part.address, row)
                await ctx.tick().repeat(part.latency)
                assert ctx.get(part.row) == value

    simulate(several, bench)


def test_nothing_to_load_costs_nothing():
    network = bounded_chain((5, 4, 3), seed=1)
    accelerator = Accelerator(network=network, plan=plan_for(network, Mode.COLLAPSED))
    assert accelerator.image == []
    assert not {"load", "loaded"} & set(accelerator.signature.members)


def with_stores(plan, *stores):
    cores = zip(plan.cores, stores, strict=True)
    return replace(plan, cores=tuple(replace(core, weights=store) for core, store in cores))


def test_the_image_is_of_all_memories_in_order():
    rng = np.random.default_rng(3)
    wires = [
        ("x", "a", convolution(rng, 3, 2, (3, 3), padding=1)),
        ("y", "a", dense(rng, 4, 75)),
        ("a", "out", dense(rng, 75, 4)),
    ]
    populations = {"a": (3, 5, 5), "out": (4,)}
    network = branching({"x": (2, 5, 5), "y": (4,)}, populations, wires, seed=4)
    plan = with_stores(plan_for(network, Mode.SETTLE, lanes=3), SPRAM, SPRAM)
    accelerator = Accelerator(network=network, plan=plan)
    memories = [memory for core in accelerator.cores for memory in core.loads]
    assert len(memories) == 3
    assert accelerator.image == [word for memory in memories for word in memory.words]


@pytest.mark.parametrize("stores", [(SPRAM, SPRAM), (WeightStore.BLOCK, SPRAM)])
def test_no_token_is_taken_before_all_is_there(stores):
    """Also after a reset, which forgets that it was loaded."""
    network = bounded_chain((4, 3, 2), seed=2)
    plan = with_stores(plan_for(network, Mode.COLLAPSED), *stores)
    accelerator = Accelerator(network=network, plan=plan)
    reset = Signal()
    words = accelerator.image

    async def bench(ctx):
        ctx.set(accelerator.i.valid, 1)
        ctx.set(accelerator.i.payload.kind, 2)
        ctx.set(accelerator.o.ready, 1)
        for _ in range(2):
            for index, word in enumerate(words):
                assert not ctx.get(accelerator.i.ready), index
                assert not ctx.get(accelerator.loaded)
                ctx.set(accelerator.load.payload, word)
                ctx.set(accelerator.load.valid, 1)
                await ctx.tick()
            ctx.set(accelerator.load.valid, 0)
            assert ctx.get(accelerator.loaded) and ctx.get(accelerator.i.ready)
            for _ in range(100):
                await ctx.tick()
                if ctx.get(accelerator.o.valid) and ctx.get(accelerator.o.payload.kind) == 2:
                    break
            else:
                raise AssertionError("no END")
            ctx.set(reset, 1)
            await ctx.tick()
            ctx.set(reset, 0)

    simulate(ResetInserter(reset)(accelerator), bench)
