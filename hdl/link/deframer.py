"""From bytes on a line to bytes of frames, and where these end."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.link import ESCAPE, FLAG, FLIP

from .uart import BYTES

__all__ = ["SYMBOLS", "Deframer"]

SYMBOLS = stream.Signature(data.StructLayout({"byte": 8, "end": 1, "cut": 1}))
"""A byte of a frame; or its end, and whether it was cut in the middle of an escape."""


class Deframer(wiring.Component):
    """Takes flags and escapes out of a stream of bytes.

    Members
    -------
    i : In(stream) of bytes. o : Out(stream) of ``SYMBOLS``; nothing between two flags has an end,
    too.

    Timing
    ------
    latency : 0. interval : 1. A stall goes through.

    Storage: whether an escape came. Reset begins outside of a frame.
    """

    latency = 0
    interval = 1

    def __init__(self) -> None:
        super().__init__({"i": In(BYTES), "o": Out(SYMBOLS)})

    def elaborate(self, platform: object) -> Module:
        """An escape is kept back, whatever it stands before."""
        m = Module()
        escaped = Signal()
        flag, escape = self.i.payload == FLAG, self.i.payload == ESCAPE
        keeps = escape & ~escaped
        m.d.comb += [
            self.o.valid.eq(self.i.valid & ~keeps),
            self.i.ready.eq(keeps | self.o.ready),
            self.o.payload.byte.eq(self.i.payload ^ Mux(escaped, FLIP, 0)),
            self.o.payload.end.eq(flag),
            self.o.payload.cut.eq(escaped),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += escaped.eq(keeps)
        return m
