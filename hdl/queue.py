"""Holds tokens between two stages, in order."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError

from .token import TokenLayout

__all__ = ["SpikeQueue"]


class SpikeQueue(wiring.Component):
    """A first-in first-out queue of tokens that keeps their shape.

    Its output is a register, which a token that finds the queue empty enters at once: what follows
    does not wait for a block RAM's slow output.

    Parameters
    ----------
    layout : tokens it holds.
    depth : tokens it can hold, at least 2.

    Members
    -------
    i : In(stream), o : Out(stream).

    Timing
    ------
    latency : cycles from a token's acceptance by an empty queue to its offer. interval : 1; one
    cycle is lost when the stored tokens run out while others follow. A stall of the consumer fills
    the queue, then stalls the producer.

    Model: the identity on a sequence. Storage: depth x token bits, cleared by reset.
    """

    latency = 1
    interval = 1

    def __init__(self, *, layout: TokenLayout, depth: int) -> None:
        if depth < 2:
            raise ConfigurationError("a queue must hold at least 2 tokens", found=str(depth))
        self.layout = layout
        self.depth = depth
        super().__init__({"i": In(layout.signature), "o": Out(layout.signature)})

    def elaborate(self, platform: object) -> Module:
        """The library's queue, whose width forgets the fields, and the register behind it."""
        m = Module()
        m.submodules.fifo = fifo = SyncFIFOBuffered(width=self.layout.width, depth=self.depth - 1)
        room, past, writes, reads = Signal(), Signal(), Signal(), Signal()
        # The library counts its tokens too, but not in a register that says that there are none.
        stored, none = Signal(range(self.depth)), Signal(init=1)
        payload = self.o.payload.as_value()
        m.d.comb += [
            room.eq(~self.o.valid | self.o.ready),
            # Past the library's queue, but never past a token that is in it.
            past.eq(room & none),
            self.i.ready.eq(fifo.w_rdy),
            fifo.w_data.eq(self.i.payload.as_value()),
            fifo.w_en.eq(self.i.valid & ~past),
            fifo.r_en.eq(room),
            writes.eq(fifo.w_en & fifo.w_rdy),
            reads.eq(fifo.r_en & fifo.r_rdy),
        ]
        with m.If(writes & ~reads):
            m.d.sync += [stored.eq(stored + 1), none.eq(0)]
        with m.Elif(reads & ~writes):
            m.d.sync += [stored.eq(stored - 1), none.eq(stored == 1)]
        with m.If(room):
            m.d.sync += [
                self.o.valid.eq(fifo.r_rdy | (past & self.i.valid)),
                payload.eq(Mux(fifo.r_rdy, fifo.r_data, fifo.w_data)),
            ]
        return m
