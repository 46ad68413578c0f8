"""An SPI target against a controller that draws and reads its lines by time."""

import random
from itertools import pairwise

import pytest
from amaranth.hdl import ResetInserter, Signal

from spikewright.golden.link import FLAG
from spikewright.hdl.link import HostLink
from spikewright.hdl.link.spi import SpiTarget
from support.streams import simulate

CYCLES = [SpiTarget.cycles, 4.3, 8, 13.7]  # of a bit
DATA = bytes([0x00, 0xFF, 0x55, FLAG, 0x80, 0x01])
LOW = 2  # cycles of select between two transactions


class Controller:
    """Lines in each cycle, and where it reads: it does so a cycle before its rising edge."""

    def __init__(self, cycles, *, start=0.0):
        self.cycles, self.now = cycles, start
        self.edges = []  # (time, line, level)
        self.reads = []

    def set(self, line, level):
        self.edges.append((self.now, line, level))

    def pulse(self, low=LOW):
        self.set("select", 0)
        self.now += low
        self.set("select", 1)

    def bits(self, byte, count=8):
        for k in range(count):
            self.set("copi", byte >> 7 - k & 1)
            self.now += self.cycles / 2
            self.set("clk", 1)
            self.reads.append(self.now)
            self.now += self.cycles / 2
            self.set("clk", 0)

    def transaction(self, data):
        self.pulse()
        for byte in data:
            self.bits(byte)


def played(controller, offered=(), *, gaps="1", takes="1", cut=None, cuts=()):
    """Taken (cycle, byte), what the host read, and how many of the offered bytes were taken."""
    target = SpiTarget()
    edges, reads = sorted(controller.edges, key=lambda edge: edge[0]), list(controller.reads)
    left, found, bits = list(offered), [], []

    async def bench(ctx):
        levels = []
        for now in range(int(controller.now) + 20):
            while edges and edges[0][0] < now + 1:  # sampled when the cycle ends
                _, line, level = edges.pop(0)
                ctx.set(getattr(target, line), level)
            offers = bool(left) and gaps[now % len(gaps)] == "1"
            ready = takes[now % len(takes)] == "1"
            ctx.set(target.o.ready, ready)
            ctx.set(target.i.valid, offers)
            ctx.set(target.i.payload, left[0] if left else 0)
            if cut is not None:
                ctx.set(cut, now in cuts)
            levels.append(ctx.get(target.cipo))
            if offers and ctx.get(target.i.ready):
                left.pop(0)
            _, _, valid, byte = await ctx.tick().sample(target.o.valid, target.o.payload)
            if valid and ready:
                found.append((now, byte))
        # Stable from a cycle before the edge until it.
        for at in reads:
            seen = {levels[int(at) - 1], levels[int(at)]}
            bits.append(seen.pop() if len(seen) == 1 else "x")

    simulate(target if cut is None else ResetInserter(cut)(target), bench)
    read = ["".join(map(str, bits[k : k + 8])) for k in range(0, len(bits) - 7, 8)]
    return found, read, len(offered) - len(left)


def as_bytes(read):
    return bytes(int(byte, 2) for byte in read)


def bytes_of(found):
    return bytes(byte for _, byte in found)


@pytest.mark.parametrize(
    ("cycles", "start"),
    [*((CYCLES[k], start) for k in (0, 1) for start in (0, 0.3, 0.6, 0.9)), (8, 0.4), (13.7, 0)],
)
def test_bytes_both_ways(cycles, start):
    """At the fastest rate and slower ones, beginning anywhere in a cycle."""
    rng = random.Random(int(10 * cycles + start))
    sent, back = DATA + rng.randbytes(6), rng.randbytes(11)
    controller = Controller(cycles, start=10 + start)
    controller.transaction(sent)
    found, read, taken = played(controller, back)
    assert bytes_of(found) == sent
    assert as_bytes(read) == bytes([FLAG]) + back
    assert taken == len(back)


def test_every_byte_at_the_fastest_rate():
    everything = bytes(range(256))
    controller = Controller(SpiTarget.cycles, start=10)
    controller.transaction(everything)
    found, read, _ = played(controller, everything[::-1])
    assert bytes_of(found) == everything
    assert as_bytes(read) == bytes([FLAG]) + everything[:0:-1]


def test_a_rate_that_is_too_fast_is_not_understood():
    """So the measured limit is one: what comes back would be late."""
    controller = Controller(SpiTarget.cycles - 1, start=10)
    controller.transaction(bytes(6))
    _, read, _ = played(controller, DATA)
    assert any("x" in byte for byte in read) or as_bytes(read[1:]) != DATA[:5]


