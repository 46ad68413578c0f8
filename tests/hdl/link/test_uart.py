"""Both ends of a UART against bits that are drawn and read by time."""

import random
from itertools import pairwise

import pytest
from amaranth.hdl import ResetInserter, Signal

from spikewright.hdl.link.uart import UartReceiver, UartTransmitter, increment_of
from support.streams import simulate

CYCLES = [4, 4.3, 8, 13.7]  # of a bit
DATA = bytes([0x00, 0xFF, 0x55, 0x7E, 0x80])
CLOCK = 12e6


def increment(cycles):
    found = increment_of(CLOCK / cycles, CLOCK)
    assert found is not None
    return found


def test_a_bit_must_have_four_cycles():
    assert increment_of(3e6, 12e6) == 1 << 18
    assert increment_of(3e6, 11.999e6) is None


def drawn(data, cycles, *, start=0.0, pause=0.0, stop=1, after=3.0):
    """The line in each cycle, where a byte begins ``pause`` bits behind the one before."""
    edges, now = [(start, 1)], start + cycles
    for byte in data:
        for bit in (0, *((byte >> k) & 1 for k in range(8)), stop):
            edges.append((now, bit))
            now += cycles
        edges.append((now, 1))
        now += pause * cycles
    length = int(now + after * cycles)
    level, found = 1, []
    for at in range(length):
        while edges and edges[0][0] <= at:
            level = edges.pop(0)[1]
        found.append(level)
    return found


def received(line, cycles, *, hold=1):
    """(cycle, byte) of what is taken, each offer ``hold`` cycles after it came."""
    dut = UartReceiver()
    found = []

    async def bench(ctx):
        ctx.set(dut.increment, increment(cycles))
        waits = 0
        for now, level in enumerate(line):
            ctx.set(dut.rx, level)
            ctx.set(dut.o.ready, waits >= hold - 1)
            _, _, valid, byte = await ctx.tick().sample(dut.o.valid, dut.o.payload)
            waits = waits + 1 if valid else 0
            if valid and waits >= hold:
                found.append((now, byte))
                waits = 0

    simulate(dut, bench)
    return found


def bytes_of(found):
    return bytes(byte for _, byte in found)


@pytest.mark.parametrize("cycles", CYCLES)
@pytest.mark.parametrize("offset", [-UartReceiver.tolerance, 0, UartReceiver.tolerance])
def test_bytes_of_a_clock_that_differs(cycles, offset):
    """Without pauses, and beginning anywhere in a cycle."""
    line = []
    for part in (0, 0.37, 0.74):
        line += drawn(DATA, cycles * (1 + offset), start=part)
    assert bytes_of(received(line, cycles)) == DATA * 3


@pytest.mark.parametrize("cycles", CYCLES)
@pytest.mark.parametrize("seed", [5])
def test_bytes_with_pauses(cycles, seed):
    rng = random.Random(seed)
    data = rng.randbytes(12)
    for pause in (rng.random(), 1 + rng.random()):
        assert bytes_of(received(drawn(data, cycles, pause=pause), cycles)) == data


@pytest.mark.parametrize("cycles", CYCLES)
def test_latency_and_interval(cycles):
    """An offer comes so many cycles behind the middle of the stop bit, or one more or less."""
    found = [now for now, _ in received(drawn(bytes(6), cycles), cycles)]
    for k, now in enumerate(found):
        middle = cycles * (1 + 10 * k + 9.5)
        assert abs(now - middle - UartReceiver.latency) <= 1
    for one, next_one in pairwise(found):
        assert abs(next_one - one - 10 * cycles) <= 1


def test_a_byte_waits_until_the_next_one_has_come():
    line = drawn(b"\x11\x22\x33\x44", 8, after=20)
    assert bytes_of(received(line, 8, hold=79)) == b"\x11\x22\x33\x44"
    # The first one is not taken in time, and its place is taken by the second.
    assert bytes_of(received(line, 8, hold=120)) == b"\x22\x44"


@pytest.mark.parametrize("cycles", CYCLES)
def test_a_glitch_is_no_start_bit(cycles):
    low = int(cycles / 2) - 1
    line = [1] * 20 + [0] * low + [1] * (20 if cycles < 8 else 7) + drawn(DATA, cycles)
    assert bytes_of(received(line, cycles)) == DATA


