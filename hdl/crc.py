"""CRC-32 of IEEE 802.3, a bit a cycle."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["SerialCrc"]

_POLYNOMIAL = 0xEDB88320  # reflected: the lowest bit of a byte comes first
_RESIDUE = 0xDEBB20E3  # of every message with its own crc behind it
_START = 0xFFFFFFFF
_BITS = 8


class SerialCrc(wiring.Component):
    """Goes through bytes in nine cycles each.

    Members
    -------
    clear : In, begins a message, whatever else is asked for. byte : In, sampled in a cycle with
    ``start`` : In, one with ``busy`` : Out at 0. empties : In, held while it is busy: no byte goes
    in, and the crc moves down by eight bits, which is how a sender gets its bytes. crc : Out, of
    all bytes since clear, while not busy; right : Out, a cycle later, the last four of them were
    the crc of those before.

    Timing
    ------
    latency, interval : cycles from start to the crc, in all but the first of which it is busy. It
    never stalls.

    Model: ``zlib.crc32``. Storage: 32 bits and a byte. Reset clears.
    """

    latency = 9
    interval = 9

    def __init__(self) -> None:
        super().__init__(
            {
                "clear": In(1),
                "byte": In(8),
                "start": In(1),
                "empties": In(1),
                "busy": Out(1),
                "crc": Out(32),
                "right": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """A bit of the byte goes in while the crc moves down by one."""
        m = Module()
        state = Signal(32, init=_START)
        rest, bit, back = Signal(_BITS), Signal(range(_BITS)), Signal()
        m.d.comb += [
            back.eq((state[0] ^ rest[0]) & ~self.empties),
            self.crc.eq(~state),
        ]
        m.d.sync += self.right.eq(state == _RESIDUE)
        with m.If(self.busy):
            m.d.sync += [
                state.eq((state >> 1) ^ Mux(back, _POLYNOMIAL, 0)),
                rest.eq(rest >> 1),
                bit.eq(bit + 1),
                self.busy.eq(bit != _BITS - 1),
            ]
        with m.Elif(self.start):
            m.d.sync += [rest.eq(self.byte), self.busy.eq(1)]
        with m.If(self.clear):
            m.d.sync += [state.eq(_START), bit.eq(0), self.busy.eq(0)]
        return m
