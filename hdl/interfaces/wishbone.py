"""Wishbone B4, classic cycles, to accesses of registers."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .register_file import REGISTER_BUS, RegisterFile
from .register_map import ADDRESS_BITS, DATA_BITS

__all__ = ["WISHBONE", "WishboneSlave"]

WISHBONE = {
    "cyc": In(1),
    "stb": In(1),
    "we": In(1),
    "adr": In(ADDRESS_BITS - 2),
    "sel": In(DATA_BITS // 8),
    "dat_w": In(DATA_BITS),
    "dat_r": Out(DATA_BITS),
    "ack": Out(1),
    "err": Out(1),
}
"""The slave's signals; ``adr`` counts words."""


class WishboneSlave(wiring.Component):
    """Hands each classic cycle on to registers, and ends it with ACK or ERR.

    Members
    -------
    cyc, stb, we, adr, sel, dat_w : In; dat_r, ack, err : Out, as Wishbone names them. bus :
    Out(``REGISTER_BUS``).

    Timing
    ------
    latency : cycles from STB to ACK or ERR, which last one. interval : cycles of an access where
    STB stays. ACK and ERR come from registers but for CYC and STB, without which neither is 1.

    A cycle in which not all four bytes are selected ends with ERR. Storage: none.
    """

    latency = RegisterFile.latency
    interval = RegisterFile.interval

    def __init__(self) -> None:
        super().__init__({**WISHBONE, "bus": Out(REGISTER_BUS)})

    def elaborate(self, platform: object) -> Module:
        """Wires."""
        m = Module()
        m.d.comb += [
            self.bus.valid.eq(self.cyc & self.stb),
            self.bus.write.eq(self.we),
            self.bus.address.eq(self.adr),
            self.bus.whole.eq(self.sel.all()),
            self.bus.data.eq(self.dat_w),
            self.dat_r.eq(self.bus.value),
            self.ack.eq(self.bus.valid & self.bus.done & ~self.bus.error),
            self.err.eq(self.bus.valid & self.bus.done & self.bus.error),
        ]
        return m
