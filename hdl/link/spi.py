"""Bytes over SPI, both ways at once, at a rate that the host chooses."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

from spikewright.golden.link import FLAG

from .uart import BYTES

__all__ = ["SpiTarget"]

_BYTE_BITS = 8


class SpiTarget(wiring.Component):
    """The target of mode 0, highest bit first, whose lines are sampled by the own clock.

    The host makes the clock, so it gets a byte for each that it sends: a flag where the device has
    nothing to say. It sends flags where it has nothing to say, which are bytes as any other here.

    Members
    -------
    clk, copi, select : In, asynchronous; select is 1 while the bits are ours. cipo : Out, from a
    flip-flop. o : Out(stream) of bytes; one that is not taken until the next one has come is lost.
    i : In(stream) of bytes; taken when the bits of the one before are out.

    Timing
    ------
    cycles : the least that a bit may take, of which the clock is 1 in about one half, and 0 in the
    other; what comes back has changed a cycle before the host's next rising edge at the latest.
    latency : cycles from the rising edge of a byte's last bit to its offer, or one less.
    interval : cycles a byte, at the least. A consumer that needs no more never loses one; a source
    whose bytes are to follow each other, as those of a frame are, must offer the next one within
    as many cycles.
    What is cut when select falls is dropped, both ways, and the next byte begins when it rises: so
    a host that lets it fall for 2 cycles where it begins is understood whatever was before. Between
    two bytes this changes nothing.

    Storage: a byte on its way in and one on its way out. Reset withdraws what
    is offered; the line goes on, with flags, for the host may be at it.
    """

    cycles = 4
    latency = 3
    interval = _BYTE_BITS * cycles

    def __init__(self) -> None:
        super().__init__(
            {
                "clk": In(1),
                "copi": In(1),
                "select": In(1),
                "cipo": Out(1),
                "o": Out(BYTES),
                "i": In(BYTES),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Both shift at the rising edge: the host has read by then, and a whole bit is left."""
        m = Module()
        # A clock that stands at 1 when all begins is no edge.
        clk, before = Signal(init=1), Signal(init=1, reset_less=True)
        copi, select = Signal(), Signal()
        m.submodules.cross_clk = FFSynchronizer(self.clk, clk, init=1)
        m.submodules.cross_copi = FFSynchronizer(self.copi, copi)
        m.submodules.cross_select = FFSynchronizer(self.select, select)
        came = Signal(_BYTE_BITS - 1, reset_less=True)
        goes = Signal(_BYTE_BITS, init=FLAG, reset_less=True)
        place = Signal(range(_BYTE_BITS), reset_less=True)
        rises, last = Signal(), Signal()
        m.d.comb += [
            rises.eq(clk & ~before & select),
            last.eq(rises & place.all()),
            self.i.ready.eq(last),
            self.cipo.eq(goes[-1]),
        ]
        m.d.sync += before.eq(clk)
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(rises):
            m.d.sync += [place.eq(place + 1), came.eq(Cat(copi, came)), goes.eq(goes << 1)]
        with m.If(last):
            m.d.sync += [
                self.o.payload.eq(Cat(copi, came)),
                self.o.valid.eq(1),
                goes.eq(Mux(self.i.valid, self.i.payload, FLAG)),
            ]
        with m.If(~select & (place != 0)):
            m.d.sync += [place.eq(0), goes.eq(FLAG)]
        return m