@pytest.mark.parametrize("cycles", CYCLES)
def test_latency_and_interval(cycles):
    controller = Controller(cycles, start=10)
    controller.transaction(bytes(6))
    found, _, _ = played(controller)
    last = controller.reads[7::8]
    for (now, _), edge in zip(found, last, strict=True):
        assert 0 <= edge + SpiTarget.latency - now < 1
    for (one, _), (next_one, _) in pairwise(found):
        assert abs(next_one - one - 8 * cycles) <= 1
    if cycles == SpiTarget.cycles:
        assert found[1][0] - found[0][0] == SpiTarget.interval


def test_the_link_keeps_pace():
    """A byte of a frame is there when the one before is out, and is done with before the next."""
    assert HostLink.interval + 2 < SpiTarget.interval


@pytest.mark.parametrize("seed", range(3))
def test_transactions_pauses_and_stalls(seed):
    """Where nothing is offered in time the host reads a flag, and everything else comes once."""
    rng = random.Random(seed)
    controller = Controller(rng.choice(CYCLES), start=10 + rng.random())
    sent, back = rng.randbytes(30), bytes(rng.choices(range(FLAG), k=16))
    at = 0
    while at < len(sent):
        count = rng.randint(1, 6)
        controller.transaction(sent[at : at + count])
        at += count
        controller.now += 40 * rng.random()
    pattern = "".join(rng.choices("01", weights=(1, 3), k=997))
    takes = "".join(rng.choices("0001", k=97)) + "1"
    found, read, taken = played(controller, back, gaps=pattern, takes=takes)
    assert bytes_of(found) == sent
    heard = as_bytes(read)
    assert FLAG in heard[1:]
    # The last one that was taken may not be out yet.
    assert back[:taken].startswith(heard.replace(bytes([FLAG]), b""))
    assert len(heard.replace(bytes([FLAG]), b"")) >= taken - 1


def test_a_byte_waits_until_the_next_one_has_come():
    controller = Controller(4, start=10)
    controller.transaction(b"\x11\x22\x33")
    assert bytes_of(played(controller, takes="0" * 31 + "1")[0]) == b"\x11\x22\x33"
    controller.now += 70
    assert bytes_of(played(controller, takes="0" * 130 + "1")[0]) == b"\x33"


@pytest.mark.parametrize("count", range(1, 8))
def test_a_byte_that_is_cut_is_dropped(count):
    """And the next one is whole, both ways."""
    controller = Controller(4.3, start=10)
    controller.pulse()
    controller.bits(0x5A)
    controller.bits(0xA5, count)
    controller.reads.clear()
    controller.transaction(DATA)
    found, read, _ = played(controller, b"\x11\x22\x33\x44")
    assert bytes_of(found) == b"\x5a" + DATA
    # 11 was cut on its way.
    assert as_bytes(read)[:4] == bytes([FLAG, 0x22, 0x33, 0x44])


def test_an_edge_too_many_is_forgotten_with_select():
    controller = Controller(4, start=10)
    controller.pulse()
    controller.bits(0, 1)
    for byte in DATA:
        controller.bits(byte)
    first = len(controller.reads)
    controller.transaction(DATA)
    del controller.reads[:first]
    found, read, _ = played(controller)
    assert bytes_of(found).endswith(DATA) and not bytes_of(found).startswith(DATA)
    assert set(as_bytes(read)) == {FLAG}


def test_what_is_clocked_while_others_are_selected_is_not_ours():
    controller = Controller(4, start=10)
    controller.set("select", 0)
    for byte in DATA:
        controller.bits(byte)
    assert played(controller, b"\x11")[::2] == ([], 0)


def test_a_byte_waits_while_others_are_selected():
    controller = Controller(4, start=10)
    controller.transaction(b"\x01")
    controller.set("select", 0)
    controller.bits(0xFF)
    del controller.reads[8:]
    controller.transaction(b"\x02")
    found, read, _ = played(controller, b"\x11")
    assert bytes_of(found) == b"\x01\x02" and as_bytes(read) == bytes([FLAG, 0x11])


def test_a_clock_that_stands_at_1_is_no_edge():
    controller = Controller(4)
    controller.set("clk", 1)
    controller.set("select", 1)
    controller.now += 10
    controller.set("clk", 0)
    controller.now += 4
    for byte in DATA:
        controller.bits(byte)
    assert bytes_of(played(controller)[0]) == DATA


def test_the_line_goes_on_in_a_reset():
    """Only the offer is withdrawn; who offers is in the reset, too, as a rule."""
    controller, cut = Controller(4, start=10), Signal()
    controller.transaction(DATA)
    middle = int(controller.reads[20])
    found, read, _ = played(controller, cut=cut, cuts=range(middle, middle + 32))
    assert bytes_of(found) == DATA[:2] + DATA[3:]
    assert set(as_bytes(read)) == {FLAG}
