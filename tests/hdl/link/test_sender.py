"""What goes over the line, byte by byte, against frames as docs/link.md has them."""

import random

import pytest
from amaranth.hdl import ResetInserter, Signal

from spikewright.golden.errors import ConfigurationError
from spikewright.hdl.link.sender import FrameSender
from support.link import Listener, frame, line
from support.streams import simulate

HELLO, NAK, ECHOED = 4, 3, 150
OWN, TAG = 0x7D7E5D5E, 0xCAFE7D01


@pytest.mark.parametrize("longest", [0, 1 << 15])
def test_payloads_that_are_refused(longest):
    with pytest.raises(
        ConfigurationError, match=rf"^the longest payload must lie in 1\.\.32767, found {longest}$"
    ):
        FrameSender(longest=longest)


def send(frames, *, valid="1", ready="1", longest=300, cut=None):
    """(cycle, byte) of the line for frames (kind, seq, ack, payload or None), one after the other.

    In cycle ``cut`` it is reset, and begins with the next frame.
    """
    dut, reset = FrameSender(longest=longest), Signal()
    found, starts = [], []

    async def bench(ctx):
        ctx.set(dut.own, OWN)
        ctx.set(dut.tag, TAG)
        left, record, held, busy, now = list(frames), b"", None, False, 0
        while left or busy:
            starts_now = not busy
            if starts_now:
                kind, seq, ack, payload = left.pop(0)
                ctx.set(dut.numbered, payload is not None)
                for signal, value in ((dut.kind, kind), (dut.seq, seq), (dut.ack, ack)):
                    ctx.set(signal, value)
                record = b""
                if payload is not None:
                    ctx.set(dut.kind, 0)
                    record = bytes([kind]) + len(payload).to_bytes(2, "little") + payload
                starts.append(now)
            ctx.set(dut.start, starts_now)
            ctx.set(reset, now == cut)
            ctx.set(dut.i.valid, bool(record) and valid[now % len(valid)] == "1")
            ctx.set(dut.i.payload, record[0] if record else 0x55)
            takes = ready[now % len(ready)] == "1"
            ctx.set(dut.o.ready, takes)
            _, _, idle, in_valid, in_ready, offers, byte, done = await ctx.tick().sample(
                *(dut.idle, dut.i.valid, dut.i.ready, dut.o.valid, dut.o.payload, dut.done)
            )
            assert idle == starts_now
            assert held is None or (offers and byte == held), "an offer changed"
            held = byte if offers and not takes else None
            if in_valid and in_ready:
                record = record[1:]
            if offers and takes:
                found.append((now, byte))
            assert not done or (offers and takes and not record)
            busy = not done
            if now == cut:
                busy, held = False, None
            now += 1
            assert now < 30_000, "it never ends"

    simulate(ResetInserter(reset)(dut), bench)
    return found, starts


def expected(frames):
    return line(
        *(
            frame(kind, payload or b"", seq=seq, ack=ack, tag=TAG if kind == HELLO else OWN)
            for kind, seq, ack, payload in frames
        )
    )


FRAMES = [
    (HELLO, 0, 0, None),
    (NAK, 0, 0x7E, None),
    (ECHOED, 0x7D, 255, b""),
    (ECHOED, 0x7E, 0x5E, b"\x7e\x7d\x00\xff"),
    (0x7E, 1, 0x7D, b"\x7d" * 9),
    (ECHOED, 3, 3, bytes(k % 256 for k in range(260))),
]


@pytest.mark.parametrize(
    ("valid", "ready"), [("1", "1"), ("0001", "1"), ("1", "0" * 30 + "1"), ("01101", "110")]
)
def test_frames_of_all_kinds(valid, ready):
    frames = FRAMES if ready == "1" else FRAMES[:-1]
    found, _ = send(frames, valid=valid, ready=ready)
    assert bytes(byte for _, byte in found) == expected(frames)


@pytest.mark.parametrize("seed", [6])
def test_random_frames(seed):
    """So that escapes come in every field, crc included."""
    rng = random.Random(seed)
    frames = []
    for _ in range(30):
        size = rng.choice((0, 1, 3))
        payload = bytes(rng.choice((0x7E, 0x7D, 0x5E, rng.randrange(256))) for _ in range(size))
        frames.append((rng.randrange(256), rng.randrange(256), rng.randrange(256), payload))
    # A HELLO is not numbered.
    frames = [each for each in frames if each[0] != HELLO]
    found, _ = send(frames)
    assert bytes(byte for _, byte in found) == expected(frames)


def test_latency_and_interval():
    found, starts = send([(ECHOED, 0, 0, b"abc"), (NAK, 0, 0, None)])
    times = [now for now, _ in found]
    assert times[0] - starts[0] == FrameSender.latency
    data = frame(ECHOED, b"abc", tag=OWN)
    at = times[1]
    for now in times[2 : len(line(data))]:
        assert now - at in (1, FrameSender.interval)
        at = now
    took = sum(FrameSender.interval + (byte in (0x7D, 0x7E)) for byte in data)
    assert times[len(line(data)) - 1] == times[1] + took
    assert starts[1] == times[len(line(data)) - 1] + 1
    assert times[len(line(data))] == starts[1] + FrameSender.latency


def test_an_ack_that_changes_is_one_or_the_other():
    dut, listener = FrameSender(longest=10), Listener()

    async def bench(ctx):
        ctx.set(dut.o.ready, 1)
        ctx.set(dut.kind, NAK)
        ctx.set(dut.start, 1)
        for now in range(300):
            ctx.set(dut.ack, now)
            _, _, valid, byte = await ctx.tick().sample(dut.o.valid, dut.o.payload)
            ctx.set(dut.start, 0)
            if valid:
                listener.hear(byte)

    simulate(dut, bench)
    assert listener.bad == 0 and 0 < listener.frames[0].ack < 60


def test_a_reset_forgets_the_frame():
    """What was sent of it is bad, and the next one is whole."""
    for cut in (1, 4, 30, 75, 110, 140, 150):
        found, _ = send([(ECHOED, 1, 2, b"\x7e\x7e"), (ECHOED, 3, 4, b"ok")], cut=cut)
        listener = Listener()
        for _, byte in found:
            listener.hear(byte)
        assert [each.payload for each in listener.frames] == [b"ok"] and listener.bad <= 1
