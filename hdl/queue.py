"""Holds tokens between two stages, in order."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError

from .token import TokenLayout

__all__ = ["SpikeQueue"]


class SpikeQueue(wiring.Component):
    """A first-in first-out queue of tokens that keeps their shape.

    Parameters
    ----------
    layout : tokens it holds.
    depth : tokens it can hold, at least 2.

    Members
    -------
    i : In(stream), o : Out(stream).

    Timing
    ------
    latency : cycles from a token's acceptance by an empty queue to its offer. interval : 1. A
    stall of the consumer fills the queue, then stalls the producer.

    Model: the identity on a sequence. Storage: depth x token bits, cleared by reset.
    """

    latency = 2
    interval = 1

    def __init__(self, *, layout: TokenLayout, depth: int) -> None:
        if depth < 2:
            raise ConfigurationError("a queue must hold at least 2 tokens", found=str(depth))
        self.layout = layout
        self.depth = depth
        super().__init__({"i": In(layout.signature), "o": Out(layout.signature)})

    def elaborate(self, platform: object) -> Module:
        """Wrap the library's queue, whose width forgets the fields."""
        m = Module()
        m.submodules.fifo = fifo = SyncFIFOBuffered(width=self.layout.width, depth=self.depth)
        m.d.comb += [
            fifo.w_data.eq(self.i.payload.as_value()),
            fifo.w_en.eq(self.i.valid),
            self.i.ready.eq(fifo.w_rdy),
            self.o.payload.as_value().eq(fifo.r_data),
            self.o.valid.eq(fifo.r_rdy),
            fifo.r_en.eq(self.o.ready),
        ]
        return m
