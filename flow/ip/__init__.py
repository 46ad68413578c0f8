"""An accelerator as a block for other people's systems: bus, testbench, FuseSoC, LiteX."""

from .interface import Interface, wrapped
from .write import write_ip

__all__ = ["Interface", "wrapped", "write_ip"]
