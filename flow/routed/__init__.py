"""Which boards a bitstream of the digits network was routed for, what it took there, and how many
samples a second a host gets over their links.
"""

from .builds import build_boards, link_boards
from .links import measure_link
from .record import RECORD, Linked, Routed, load_routed, save_routed
from .table import page

__all__ = [
    "RECORD",
    "Linked",
    "Routed",
    "build_boards",
    "link_boards",
    "load_routed",
    "measure_link",
    "page",
    "save_routed",
]
