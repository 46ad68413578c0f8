"""The whole link in front of a device that answers each sample with what it was sent."""

import struct
import zlib
from functools import cache

import pytest
from amaranth.hdl import Module, ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import TokenKind
from spikewright.hdl.link.host_link import HostLink, LinkPlan
from spikewright.hdl.link.uart import BYTES
from spikewright.hdl.loader import Loader
from spikewright.hdl.queue import SpikeQueue
from spikewright.hdl.token import TokenLayout, axes_of
from support.link import Listener, frame, line

NETWORK, PLAN = bytes(range(7, 39)), bytes(range(100, 132))
TAG = int.from_bytes(NETWORK[:4], "little")
SHAPES = ((2, 20), (3, 8))
LAYOUT = TokenLayout(axes=axes_of((50,)), low=-3, high=7)
CONNECT, ACK, NAK, HELLO, DOWN, VERSION, OVERSIZED = range(1, 8)
IDENTIFY, TOKENS, LOAD, COUNTERS, RESET, ECHO, SELFTEST = range(16, 23)
ERROR = 159


def host_link(**given):
    """One with a board that is none."""
    usual = {
        "layouts": [LAYOUT],
        "framed": [False],
        "output": LAYOUT,
        "steps_bits": 0,
        "counters": 2,
        "network": NETWORK,
        "plan": PLAN,
        "board": "none",
        "sizes": LinkPlan(inbox=256, outbox=256),
    }
    return HostLink(**usual | given)


@pytest.mark.parametrize("name", ["inbox", "outbox"])
@pytest.mark.parametrize("size", [128, 257, 1 << 16])
def test_sizes_that_are_refused(name, size):
    with pytest.raises(
        ConfigurationError, match=rf"^{name} must be a power of two in 256\.\.32768, found {size}$"
    ):
        LinkPlan(**{name: size})


@pytest.mark.parametrize(
    ("counters", "size", "most"), [(61, 256, 63), (253, 1 << 15, 255), (125, 512, 127)]
)
def test_counters_that_no_answer_holds(counters, size, most):
    """They would never leave the outbox, and nothing behind them."""
    sizes = LinkPlan(inbox=min(2 * size, 1 << 15), outbox=size)
    message = (
        f"a link of these sizes must have at most {most} counters, three of them its own, "
        f"found {counters + 3}; choose larger boxes, or no counters"
    )
    with pytest.raises(ConfigurationError, match=f"^{message}$"):
        host_link(counters=counters, sizes=sizes)
    host_link(counters=most - 3, sizes=sizes)


def test_hashes_that_are_refused():
    with pytest.raises(ConfigurationError, match=r"^a hash must have 32 bytes, found 32 and 31$"):
        host_link(plan=PLAN[1:])


