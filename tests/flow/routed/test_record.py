"""The record that comes with the package: every board is in it, as it is now."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from spikewright.boards import BOARDS, get_board
from spikewright.flow.routed import load_routed, page, save_routed
from spikewright.flow.routed.table import status
from spikewright.golden.errors import FileError

PAGE = Path(__file__).parents[3] / "docs" / "boards.md"
# What nextpnr calls them, by family: lookup tables, flip-flops, block RAMs.
NAMES = {
    "ice40": ("ICESTORM_LC", "ICESTORM_LC", "ICESTORM_RAM"),
    "ecp5": ("TRELLIS_COMB", "TRELLIS_FF", "DP16KD"),
    "gowin": ("LUT4", "DFF", "BSRAM"),
}


def test_it_is_of_boards_that_there_are():
    record = load_routed()
    assert list(record) == [name for name in BOARDS if name in record]
    assert all(each.device == BOARDS[name].device for name, each in record.items())


@pytest.mark.parametrize("name", [name for name, each in load_routed().items() if each.routed])
def test_a_device_has_what_place_and_route_says(name):
    board, found = get_board(name), load_routed()[name]
    luts, ffs, rams = (found.used[each][1] for each in NAMES[board.family])
    assert (luts, ffs, rams) == (board.luts, board.ffs, board.block_ram.count)
    assert 0 < found.clock_mhz <= found.fmax_mhz
    assert found.lut and found.ff and found.bram and found.versions


def test_the_page_is_of_the_record():
    assert PAGE.read_text(encoding="utf-8") == page(load_routed())


def test_a_status_is_of_the_device_that_was_built_for():
    record = load_routed()
    board = get_board("icebreaker")
    assert status(board, record) == "routed"
    assert status(board, {}) == "not built yet"
    other = {"icebreaker": replace(record["icebreaker"], device="iCE40UP3K")}
    assert status(board, other) == "not built yet"
    small = {"icebreaker": replace(record["icebreaker"], refused="too large")}
    assert status(board, small) == "too small for the digits network"


def test_a_record_is_read_as_it_was_written(tmp_path):
    record = load_routed()
    save_routed(record, tmp_path / "r.json")
    assert load_routed(tmp_path / "r.json") == record
    assert load_routed(tmp_path / "none.json") == {}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data | {"schema": 1}, "must be of schema 2, found 1; make it anew: make"),
        (lambda data: data | {"boards": []}, "must be of schema 2"),
        (
            lambda data: data | {"boards": {"icebreaker": {}}},
            "the record of a board must have all that is recorded, and nothing else, found iceb",
        ),
    ],
)
def test_a_record_that_is_none(tmp_path, change, message):
    path = tmp_path / "r.json"
    save_routed(load_routed(), path)
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(FileError, match=message):
        load_routed(path)
