"""An accelerator's memories are filled by one image; nothing is taken before."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from amaranth.hdl import ResetInserter, Signal

from spikewright.golden.spec import Mode
from spikewright.hdl import Accelerator
from spikewright.hdl.load import Segment, image_of, words_of, words_of_row
from spikewright.hdl.loader import LoadResult
from spikewright.hdl.make_envelope import with_envelope
from spikewright.hdl.plan import WeightStore
from spikewright.hdl.restart import RESTART_CYCLES
from support.branching import branching, convolution, dense
from support.chains import bounded_chain
from support.graphs import check_graph, plan_for
from support.loading import send_image
from support.streams import simulate

SPRAM = WeightStore.SPRAM


def test_an_image_is_what_it_was():
    """A device that was built before takes it for one of its design: where this fails, rows lie in
    another way, or memories in another order, and ``_LOAD_SCHEMA`` of hdl/design.py must rise.
    """
    network = bounded_chain((12, 9, 4), seed=1)
    plan = with_envelope(network, plan_for(network, Mode.COLLAPSED, lanes=3))
    words = Accelerator(network=network, plan=plan).image[34:-2]  # without hashes and crc
    found = hashlib.sha256(b"".join(word.to_bytes(2, "little") for word in words)).hexdigest()
    assert (len(words), found[:16]) == (83, "ea65e6c98d2237c1")


def test_words():
    assert words_of(b"\1\2\3\4") == [0x0201, 0x0403]
    assert words_of_row(0x12345, 17) == (0x2345, 1)
    assert words_of_row(5, 3) == (5,)


def test_an_image_as_the_page_has_it():
    """Byte for byte, for those who write their own."""
    rows = ((0x0102,), (0x0304,))
    words = image_of(
        [Segment(memory=2, first=5, rows=rows)], design=bytes(range(32)), network=bytes(32)
    )
    assert words[:2] == [0x0100, 0x0302]
    assert words[16:34] == [0] * 18
    assert words[34:40] == [2, 5, 2, 0x0102, 0x0304, 0xFFFF]
    assert len(words) == 42


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
    assert [(core, what) for core, what, _ in accelerator.loading] == [
        (0, "weights of x"),
        (0, "weights of y"),
        (1, "weights of a"),
    ]
    place = 34
    for number, (_, _, memory) in enumerate(accelerator.loading):
        assert accelerator.image[place : place + 3] == [number, 0, len(memory.rows)]
        place += 3 + len(memory.rows) * -(-memory.width // 16)
    assert accelerator.image[place] == 0xFFFF
    assert len(accelerator.image) == place + 3


GIVEN = {"x": np.random.default_rng(8).integers(0, 4, (3, 12))}


def chain(seed):
    return bounded_chain((12, 9, 4), seed=seed)


@pytest.mark.parametrize("mode", list(Mode))
def test_one_design_computes_whatever_is_loaded(mode):
    """Networks of one shape, one after the other; a restart in between keeps the network."""
    plan = with_envelope(chain(1), plan_for(chain(1), mode, lanes=3), headroom=3)
    for seed in (1, 2, 3):
        check_graph(chain(seed), plan, GIVEN, built=chain(1))


@pytest.mark.parametrize("stores", [(SPRAM, SPRAM), (WeightStore.BLOCK, SPRAM)])
def test_no_token_is_taken_before_all_is_there(stores):
    """A reset forgets that it was loaded, a restart does not."""
    network = bounded_chain((4, 3, 2), seed=2)
    plan = with_stores(plan_for(network, Mode.COLLAPSED), *stores)
    accelerator = Accelerator(network=network, plan=plan)
    reset = Signal()
    words = accelerator.image

    async def settled(ctx):
        for _ in range(RESTART_CYCLES):
            assert not ctx.get(accelerator.i.ready)
            await ctx.tick()

    async def bench(ctx):
        ctx.set(accelerator.i.valid, 1)
        ctx.set(accelerator.i.payload.kind, 2)
        ctx.set(accelerator.o.ready, 1)
        for _ in range(2):
            await settled(ctx)
            assert not ctx.get(accelerator.i.ready) and not ctx.get(accelerator.loaded)
            assert await send_image(ctx, accelerator, words) == LoadResult.WELL
            await settled(ctx)
            assert ctx.get(accelerator.loaded) and ctx.get(accelerator.i.ready)
            await ctx.tick().until(accelerator.o.valid & (accelerator.o.payload.kind == 2))
            ctx.set(accelerator.restart, 1)
            await ctx.tick()
            ctx.set(accelerator.restart, 0)
            await settled(ctx)
            assert ctx.get(accelerator.loaded) and ctx.get(accelerator.i.ready)
            ctx.set(reset, 1)
            await ctx.tick()
            ctx.set(reset, 0)
            assert not ctx.get(accelerator.loaded)

    simulate(ResetInserter(reset)(accelerator), bench)
