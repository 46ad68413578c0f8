"""Sessions: whatever the line does, frames arrive once and in order, or their loss is told."""

import random
from dataclasses import replace

import pytest

from spikewright.flow.host.frames import Decoder, Frame, encode
from spikewright.flow.host.session import Session
from spikewright.golden.errors import LinkError
from spikewright.golden.link import FrameType
from support.device_model import Accelerator, DeviceModel, Port
from support.line import Hostility, Line

HOSTILE = Hostility(flip=1e-3, drop=5e-4, repeat=5e-4, burst=2e-4, pieces=300)
WITH_RESETS = replace(HOSTILE, reset=8e-3)


def device(**settings):
    return DeviceModel(Accelerator([], Port(8, 1, 0), None), **settings)


def connected(line, *, session=Session, seed=0, **settings):
    made = session(line, draw=random.Random(seed).randbytes, **settings)
    made.connect()
    made.inbox = line.device.inbox
    return made


def echoes(session, payloads, *, stop=None):
    """Echo all payloads; what a new connection loses is sent again. Whether it came to the end."""
    found, sent, epoch = [], 0, session.epoch
    while len(found) < len(payloads):
        if session.epoch != epoch:
            epoch, sent = session.epoch, len(found)
        while sent < len(payloads) and session.hungry:
            session.send(FrameType.ECHO, payloads[sent])
            sent += 1
        session.pump(1.0)
        while session.received:
            got = session.received.popleft()
            assert got.type == FrameType.ECHOED and got.payload == payloads[len(found)]
            found.append(got.payload)
            if len(found) == stop:
                return


def payloads(n, seed, most=60):
    draw = random.Random(seed)
    return [draw.randbytes(draw.randint(0, most)) for _ in range(n)]


def test_a_good_line_takes_each_frame_once():
    line = Line(device())
    session = connected(line)
    echoes(session, payloads(1000, 1))
    line_seen = session.statistics
    assert (line_seen.sent, line_seen.received) == (1000, 1000)
    assert not (line_seen.again or line_seen.repeated or line_seen.missed or line_seen.bad)
    assert not (line_seen.polls or line_seen.reconnects)
    assert line.device.line == [0, 0, 0] and line.device.executed == 1000


@pytest.mark.parametrize("hostility", [HOSTILE, WITH_RESETS])
@pytest.mark.parametrize(
    "seed", [*range(3), *(pytest.param(k, marks=pytest.mark.rest) for k in range(3, 40))]
)
def test_a_hostile_line(hostility, seed):
    line = Line(device(), hostility, seed)
    session = connected(line, seed=seed)
    echoes(session, payloads(1000, seed))
    assert line.damages > 100 and session.statistics.bad > 50
    assert session.statistics.again > 100 and line.device.line[0] > 50
    if hostility.reset:
        assert session.statistics.reconnects > 0 and line.resets > 0
    # Recovery takes a few round trips, not seconds, for each.
    assert line.time < 0.02 * line.damages + 2 * line.resets


@pytest.mark.parametrize("delay", [1e-3, 16e-3])
def test_the_line_stays_full_at_the_latency_of_usb(delay):
    line = Line(device(inbox=4096, outbox=4096), Hostility(delay_s=delay))
    session = connected(line)
    start = line.time
    echoes(session, payloads(2000, 1))
    # One by one they would take 2000 round trips; some 100 have room in the inbox at once.
    assert line.time - start < 2000 * 2 * delay / 60
    assert session.statistics.again == 0


def test_no_more_is_sent_than_the_inbox_has_room_for():
    slow = device(inbox=100, command_s=1e-2)
    session = connected(Line(slow))
    echoes(session, payloads(200, 1))
    assert slow.line == [0, 0, 0]


def test_a_host_that_overruns_the_inbox_recovers():
    slow = device(inbox=100, command_s=1e-3)
    line = Line(slow)
    session = connected(line)
    session.inbox = 400  # as a faulty host would believe
    echoes(session, payloads(200, 1))
    assert slow.line[1] > 0


def test_a_slow_device_is_not_asked_without_end():
    line = Line(device(command_s=0.3), Hostility(delay_s=0.5))
    session = connected(line, timeout=60)
    echoes(session, payloads(100, 1))
    assert session.statistics.reconnects == 0
    assert session.statistics.polls < 30 and session.statistics.again < 30


def test_a_host_that_is_killed_leaves_nothing_behind():
    """The next one connects with frames of the last one still on the line, both ways."""
    line = Line(device(command_s=1e-4), replace(WITH_RESETS, delay_s=0.3), 5)
    for k in range(30):
        session = connected(line, seed=k, timeout=60)
        echoes(session, payloads(60, 100 + k), stop=random.Random(k).randint(1, 60))


