"""An accelerator on a bus: registers as one table, AXI and Wishbone around them."""

from .on_axi import AxiAccelerator
from .on_wishbone import WishboneAccelerator
from .register_map import BLOCKS, Access, Block, Register, RegisterMap, When, register_map

__all__ = [
    "BLOCKS",
    "Access",
    "AxiAccelerator",
    "Block",
    "Register",
    "RegisterMap",
    "When",
    "WishboneAccelerator",
    "register_map",
]
