"""The image of a network that is loaded into a device: hash, words, check sum."""

import zlib

from spikewright.golden.errors import FileError
from spikewright.golden.link import CRC_BYTES

__all__ = ["HASH_BYTES", "check_image"]

HASH_BYTES = 32


def check_image(image: bytes, *, where: str) -> str:
    """The hash, in hex, of the network that an image has; raises FileError where it is damaged."""
    body, crc = image[:-CRC_BYTES], image[-CRC_BYTES:]
    whole = len(image) >= HASH_BYTES + CRC_BYTES and len(image) % 2 == 0
    if not whole or zlib.crc32(body) != int.from_bytes(crc, "little"):
        raise FileError(
            "an image must be a network's hash, words of 16 bits and their check sum",
            found=f"{len(image)} bytes of another kind",
            where=where,
            action="generate it again, with --weights spram",
        )
    return image[:HASH_BYTES].hex()
