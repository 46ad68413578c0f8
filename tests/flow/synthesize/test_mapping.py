"""Where memories go that nobody places, at the edges of what synthesis prefers."""

import pytest

from spikewright.boards import get_board
from spikewright.flow.memories import ANYWHERE, Memory
from spikewright.flow.synthesize.mapping import cheapest


def memory(kind, rows, bits, **options):
    return Memory(
        core="c",
        kind=kind,
        port=None,
        source=None,
        store=ANYWHERE,
        parts=((rows, bits),),
        **options,
    )


# The costs that Yosys' memory_libmap tells with debug on.
@pytest.mark.parametrize(
    ("board", "kind", "rows", "bits", "store"),
    [
        ("icebreaker", "queue", 11, 6, "registers"),  # 66 bits, and 66 is what a block costs
        ("icebreaker", "queue", 67, 1, "block"),
        ("icebreaker", "sums", 13, 6, "registers"),  # 78, since it is read while it is written
        ("icebreaker", "sums", 79, 1, "block"),
        ("icebreaker", "thresholds", 64, 16, "logic"),  # 64 a block RAM, and its port 2
        ("icebreaker", "thresholds", 67, 16, "block"),
        ("ulx3s-85f", "queue", 113, 10, "block"),  # 130, of LUT RAM 137
        ("ulx3s-85f", "queue", 112, 10, "lutram"),  # 121.5
        ("ulx3s-85f", "sums", 132, 10, "block"),  # 142, of LUT RAM 154
        ("ulx3s-85f", "sums", 113, 10, "lutram"),
        ("ulx3s-85f", "queue", 2, 3, "registers"),
        ("ulx3s-85f", "queue", 3, 9, "lutram"),
        ("ulx3s-85f", "bias", 32, 65, "logic"),  # LUT RAM holds no constants
        ("ulx3s-85f", "bias", 512, 5, "block"),
    ],
)
def test_what_costs_least(board, kind, rows, bits, store):
    assert cheapest(memory(kind, rows, bits), get_board(board)) == store


def test_what_is_read_at_once_is_in_no_block_ram():
    assert cheapest(memory("queue", 67, 1, at_once=True), get_board("icebreaker")) == "registers"
