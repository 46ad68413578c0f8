"""What fills memories while the hardware runs: an image of words, and the port that writes rows.

An image is words of 16 bits. In a file each is two bytes, the lower one first.

| words | |
|---|---|
| 16 | design: SHA-256 of what the hardware is |
| 2 | base: 0 where the image is whole; else the first four bytes of the hash of the network that must be there: the image has only what differs from it |
| 16 | the hash of the network that is there afterwards |
| any number of segments | number of the memory, its first row, how many rows, then their words, row by row, the lowest bits first |
| 1 | 0xFFFF: the end |
| 2 | CRC-32 of all bytes before |
"""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from amaranth.lib import stream
from amaranth.lib.wiring import Out, Signature

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.link import LoadResult

__all__ = [
    "BASE_WORDS",
    "CRC_WORDS",
    "END_OF_IMAGE",
    "EXCLUSIVE",
    "HASH_WORDS",
    "LOAD_BITS",
    "LOAD_SIGNATURE",
    "MOST_MEMORIES",
    "LoadResult",
    "Segment",
    "image_of",
    "load_port",
    "row_words",
    "words_of",
    "words_of_row",
]

LOAD_BITS = 16  # a word of the large RAMs of an iCE40UP5K
LOAD_SIGNATURE = stream.Signature(LOAD_BITS)

EXCLUSIVE = "exclusive"
"""Attribute of memories: what is read where it is written is never used."""

HASH_WORDS = 16
BASE_WORDS = 2
CRC_WORDS = 2
END_OF_IMAGE = 0xFFFF
MOST_MEMORIES = 255


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Rows of a memory, one after the other: its number, the first row, and the rows' words."""

    memory: int
    first: int
    rows: tuple[tuple[int, ...], ...]


def row_words(width: int) -> int:
    """Words of a row of so many bits."""
    return -(-width // LOAD_BITS)


def words_of_row(row: int, width: int) -> tuple[int, ...]:
    """The words of a row, its lowest bits first."""
    mask = (1 << LOAD_BITS) - 1
    return tuple(row >> first & mask for first in range(0, width, LOAD_BITS))


def load_port(rows: int, width: int) -> Signature:
    """What writes a memory of so many rows and bits.

    Members
    -------
    active : writes may come, and nobody reads. enables : one bit for each word of the row, of which
    at most one is 1: it is written. row, data : where and what.
    """
    return Signature(
        {
            "active": Out(1),
            "enables": Out(row_words(width)),
            "row": Out((rows - 1).bit_length()),
            "data": Out(LOAD_BITS),
        }
    )


def image_of(
    segments: Iterable[Segment], *, design: bytes, network: bytes, base: bytes = bytes(4)
) -> list[int]:
    """The words of an image.

    Parameters
    ----------
    segments : what is written. design, network : hashes of 32 bytes. base : the first four bytes
    of the hash of the network that the segments change; zeros where they are all there is.
    """
    for name, value, count in (
        ("design", design, HASH_WORDS),
        ("network", network, HASH_WORDS),
        ("base", base, BASE_WORDS),
    ):
        if len(value) != 2 * count:
            raise ConfigurationError(f"{name} must have {2 * count} bytes", found=str(len(value)))
    words = [*words_of(design), *words_of(base), *words_of(network)]
    for segment in segments:
        words += [segment.memory, segment.first, len(segment.rows)]
        words += [word for row in segment.rows for word in row]
    words.append(END_OF_IMAGE)
    crc = zlib.crc32(b"".join(word.to_bytes(2, "little") for word in words))
    return [*words, *words_of(crc.to_bytes(4, "little"))]


def words_of(data: bytes) -> list[int]:
    """Bytes as words, the lower byte first."""
    return [low | high << 8 for low, high in zip(data[::2], data[1::2], strict=True)]
