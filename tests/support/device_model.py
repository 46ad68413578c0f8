"""A device behind a host link, read from docs/link.md alone: naive, and told the time."""

import struct
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["Accelerator", "DeviceModel", "Port"]

SPIKE, STEP, END = 0, 1, 2


@dataclass(frozen=True)
class Port:
    """Bits of a layout: kind (2), address, payload, and further slots up to ``width``."""

    width: int
    address_bits: int
    payload_bits: int
    encoder: bool = False

    @property
    def word_bytes(self) -> int:
        return -(-self.width // 8)

    def word(self, kind: int, address: int = 0, payload: int = 0) -> int:
        payload &= (1 << self.payload_bits) - 1
        return kind | address << 2 | payload << (2 + self.address_bits)


class Accelerator:
    """What is behind the link: words of each input in, words of the output out.

    ``answer`` gets the words of a sample by input, the T of its frames and what the sample before
    left where its END kept it (None after a reset); it returns the words of the output, and what
    this sample leaves.
    """

    def __init__(
        self, inputs: list[Port], output: Port, answer: Callable[..., tuple[list[int], object]]
    ) -> None:
        self.inputs, self.output, self.answer = inputs, output, answer
        self.reset()

    def reset(self) -> None:
        self.words: list[list[int]] = [[] for _ in self.inputs]
        self.ended: deque[int] = deque()
        self.steps = [0] * len(self.inputs)
        self.kept: object = None
        self.under_way = False

    def take(self, port: int, word: int, steps: int) -> list[int] | None:
        """A token; the words of the output, where it ended a sample."""
        self.words[port].append(word)
        self.steps[port] = steps
        self.under_way = True
        if any(not words or words[-1] & 3 != END for words in self.words):
            return None
        sample, self.words = self.words, [[] for _ in self.inputs]
        found, left = self.answer(sample, self.steps, self.kept)
        self.kept = left if sample[0][-1] >> 2 & 1 else None
        self.under_way = False
        return found


@dataclass
class DeviceModel:
    """The device's end of the line; ``now`` goes up from call to call.

    ``command_s``, ``token_s``: seconds that a command and each of its tokens take. ``latency_s``:
    from a sample's END to its result. ``ready``: whether the network is there. ``memories``: (rows,
    words of a row) of those that are loaded, what is in them in ``rows``.
    """

    accelerator: Accelerator
    network: bytes = bytes(range(32))
    plan: bytes = bytes(range(32, 64))
    board: bytes = b"model"
    inbox: int = 512
    outbox: int = 512
    longest: int = 128
    increment: int = 0
    memories: list[tuple[int, int]] = field(default_factory=list)
    ready: bool = True
    stored: bool | None = None
    counts: list[int] = field(default_factory=lambda: [0])
    after_clear: list[int] | None = None
    command_s: float = 1e-6
    token_s: float = 1e-7
    latency_s: float = 1e-5
    version: int = 1
    check_crc: bool = True
    execute_once: bool = True
    stuck: bool = False
    executed: int = 0

    def __post_init__(self) -> None:
        self.to_host = bytearray()
        self.line = [0, 0, 0]  # bad, missed, repeated
        self.rows: dict[tuple[int, int], tuple[int, ...]] = {}
        self.filled: set[int] = set()
        self.refused = 0
        self.reset()

    def reset(self) -> None:
        """As a button does: what was loaded stays."""
        self.connected = False
        self._raw = bytearray()
        self._escaped = self._broken = self._said_oversized = False
        self._begin()

    def _begin(self) -> None:
        self.commands: deque[tuple[int, int, bytes, bytes]] = deque()
        self.answers: deque[tuple[int, int, bytes]] = deque()
        self.results: deque[tuple[float, list[int]]] = deque()
        self.awaited = self.done = self.next_out = 0
        self.busy: tuple[float, tuple] | None = None
        self.loading: bytearray | None = None
        self.accelerator.reset()

    # --- bytes ----------------------------------------------------------------------------------

    def feed(self, data: bytes, now: float) -> None:
        """Bytes from the host, one after the other."""
        for byte in data:
            if byte == 0x7E:
                if self._escaped:
                    self._broken = True
                if (self._raw or self._broken) and not self._said_oversized:
                    self._frame(bytes(self._raw), now)
                self._raw.clear()
                self._escaped = self._broken = self._said_oversized = False
            elif byte == 0x7D and not self._escaped:
                self._escaped = True
            elif not self._said_oversized:
                self._raw.append(byte ^ 0x20 if self._escaped else byte)
                self._escaped = False
                if len(self._raw) == 10 and self._length() > self.longest:
                    self._said_oversized = True
                    self._send(7)

    def _length(self) -> int:
        return self._raw[8] | self._raw[9] << 8

    def _frame(self, raw: bytes, now: float) -> None:
        whole = len(raw) >= 14 and len(raw) == 14 + (raw[8] | raw[9] << 8)
        right = whole and zlib.crc32(raw[:-4]) == struct.unpack("<I", raw[-4:])[0]
        if self._broken or not whole or (self.check_crc and not right):
            self.line[0] += 1
            if self.connected:
                self._send(3)
            return
        version, kind, seq, ack = raw[:4]
        tag, payload = raw[4:8], raw[10:-4]
        if version != self.version:
            self._send(6)
        elif kind == 1:
            self._begin()
            self.connected = True
            self._send(4, tag=tag)
        elif not self.connected:
            self._send(5)
        else:
            self._acknowledged(ack)
            if kind >= 16:
                self._numbered(kind, seq, tag, payload)
            elif kind == 3:
                for k, (number, answer, body) in enumerate(self.answers):
                    del k
                    self._send(answer, number, body)
                if not self.answers:
                    self._send(2)
        self.run(now)

    def _numbered(self, kind: int, seq: int, tag: bytes, payload: bytes) -> None:
        ahead = (seq - self.awaited) % 256
        if ahead >= 128 and not self.execute_once:
            ahead, self.awaited = 0, self.awaited - 1
        if ahead >= 128:
            self.line[2] += 1
            self._send(2)
        elif ahead or self._taken() + len(payload) + 3 > self.inbox:
            self.line[1] += 1
            self._send(3)
        else:
            self.awaited = (self.awaited + 1) % 256
            self.commands.append((kind, seq, tag, payload))

    def _taken(self) -> int:
        under_way = [self.busy[1]] if self.busy else []
        return sum(len(payload) + 3 for *_, payload in [*self.commands, *under_way])

    def _acknowledged(self, ack: int) -> None:
        if self.answers and 0 < (ack - self.answers[0][0]) % 256 <= len(self.answers):
            while self.answers and self.answers[0][0] != ack:
                self.answers.popleft()

    def _send(self, kind: int, seq: int = 0, payload: bytes = b"", tag: bytes = b"") -> None:
        body = bytes([self.version, kind, seq, self.done]) + (tag or self.network[:4])
        body += struct.pack("<H", len(payload)) + payload
        body += struct.pack("<I", zlib.crc32(body))
        self.to_host.append(0x7E)
        for byte in body:
            self.to_host += bytes([0x7D, byte ^ 0x20]) if byte in (0x7E, 0x7D) else bytes([byte])
        self.to_host.append(0x7E)

    # --- commands -------------------------------------------------------------------------------

    def next_event(self, now: float) -> list[float]:
        """When something happens by itself, if anything does after now."""
        times = [self.busy[0]] if self.busy else []
        times += [self.results[0][0]] if self.results else []
        return [] if self.stuck else [time for time in times if time > now]

    def run(self, now: float) -> None:
        """Do what can be done until now."""
        going = True
        while going and not self.stuck:
            going = self._emit(now)
            if self.busy and self.busy[0] <= now and len(self.results) < 2 and self._room(200):
                self._execute(*self.busy[1], self.busy[0])
                self.busy = None
                going = True
            if not self.busy and self.commands:
                command = self.commands.popleft()
                took = self.command_s + self.token_s * len(command[-1])
                self.busy = (now + took, command)
                going = True

    def _room(self, size: int) -> bool:
        taken = sum(len(payload) + 3 for *_, payload in self.answers)
        return not self.answers or (taken + size <= self.outbox and len(self.answers) < 120)

    def _answer(self, kind: int, payload: bytes) -> None:
        self.answers.append((self.next_out, kind, payload))
        self._send(kind, self.next_out, payload)
        self.next_out = (self.next_out + 1) % 256

    def _emit(self, now: float) -> bool:
        """Results that are there, as far as there is room."""
        if not self.results or self.results[0][0] > now:
            return False
        at, words = self.results[0]
        size = self.accelerator.output.word_bytes
        room = (self.longest - 8) // size
        part = words[:room] if len(words) > room else words
        kind = 145 if len(words) > room else 146
        payload = b"".join(word.to_bytes(size, "little") for word in part)
        if kind == 146:
            latency = 0xFFFFFFFF if len(self.results) > 1 or self.busy else round(at * 1e6) % 997
            payload += struct.pack("<II", round(at * 1e6) % (1 << 32), latency)
        if not self._room(len(payload) + 3):
            return False
        self._answer(kind, payload)
        if kind == 146:
            self.results.popleft()
        else:
            self.results[0] = (at, words[room:])
        return True

    def _execute(self, kind: int, seq: int, tag: bytes, payload: bytes, now: float) -> None:
        self.done = (seq + 1) % 256
        self.executed += 1
        handler = {
            16: self._identify,
            17: self._tokens,
            18: self._load,
            19: self._counters,
            20: self._reset_command,
            21: lambda payload, tag, now: (150, payload),
            22: self._selftest,
        }.get(kind)
        found = handler(payload, tag, now) if handler else 1
        if isinstance(found, int):
            self._answer(159, bytes([seq, found]))
        elif found is not None:
            self._answer(*found)

    def _identify(self, payload: bytes, tag: bytes, now: float):
        flags = self.ready | (bool(self.memories)) << 1 | (self.stored is not None) << 2
        body = struct.pack("<B", flags) + self.increment.to_bytes(3, "little")
        body += struct.pack("<HHH", self.inbox, self.outbox, self.longest)
        body += bytes([len(self.accelerator.inputs), len(self.counts) + 3])
        return 144, body + self.network + self.plan + self.board.ljust(16, b"\0")

    def _tokens(self, payload: bytes, tag: bytes, now: float):
        if tag != self.network[:4]:
            return 2
        if not self.ready:
            return 3
        if len(payload) < 2:
            return 5
        number, how = payload[0] & 15, payload[0] >> 4 & 3
        if number >= len(self.accelerator.inputs):
            return 4
        port = self.accelerator.inputs[number]
        words = self._words(port, how, payload[2:])
        if not port.encoder:
            words += [port.word(STEP)] * payload[1]
        if payload[0] & 0x40:
            words.append(port.word(END, payload[0] >> 7))
        for word in words:
            found = self.accelerator.take(number, word, payload[1])
            if found is not None:
                self.results.append((now + self.latency_s, found))
        return None

    @staticmethod
    def _words(port: Port, how: int, body: bytes) -> list[int]:
        if how == 0:
            size = port.word_bytes
            return [int.from_bytes(body[k : k + size], "little") for k in range(0, len(body), size)]
        first = body[0] | body[1] << 8
        if how == 1:
            bits = int.from_bytes(body[2:], "little")
            there = [k for k in range(8 * len(body[2:])) if bits >> k & 1]
            return [port.word(SPIKE, first + k, 1) for k in there]
        size = -(-port.payload_bits // 8)
        values = [int.from_bytes(body[k : k + size], "little") for k in range(2, len(body), size)]
        return [port.word(SPIKE, first + k, value) for k, value in enumerate(values) if value]

    def _load(self, payload: bytes, tag: bytes, now: float):
        if not self.memories:
            return 6
        if not payload:
            return 5
        if payload[0] & 1:
            self.loading = bytearray()
            self._reset_command(b"", tag, now)
        if self.loading is not None:
            before = len(self.loading)
            self.loading += payload[1:]
            if before < 68 <= len(self.loading):
                self._head(bytes(self.loading[:68]))
        if not payload[0] & 2:
            return None
        image, self.loading = bytes(self.loading or b""), None
        found = self._image(image)
        self.ready = self.ready or found == 0
        return 147, bytes([found])

    def _head(self, head: bytes) -> None:
        """What is there is another one from here on, or nothing of this is taken."""
        base = head[32:36]
        self.refused = 0
        if head[:32] != self.plan:
            self.refused = 3
        elif any(base) and not (self.ready and base == self.network[:4]):
            self.refused = 4
        else:
            self.network, self.ready = head[36:], False
            if not any(base):
                self.filled = set()

    def _image(self, image: bytes) -> int:
        """Code of LOADED; fills the rows until something is wrong."""
        if len(image) < 68:
            return 1
        if self.refused:
            return self.refused
        words = [low | high << 8 for low, high in zip(image[68::2], image[69::2], strict=False)]
        at = 0
        while at < len(words) and words[at] != 0xFFFF:
            if len(words) < at + 3:
                return 1
            memory, first, count = words[at : at + 3]
            at += 3
            if memory >= len(self.memories) or first + count > self.memories[memory][0]:
                return 1
            depth, width = self.memories[memory]
            if (first, count) == (0, depth):
                self.filled.add(memory)
            if not count:
                return 1
            if len(words) < at + count * width:
                return 1
            for row in range(first, first + count):
                self.rows[memory, row] = tuple(words[at : at + width])
                at += width
        end = 68 + 2 * (at + 1)
        if len(image) < end + 4 or zlib.crc32(image[:end]) != int.from_bytes(
            image[end : end + 4], "little"
        ):
            return 1
        return 0 if len(self.filled) == len(self.memories) else 2

    def _counters(self, payload: bytes, tag: bytes, now: float):
        if not payload:
            return 5
        found = struct.pack(
            f"<{len(self.counts) + 3}I", *self.counts, *(min(count, 255) for count in self.line)
        )
        if payload[0] & 1:
            self.counts = list(self.after_clear or [0] * len(self.counts))
            self.line = [0, 0, 0]
        return 148, found

    def _reset_command(self, payload: bytes, tag: bytes, now: float):
        self.accelerator.reset()
        self.results.clear()
        return 149, b""

    def _selftest(self, payload: bytes, tag: bytes, now: float):
        return 6 if self.stored is None else (151, bytes([self.stored]))
