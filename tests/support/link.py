"""Frames as docs/link.md says, written for tests: nothing of the host's or the hardware's code."""

import zlib
from dataclasses import dataclass

__all__ = ["Heard", "Listener", "frame", "line"]


def frame(kind, payload=b"", *, seq=0, ack=0, tag=0, version=1, length=None, crc=0):
    """The bytes of a frame, flags and escapes left out; ``crc`` spoils it."""
    size = len(payload) if length is None else length
    head = bytes([version, kind, seq & 255, ack & 255])
    body = head + tag.to_bytes(4, "little") + size.to_bytes(2, "little") + payload
    return body + (zlib.crc32(body) ^ crc).to_bytes(4, "little")


def line(*frames):
    """What goes over the wire."""
    out = bytearray()
    for each in frames:
        out.append(0x7E)
        for byte in each:
            if byte in (0x7E, 0x7D):
                out += bytes([0x7D, byte ^ 0x20])
            else:
                out.append(byte)
        out.append(0x7E)
    return bytes(out)


@dataclass(frozen=True)
class Heard:
    """A frame that came whole."""

    version: int
    kind: int
    seq: int
    ack: int
    tag: int
    payload: bytes


class Listener:
    """Bytes in, frames out; ``bad`` counts those that are not whole."""

    def __init__(self):
        self.frames = []
        self.bad = 0
        self._held = bytearray()
        self._escaped = False

    def hear(self, byte):
        if byte == 0x7E:
            if self._held or self._escaped:
                self._take(bytes(self._held), self._escaped)
            self._held.clear()
            self._escaped = False
        elif self._escaped:
            self._held.append(byte ^ 0x20)
            self._escaped = False
        elif byte == 0x7D:
            self._escaped = True
        else:
            self._held.append(byte)

    def _take(self, data, cut):
        length = int.from_bytes(data[8:10], "little")
        whole = len(data) >= 14 and len(data) == 14 + length
        if cut or not whole or zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "little"):
            self.bad += 1
            return
        self.frames.append(
            Heard(
                data[0], data[1], data[2], data[3], int.from_bytes(data[4:8], "little"), data[10:-4]
            )
        )
