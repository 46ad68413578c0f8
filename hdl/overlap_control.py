"""Decides when the neurons of an overlapped core decide; its rows never wait for them."""

from amaranth.hdl import Const, Module, Signal, Value, ValueLike
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.spec import EndFlag, Mode, TokenKind

from .config import CoreConfig

__all__ = ["OverlapControl"]


class OverlapControl(wiring.Component):
    """Two machines: one takes tokens, the other makes the passes of one marker.

    A SPIKE adds rows. A marker is taken as a row is, follows the rows in front of it to the sums,
    and closes them; the next spike is taken in the next cycle. Then a STEP lets every neuron
    decide, and leaves behind its spikes. An END, by mode: stepwise resets the state; settle first
    repeats steps until one fires nothing; collapsed decides once, by division. END(keep) leaves the
    state as it is where the core ``keeps`` it. A population that is
    read when the sample ends lets a STEP pass, and sums go on. A marker waits while the passes of
    the one before are made.

    Parameters
    ----------
    config : the core in numbers.

    Members
    -------
    valid, kind, keep : In, the token that waits. adds : Out, it is a spike that may add its rows.
    take : Out, the marker is taken; closes : Out, and ends its step's sums. closed : In, they are
    held.
    sweeping, fired : In, as the sweep says. start, show, initialise : Out, to the sweep. fresh :
    Out, the held sums have not been added yet.
    marks : Out, a marker is offered to the serialiser with mark_kind, mark_keep : Out; marked : In,
    it is taken. idle : Out, nothing but a token is waited for.

    Timing
    ------
    latency : 1 from ``closed`` to ``start``, and from the end of the last pass to the marker's
    offer. interval : 1 a spike; a marker takes a cycle, and those of its passes where another is
    behind it.

    Storage: the state and the marker; reset begins with a pass that writes the initial state.
    """

    latency = 1
    interval = 1

    def __init__(self, *, config: CoreConfig) -> None:
        self.config = config
        super().__init__(
            {
                "valid": In(1),
                "kind": In(2),
                "keep": In(1),
                "adds": Out(1),
                "take": Out(1),
                "closes": Out(1),
                "closed": In(1),
                "sweeping": In(1),
                "fired": In(1),
                "start": Out(1),
                "show": Out(1),
                "initialise": Out(1),
                "fresh": Out(1),
                "marks": Out(1),
                "mark_kind": Out(2),
                "mark_keep": Out(1),
                "marked": In(1),
                "idle": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Take tokens; make the passes of the marker that was taken; offer it."""
        m = Module()
        occupied = Signal(init=1)  # a marker is on its way, or the state is not initialised yet
        kind, keep = Signal(2, reset_less=True), Signal(reset_less=True)
        is_spike = self.kind == TokenKind.SPIKE.value
        m.d.comb += [
            self.adds.eq(self.valid & is_spike),
            self.take.eq(self.valid & ~is_spike & ~occupied),
            self.idle.eq(~occupied),
        ]
        with m.If(self.take):
            m.d.sync += [occupied.eq(1), kind.eq(self.kind), keep.eq(self.keep)]
        is_step = kind == TokenKind.STEP.value
        passes = Const(0, 1) if self.config.shows else occupied & is_step
        closes = Const(1, 1) if self.config.shows else self.kind != TokenKind.STEP.value
        m.d.comb += self.closes.eq(self.take & closes)
        with m.FSM():
            with m.State("CLEAR"):
                self._pass(m, "CLEARING", show=False, initialise=True)
            with m.State("CLEARING"), m.If(~self.sweeping):
                m.d.sync += occupied.eq(0)
                m.next = "RUN"
            with m.State("RUN"):
                with m.If(self.closed):
                    m.d.sync += self.fresh.eq(1)
                    m.next = "CLOSED"
                with m.Elif(passes):
                    self._mark(m, TokenKind.STEP, "LEAVES")
            with m.State("CLOSED"):
                self._begin(m, is_step, self._keeps(keep))
            if self.config.mode is not Mode.COLLAPSED and self.config.shows:
                with m.State("STEPPING"), m.If(~self.sweeping):
                    self._mark(m, TokenKind.STEP, "LEAVES")
            if self.config.mode is Mode.SETTLE and self.config.fires:
                self._settle(m, self._keeps(keep))
            with m.State("ENDING"), m.If(~self.sweeping):
                self._mark(m, TokenKind.END, "LEAVES")
            with m.State("LEAVES"), m.If(self.marked):
                m.d.sync += [self.marks.eq(0), occupied.eq(0)]
                m.next = "RUN"
        m.d.comb += self.mark_keep.eq(keep & (self.mark_kind == TokenKind.END.value))
        return m

    def _keeps(self, keep: Signal) -> Value:
        """Whether the state stays."""
        if not self.config.keeps:
            return Const(0, 1)
        return keep == EndFlag.KEEP.value

    def _begin(self, m: Module, is_step: ValueLike, keeps: Value) -> None:
        if self.config.mode is Mode.COLLAPSED:
            renews = ~keeps if self.config.keeps else True
            self._pass(m, "ENDING", show=True, initialise=renews)
            return
        if not self.config.shows:
            self._pass(m, "ENDING", show=True, initialise=~keeps)
            return
        with m.If(is_step):
            self._pass(m, "STEPPING", show=True, initialise=False)
        settles = self.config.mode is Mode.SETTLE  # first; then the state may stay
        with m.Elif(Const(0, 1) if settles else keeps):
            self._mark(m, TokenKind.END, "LEAVES")
        with m.Else():
            if settles:
                self._pass(m, "SETTLING", show=True, initialise=False)
            else:
                self._pass(m, "ENDING", show=False, initialise=True)

    def _settle(self, m: Module, keeps: Value) -> None:
        """Steps until nothing fires, then the initial state."""
        with m.State("SETTLING"), m.If(~self.sweeping):
            m.next = "SETTLED"
        with m.State("SETTLED"):
            m.d.sync += self.fresh.eq(0)
            with m.If(self.fired):
                self._mark(m, TokenKind.STEP, "AGAIN")
            if self.config.keeps:
                with m.Elif(keeps):
                    self._mark(m, TokenKind.END, "LEAVES")
            with m.Else():
                self._pass(m, "ENDING", show=False, initialise=True)
        with m.State("AGAIN"), m.If(self.marked):
            m.d.sync += self.marks.eq(0)
            m.next = "REPEATS"
        with m.State("REPEATS"):
            self._pass(m, "SETTLING", show=True, initialise=False)

    def _pass(self, m: Module, state: str, *, show: bool, initialise: ValueLike) -> None:
        m.d.comb += [self.start.eq(1), self.show.eq(show), self.initialise.eq(initialise)]
        m.next = state

    def _mark(self, m: Module, token: TokenKind, state: str) -> None:
        m.d.sync += [self.marks.eq(1), self.mark_kind.eq(token.value)]
        m.next = state
