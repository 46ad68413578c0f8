"""A connection over a line that may lose, repeat and damage bytes: frames arrive once, in order.

One thread does it all: ``pump`` sends what there is room for, takes what came, asks again for what
did not, and connects anew where the device was reset or has fallen silent.
"""

import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from spikewright.flow.host.frames import Decoder, Frame, encode
from spikewright.flow.host.transport import Transport
from spikewright.golden.errors import LinkError
from spikewright.golden.link import (
    CRC_BYTES,
    DEFAULT_TIMEOUT_S,
    FLAG,
    HEADER_BYTES,
    INBOX_OVERHEAD,
    LINK_VERSION,
    NUMBERED,
    FrameType,
)

__all__ = ["Received", "Session", "Statistics"]

_NUMBERS = 256
_BEHIND = 128  # numbers before the next one were seen; so many may wait to be acknowledged
_CHUNK = 4096  # bytes made ahead of the line, so that the ``ack`` in them is young
_TAG_BYTES = 4
_FIRST_RTT = 0.1
_LEAST_WAIT, _MOST_WAIT = 0.02, 1.0
_QUIET_SHARE = 4  # of the timeout, until a device counts as gone
_POLLS = 3  # before it does


@dataclass(kw_only=True)
class Statistics:
    """What the line did, as the host saw it.

    ``sent``, ``received``: numbered frames, each counted once. ``again``: times that one was sent
    again. ``repeated``: that came again. ``missed``: times that some had to be asked for. ``bad``:
    damaged ones that came. ``polls``: times that the host asked because nothing came.
    ``reconnects``: after a reset of the device, or silence.
    """

    sent: int = 0
    again: int = 0
    received: int = 0
    repeated: int = 0
    missed: int = 0
    bad: int = 0
    polls: int = 0
    reconnects: int = 0


class Received(NamedTuple):
    """A numbered frame that came in order, ``at`` that second, over the connection ``epoch``."""

    epoch: int
    type: int
    tag: bytes
    payload: bytes
    at: float


@dataclass
class _Sent:
    """A numbered frame until it is acknowledged; when it last went out, and how often."""

    seq: int
    type: int
    payload: bytes
    at: float = 0.0
    times: int = 0


def _room(payload: bytes) -> int:
    """Bytes of the inbox that a command takes."""
    return len(payload) + INBOX_OVERHEAD


