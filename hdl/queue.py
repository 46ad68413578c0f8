"""Holds tokens between two stages, in order."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.fifo import SyncFIFO, SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError

from .token import TokenLayout

__all__ = ["SHALLOW_QUEUE", "SpikeQueue"]

SHALLOW_QUEUE = 4  # tokens up to which a queue is registers


class _Fifo(SyncFIFOBuffered):
    """The library's, which never reads a word while it is written: it is empty then, or full.

    Yosys does not see that, and puts a multiplexer between a block RAM and its output register.
    """

    def elaborate(self, platform: object) -> Module:
        m = super().elaborate(platform)
        m.submodules.storage.attrs["no_rw_check"] = "1"
        return m


class SpikeQueue(wiring.Component):
    """A first-in first-out queue of tokens that keeps their shape.

    Its output is a register, which a token that finds the queue empty enters at once; between it
    and a block RAM, whose output is slow, there is another one, which becomes the RAM's own.

    Parameters
    ----------
    layout : tokens it holds.
    depth : tokens it can hold, at least 2.

    Members
    -------
    i : In(stream), o : Out(stream).

    Timing
    ------
    latency : cycles from a token's acceptance by an empty queue to its offer. interval : 1; up to 3
    cycles are lost when the stored tokens run out while others follow. A stall of the consumer
    fills the queue, then stalls the producer.

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
        """The library's queue, whose width forgets the fields, and registers behind it."""
        m = Module()
        room, past, none = Signal(), Signal(), Signal(init=1)
        payload = self.o.payload.as_value()
        fifo: SyncFIFO | _Fifo
        if self.depth <= SHALLOW_QUEUE:
            # Of so few words the buffered one would take a token in every other cycle only.
            m.submodules.fifo = fifo = SyncFIFO(width=self.layout.width, depth=self.depth - 1)
            waits, head = fifo.r_rdy, fifo.r_data
            m.d.comb += fifo.r_en.eq(room)
            last = fifo.level == 1
        else:
            m.submodules.fifo = fifo = _Fifo(width=self.layout.width, depth=self.depth - 2)
            waits, head = Signal(), Signal(self.layout.width, reset_less=True)
            m.d.comb += fifo.r_en.eq(room | ~waits)
            with m.If(fifo.r_en):
                m.d.sync += [waits.eq(fifo.r_rdy), head.eq(fifo.r_data)]
            last = fifo.level == 0
        m.d.comb += [
            room.eq(~self.o.valid | self.o.ready),
            # Past what is stored, but never past a token that is in it.
            past.eq(room & none),
            self.i.ready.eq(fifo.w_rdy),
            fifo.w_data.eq(self.i.payload.as_value()),
            fifo.w_en.eq(self.i.valid & ~past),
        ]
        with m.If(fifo.w_en & fifo.w_rdy):
            m.d.sync += none.eq(0)
        with m.Elif(room & waits & last):
            m.d.sync += none.eq(1)
        with m.If(room):
            m.d.sync += [
                self.o.valid.eq(waits | (past & self.i.valid)),
                payload.eq(Mux(waits, head, fifo.w_data)),
            ]
        return m
