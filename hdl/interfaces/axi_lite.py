"""AXI4-Lite (ARM IHI 0022) to accesses of registers."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .register_file import REGISTER_BUS
from .register_map import ADDRESS_BITS, DATA_BITS

__all__ = ["AXI_LITE", "OKAY", "SLVERR", "AxiLiteSlave"]

OKAY = 0
SLVERR = 2

AXI_LITE = {
    "awaddr": In(ADDRESS_BITS),
    "awprot": In(3),
    "awvalid": In(1),
    "awready": Out(1),
    "wdata": In(DATA_BITS),
    "wstrb": In(DATA_BITS // 8),
    "wvalid": In(1),
    "wready": Out(1),
    "bresp": Out(2),
    "bvalid": Out(1),
    "bready": In(1),
    "araddr": In(ADDRESS_BITS),
    "arprot": In(3),
    "arvalid": In(1),
    "arready": Out(1),
    "rdata": Out(DATA_BITS),
    "rresp": Out(2),
    "rvalid": Out(1),
    "rready": In(1),
}
"""The slave's signals; addresses count bytes."""


class AxiLiteSlave(wiring.Component):
    """Takes one write and one read at a time, and hands them to registers in turn.

    Address and data of a write may come in any order. Where both a write and a read wait, the write
    goes first; the next one comes too late to be in front of that read.

    Members
    -------
    aw*, w*, b*, ar*, r* : as AXI4-Lite names them; awprot and arprot mean nothing. bus :
    Out(``REGISTER_BUS``).

    Timing
    ------
    latency : cycles from a read's acceptance to its answer, or from that of the later of a write's
    address and data to its. interval : cycles between accesses of a kind whose answers are taken at
    once. All outputs come from registers.

    SLVERR is the answer to an address that is no multiple of 4, to a write of some bytes of a word,
    and to what registers refuse. A write of no bytes does nothing, and is OKAY: width converters
    make such. Storage: an access and an answer of each kind, cleared by reset.
    """

    latency = 4
    interval = 4

    def __init__(self) -> None:
        super().__init__({**AXI_LITE, "bus": Out(REGISTER_BUS)})

    def elaborate(self, platform: object) -> Module:
        """Hold what comes; choose; answer."""
        m = Module()
        write_address, read_address = Signal(ADDRESS_BITS), Signal(ADDRESS_BITS)
        data, strobes = Signal(DATA_BITS), Signal(DATA_BITS // 8)
        held_aw, held_w, held_ar = Signal(), Signal(), Signal()
        busy, writes = Signal(), Signal()
        can_write, can_read, nothing = Signal(), Signal(), Signal()
        m.d.comb += [self.awready.eq(~held_aw), self.wready.eq(~held_w), self.arready.eq(~held_ar)]
        with m.If(self.awvalid & self.awready):
            m.d.sync += [write_address.eq(self.awaddr), held_aw.eq(1)]
        with m.If(self.wvalid & self.wready):
            m.d.sync += [data.eq(self.wdata), strobes.eq(self.wstrb), held_w.eq(1)]
        with m.If(self.arvalid & self.arready):
            m.d.sync += [read_address.eq(self.araddr), held_ar.eq(1)]
        with m.If(self.bready):
            m.d.sync += self.bvalid.eq(0)
        with m.If(self.rready):
            m.d.sync += self.rvalid.eq(0)
        address = Mux(writes, write_address, read_address)
        m.d.comb += [
            can_write.eq(held_aw & held_w & ~self.bvalid),
            can_read.eq(held_ar & ~self.rvalid),
            nothing.eq(writes & ~strobes.any()),
            self.bus.valid.eq(busy & ~nothing),
            self.bus.write.eq(writes),
            self.bus.address.eq(address[2:]),
            self.bus.whole.eq(~address[:2].any() & (~writes | strobes.all())),
            self.bus.data.eq(data),
        ]
        with m.If(~busy):
            m.d.sync += [busy.eq(can_write | can_read), writes.eq(can_write)]
        with m.Elif(self.bus.done | nothing):
            m.d.sync += busy.eq(0)
            response = Mux(self.bus.error & ~nothing, SLVERR, OKAY)
            with m.If(writes):
                m.d.sync += [
                    self.bvalid.eq(1), self.bresp.eq(response), held_aw.eq(0), held_w.eq(0),
                ]  # fmt: skip
            with m.Else():
                m.d.sync += [
                    self.rvalid.eq(1),
                    self.rresp.eq(response),
                    self.rdata.eq(self.bus.value),
                    held_ar.eq(0),
                ]
        return m