class Session:
    """Numbered frames both ways with go-back-N, and as many under way as the inbox has room for.

    Parameters
    ----------
    transport : the line. timeout : seconds in which a device that lives must have gone on.
    draw : random bytes, so many.

    Members
    -------
    epoch : of the connection: with each new one all that was sent and not answered is lost, and
    this number is another. tag : of the network, in every frame. inbox : bytes of the device's.
    received : what came, until somebody takes it.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        timeout: float = DEFAULT_TIMEOUT_S,
        draw: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self.transport = transport
        self.timeout = timeout
        self.statistics = Statistics()
        self.epoch = 0
        self.tag = bytes(_TAG_BYTES)
        self.inbox = INBOX_OVERHEAD  # enough to ask how large it is
        self.received: deque[Received] = deque()
        self._draw = draw
        self._decoder = Decoder()
        self._rtt = _FIRST_RTT
        self._rtt_spread = 0.0
        self._out = bytearray()
        self._forget()

    @property
    def waiting(self) -> bool:
        """Whether the device still owes something: an acknowledgement or an answer."""
        return bool(self._sent or self._queue or self._answers)

    @property
    def hungry(self) -> bool:
        """Whether all that was given is on its way, and more may be, or nearly so."""
        return self._load <= self.inbox and len(self._sent) + len(self._queue) <= _BEHIND

    def send(self, kind: FrameType, payload: bytes = b"", *, answers: int = 1) -> None:
        """Send a command when there is room for it, and expect so many answers."""
        if not self.waiting:
            self._heard = self._progress = self._left = self.transport.now()
            self._rearm()
        self._queue.append((kind, payload))
        self._load += _room(payload)
        self._answers += answers

    def connect(self) -> None:
        """Begin anew: everything that was under way is lost, and the accelerator is reset.

        Raises
        ------
        LinkError
            If nobody answers in time, or in another version of the frames.
        """
        self._forget()
        self.epoch += 1
        tag = self._draw(_TAG_BYTES)
        start, bad = self.transport.now(), self._decoder.bad
        wait, next_try, last_try = _FIRST_RTT, start, start
        while True:
            now = self.transport.now()
            if now - start >= self.timeout:
                raise self._nobody(self._decoder.bad - bad)
            if now >= next_try:
                self._out += bytes([FLAG]) + encode(Frame(FrameType.CONNECT, tag=tag))
                next_try, last_try, wait = now + wait, now, min(2 * wait, _MOST_WAIT)
            for frame in self._exchange(min(next_try, start + self.timeout) - now):
                if frame.type == FrameType.HELLO and frame.tag == tag:
                    self._heard = self._progress = self._left = self.transport.now()
                    self._rtt, self._rtt_spread = self._heard - last_try, 0.0
                    return

    def pump(self, timeout: float) -> None:
        """Send and take what can be; wait ``timeout`` seconds at most for something to come.

        Raises
        ------
        LinkError
            If the device answers and does not go on, or does not answer any more.
        """
        now = self.transport.now()
        away = now - self._left  # nobody looked meanwhile: it does not count
        self._heard += away
        self._progress += away
        self._alarm += away
        self._fill()
        frames = self._exchange(min(timeout, self._alarm - now) if self.waiting else timeout)
        damaged = self._decoder.bad > self.statistics.bad
        self.statistics.bad = self._decoder.bad
        for frame in frames:
            if frame.type == FrameType.DOWN:
                self._reconnect()
                break
            self._take(frame)
        else:
            if damaged:
                self._ask_again()
            if self.waiting:
                self._watch()
        self._left = self.transport.now()

    def _forget(self) -> None:
        """Numbers begin at 0; nothing is under way."""
        self._queue: deque[tuple[FrameType, bytes]] = deque()
        self._sent: deque[_Sent] = deque()
        self._load = 0  # bytes of the inbox that both take
        self._gone = 0  # of the frames in _sent, those that are on their way
        self._next_out = self._next_in = 0
        self._answers = 0
        self._owe_ack = False
        self._asked = self._went_back = float("-inf")
        self._polled = False
        self._backoff = 1
        self._heard = self._progress = self._alarm = self._left = self.transport.now()
        # A frame that was cut is ended by the flag in front of the next one.
        self._out.clear()

    def _reconnect(self) -> None:
        self.statistics.reconnects += 1
        progress = self._progress
        self.connect()
        self._progress = progress  # to be connected is not to go on

    def _exchange(self, timeout: float) -> list[Frame]:
        """Bytes out and frames in."""
        sent, data = self.transport.exchange(bytes(self._out), max(0.0, timeout))
        del self._out[:sent]
        frames = self._decoder.feed(data)
        for frame in frames:
            if frame.version != LINK_VERSION:
                raise LinkError(
                    f"the device must speak version {LINK_VERSION} of the link",
                    found=f"version {frame.version}",
                    where=self.transport.name,
                    action="build its bitstream again with this version of spikewright",
                )
        return frames

    # --- out ------------------------------------------------------------------------------------

    def _fill(self) -> None:
        """Make bytes of what may go: first what goes again, then what there is room for."""
        room = self.inbox - self._load + sum(_room(payload) for _, payload in self._queue)
        while len(self._out) < _CHUNK:
            if self._gone == len(self._sent):
                if not self._queue or len(self._sent) >= _BEHIND:
                    break
                kind, payload = self._queue[0]
                # A frame that fills more than the inbox would wait for ever: the device says so.
                if self._sent and _room(payload) > room:
                    break
                self._queue.popleft()
                each = _Sent(self._next_out, kind, payload)
                self._next_out = (self._next_out + 1) % _NUMBERS
                self._sent.append(each)
                room -= _room(payload)
                self.statistics.sent += 1
            each = self._sent[self._gone]
            self._gone += 1
            self.statistics.again += each.times > 0
            each.times += 1
            each.at = self.transport.now()
            self._put(each.type, each.seq, each.payload)
        if self._owe_ack:
            self._put(FrameType.ACK)

    def _put(self, kind: int, seq: int = 0, payload: bytes = b"") -> None:
        self._out += encode(Frame(kind, seq, self._next_in, self.tag, payload))
        self._owe_ack = False

    def _go_back(self) -> None:
        """Send again what was not acknowledged; once for all that tells of the same loss."""
        now = self.transport.now()
        if now - self._went_back >= self._rtt + self._on_line():
            self._went_back = now
            self._gone = 0

    # --- in -------------------------------------------------------------------------------------

    def _take(self, frame: Frame) -> None:
        self._heard = self.transport.now()
        if frame.type in (FrameType.ACK, FrameType.NAK) or frame.type >= NUMBERED:
            self._acknowledged(frame.ack)
        if frame.type >= NUMBERED:
            self._take_numbered(frame)
        # A length that was damaged on its way is told as OVERSIZED, too.
        asks = (FrameType.NAK, FrameType.OVERSIZED, *(FrameType.ACK,) * self._polled)
        if frame.type in asks:
            self._go_back()
        self._polled = False

    def _take_numbered(self, frame: Frame) -> None:
        ahead = (frame.seq - self._next_in) % _NUMBERS
        if ahead == 0:
            self._next_in = (self._next_in + 1) % _NUMBERS
            self._owe_ack = True
            self.statistics.received += 1
            if frame.type != FrameType.PART:
                self._answers = max(0, self._answers - 1)
            self.received.append(
                Received(self.epoch, frame.type, frame.tag, frame.payload, self._heard)
            )
            self._went_on()
        elif ahead >= _NUMBERS - _BEHIND:
            self._owe_ack = True
            self.statistics.repeated += 1
        else:
            self._ask_again()

    def _ask_again(self) -> None:
        """Say that something was lost; once for all that tells of the same loss."""
        now = self.transport.now()
        if now - self._asked >= self._rtt + self._on_line():
            self._asked = now
            self.statistics.missed += 1
            self._put(FrameType.NAK)

    def _acknowledged(self, ack: int) -> None:
        done = (ack - self._sent[0].seq) % _NUMBERS if self._sent else 0
        if not 0 < done <= len(self._sent):
            return  # as young as what is known, or older
        for _ in range(done):
            last = self._sent.popleft()
            self._load -= _room(last.payload)
        self._gone = max(0, self._gone - done)
        took = self._heard - last.at
        # Of what waited behind a loss the time says nothing, unless it is short.
        calm = last.at > max(self._asked, self._went_back)
        if last.times == 1 and (calm or took < self._rtt):
            self._backoff = 1 if calm else self._backoff
            self._rtt_spread += (abs(took - self._rtt) - self._rtt_spread) / 4
            self._rtt += (took - self._rtt) / 8
        self._went_on()

    # --- time -----------------------------------------------------------------------------------

    def _went_on(self) -> None:
        self._progress = self._heard
        self._backoff = max(1, self._backoff // 2)
        self._polled = False
        self._rearm()

    def _wait(self) -> float:
        """Seconds in which an answer comes, if one does."""
        wait = self._rtt + 4 * self._rtt_spread + self._on_line()
        return min(max(wait, _LEAST_WAIT), _MOST_WAIT)

    def _on_line(self) -> float:
        """Seconds that what is under way takes on the line, where that is known."""
        if not self.transport.baud:
            return 0.0
        frame = HEADER_BYTES + CRC_BYTES + 2 - INBOX_OVERHEAD
        line = len(self._out) + self._load + frame * len(self._sent)
        return line * self.transport.byte_bits / self.transport.baud

    def _rearm(self) -> None:
        self._alarm = self.transport.now() + self._pause()

    def _pause(self) -> float:
        """Seconds until the device is asked; longer each time, but while it counts as there."""
        most = self.timeout / _QUIET_SHARE / _POLLS
        return min(self._backoff * self._wait(), _MOST_WAIT, most)

    def _watch(self) -> None:
        """Ask where nothing came, connect anew where nothing comes, give up where it is no use."""
        now = self.transport.now()
        quiet = now - self._heard >= self.timeout / _QUIET_SHARE
        if now - self._progress >= self.timeout:
            if quiet:
                raise self._nobody(0)
            raise LinkError(
                f"the device must go on within {self.timeout:g} s",
                found="one that answers, and does not",
                where=self.transport.name,
                action="give it more time with --timeout, or reset the board",
            )
        if quiet:
            self._reconnect()
        elif now >= self._alarm:
            self.statistics.polls += 1
            self._put(FrameType.NAK)
            self._polled = True
            self._backoff *= 2
            self._alarm = now + self._pause()

    def _nobody(self, bad: int) -> LinkError:
        if bad:
            return LinkError(
                f"a device must answer within {self.timeout:g} s",
                found=f"{bad} frames that no crc is right of",
                where=self.transport.name,
                action="give the rate that its bitstream was built for, as --baud 115200",
            )
        return LinkError(
            f"a device must answer within {self.timeout:g} s",
            found="nothing",
            where=self.transport.name,
            action="check that the board has its bitstream, that this is its port (spikewright"
            " ports) and --baud; a slow line needs --timeout",
        )
