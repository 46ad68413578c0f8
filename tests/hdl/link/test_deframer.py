"""Flags and escapes against a plain reading of RFC 1662."""

import random
from itertools import product

import pytest
from amaranth.hdl import ResetInserter, Signal

from spikewright.hdl.link.deframer import Deframer
from support.streams import run_stream, simulate


def reading(data):
    """Bytes of frames, and ("end", whether an escape was cut) at each flag."""
    found, escaped = [], False
    for byte in data:
        if byte == 0x7E:
            found.append(("end", escaped))
            escaped = False
        elif escaped:
            found.append(byte ^ 0x20)
            escaped = False
        elif byte == 0x7D:
            escaped = True
        else:
            found.append(byte)
    return found


def read(symbol):
    return ("end", bool(symbol.cut)) if symbol.end else symbol.byte


def test_every_order_of_flag_escape_and_others():
    data = [byte for each in product((0x7E, 0x7D, 0x5E, 0x00), repeat=4) for byte in each]
    expected = reading(data)
    assert ("end", True) in expected
    assert run_stream(Deframer(), data, count=len(expected), read=read).payloads == expected


def test_every_byte_plain_and_escaped():
    data = [each for byte in range(256) for each in (byte, 0x7D, byte)]
    expected = reading(data)
    assert run_stream(Deframer(), data, count=len(expected), read=read).payloads == expected


@pytest.mark.parametrize(("valid", "ready"), [("1", "001"), ("10", "1"), ("110", "01101")])
@pytest.mark.parametrize("seed", [2])
def test_stalls_on_both_sides(valid, ready, seed):
    data = random.Random(seed).choices((0x7E, 0x7D, 0x5E, 0x12), k=300)
    expected = reading(data)
    seen = run_stream(Deframer(), data, count=len(expected), read=read, valid=valid, ready=ready)
    assert seen.payloads == expected


def test_latency_and_interval():
    dut = Deframer()
    seen = run_stream(dut, list(range(0x20)), count=0x20, read=read)
    assert [now - taken for (now, _), taken in zip(seen.items, seen.accepted, strict=True)] == [
        dut.latency
    ] * 0x20
    assert seen.accepted == list(range(0, 0x20 * dut.interval, dut.interval))


def test_an_escape_never_waits():
    """It is taken though the sink stands still, which it has nothing for."""
    dut = Deframer()

    async def bench(ctx):
        ctx.set(dut.i.payload, 0x7D)
        ctx.set(dut.i.valid, 1)
        assert ctx.get(dut.i.ready) and not ctx.get(dut.o.valid)
        await ctx.tick()
        ctx.set(dut.i.payload, 0x5E)
        assert ctx.get(dut.o.valid) and not ctx.get(dut.i.ready)

    simulate(dut, bench)


def test_a_reset_forgets_an_escape():
    dut, cut = Deframer(), Signal()

    async def bench(ctx):
        ctx.set(dut.o.ready, 1)
        ctx.set(dut.i.valid, 1)
        ctx.set(dut.i.payload, 0x7D)
        ctx.set(cut, 1)
        await ctx.tick()
        ctx.set(cut, 0)
        ctx.set(dut.i.payload, 0x7E)
        assert read(ctx.get(dut.o.payload)) == ("end", False)

    simulate(ResetInserter(cut)(dut), bench)
