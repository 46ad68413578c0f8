"""Frames that are whole and such that are not, byte by byte."""

from itertools import pairwise

import pytest
from amaranth.hdl import ResetInserter, Signal

from spikewright.golden.errors import ConfigurationError
from spikewright.hdl.link.receiver import FrameReceiver
from support.link import frame
from support.streams import simulate

CONNECT, ACK, NAK, ECHO = 1, 2, 3, 21
LONGEST = 20
TAG = 0x7E110DA5
END, CUT = (0, 1, 0), (0, 1, 1)


@pytest.mark.parametrize("longest", [0, 1 << 15])
def test_payloads_that_are_refused(longest):
    with pytest.raises(
        ConfigurationError, match=rf"^the longest payload must lie in 1\.\.32767, found {longest}$"
    ):
        FrameReceiver(longest=longest)


def symbols(data, end=END):
    return [*((byte, 0, 0) for byte in data), end]


def judge(sent, *, pace=1, longest=LONGEST, cut=()):
    """Of each frame its verdict, its header, what was written; and when each symbol was taken.

    A symbol is offered ``pace`` cycles behind the one before, and lost where it is not taken then;
    with a pace of 1 it waits. The receiver is reset before the symbols in ``cut``.
    """
    dut, reset = FrameReceiver(longest=longest), Signal()
    found, times, written = [], [], []

    async def bench(ctx):
        ctx.set(dut.own, TAG)
        left, now, quiet = list(enumerate(sent)), 0, 0
        wait = 0
        while quiet < 5:
            wait = max(0, wait - 1)
            offers = bool(left) and not wait
            ctx.set(reset, offers and left[0][0] in cut)
            if offers:
                byte, end, broken = left[0][1]
                ctx.set(dut.i.payload, {"byte": byte, "end": end, "cut": broken})
            ctx.set(dut.i.valid, offers and not ctx.get(reset))
            _, _, ready, writes, data, good, bad, *header = await ctx.tick().sample(
                *(dut.i.ready, dut.write, dut.data, dut.good, dut.bad, dut.other),
                *(dut.kind, dut.seq, dut.ack, dut.tag, dut.oversized),
            )
            quiet = 0 if left else quiet + 1
            if ctx.get(reset):
                cut.remove(left[0][0])
                continue
            if offers:
                assert ready or pace == 1, "a symbol was lost"
                if ready:
                    times.append(now)
                    left.pop(0)
                    wait = pace
            if writes:
                written.append(data)
            assert not (good and bad)
            if good or bad:
                found.append((now, "good" if good else "bad", header, bytes(written)))
                written.clear()
            now += 1
            assert now < 30_000, "it never ends"

    simulate(ResetInserter(reset)(dut), bench)
    return found, times


def verdicts(sent, **options):
    return [verdict for _, verdict, _, _ in judge(sent, **options)[0]]


def test_headers_and_what_is_kept():
    sizes = (0, 1, LONGEST)
    frames = [frame(ECHO, bytes(range(n)), seq=200 + n, ack=n, tag=TAG) for n in sizes]
    frames += [
        frame(ECHO, b"\xff", tag=TAG ^ 1),
        frame(ECHO, b"\xff", tag=TAG ^ 1 << 31),
        frame(16, b"", tag=TAG),
        frame(15, b"abc", tag=TAG),
        frame(NAK, b"", ack=77, tag=TAG),
        frame(ECHO, b"", version=2),
        frame(255, b"z" * (LONGEST + 1), seq=3, tag=TAG),
        frame(ECHO, b"z" * 300, tag=TAG),
    ]
    found, _ = judge([each for data in frames for each in symbols(data)])
    assert len(found) == len(frames)
    for (_, verdict, header, written), data in zip(found, frames, strict=True):
        version, kind, seq, ack = data[:4]
        payload = data[10:-4]
        oversized = len(payload) > LONGEST
        assert verdict == "good"
        assert header == [version != 1, kind, seq, ack, header[4], oversized]
        own = int.from_bytes(data[4:8], "little") == TAG
        record = bytes([kind, data[8], data[9] & 127 | own << 7])
        expected = record + (b"" if oversized else payload)
        assert written == (expected if kind >= 16 else b"")


def test_the_tag_of_the_last_connect():
    """Whatever other frames have, and whether or not it is good."""
    sent = [
        frame(CONNECT, tag=0x12345678),
        frame(ECHO, tag=TAG),
        frame(CONNECT, tag=0xCAFE0001, crc=1),
        frame(ACK, tag=0xFFFFFFFF),
    ]
    found, _ = judge([each for data in sent for each in symbols(data)])
    assert [header[4] for _, _, header, _ in found] == [0x12345678] * 2 + [0xCAFE0001] * 2
    assert [verdict for _, verdict, _, _ in found] == ["good", "good", "bad", "good"]


def test_every_byte_that_is_wrong():
    whole = frame(ECHO, b"\x00\x01", tag=TAG)
    sent = []
    for place in range(len(whole)):
        data = bytearray(whole)
        data[place] ^= 1 << place % 8
        sent += symbols(data)
    assert verdicts(sent) == ["bad"] * len(whole)


def test_every_length_that_is_wrong():
    """Also of crcs that are right."""
    whole = frame(ECHO, b"abcd", tag=TAG)
    sent = []
    for size in range(1, len(whole)):
        sent += symbols(whole[:size])
    for more in (1, 2, 5, 17):
        sent += symbols(whole + bytes(more))
    for length in (0, 1, 3, 5, 8, 260, 4 + 256):
        sent += symbols(frame(ECHO, b"abcd", tag=TAG, length=length))
    assert verdicts(sent) == ["bad"] * (len(whole) - 1 + 4 + 7)
    assert verdicts([*symbols(whole), *symbols(whole)]) == ["good"] * 2


def test_nothing_is_no_frame_and_an_escape_before_a_flag_is_a_bad_one():
    good = frame(ACK, tag=TAG)
    sent = [END, END, *symbols(good), END, CUT, *symbols(good, CUT), *symbols(good), END]
    assert verdicts(sent) == ["good", "bad", "bad", "good"]


@pytest.mark.parametrize("pace", [FrameReceiver.interval, 40])
def test_the_fastest_source_that_cannot_wait(pace):
    """A frame begins with the byte behind the flag that ended the one before."""
    good, bad = frame(ECHO, b"\x01\x02", tag=TAG), frame(ECHO, b"\x01\x02", tag=TAG, crc=8)
    sent = [*symbols(good), *symbols(bad), *symbols(good), END, *symbols(good)]
    assert verdicts(sent, pace=pace) == ["good", "bad", "good", "good"]


def test_latency_and_interval():
    data = frame(ECHO, b"abcd", tag=TAG)
    found, times = judge([*symbols(data), *symbols(data)])
    gaps = [b - a for a, b in pairwise(times[: len(data) + 1])]
    assert gaps == [FrameReceiver.interval] * len(data)
    ended = times[len(data)]
    assert found[0][0] == ended + FrameReceiver.latency
    assert times[len(data) + 1] == ended + 2


def test_a_reset_begins_a_frame():
    data = frame(ECHO, b"abcd", tag=TAG)
    for place in (1, 2, 5, 9, 10, 12, 15, len(data)):
        sent = [*((byte, 0, 0) for byte in data[:place]), *symbols(data)]
        assert verdicts(sent, cut=[place]) == ["good"]
