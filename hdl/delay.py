"""Keeps the spikes of a step for the step after: connections with a delay of one."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Member, Out

from spikewright.golden.spec import EndFlag, TokenKind

from .token import TokenLayout

__all__ = ["DelayUnit", "delay_members"]


def delay_members(layout: TokenLayout) -> dict[str, Member]:
    """What every unit for a delay has: see ``DelayUnit``."""
    return {
        "i": In(layout.signature),
        "steps": In(1),
        "ends": In(1),
        "keep": In(1),
        "passed": In(1),
        "o": Out(layout.signature),
    }


class DelayUnit(wiring.Component):
    """Sends in every step what came in the step before, and in the first step nothing.

    What must wait lies in the queue in front. The unit lets a step through when all other inputs of
    its consumer wait at their marker: only then it is known that the consumer has such a step, and
    not the end of the sample. So it never waits for its own consumer, as a unit in a loop would.
    END(reset) drops what is left of the sample, whose last spikes nobody hears; END(keep) leaves
    them for the first step of the next one.

    Parameters
    ----------
    layout : tokens that pass.

    Members
    -------
    i : In(stream), behind a queue that holds a whole step (``loops.minimum_depths``).
    steps, ends : In, the other inputs wait, one at least at a STEP, or all at an END; keep : In,
    that END's flag. They stay until the marker from ``o`` is taken too.
    passed : In, it is taken, from ``o`` or from what is between.
    o : Out(stream). drops : Out, what is taken from ``i`` goes to nobody.

    Timing
    ------
    latency : 0. interval : 1. What is dropped takes a cycle a token, and no token of a later step
    passes meanwhile.

    Model: a connection of delay 1 in ``golden.model``. Storage: three bits; reset makes it fresh.
    """

    latency = 0
    interval = 1

    def __init__(self, *, layout: TokenLayout) -> None:
        self.layout = layout
        super().__init__(delay_members(layout) | {"drops": Out(1)})

    def elaborate(self, platform: object) -> Module:
        """A marker of its own in the first step and at the end; else what comes."""
        m = Module()
        fresh, drops, marked = Signal(init=1), self.drops, Signal()
        source = self.i
        at_end = source.payload.kind == TokenKind.END.value
        resets = source.payload.address[0] == EndFlag.RESET.value
        with m.If(drops | (at_end & ~resets)):
            m.d.comb += source.ready.eq(1)
            with m.If(source.valid & at_end & resets):
                m.d.sync += drops.eq(0)
        is_marker = self.o.payload.kind != TokenKind.SPIKE.value
        with m.If(self.passed):
            m.d.sync += marked.eq(0)
        with m.Elif(self.o.valid & self.o.ready & is_marker):
            m.d.sync += marked.eq(1)
        with m.If(marked):
            pass  # what is next belongs to the next step
        with m.Elif(self.ends):
            m.d.comb += [
                self.o.valid.eq(~drops),
                self.o.payload.kind.eq(TokenKind.END.value),
                self.o.payload.address[0].eq(self.keep),
            ]
            with m.If(~drops & self.o.ready & (self.keep == EndFlag.RESET.value)):
                m.d.sync += [fresh.eq(1), drops.eq(1)]
        with m.Elif(self.steps & fresh):
            m.d.comb += [self.o.valid.eq(1), self.o.payload.kind.eq(TokenKind.STEP.value)]
            with m.If(self.o.ready):
                m.d.sync += fresh.eq(0)
        with m.Elif(self.steps & ~drops & ~at_end):
            m.d.comb += [
                self.o.valid.eq(source.valid),
                self.o.payload.eq(source.payload),
                source.ready.eq(self.o.ready),
            ]
        return m
