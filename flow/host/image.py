"""Images: what a device's memories are filled with, all of it, or what makes one network another.

docs/link.md says what lies in one.
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikewright.golden.errors import FileError
from spikewright.golden.link import CRC_BYTES

__all__ = ["Image", "read_image"]

Words = npt.NDArray[np.uint16]

_WORD = np.dtype("<u2")
_HASH_BYTES = 32
_BASE_BYTES = 4
_HEAD_BYTES = 2 * _HASH_BYTES + _BASE_BYTES
_SEGMENT_WORDS = 3  # before the rows
_END = 0xFFFF


@dataclass(frozen=True, kw_only=True, eq=False)
class Image:
    """A network as the memories of a design have it.

    ``design``, ``network``: hashes, hex. ``memories``: words [rows, words of a row] of each.
    """

    design: str
    network: str
    memories: tuple[Words, ...]

    def whole(self) -> bytes:
        """What fills a device whatever it has."""
        segments = [(number, 0, rows) for number, rows in enumerate(self.memories)]
        return self._written(bytes(_BASE_BYTES), segments)

    def since(self, base: "Image") -> bytes:
        """The patch of a device that has ``base``, of the same design: the rows that differ."""
        pairs = zip(base.memories, self.memories, strict=True)
        segments = [
            (number, first, new[first:end])
            for number, (old, new) in enumerate(pairs)
            for first, end in _runs((old != new).any(axis=1), new.shape[1])
        ]
        return self._written(bytes.fromhex(base.network)[:_BASE_BYTES], segments)

    def _written(self, base: bytes, segments: Sequence[tuple[int, int, Words]]) -> bytes:
        body = bytes.fromhex(self.design) + base + bytes.fromhex(self.network)
        for number, first, rows in segments:
            body += np.array([number, first, len(rows)], dtype=_WORD).tobytes()
            body += rows.astype(_WORD).tobytes()
        body += _END.to_bytes(_WORD.itemsize, "little")
        return body + zlib.crc32(body).to_bytes(CRC_BYTES, "little")


def read_image(data: bytes, shapes: Sequence[tuple[int, int]], *, where: str) -> Image:
    """The network that a file has.

    Parameters
    ----------
    shapes : (rows, words of a row) of the design's memories. where : the file.

    Raises
    ------
    FileError
        If it is damaged, or not the whole of a network.
    """
    body, crc = data[:-CRC_BYTES], data[-CRC_BYTES:]
    if len(data) < _HEAD_BYTES + CRC_BYTES or len(data) % _WORD.itemsize:
        raise _damaged(f"{len(data)} bytes", where)
    if zlib.crc32(body) != int.from_bytes(crc, "little"):
        raise _damaged("another check sum", where)
    base = body[_HASH_BYTES : _HASH_BYTES + _BASE_BYTES]
    if any(base):
        raise _damaged(f"a patch for network {base.hex()}", where)
    memories: dict[int, Words] = {}
    words = np.frombuffer(body[_HEAD_BYTES:], dtype=_WORD)
    at = 0
    while words[at : at + 1].tolist() != [_END]:
        head = words[at : at + _SEGMENT_WORDS].tolist()
        at += _SEGMENT_WORDS
        if len(head) < _SEGMENT_WORDS:
            raise _damaged("no end", where)
        number, first, count = head
        if number >= len(shapes) or number in memories or (first, count) != (0, shapes[number][0]):
            raise _damaged(f"{count} rows of memory {number}, from row {first} on", where)
        rows = words[at : at + count * shapes[number][1]]
        if len(rows) < count * shapes[number][1]:
            raise _damaged("no end", where)
        at += len(rows)
        memories[number] = rows.reshape(count, -1)
    if at + 1 != len(words) or len(memories) != len(shapes):
        behind = len(words) - at - 1
        raise _damaged(f"{len(memories)} memories, and {behind} words behind the end", where)
    return Image(
        design=body[:_HASH_BYTES].hex(),
        network=body[_HASH_BYTES + _BASE_BYTES : _HEAD_BYTES].hex(),
        memories=tuple(memories[number] for number in range(len(shapes))),
    )


def _runs(differ: npt.NDArray[np.bool_], width: int) -> Iterator[tuple[int, int]]:
    """(first, end) of the rows to send; same ones between them where these are the fewer words."""
    first = end = -1
    for row in np.flatnonzero(differ).tolist():
        if first >= 0 and (row - end) * width > _SEGMENT_WORDS:
            yield first, end
            first = -1
        if first < 0:
            first = row
        end = row + 1
    if first >= 0:
        yield first, end


def _damaged(found: str, where: str) -> FileError:
    return FileError(
        "an image must be that of a whole network, for the memories of the manifest beside it",
        found=found,
        where=where,
        action="generate it again",
    )
