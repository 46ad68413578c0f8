"""The CRC against zlib's."""

import random
import zlib

import pytest
from amaranth.hdl import ResetInserter, Signal

from spikewright.hdl.crc import SerialCrc
from support.streams import simulate


async def feed(ctx, dut, data, *, first="clear"):
    """Byte after byte as soon as it may; returns the cycles that each one took."""
    took = []
    if first == "clear":
        ctx.set(dut.clear, 1)
        await ctx.tick()
        ctx.set(dut.clear, 0)
    for byte in data:
        ctx.set(dut.byte, byte)
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        ctx.set(dut.byte, byte ^ 0xFF)  # it was sampled
        took.append(1)
        while ctx.get(dut.busy):
            await ctx.tick()
            took[-1] += 1
    return took


def test_every_byte_alone():
    dut = SerialCrc()

    async def bench(ctx):
        for byte in range(256):
            await feed(ctx, dut, [byte])
            assert ctx.get(dut.crc) == zlib.crc32(bytes([byte]))

    simulate(dut, bench)


@pytest.mark.parametrize("seed", [1])
def test_messages_and_what_stands_behind_them(seed):
    """Right is one whose crc follows it, and none with a bit that differs."""
    rng, dut = random.Random(seed), SerialCrc()

    async def bench(ctx):
        for size in (0, 1, 2, 5, 12):
            message = rng.randbytes(size)
            crc = zlib.crc32(message)
            await feed(ctx, dut, message)
            assert ctx.get(dut.crc) == crc
            whole = message + crc.to_bytes(4, "little")
            flips = [0, *(1 << rng.randrange(8 * len(whole)) for _ in range(6))]
            for flip in flips:
                data = (int.from_bytes(whole, "little") ^ flip).to_bytes(len(whole), "little")
                await feed(ctx, dut, data)
                await ctx.tick()
                assert ctx.get(dut.right) == (flip == 0)

    simulate(dut, bench)


def before(state):
    """What becomes a state by 32 bits of 0."""
    for _ in range(32):
        state = ((state ^ 0xEDB88320) << 1 | 1) if state >> 31 else state << 1
    return state


def test_every_bit_of_the_residue_counts():
    dut = SerialCrc()

    async def bench(ctx):
        crc = zlib.crc32(b"x")
        for wrong in range(32):
            tail = crc ^ before(1 << wrong)
            await feed(ctx, dut, b"x" + tail.to_bytes(4, "little"))
            assert ctx.get(dut.crc) ^ 0x2144DF1C == 1 << wrong
            await ctx.tick()
            assert not ctx.get(dut.right)

    simulate(dut, bench)


def test_it_empties_byte_by_byte():
    dut = SerialCrc()

    async def bench(ctx):
        await feed(ctx, dut, b"123456789")
        ctx.set(dut.empties, 1)
        found = []
        for _ in range(4):
            found.append(ctx.get(dut.crc) & 0xFF)
            await feed(ctx, dut, b"\xa5", first="")
        assert bytes(found) == zlib.crc32(b"123456789").to_bytes(4, "little")

    simulate(dut, bench)


def test_latency_and_interval():
    dut = SerialCrc()
    assert dut.latency == dut.interval

    async def bench(ctx):
        assert await feed(ctx, dut, b"abc") == [dut.interval] * 3

    simulate(dut, bench)


def test_clear_and_reset_in_the_middle_of_a_byte():
    """Clear wins over start."""
    dut, cut = SerialCrc(), Signal()

    async def bench(ctx):
        for stops in (dut.clear, cut):
            for before in range(dut.interval):
                ctx.set(dut.byte, 0x5A)
                ctx.set(dut.start, 1)
                await ctx.tick().repeat(before + 1)
                ctx.set(stops, 1)
                await ctx.tick()
                ctx.set(stops, 0)
                ctx.set(dut.start, 0)
                assert not ctx.get(dut.busy)
                await feed(ctx, dut, b"x", first="")
                assert ctx.get(dut.crc) == zlib.crc32(b"x")

    simulate(ResetInserter(cut)(dut), bench)
