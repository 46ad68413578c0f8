"""A line between a host and a device model, in virtual time, that may be hostile."""

import random
from collections import deque
from dataclasses import dataclass

from support.device_model import DeviceModel

__all__ = ["Hostility", "Line"]


@dataclass(frozen=True)
class Hostility:
    """Chances: of each byte to be flipped, lost, repeated or garbled; of a reset in each exchange.

    ``delay_s``: most that a piece of bytes takes; ``pieces``: most bytes that go at once.
    """

    flip: float = 0.0
    drop: float = 0.0
    repeat: float = 0.0
    burst: float = 0.0
    reset: float = 0.0
    delay_s: float = 1e-3
    pieces: int = 1 << 16


class Line:
    """A Transport; bytes stay in order, as on a wire. ``resets`` counts those of the device."""

    name = "line"
    baud: int | None = None
    byte_bits = 10
    unit_hz: int | None = None

    def __init__(
        self, device: DeviceModel, hostility: Hostility = Hostility(), seed: int = 0
    ) -> None:
        self.device, self.hostility = device, hostility
        self.random = random.Random(seed)
        self.time = 0.0
        self.resets = self.damages = 0
        self.cut = False
        self._down: deque[tuple[float, bytes]] = deque()
        self._up: deque[tuple[float, bytes]] = deque()

    def now(self) -> float:
        return self.time

    def exchange(self, out: bytes, timeout: float) -> tuple[int, bytes]:
        if self.hostility.reset and self.random.random() < self.hostility.reset:
            self.device.reset()
            self.resets += 1
        size = min(len(out), self.random.randint(1, self.hostility.pieces))
        self._post(self._down, out[:size])
        deadline = self.time + timeout
        while True:
            self._run()
            found = b""
            while self._up and self._up[0][0] <= self.time:
                found += self._up.popleft()[1]
            if found or size < len(out) or self.time >= deadline:
                return size, found
            times = [queue[0][0] for queue in (self._up, self._down) if queue]
            self.time = min([deadline, *times, *self.device.next_event(self.time)])

    def close(self) -> None:
        pass

    def bring(self, data: bytes, at: float) -> None:
        """Bytes that are on their way to the host already."""
        self._up.append((at, data))

    def _run(self) -> None:
        """Let the device do what it does until now."""
        while self._down and self._down[0][0] <= self.time:
            self.device.feed(self._down.popleft()[1], self.time)
        self.device.run(self.time)
        self._post(self._up, bytes(self.device.to_host))
        self.device.to_host.clear()

    def _post(self, queue: deque[tuple[float, bytes]], data: bytes) -> None:
        if not data or self.cut:
            return
        last = queue[-1][0] if queue else 0.0
        delay = self.random.uniform(0, self.hostility.delay_s)
        queue.append((max(last, self.time + delay), self._damaged(data)))

    def _damaged(self, data: bytes) -> bytes:
        h = self.hostility
        chance = h.flip + h.drop + h.repeat + h.burst
        if not chance:
            return data
        made, at = bytearray(), 0
        while True:
            whole = int(self.random.expovariate(chance))
            made += data[at : at + whole]
            at += whole
            if at >= len(data):
                return bytes(made)
            self.damages += 1
            kind = self.random.choices("fdrb", (h.flip, h.drop, h.repeat, h.burst))[0]
            length = self.random.choice((1, 1, 1, self.random.randint(2, 40)))
            piece = data[at : at + length]
            at += length
            if kind == "f":
                made += bytes([piece[0] ^ 1 << self.random.randrange(8)]) + piece[1:]
            elif kind == "r":
                made += piece + piece
            elif kind == "b":
                made += self.random.randbytes(len(piece))
