"""Two bytes make a word."""

import random
from itertools import pairwise

import pytest

from spikewright.hdl.link.packer import WordPacker
from support.streams import run_stream, simulate

STALLS = ["1", "01", "0001", "1" * 9 + "0" * 30]


@pytest.mark.parametrize("valid", STALLS)
@pytest.mark.parametrize("ready", STALLS)
def test_words(valid, ready):
    data = random.Random(1).randbytes(60)
    expected = [data[k] | data[k + 1] << 8 for k in range(0, len(data), 2)]
    dut = WordPacker()
    watched = run_stream(dut, list(data), count=len(expected), valid=valid, ready=ready)
    assert watched.payloads == expected


def test_latency_and_interval():
    dut = WordPacker()
    watched = run_stream(dut, list(range(20)), count=10)
    offered = [cycle for cycle, _ in watched.items]
    assert offered[0] - watched.accepted[1] == dut.latency
    assert {later - sooner for sooner, later in pairwise(offered)} == {dut.interval}


def test_a_byte_alone_is_forgotten():
    dut = WordPacker()

    async def bench(ctx):
        ctx.set(dut.o.ready, 1)
        found = []
        for byte, clear in [(0x11, 0), (None, 1), (0x22, 0), (0x33, 0), (None, 0), (0x44, 0)]:
            ctx.set(dut.i.valid, byte is not None)
            ctx.set(dut.i.payload, byte or 0)
            ctx.set(dut.clear, clear)
            _, _, valid, word = await ctx.tick().sample(dut.o.valid, dut.o.payload)
            found += [word] * valid
        assert found == [0x3322]

    simulate(dut, bench)


def test_a_word_that_waits_is_forgotten():
    """Else it would be the first of the next image."""
    dut = WordPacker()

    async def bench(ctx):
        ctx.set(dut.i.valid, 1)
        ctx.set(dut.i.payload, 0x11)
        await ctx.tick().repeat(2)
        ctx.set(dut.i.valid, 0)
        assert ctx.get(dut.o.valid)
        ctx.set(dut.clear, 1)
        await ctx.tick()
        ctx.set(dut.clear, 0)
        assert not ctx.get(dut.o.valid)

    simulate(dut, bench)
