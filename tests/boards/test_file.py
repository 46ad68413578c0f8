"""A board that a file describes: read whole, or refused by name."""

import json
import re

import pytest

from spikewright.boards import Resources, get_board
from spikewright.flow.build_stage import build_stage
from spikewright.golden.errors import ConfigurationError, FileError
from spikewright.golden.spec import Mode

GOOD = {
    "schema": 1,
    "name": "small",
    "title": "a small one",
    "device": "LFE5U-25F",
    "like": "ulx3s-85f",
    "luts": 24288,
    "flip_flops": 24288,
    "block_rams": 56,
    "sprams": 0,
    "dsps": 28,
}


@pytest.fixture
def write(tmp_path):
    def made(**changes):
        data = {key: value for key, value in {**GOOD, **changes}.items() if value is not ...}
        path = tmp_path / "board.json"
        path.write_text(json.dumps(data))
        return str(path)

    return made


def test_a_board_of_a_file(write):
    board, like = get_board(write()), get_board("ulx3s-85f")
    assert (board.name, board.family, board.plls) == ("small", "ecp5", like.plls)
    assert board.resources == Resources(
        name="small",
        luts=24288,
        flip_flops=24288,
        block_rams=56,
        block_ram_bits=18432,
        lut_ram=True,
        sprams=0,
        dsps=28,
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"block_rams": ...},
            "a board file must have every key, and no other, found missing block_rams; a memory "
            "that the device does not have is 0",
        ),
        ({"ram": 3}, "a board file must have every key, and no other, found unknown ram; a"),
        ({"block_rams": -1}, "/board.json: block_rams must be an integer of at least 0"),
        ({"luts": True}, "/board.json: luts must be an integer of at least 0, found True"),
        ({"dsps": "28"}, "/board.json: dsps must be an integer of at least 0, found '28'"),
        ({"title": ""}, "title must be a text, found ''"),
        ({"like": ["ulx3s-85f"]}, "like must be a text, found ['ulx3s-85f']"),
        ({"like": "de10"}, "like must be one of those that spikewright boards lists, and name"),
        ({"name": "icebreaker"}, "like must be one of those that spikewright boards lists, and"),
    ],
)
def test_bad_boards(write, changes, message):
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        get_board(write(**changes))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "the file must hold JSON"),
        ("[]", "the file must hold a JSON object, found list"),
        ('{"schema": 2}', "the board file's schema must be 1, found 2"),
    ],
)
def test_files_that_are_none(tmp_path, text, message):
    path = tmp_path / "board.json"
    path.write_text(text)
    with pytest.raises(FileError, match=message):
        get_board(str(path))


def test_nothing_is_built_for_it(write):
    """Also where the device is that of the board it is like."""
    message = (
        r"^--board: a board that is built for must be one that spikewright boards lists, whose"
    )
    with pytest.raises(ConfigurationError, match=message):
        build_stage(None, Mode.COLLAPSED, write(device=get_board("ulx3s-85f").device))


def test_no_file(tmp_path):
    with pytest.raises(FileError, match="the file must be readable"):
        get_board(str(tmp_path / "none.json"))
