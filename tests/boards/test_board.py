"""Boards: their registry, their block RAMs, their clocks."""

import pytest

from spikewright.boards import BOARDS, get_board
from spikewright.golden.errors import ConfigurationError


def test_both_boards_are_there():
    assert list(BOARDS) == ["icebreaker", "ulx3s-85f"]
    assert all(get_board(name).name == name for name in BOARDS)


def test_an_unknown_board_is_refused():
    with pytest.raises(
        ConfigurationError,
        match=r"^the board must be one of icebreaker, ulx3s-85f, found 'de10'; "
        r"name a file NAME\.json to plan for another one$",
    ):
        get_board("de10")


@pytest.mark.parametrize(
    ("board", "rows", "bits", "blocks"),
    [
        ("ulx3s-85f", 512, 36, 1),
        ("ulx3s-85f", 513, 36, 2),
        ("ulx3s-85f", 1568, 256, 29),
        ("ulx3s-85f", 784, 64, 4),
        ("ulx3s-85f", 6272, 64, 25),
        ("ulx3s-85f", 6272, 2, 1),
        ("ulx3s-85f", 1, 1, 1),
        # three parts of 12 bits side by side in one word of 36
        ("ulx3s-85f", 1100, 12, 1),
        ("icebreaker", 256, 16, 1),
        ("icebreaker", 256, 32, 2),
        ("icebreaker", 2048, 2, 1),
        ("icebreaker", 64, 32, 2),
        # fewer blocks would need a wider multiplexer
        ("icebreaker", 6272, 64, 104),
    ],
)
def test_block_rams_of_a_memory(board, rows, bits, blocks):
    assert get_board(board).block_ram.blocks(rows, bits) == blocks


def test_what_is_written_is_whole_bytes():
    ram = get_board("ulx3s-85f").block_ram
    assert ram.blocks(1100, 12) == 1
    assert ram.blocks(1100, 12, written=True) == 2


@pytest.mark.parametrize(
    ("rows", "bits", "ports", "blocks"), [(512, 36, 2, 2), (512, 36, 4, 4), (1024, 18, 3, 2)]
)
def test_two_rows_of_a_block_are_read_in_a_cycle(rows, bits, ports, blocks):
    assert get_board("ulx3s-85f").block_ram.blocks(rows, bits, ports=ports) == blocks


@pytest.mark.parametrize("name", BOARDS)
def test_clocks(name):
    board = get_board(name)
    assert board.pll_below(board.default_mhz).mhz == board.default_mhz
    assert board.pll_below(board.plls[0].mhz - 0.1) is None
    assert board.pll_below(1000) is board.plls[-1]
    assert board.goal_mhz > board.default_mhz
    for mhz in (24, 33.3, 97.7):
        below = board.pll_below(mhz)
        assert below.mhz <= mhz
        assert all(not below.mhz < pll.mhz <= mhz for pll in board.plls)


@pytest.mark.parametrize("name", BOARDS)
def test_platforms_have_the_resources(name):
    board = get_board(name)
    platform = board.platform()
    lights = [*board.label, board.match, board.mismatch, board.beat, board.button]
    for light in filter(None, lights):
        platform.lookup(light.name, light.number)
    assert platform.lookup(board.clock).clock.period == pytest.approx(1e-6 / board.clock_mhz)
    assert platform.device == board.device