class Careless(Session):
    """Takes any HELLO for its own."""

    def _exchange(self, timeout):
        return [
            frame._replace(tag=self._tag) if frame.type == FrameType.HELLO else frame
            for frame in super()._exchange(timeout)
        ]

    def _draw_tag(self, size):
        self._tag = self._drawn(size)
        return self._tag

    def __init__(self, *args, draw, **named):
        self._drawn = draw
        super().__init__(*args, draw=self._draw_tag, **named)


def test_the_tag_is_what_tells_an_old_answer():
    """A first host is killed behind its CONNECT; its HELLO reaches the second one."""

    def second(session):
        line = Line(device(), Hostility(delay_s=0))
        # HELLO, then an answer that the first one would have got.
        line.bring(encode(Frame(FrameType.HELLO, tag=b"old!")), 0.0)
        line.bring(encode(Frame(FrameType.ECHOED, seq=0, payload=b"old")), 1e-6)
        made = connected(line, session=session)
        made.send(FrameType.ECHO, b"new")
        while not made.received:
            made.pump(1.0)
        return made.received[0].payload

    assert second(Session) == b"new"
    assert second(Careless) == b"old"


@pytest.mark.parametrize("fault", [{"check_crc": False}, {"execute_once": False}])
def test_a_faulty_device_is_found_out(fault):
    line = Line(device(**fault), HOSTILE, 1)
    session = connected(line)
    with pytest.raises((AssertionError, LinkError)):
        echoes(session, payloads(1000, 1))


def test_nobody_answers():
    line = Line(device())
    line.cut = True
    with pytest.raises(LinkError, match="^line: a device must answer within 5 s, found nothing; "):
        Session(line).connect()
    assert 5 <= line.time < 6


def test_another_rate():
    """Bytes come, and none are frames."""

    class Garbling(Line):
        def _damaged(self, data):
            return bytes(byte ^ 0x11 for byte in data) + b"\x7e"

    line = Garbling(device())
    line.device._send(2)
    with pytest.raises(LinkError, match=r"found \d+ frames that no crc is right of; give the rate"):
        Session(line).connect()


def test_a_device_that_falls_silent():
    line = Line(device())
    session = connected(line)
    echoes(session, payloads(10, 1))
    line.cut = True
    start = line.time
    with pytest.raises(LinkError, match="must answer within 5 s, found nothing"):
        echoes(session, payloads(10, 2))
    assert line.time - start < 12
    line.cut = False  # and comes back
    session.connect()
    echoes(session, payloads(10, 3))


def test_a_device_that_answers_and_does_not_go_on():
    line = Line(device())
    session = connected(line)
    line.device.stuck = True
    with pytest.raises(
        LinkError, match="^line: the device must go on within 5 s, found one that an"
    ):
        echoes(session, payloads(10, 2))
    assert session.statistics.reconnects == 0
    line.device.stuck = False
    session.connect()
    echoes(session, payloads(10, 3))


def test_another_version():
    line = Line(device(version=2))
    with pytest.raises(
        LinkError, match="^line: the device must speak version 1 of the link, found"
    ):
        Session(line).connect()


def test_a_length_that_was_damaged_is_not_the_hosts_mistake():
    line = Line(device())
    session = connected(line)
    session.send(FrameType.ECHO, b"x")

    damaged = bytearray(encode(Frame(FrameType.ECHO, payload=bytes(3))))
    damaged[10] = 0x7F  # the upper byte of the length
    line.device.feed(bytes(damaged), 0.0)
    assert [frame.type for frame in Decoder().feed(bytes(line.device.to_host))][-1] == 7
    while not session.received:
        session.pump(1.0)
    assert session.received[0].payload == b"x"
    # The device takes the next command.
    echoes(connected(line), payloads(10, 1))


def test_time_in_which_nobody_looks_does_not_count():
    line = Line(device())
    session = connected(line)
    sent = payloads(40, 1)
    for payload in sent:
        session.send(FrameType.ECHO, payload)
    found = []
    for _ in range(200):
        line.time += 100  # what its user does in between
        line.device.stuck = True
        session.pump(1e-3)  # and nothing has come
        line.device.stuck = False
        session.pump(1.0)
        found += [got.payload for got in session.received]
        session.received.clear()
    assert found == sent and session.statistics.reconnects == 0


def test_what_came_again_is_acknowledged_again():
    """A device whose outbox is full hears at once that it may go on."""
    line = Line(device(), Hostility(delay_s=0))
    session = connected(line)
    echoes(session, [b"once"])
    session.pump(0.0)
    line.device.answers.clear()
    line.bring(encode(Frame(FrameType.ECHOED, seq=0, ack=1, payload=b"once")), line.time)
    session.pump(0.0)
    assert not session.received and session.statistics.repeated == 1
    heard = []
    line.device.feed = lambda data, now: heard.extend(Decoder().feed(data))
    session.pump(0.0)
    assert [(frame.type, frame.ack) for frame in heard] == [(FrameType.ACK, 1)]
