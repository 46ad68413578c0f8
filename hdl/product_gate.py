"""Lets the spikes of a query pass once the sums of their step are there."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.spec import TokenKind

from .token import TokenLayout

__all__ = ["ProductGate"]


class ProductGate(wiring.Component):
    """Holds a step back until its sums are ready, and says when they have been read.

    Only one step is behind it at a time: the next one passes when the core has taken the STEP of
    the one before and its last row has been read. An END passes as it comes.

    Parameters
    ----------
    layout : tokens that pass. direct : whether a token that passes is taken by the core in the
    same cycle, as where there is no merge.

    Members
    -------
    i : In(stream), behind a queue that holds a whole step (``loops.minimum_depths``). o :
    Out(stream). ready : In, the sums of the step at hand are there. release : Out, they have been
    read.
    taken : In, the core takes a STEP. dropped : In, what passes goes to nobody. busy : In, rows are
    under way.

    Timing
    ------
    latency : 0. interval : 1; between two steps 2 cycles, and as long as rows are under way.

    Model: none; it is the order of time. Storage: two bits.
    """

    latency = 0
    interval = 1

    def __init__(self, *, layout: TokenLayout, direct: bool) -> None:
        self.layout = layout
        self.direct = direct
        super().__init__(
            {
                "i": In(layout.signature),
                "o": Out(layout.signature),
                "ready": In(1),
                "release": Out(1),
                "taken": In(1),
                "dropped": In(1),
                "busy": In(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Closed behind a STEP, until that is taken and what was in front of it is read."""
        m = Module()
        stepped, reads = Signal(), Signal()
        is_end = self.i.payload.kind == TokenKind.END.value
        opens = Signal()
        m.d.comb += [
            opens.eq(is_end | (self.ready & ~stepped & ~reads)),
            self.o.valid.eq(self.i.valid & opens),
            self.o.payload.eq(self.i.payload),
            self.i.ready.eq(self.o.ready & opens),
            self.release.eq(reads & ~self.busy),
        ]
        with m.If(self.release):
            m.d.sync += reads.eq(0)
        passes = self.o.valid & self.o.ready & (self.i.payload.kind == TokenKind.STEP.value)
        with m.If(passes & (self.dropped | self.direct)):
            m.d.sync += reads.eq(1)
        with m.Elif(passes):
            m.d.sync += stepped.eq(1)
        with m.Elif(stepped & self.taken):
            m.d.sync += [stepped.eq(0), reads.eq(1)]
        return m
