"""CRC-32 of IEEE 802.3, a bit a cycle."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["SerialCrc"]

_POLYNOMIAL = 0xEDB88320  # reflected: the lowest bit of a byte comes first
_RESIDUE = 0xDEBB20E3  # of every message with its own crc behind it
_START = 0xFFFFFFFF


class SerialCrc(wiring.Component):
    """Goes through bytes in eight cycles each.

    Members
    -------
    clear : In, begins a message. byte : In, sampled in a cycle with ``start`` : In, one with
    ``busy`` : Out at 0. crc : Out, of all bytes since clear, while not busy; right : Out, the last
    four of them were the crc of those before.

    Timing
    ------
    latency, interval : 8 cycles from start, in which it is busy.

    Model: ``zlib.crc32``. Storage: 32 bits and a byte. Reset clears.
    """

    latency = 8
    interval = 8

    def __init__(self) -> None:
        super().__init__(
            {
                "clear": In(1),
                "byte": In(8),
                "start": In(1),
                "busy": Out(1),
                "crc": Out(32),
                "right": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """The first bit goes in as the byte comes."""
        m = Module()
        state = Signal(32, init=_START)
        rest = Signal(7)
        left = Signal(range(8))
        bit = Signal()
        m.d.comb += [
            self.busy.eq(left != 0),
            bit.eq(Mux(self.busy, rest[0], self.byte[0])),
            self.crc.eq(~state),
            self.right.eq(state == _RESIDUE),
        ]
        with m.If(self.busy | self.start):
            m.d.sync += state.eq((state >> 1) ^ Mux(state[0] ^ bit, _POLYNOMIAL, 0))
        with m.If(self.busy):
            m.d.sync += [left.eq(left - 1), rest.eq(rest >> 1)]
        with m.Elif(self.start):
            m.d.sync += [left.eq(7), rest.eq(self.byte >> 1)]
        with m.If(self.clear):
            m.d.sync += [state.eq(_START), left.eq(0)]
        return m
