"""Frames of the host link: their bytes, and the frames in a stream of bytes that may be damaged."""

import struct
import zlib
from typing import NamedTuple

from spikewright.golden.link import (
    CRC_BYTES,
    ESCAPE,
    FLAG,
    FLIP,
    HEADER_BYTES,
    LINK_VERSION,
)

__all__ = ["LONGEST_PAYLOAD", "Decoder", "Frame", "encode"]

LONGEST_PAYLOAD = (1 << 16) - 1
"""Bytes of payload that the length of a frame can say."""

_HEADER = struct.Struct("<BBBB4sH")
_CRC = struct.Struct("<I")
_FLAG = bytes([FLAG])
_ESCAPE = bytes([ESCAPE])
# The escape itself first: what it makes of a flag has an escape in it.
_ESCAPED = tuple((bytes([byte]), bytes([ESCAPE, byte ^ FLIP])) for byte in (ESCAPE, FLAG))
_LONGEST = 2 * (HEADER_BYTES + LONGEST_PAYLOAD + CRC_BYTES)


class Frame(NamedTuple):
    """A frame as docs/link.md has it; ``tag`` has four bytes."""

    type: int
    seq: int = 0
    ack: int = 0
    tag: bytes = bytes(4)
    payload: bytes = b""
    version: int = LINK_VERSION


def encode(frame: Frame) -> bytes:
    """The bytes of a frame, from flag to flag; a payload has ``LONGEST_PAYLOAD`` bytes at most."""
    body = _HEADER.pack(
        frame.version, frame.type, frame.seq, frame.ack, frame.tag, len(frame.payload)
    )
    body += frame.payload
    body += _CRC.pack(zlib.crc32(body))
    for byte, escaped in _ESCAPED:
        body = body.replace(byte, escaped)
    return _FLAG + body + _FLAG


class Decoder:
    """Finds the frames in bytes that come in pieces.

    ``bad`` : how many frames were none: cut, too long, wrongly escaped, or of another check sum.
    """

    def __init__(self) -> None:
        self.bad = 0
        self._open = b""
        self._lost = False

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that end in these bytes, in order."""
        *ended, self._open = (self._open + data).split(_FLAG)
        found = []
        for body in ended:
            frame = None if self._lost else _decode(body)
            if frame is not None:
                found.append(frame)
            elif body or self._lost:
                self.bad += 1
            self._lost = False
        if len(self._open) > _LONGEST:  # no frame is so long: nothing is kept until the next flag
            self._open, self._lost = b"", True
        return found


def _decode(body: bytes) -> Frame | None:
    """The frame between two flags; None where it is damaged, or nothing."""
    if len(body) < HEADER_BYTES + CRC_BYTES:
        return None
    if _ESCAPE in body:
        escapes = body.count(_ESCAPE)
        if sum(body.count(escaped) for _, escaped in _ESCAPED) != escapes:
            return None
        for byte, escaped in reversed(_ESCAPED):
            body = body.replace(escaped, byte)
    *fields, length = _HEADER.unpack_from(body)
    if len(body) != HEADER_BYTES + length + CRC_BYTES:
        return None
    (crc,) = _CRC.unpack_from(body, HEADER_BYTES + length)
    if crc != zlib.crc32(body[: HEADER_BYTES + length]):
        return None
    version, kind, seq, ack, tag = fields
    return Frame(kind, seq, ack, tag, body[HEADER_BYTES:-CRC_BYTES], version)
