"""From bytes to the words that memories are loaded with."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.hdl.load import LOAD_SIGNATURE

from .uart import BYTES

__all__ = ["WordPacker"]


class WordPacker(wiring.Component):
    """Makes a word of every two bytes, the first one its lower half.

    Members
    -------
    i : In(stream) of bytes. clear : In, forgets what was not taken yet; no byte may come
    with it. o : Out(stream) of words, from flip-flops, on whose ready that of i does not depend.

    Timing
    ------
    latency : cycles from the second byte to the word's offer. interval : cycles a word, where it is
    taken at once. A stall stops the bytes behind it.

    Storage: a word. Reset forgets it.
    """

    latency = 1
    interval = 2

    def __init__(self) -> None:
        super().__init__({"i": In(BYTES), "clear": In(1), "o": Out(LOAD_SIGNATURE)})

    def elaborate(self, platform: object) -> Module:
        """The lower half, then the upper one, then both are offered."""
        m = Module()
        low, upper = Signal(8), Signal()
        m.d.comb += self.i.ready.eq(~upper | ~self.o.valid)
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += upper.eq(~upper)
            with m.If(upper):
                m.d.sync += [self.o.payload.eq(Cat(low, self.i.payload)), self.o.valid.eq(1)]
            with m.Else():
                m.d.sync += low.eq(self.i.payload)
        with m.If(self.clear):
            m.d.sync += [upper.eq(0), self.o.valid.eq(0)]
        return m
