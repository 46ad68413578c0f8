"""Images and patches, against words that are counted one by one."""

import struct
import zlib

import numpy as np
import pytest

from spikewright.flow.host.image import Image, read_image
from spikewright.golden.errors import FileError
from support.device_model import Accelerator, DeviceModel

DESIGN, OLD, NEW = bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 96))
SHAPES = [(5, 2), (3, 1), (40, 3)]
HEAD, SEGMENT, TAIL = 2 * (16 + 2 + 16), 2 * 3, 2 * (1 + 2)


def made(network, seed=0, **changes):
    rng = np.random.default_rng(seed)
    memories = [rng.integers(0, 1 << 16, shape, dtype=np.uint16) for shape in SHAPES]
    for name, value in changes.items():
        _, memory, row = name.split("_")
        memories[int(memory)][int(row)] ^= value
    return Image(design=DESIGN.hex(), network=network.hex(), memories=tuple(memories))


def equal(one, other):
    return (one.design, one.network) == (other.design, other.network) and all(
        map(np.array_equal, one.memories, other.memories)
    )


def device():
    nothing = Accelerator([], None, None)
    return DeviceModel(nothing, plan=DESIGN, ready=False, memories=SHAPES)


def load(model, data):
    """Code of LOADED, of what was sent in frames of 50 bytes."""
    for at in range(0, len(data), 50):
        first, last = at == 0, at + 50 >= len(data)
        found = model._load(bytes([first | last << 1]) + data[at : at + 50], b"", 0.0)
    return found[1][0]


def rows_of(image):
    return {
        (k, row): tuple(words)
        for k, memory in enumerate(image.memories)
        for row, words in enumerate(memory.tolist())
    }


def test_a_whole_image():
    image = made(NEW)
    data = image.whole()
    words = sum(rows * width for rows, width in SHAPES)
    assert len(data) == HEAD + SEGMENT * len(SHAPES) + 2 * words + TAIL
    assert equal(read_image(data, SHAPES, where="f"), image)
    model = device()
    assert load(model, data) == 0 and model.ready
    assert (model.network, model.rows) == (NEW, rows_of(image))


@pytest.mark.parametrize(
    ("changes", "sent"),
    [
        ({}, []),
        ({"at_1_2": 1}, [(1, 1)]),
        ({"at_0_0": 0x8000, "at_0_4": 1}, [(2, 1), (2, 1)]),
        # Between two of memory 1 lies one word, which is fewer than another segment's three.
        ({"at_1_0": 1, "at_1_2": 3}, [(1, 3)]),
        # One row of three words is no more than a segment's head; two are.
        ({"at_2_7": 1, "at_2_9": 1, "at_2_12": 5}, [(3, 3), (3, 1)]),
        ({f"at_2_{row}": 9 for row in range(40)}, [(3, 40)]),
    ],
)
def test_a_patch_has_the_rows_that_differ(changes, sent):
    """Segments of so many rows of so many words; the device has the new network afterwards."""
    old, new = made(OLD), made(NEW, **changes)
    data = new.since(old)
    assert len(data) == HEAD + TAIL + sum(SEGMENT + 2 * width * rows for width, rows in sent)
    model = device()
    assert load(model, data) == 4 and not model.ready
    assert load(model, old.whole()) == 0
    assert load(model, data) == 0
    assert (model.network, model.rows) == (NEW, rows_of(new))
    with pytest.raises(FileError, match="^f: an image .* found a patch for network 20212223"):
        read_image(data, SHAPES, where="f")


def spoiled(data, *, at=None, words=()):
    """With other words at a place, and a check sum that is right."""
    body = bytearray(data[:-4])
    if at is not None:
        body[at : at + 2 * len(words)] = struct.pack(f"<{len(words)}H", *words)
    return bytes(body) + struct.pack("<I", zlib.crc32(body))


WHOLE = made(NEW).whole()


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "0 bytes"),
        (WHOLE[:40], "40 bytes"),
        (WHOLE + b"x", f"{len(WHOLE) + 1} bytes"),
        (WHOLE[:-2], "another check sum"),
        (WHOLE[:100] + bytes([WHOLE[100] ^ 4]) + WHOLE[101:], "another check sum"),
        (spoiled(WHOLE, at=HEAD, words=[3]), "5 rows of memory 3, from row 0 on"),
        (spoiled(WHOLE, at=HEAD, words=[0, 1]), "5 rows of memory 0, from row 1 on"),
        (spoiled(WHOLE, at=HEAD, words=[0, 0, 4]), "4 rows of memory 0, from row 0 on"),
        (spoiled(WHOLE, at=HEAD, words=[0xFFFF]), "0 memories, and "),
        (spoiled(WHOLE[:-30] + bytes(4)), "no end"),
        (spoiled(WHOLE[: HEAD + 2 * 13 + 4] + bytes(4)), "no end"),
    ],
)
def test_images_that_are_damaged(data, found):
    must = "an image must be that of a whole network, for the memories of the manifest beside it"
    with pytest.raises(FileError, match=f"^f: {must}, found {found}.*; generate it again$"):
        read_image(data, SHAPES, where="f")
