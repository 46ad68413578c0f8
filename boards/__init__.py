"""Development boards: devices, clocks, pins, and a self-test that runs on them."""

from .board import Board, Flash, Light, Programmer, Spi, Uart
from .flash import FlashLoader
from .link_top import LinkTop, usual_link
from .rams import BlockRam, LargeRam
from .registry import BOARDS, get_board
from .reset import PowerOnReset
from .resources import Resources
from .selftest import SelfTest
from .selftest_top import SelfTestTop
from .top import BoardTop
from .wires import choose_wire, rate_at

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
    "Spi",
    "Uart",
    "choose_wire",
    "get_board",
    "rate_at",
    "usual_link",
]
