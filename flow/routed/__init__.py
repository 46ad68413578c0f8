"""Which boards a bitstream of the digits network was routed for, what it took there, and how many
samples a second a host gets over their links.

How that is found out (``builds``, ``links``) needs all the rest of ``flow``, and is not imported
here.
"""

from .record import RECORD, Linked, Routed, load_routed, save_routed
from .table import page

__all__ = ["RECORD", "Linked", "Routed", "load_routed", "page", "save_routed"]
