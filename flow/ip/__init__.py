"""An accelerator as a block for other people's systems: bus, testbench, FuseSoC, LiteX."""

import re
import warnings
from pathlib import Path

from amaranth.hdl import UnusedElaboratable

from .interface import Interface, wrapped
from .write import write_ip

# An accelerator is asked for its ports and words here; its Verilog lies beside.
warnings.filterwarnings(
    "ignore", category=UnusedElaboratable, module=re.escape(str(Path(__file__).parent))
)

__all__ = ["Interface", "wrapped", "write_ip"]
