"""Development boards: devices, clocks, pins, and a self-test that runs on them."""

from .board import BlockRam, Board, Light
from .registry import BOARDS, get_board
from .reset import PowerOnReset
from .resources import Resources
from .selftest import SelfTest
from .top import BoardTop

__all__ = [
    "BOARDS",
    "BlockRam",
    "Board",
    "BoardTop",
    "Light",
    "PowerOnReset",
    "Resources",
    "SelfTest",
    "get_board",
]
