"""Every board that is offered, by name."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from spikewright.golden.errors import ConfigurationError

from .board import Board
from .file import load_board
from .icebreaker import ICEBREAKER
from .ulx3s import ULX3S_85F

__all__ = ["BOARDS", "get_board"]

BOARDS: Mapping[str, Board] = MappingProxyType(
    {board.name: board for board in (ICEBREAKER, ULX3S_85F)}
)


def get_board(name: str) -> Board:
    """Return a board, or the one that a file NAME.json describes, to plan for.

    Raises
    ------
    ConfigurationError
        If there is none of that name, with those there are; if a file says something wrong.
    FileError
        If a file cannot be read.
    """
    if name.endswith(".json"):
        return load_board(Path(name), BOARDS)
    if name not in BOARDS:
        raise ConfigurationError(
            f"the board must be one of {', '.join(BOARDS)}",
            found=repr(name),
            action="name a file NAME.json to plan for another one",
        )
    return BOARDS[name]
