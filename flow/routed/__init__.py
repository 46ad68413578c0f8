"""Which boards a bitstream of the digits network was routed for, and what it took there."""

from .builds import build_boards
from .record import RECORD, Routed, load_routed, save_routed
from .table import page

__all__ = ["RECORD", "Routed", "build_boards", "load_routed", "page", "save_routed"]