class Mirror(wiring.Component):
    """A link whose accelerator sends back all that it gets, and counts what it was reset."""

    def __init__(self, sizes=None, **given):
        self.link = host_link(**({"sizes": sizes} if sizes else {}), **given)
        super().__init__({"rx": In(BYTES), "tx": Out(BYTES), "ready": In(1), "waits": In(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.link = link = self.link
        wiring.connect(m, wiring.flipped(self.rx), link.rx)
        wiring.connect(m, link.tx, wiring.flipped(self.tx))
        queue = SpikeQueue(layout=LAYOUT, depth=2)
        m.submodules.queue = ResetInserter(link.restart)(queue)
        wiring.connect(m, link.o_0, queue.i)
        wiring.connect(m, queue.o, link.i)
        resets = Signal(32)
        m.d.sync += resets.eq(resets + link.restart)
        m.d.comb += [
            link.increment.eq(0x12345),
            link.count_0.eq(0xDEADBEEF),
            link.count_1.eq(resets),
            link.ready.eq(self.ready),
        ]
        return m


class Judged(Mirror):
    """One with a self-test, which always ends well."""

    def __init__(self, sizes):
        super().__init__(sizes, tests=True)

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.sync += self.link.test_done.eq(self.link.test_start)
        m.d.comb += self.link.test_right.eq(1)
        return m


class Filled(wiring.Component):
    """A link whose network is loaded, and the loader of two small memories."""

    def __init__(self, sizes):
        self.link = host_link(network=None, sizes=LinkPlan(inbox=256, outbox=512))
        self.loader = Loader(design=PLAN, shapes=SHAPES)
        super().__init__({"rx": In(BYTES), "tx": Out(BYTES), "ready": In(1), "waits": In(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.link, m.submodules.loader = link, loader = self.link, self.loader
        wiring.connect(m, wiring.flipped(self.rx), link.rx)
        wiring.connect(m, link.tx, wiring.flipped(self.tx))
        wiring.connect(m, link.load, loader.load)
        wiring.connect(m, loader.network, link.network_hash)
        m.d.comb += [
            loader.reload.eq(link.reload),
            link.load_waits.eq(self.waits),
            link.load_done.eq(loader.done),
            link.load_result.eq(loader.result),
            link.tag.eq(loader.tag),
            link.ready.eq(loader.loaded),
        ]
        return m


class Rig:
    """A design and its simulator, which is made once and set back for each conversation."""

    def __init__(self, kind, sizes):
        self.design = kind(sizes)
        top = Module()
        top.submodules.design = self.design
        self.simulator = Simulator(top)
        self.simulator.add_clock(1e-6)
        self.simulator.add_testbench(self._bench)
        self.bench = None

    async def _bench(self, ctx):
        await self.bench(ctx, self.design)

    def run(self, bench):
        if self.bench is not None:
            self.simulator.reset()
        self.bench = bench
        self.simulator.run()


rig = cache(Rig)


def talk(
    sent, *, kind=Mirror, sizes=None, ready=1, waits=0, stall="1", limit=40_000, pace=10, cut=0
):
    """Frames heard for the bytes sent, one in ``pace`` cycles; ``cut`` of them are not whole.

    ``waits``: cycles that a load waits.
    """
    listener = Listener()

    async def bench(ctx, mirror):
        ctx.set(mirror.ready, ready)
        data, quiet, took = list(sent), 0, None
        for now in range(limit):
            if now in (0, waits):
                ctx.set(mirror.waits, now < waits)
            offers = now % pace == 0 and bool(data)
            if now % pace < 2:
                ctx.set(mirror.rx.valid, offers)
            if offers:
                ctx.set(mirror.rx.payload, data.pop(0))
            takes = stall[now % len(stall)] == "1"
            if takes != took:
                ctx.set(mirror.tx.ready, takes)
                took = takes
            _, _, room, valid, byte = await ctx.tick().sample(
                mirror.rx.ready, mirror.tx.valid, mirror.tx.payload
            )
            assert room or not offers, "a byte of the line was lost"
            quiet = 0 if data else quiet + 1
            if takes and valid:
                listener.hear(byte)
                quiet = 0
            if quiet > 1000:
                return
        raise AssertionError("it never ends")

    rig(kind, sizes).run(bench)
    assert listener.bad == cut
    return listener.frames


def numbered(*commands, start=0):
    return [frame(kind, body, seq=start + k, tag=TAG) for k, (kind, body) in enumerate(commands)]


HI = frame(CONNECT, tag=0xCAFE7D7E)


def test_nobody_has_connected():
    (answer,) = talk(line(frame(IDENTIFY)))
    assert (answer.kind, answer.payload) == (DOWN, b"")


def test_identity():
    hello, identity = talk(line(HI, *numbered((IDENTIFY, b""))))
    assert (hello.kind, hello.tag, hello.ack, hello.payload) == (HELLO, 0xCAFE7D7E, 0, b"")
    assert (identity.kind, identity.seq, identity.tag) == (144, 0, TAG)
    sizes = LinkPlan(inbox=256, outbox=256)
    expected = bytes([1, 0x45, 0x23, 0x01])
    for number in (256, 256, sizes.longest):
        expected += number.to_bytes(2, "little")
    expected += bytes([1, 5]) + NETWORK + PLAN + b"none".ljust(16, b"\0")
    assert identity.payload == expected
    assert identity.ack in (0, 1)


def test_echo_and_acks():
    body = bytes(range(100)) + b"\x7d\x7e"
    _hello, *rest = talk(line(HI, *numbered((ECHO, body), (ECHO, b""), (ECHO, b"\x7e"))))
    answers = [each for each in rest if each.kind == 150]
    assert [each.payload for each in answers] == [body, b"", b"\x7e"]
    assert [each.seq for each in answers] == [0, 1, 2]
    assert rest[-1].ack == 3
    assert {each.kind for each in rest} <= {150, ACK}


def words(*tokens):
    """Of the mirror's layout, which has 2 + 6 + 4 bits."""
    found = b""
    for kind, address, payload in tokens:
        found += (kind | address << 2 | (payload & 15) << 8).to_bytes(2, "little")
    return found


SPIKE, STEP, END = (int(kind) for kind in (TokenKind.SPIKE, TokenKind.STEP, TokenKind.END))


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (
            b"\x40\x02" + words((SPIKE, 3, -2), (STEP, 0, 0), (SPIKE, 49, 7)),
            [(SPIKE, 3, -2), (STEP, 0, 0), (SPIKE, 49, 7), (STEP, 0, 1), (STEP, 0, 1), (END, 0, 1)],
        ),
        (
            b"\xd0\x00" + b"\x08\x00" + b"\x05\x00\x81",
            [(SPIKE, 8, 1), (SPIKE, 10, 1), (SPIKE, 24, 1), (SPIKE, 31, 1), (END, 1, 1)],
        ),
        (
            b"\x60\x01" + b"\x02\x00" + b"\x00\xff\x07\x00",
            [(SPIKE, 3, -1), (SPIKE, 4, 7), (STEP, 0, 1), (END, 0, 1)],
        ),
        (b"\x40\x00", [(END, 0, 1)]),
    ],
)
@pytest.mark.parametrize("stall", ["1", "0001", "1" * 40 + "0" * 60])
def test_tokens(sent, expected, stall):
    _hello, *rest = talk(line(HI, *numbered((TOKENS, sent))), stall=stall)
    (result,) = (each for each in rest if each.kind == 146)
    body, stamps = result.payload[:-8], result.payload[-8:]
    assert [body[k : k + 2] for k in range(0, len(body), 2)] == [words(each) for each in expected]
    took = int.from_bytes(stamps[4:], "little")
    assert 0 < took < 400 and rest[-1].ack == 1


def test_results_in_parts():
    """An answer of another command waits for no sample; nothing is out of order."""
    many = b"\x00\x00" + words(*((SPIKE, k, 1) for k in range(50)))
    heard = talk(
        line(
            HI,
            *numbered(
                (TOKENS, many),
                (ECHO, b"a"),
                (TOKENS, many),
                (TOKENS, many),
                (TOKENS, b"\x40\x01"),
                (ECHO, b"b"),
            ),
        ),
        sizes=LinkPlan(inbox=256, outbox=1024),
    )
    numbered_frames = [each for each in heard if each.kind >= 16]
    assert [each.seq for each in numbered_frames] == list(range(len(numbered_frames)))
    kinds = [each.kind for each in numbered_frames]
    assert kinds[:2] == [145, 150] and kinds[-2:] == [146, 150] and len(kinds) >= 5
    tokens = b"".join(each.payload for each in numbered_frames if each.kind in (145, 146))
    assert tokens[:-8] == words(*((SPIKE, k, 1) for k in range(50))) * 3 + words(
        (STEP, 0, 1), (END, 0, 1)
    )


@pytest.mark.parametrize("command", [(SELFTEST, b"xy"), (RESET, b"")])
def test_a_reset_behind_half_an_answer(command):
    """What was collected of a sample goes before it, and nothing of that is in its answer."""
    some = b"\x00\x00" + words(*((SPIKE, k, 1) for k in range(9)))
    heard = talk(line(HI, *numbered((TOKENS, some), command, (ECHO, b"2"))), kind=Judged)
    *parts, answer, echo = [each for each in heard if each.kind >= 16]
    assert (answer.kind, answer.payload) in ((151, b"\1"), (149, b""))
    assert (echo.kind, echo.payload) == (150, b"2")
    assert all(each.kind == 145 and some[2:].startswith(each.payload) for each in parts) and parts


@pytest.mark.parametrize(
    ("commands", "ready", "code"),
    [
        ([(TOKENS, b"\x40")], 1, 5),
        ([(TOKENS, b"\x41\x01abc")], 1, 4),
        ([(TOKENS, b"\x40\x01abc")], 0, 3),
        ([(COUNTERS, b"")], 1, 5),
        ([(LOAD, b"\x01abc")], 1, 6),
        ([(SELFTEST, b"xy")], 1, 6),
        ([(40, b"xyz")], 1, 1),
        ([(200, b"")], 1, 1),
    ],
)
def test_commands_that_are_refused(commands, ready, code):
    """And the next one is not."""
    heard = talk(line(HI, *numbered((ECHO, b"1"), *commands, (ECHO, b"2"))), ready=ready)
    answers = [each for each in heard if each.kind >= 16]
    assert [each.kind for each in answers] == [150, ERROR, 150]
    assert answers[1].payload == bytes([1, code])


def test_a_self_test_without_a_network():
    """It would wait for ever, and so would all commands behind it."""
    heard = talk(line(HI, *numbered((SELFTEST, b""), (ECHO, b"2"))), kind=Judged, ready=0)
    refused, echo = [each for each in heard if each.kind >= 16]
    assert (refused.kind, refused.payload) == (ERROR, bytes([0, 3]))
    assert (echo.kind, echo.payload) == (150, b"2")


def test_another_network():
    other = frame(TOKENS, b"\x40\x01", seq=0, tag=TAG ^ 1)
    heard = talk(line(HI, other, frame(ECHO, b"2", seq=1)))
    answers = [each for each in heard if each.kind >= 16]
    assert [each.kind for each in answers] == [ERROR, 150]
    assert answers[0].payload == bytes([0, 2])


def test_counters():
    heard = talk(
        line(
            HI,
            frame(ECHO, b"", seq=5),
            frame(ACK, crc=1),
            *numbered((RESET, b""), (COUNTERS, b"\0"), (COUNTERS, b"\1"), (COUNTERS, b"\0")),
        )
    )
    counted = [struct.unpack("<5I", each.payload) for each in heard if each.kind == 148]
    # Reset by the connection and by the command; one frame bad, one too early. What the first two
    # count is not the link's to clear.
    assert counted[:2] == [(0xDEADBEEF, 2, 1, 1, 0)] * 2 and counted[2] == (0xDEADBEEF, 2, 0, 0, 0)
    assert [each.kind for each in heard if each.kind >= 16] == [149, 148, 148, 148]
    assert [each.kind for each in heard].count(NAK) in (1, 2)


def test_a_frame_that_is_lost_or_comes_twice():
    first, second, third = numbered((ECHO, b"1"), (ECHO, b"2"), (ECHO, b"3"))
    heard = talk(line(HI, first, third, second, second, third, first))
    answers = [each.payload for each in heard if each.kind >= 16]
    assert answers == [b"1", b"2", b"3"]
    assert NAK in {each.kind for each in heard} and heard[-1].ack == 3


def test_answers_are_sent_again():
    three = numbered((ECHO, b"1"), (ECHO, b"2"), (ECHO, b"3"))
    quiet = b"\x7e" * 400
    heard = talk(
        line(HI, *three)
        + quiet
        + line(frame(NAK, ack=1))
        + quiet
        + line(frame(ACK, ack=3), frame(NAK, ack=3))
    )
    answers = [each.payload for each in heard if each.kind >= 16]
    assert answers == [b"1", b"2", b"3", b"2", b"3"]
    assert heard[-1].kind == ACK and heard[-1].ack == 3


def test_an_ack_of_what_was_never_sent():
    three = numbered((ECHO, b"1"), (ECHO, b"2"))
    quiet = b"\x7e" * 400
    heard = talk(line(HI, *three) + quiet + line(frame(ACK, ack=9), frame(NAK, ack=0)) + quiet)
    assert [each.payload for each in heard if each.kind >= 16] == [b"1", b"2", b"1", b"2"]


def test_other_versions_and_long_frames():
    longest = LinkPlan(inbox=256, outbox=256).longest
    heard = talk(
        line(
            HI,
            frame(ECHO, b"x", version=2),
            frame(ECHO, bytes(longest + 1)),
            *numbered((ECHO, bytes(longest))),
        )
    )
    assert [each.kind for each in heard if each.kind != ACK] == [HELLO, VERSION, OVERSIZED, 150]
    assert heard[1].version == 1


def test_more_than_the_inbox_holds():
    """While the outbox is full; it is asked for again, and nothing is lost."""
    sizes = LinkPlan(inbox=256, outbox=256)
    bodies = [bytes([k]) * sizes.longest for k in range(5)]
    frames = numbered(*((ECHO, body) for body in bodies))
    quiet = b"\x7e" * 200
    data = line(HI, *frames) + quiet
    for done in (2, 4):
        data += line(frame(ACK, ack=done)) + quiet + line(*frames[done + 1 :]) + quiet
    heard = talk(data, sizes=sizes)
    assert NAK in [each.kind for each in heard]
    assert [each.payload for each in heard if each.kind >= 16] == bodies


def test_connecting_again_forgets():
    busy = numbered((TOKENS, b"\x00\x00" + words((SPIKE, 1, 1))), (ECHO, b"1"))
    heard = talk(line(HI, *busy, HI, *numbered((TOKENS, b"\x40\x01"))), cut=1)
    result = next(each for each in heard if each.kind == 146)
    assert result.seq == 0 and result.payload[:-8] == words((STEP, 0, 1), (END, 0, 1))


def test_rubbish_between_frames():
    junk = bytes(k % 251 for k in range(300)).replace(b"\x7e", b"")
    heard = talk(line(HI) + junk + b"\x7d\x7e" + line(*numbered((ECHO, b"1"))))
    assert [each.payload for each in heard if each.kind >= 16] == [b"1"]


# --- what is loaded -------------------------------------------------------------------------------

OTHER = bytes(range(50, 82))
ROWS = ((0, 0, [0x1234, 0x5, 0xABCD, 0xF]), (1, 0, [1, 2, 3]))


def image(*segments, design=PLAN, base=bytes(4), network=OTHER, crc=0):
    body = design + base + network
    for memory, first, words in segments:
        count = len(words) // (2 if memory == 0 else 1)
        body += struct.pack(f"<{3 + len(words)}H", memory, first, count, *words)
    body += b"\xff\xff"
    return body + (zlib.crc32(body) ^ crc).to_bytes(4, "little")


def loads(data, size=40, *, first=1, last=2):
    """LOAD commands, of so many bytes each."""
    parts = [data[k : k + size] for k in range(0, len(data), size)]
    ends = [first * (k == 0) | last * (k == len(parts) - 1) for k in range(len(parts))]
    return [(LOAD, bytes([end]) + part) for end, part in zip(ends, parts, strict=True)]


def answers(heard):
    """The numbered frames; of identities whether they are ready, and the network."""
    found = []
    for each in heard:
        if each.kind == 144:
            assert each.payload[0] & 2 and each.payload[44:76] == PLAN
            found.append((each.payload[0] & 1, each.payload[12:44], each.tag))
        elif each.kind >= 16:
            found.append((each.kind, *each.payload))
    return found


NONE = (0, bytes(32), 0)
HAS = (1, OTHER, int.from_bytes(OTHER[:4], "little"))
WHO = (IDENTIFY, b"")


@pytest.mark.parametrize("size", [33, *(pytest.param(k, marks=pytest.mark.rest) for k in (2, 40))])
def test_a_network_is_loaded(size):
    """Its hash is told from then on, frames have its tag, and the identity's rest is as it was."""
    commands = [WHO, *loads(image(*ROWS), size), WHO]
    heard = talk(line(HI, *numbered(*commands)), kind=Filled)
    assert answers(heard) == [NONE, (147, 0), HAS]


ENDS = [
    (image(*ROWS, design=bytes(32)), 3),
    (image(*ROWS, base=b"abcd"), 4),
    (image(*ROWS, crc=1), 1),
    (image(*ROWS)[:-2], 1),
    (image(*ROWS)[:-1], 1),
    (image(*ROWS, (2, 0, [1])), 1),
    (image(ROWS[0]), 2),
    (image(*ROWS) + b"more", 0),
]


def test_how_images_end():
    """One behind the other; what a wrong one left does not count for the next."""
    commands = [command for data, _ in ENDS for command in loads(data, 110)]
    heard = talk(line(HI, *numbered(*commands)), kind=Filled)
    assert answers(heard) == [(147, code) for _, code in ENDS]


def test_patches_and_images_that_change_nothing():
    """A device keeps what it had where an image is not for it, and is ready all the while."""
    patched = bytes(reversed(OTHER))
    commands = [
        *loads(image(*ROWS), 110),
        *loads(image(*ROWS, design=OTHER), 110),
        *loads(image((1, 1, [7]), base=b"none", network=patched), 110),
        WHO,
        *loads(image((1, 1, [7]), base=OTHER[:4], network=patched), 110),
        WHO,
    ]
    heard = talk(line(HI, *numbered(*commands)), kind=Filled)
    now = (1, patched, int.from_bytes(patched[:4], "little"))
    assert answers(heard) == [(147, 0), (147, 3), (147, 4), HAS, (147, 0), now]


def test_a_connection_in_the_middle():
    """Of what came before it nothing is left but that no network is there."""
    begun, *others = loads(image(*ROWS), 80)
    quiet = b"\x7e" * 60  # until all has been answered
    tokens = frame(TOKENS, b"\x40\x00", seq=len(others) + 1, tag=HAS[2])
    heard = talk(
        line(HI, *numbered(begun))
        + quiet
        + line(HI, *numbered(*others, WHO), tokens)
        + 4 * quiet
        + line(HI, *numbered(*loads(image(*ROWS), 80), WHO)),
        kind=Filled,
    )
    refused = (ERROR, len(others) + 1, 3)
    assert answers(heard) == [(147, 1), (0, *HAS[1:]), refused, (147, 0), HAS]


def test_a_load_waits_until_something_else_has_ended():
    """So does IDENTIFY, which would tell of a network that is on its way."""
    for waiting, answer in ((loads(image(*ROWS), 110), (147, 0)), ([WHO], NONE)):
        commands = line(HI, *numbered((ECHO, b"1"), *waiting, (ECHO, b"2"))) + b"\x7e" * 50
        before, behind = (150, 0x31), [answer, (150, 0x32)]
        assert answers(talk(commands, kind=Filled, waits=20_000)) == [before]
        assert answers(talk(commands, kind=Filled, waits=1200)) == [before, *behind]


def test_loads_without_a_byte():
    heard = talk(line(HI, *numbered((LOAD, b""))), kind=Filled)
    assert answers(heard) == [(ERROR, 0, 5)]
