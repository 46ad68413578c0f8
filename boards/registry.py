"""Every board that is offered, by name."""

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType

from spikewright.golden.errors import ConfigurationError

from .board import Board
from .butterstick import BUTTERSTICK
from .colorlight import COLORLIGHT_5A75B, COLORLIGHT_I5, COLORLIGHT_I9
from .ecpix5 import ECPIX5_45F, ECPIX5_85F
from .file import load_board
from .fomu import FOMU
from .icebreaker import ICEBREAKER, ICEBREAKER_BITSY
from .icepi import ICEPI_ZERO
from .icesugar import ICESUGAR, ICESUGAR_PRO
from .lattice import ECP5_EVN, HX8K_B_EVN, ICESTICK, VERSA_ECP5
from .orangecrab import ORANGECRAB_25F, ORANGECRAB_85F
from .tang import TANG_NANO_9K, TANG_NANO_20K
from .tinyfpga import TINYFPGA_BX
from .ulx3s import ULX3S_12F, ULX3S_25F, ULX3S_45F, ULX3S_85F
from .upduino import UPDUINO3

__all__ = ["BOARDS", "get_board"]

# By device; of a family the first is the one that its area model is calibrated on.
_ALL = (
    ICEBREAKER,
    ICEBREAKER_BITSY,
    ICESUGAR,
    UPDUINO3,
    FOMU,
    HX8K_B_EVN,
    TINYFPGA_BX,
    ICESTICK,
    ULX3S_85F,
    ULX3S_45F,
    ULX3S_25F,
    ULX3S_12F,
    ORANGECRAB_25F,
    ORANGECRAB_85F,
    COLORLIGHT_I5,
    COLORLIGHT_I9,
    COLORLIGHT_5A75B,
    ICESUGAR_PRO,
    ICEPI_ZERO,
    ECPIX5_45F,
    ECPIX5_85F,
    VERSA_ECP5,
    ECP5_EVN,
    BUTTERSTICK,
    TANG_NANO_20K,
    TANG_NANO_9K,
)
BOARDS: Mapping[str, Board] = MappingProxyType({board.name: board for board in _ALL})


def _nearest(name: str) -> str:
    """Those that may be meant, for an error."""
    found = get_close_matches(name.lower(), BOARDS, n=4, cutoff=0.5)
    return f"try {', '.join(found)}; " if found else ""


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
            "the board must be one of those that spikewright boards lists",
            found=repr(name),
            action=f"{_nearest(name)}run: spikewright boards; to plan for another one name a file"
            " NAME.json",
        )
    return BOARDS[name]
