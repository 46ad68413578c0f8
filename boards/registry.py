"""Every board that is offered, by name."""

from collections.abc import Mapping
from types import MappingProxyType

from spikewright.golden.errors import ConfigurationError

from .board import Board
from .icebreaker import ICEBREAKER
from .ulx3s import ULX3S_85F

__all__ = ["BOARDS", "get_board"]

BOARDS: Mapping[str, Board] = MappingProxyType(
    {board.name: board for board in (ICEBREAKER, ULX3S_85F)}
)


def get_board(name: str) -> Board:
    """Return a board; raises ConfigurationError that lists the names."""
    if name not in BOARDS:
        raise ConfigurationError(f"the board must be one of {', '.join(BOARDS)}", found=repr(name))
    return BOARDS[name]
