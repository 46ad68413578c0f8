"""Development boards: devices, clocks, pins, and a self-test that runs on them."""

import re
import warnings
from pathlib import Path

from amaranth.hdl import UnusedElaboratable

from .board import Board, Flash, Light, Programmer, Spi, Uart
from .flash import FlashLoader
from .link_top import LinkTop, usual_link
from .pll import Pll
from .rams import BlockRam, LargeRam
from .registry import BOARDS, get_board
from .reset import PowerOnReset
from .resources import Resources
from .selftest import SelfTest
from .selftest_top import SelfTestTop
from .top import FLASH_CLOCK, BoardTop
from .wires import choose_wire, rate_at

# Designs are also made only to be asked for their parts: nobody elaborates those.
warnings.filterwarnings(
    "ignore", category=UnusedElaboratable, module=re.escape(str(Path(__file__).parent))
)

__all__ = [
    "BOARDS",
    "FLASH_CLOCK",
    "BlockRam",
    "Board",
    "BoardTop",
    "SelfTestTop",
    "Flash",
    "FlashLoader",
    "LargeRam",
    "LinkTop",
    "Light",
    "Pll",
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
