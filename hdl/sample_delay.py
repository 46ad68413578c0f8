"""Keeps what a sample fired for the sample after: connections with a delay, in collapsed mode."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring

from spikewright.golden.spec import EndFlag, TokenKind

from .delay import delay_members
from .token import TokenLayout

__all__ = ["SampleDelay"]


class SampleDelay(wiring.Component):
    """Sends in every sample what came in the sample before, if that one's END kept it.

    A sample has no steps: all that waits passes before the END, when all other inputs of the
    consumer wait at theirs. What waits lies in the queue in front.

    Parameters
    ----------
    layout : tokens that pass.

    Members
    -------
    As ``DelayUnit``; ``steps`` is never high.

    Timing
    ------
    latency : 0. interval : 1. What is dropped takes a cycle a token, and none passes meanwhile.

    Model: a connection of delay 1 in ``golden.model``. Storage: three bits; reset makes it fresh.
    """

    latency = 0
    interval = 1

    def __init__(self, *, layout: TokenLayout) -> None:
        self.layout = layout
        super().__init__(delay_members(layout))

    def elaborate(self, platform: object) -> Module:
        """What waits, up to its END; in the place of that END the one of this sample."""
        m = Module()
        fresh, drops, marked = Signal(init=1), Signal(), Signal()
        source, sink = self.i, self.o
        at_end = source.payload.kind == TokenKind.END.value
        with m.If(self.passed):
            m.d.sync += marked.eq(0)
        with m.If(drops):
            m.d.comb += source.ready.eq(1)
            with m.If(source.valid & at_end):
                m.d.sync += drops.eq(0)
        with m.Elif(self.ends & ~marked & (fresh | at_end)):
            m.d.comb += [
                sink.valid.eq(fresh | source.valid),
                sink.payload.kind.eq(TokenKind.END.value),
                sink.payload.address[0].eq(self.keep),
                source.ready.eq(~fresh & sink.ready),
            ]
            with m.If(sink.valid & sink.ready):
                resets = self.keep == EndFlag.RESET.value
                m.d.sync += [fresh.eq(resets), drops.eq(resets)]
                with m.If(~self.passed):
                    m.d.sync += marked.eq(1)
        with m.Elif(self.ends & ~marked):
            m.d.comb += [
                sink.valid.eq(source.valid),
                sink.payload.eq(source.payload),
                source.ready.eq(sink.ready),
            ]
        return m
