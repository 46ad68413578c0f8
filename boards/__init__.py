"""Development boards: devices, clocks, pins, and a self-test that runs on them."""

from .board import Board, Flash, Light, Programmer, Uart
from .flash import FlashLoader
from .link_top import LinkTop, usual_link
from .rams import BlockRam, LargeRam
from .registry import BOARDS, get_board
from .reset import PowerOnReset
from .resources import Resources
from .selftest import SelfTest
from .selftest_top import SelfTestTop
from .top import BoardTop

__all__ = [
    "BOARDS",
    "BlockRam",
    "Board",
    "BoardTop",
    "SelfTestTop",
    "Flash",
    "FlashLoader",
    "LargeRam",
    "LinkTop",
    "Light",
    "PowerOnReset",
    "Programmer",
    "Resources",
    "SelfTest",
    "Uart",
    "get_board",
    "usual_link",
]