@pytest.mark.parametrize("cycles", CYCLES)
def test_a_break_gives_nothing_while_it_lasts(cycles):
    low = [1] * 9 + [0] * int(45 * cycles)
    assert received(low, cycles) == []
    after = bytes_of(received(low + [1] * int(11 * cycles) + drawn(DATA, cycles), cycles))
    assert after.endswith(DATA) and len(after) <= len(DATA) + 1


@pytest.mark.parametrize("cycles", CYCLES)
def test_a_byte_without_a_stop_bit_is_dropped(cycles):
    line = drawn(b"\xf0", cycles, stop=0, after=12) + drawn(DATA, cycles)
    assert bytes_of(received(line, cycles)) == DATA


def test_a_reset_forgets_a_byte():
    cycles, dut, cut = 8, UartReceiver(), Signal()
    found = []

    async def bench(ctx):
        ctx.set(dut.increment, increment(cycles))
        ctx.set(dut.o.ready, 1)
        line = drawn(b"\xff\x55", cycles)
        for now, level in enumerate(line):
            ctx.set(dut.rx, level)
            ctx.set(cut, now == 40)
            _, _, valid, byte = await ctx.tick().sample(dut.o.valid, dut.o.payload)
            if valid:
                found.append(byte)

    simulate(ResetInserter(cut)(dut), bench)
    assert found == [0x55]


def sent(data, cycles, gaps="1"):
    """The line in each cycle, of bytes that are offered as ``gaps`` says."""
    dut = UartTransmitter()
    line, accepted = [], []

    async def bench(ctx):
        ctx.set(dut.increment, increment(cycles))
        left, now, idle = list(data), 0, 0
        while idle < 12 * cycles:
            offers = bool(left) and gaps[now % len(gaps)] == "1"
            ctx.set(dut.i.valid, offers)
            ctx.set(dut.i.payload, left[0] if left else 0)
            _, _, ready, level = await ctx.tick().sample(dut.i.ready, dut.tx)
            line.append(level)
            idle = 0 if left or not ready else idle + 1
            if offers and ready:
                accepted.append(now)
                left.pop(0)
            now += 1
            assert now < 30_000, "it never ends"

    simulate(dut, bench)
    return line, accepted


def read(line, cycles):
    """(cycle of the start bit's edge, byte) as somebody reads who has an ideal clock."""
    found, at = [], 1
    while at < len(line):
        if not (line[at - 1] and not line[at]):
            at += 1
            continue
        bits = [line[int(at + (k + 0.5) * cycles)] for k in range(10)]
        assert bits[0] == 0 and bits[9] == 1
        found.append((at, sum(bit << k for k, bit in enumerate(bits[1:9]))))
        at = int(at + 9.5 * cycles)
    return found


@pytest.mark.parametrize("cycles", CYCLES)
@pytest.mark.parametrize("gaps", ["1", "0" * 97 + "1"])
def test_what_is_sent_can_be_read(cycles, gaps):
    line, accepted = sent(DATA, cycles, gaps)
    found = read(line, cycles)
    assert bytes_of(found) == DATA
    for (edge, _), taken in zip(found, accepted, strict=True):
        assert 1 < edge - taken <= cycles + 3
    if gaps == "1":
        for k, (edge, _) in enumerate(found):
            assert abs(edge - found[0][0] - 10 * k * cycles) <= 1


@pytest.mark.parametrize("cycles", CYCLES)
def test_each_end_understands_the_other(cycles):
    assert bytes_of(received(sent(DATA, cycles)[0], cycles)) == DATA


def test_a_reset_sends_nothing():
    dut, cut, levels = UartTransmitter(), Signal(), []

    async def bench(ctx):
        ctx.set(dut.increment, increment(4))
        ctx.set(dut.i.valid, 1)
        for now in range(100):
            ctx.set(cut, now >= 20)
            _, _, level = await ctx.tick().sample(dut.tx)
            levels.append(level)

    simulate(ResetInserter(cut)(dut), bench)
    assert 0 in levels[:20] and 0 not in levels[21:]
