"""Decides when a core adds rows and when its neurons decide."""

from amaranth.hdl import Const, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.spec import EndFlag, Mode, TokenKind

from .choose import choose
from .config import CoreConfig

__all__ = ["Control"]


class Control(wiring.Component):
    """The state machine of a core: one marker at a time, of whichever host it is.

    A SPIKE adds rows. A STEP lets every neuron decide, sends the spikes and then STEP. An END, by
    mode: stepwise resets the state; settle first repeats steps until one fires nothing; collapsed
    decides once, by division. A host that never fires sends all its membranes instead. END(keep)
    leaves the state as it is where the core ``keeps`` it, but for input that is replayed, which is
    the sample's own; else each sample begins anew. Where several hosts settle, each of these steps
    is a turn of its own: the END comes ``again``.

    Parameters
    ----------
    config : the core in numbers.

    Members
    -------
    valid, kind, host, keep : In, the token that waits. adds : Out, it is a spike that may add its
    rows. take : Out, the marker is taken. again : Out, with it: it shall come once more.
    drained : In, no row is under way. sweeping, fired : In, as the sweep says.
    start, pass_host, show, initialise, hold, renew : Out, to the sweep.
    marks : Out, a marker is offered to the serialiser with mark_kind, mark_host, mark_keep : Out;
    marked : In, it is taken. idle : Out, nothing but a token is waited for.

    Timing
    ------
    latency : 1 from ``valid`` of a marker to ``start``'s pass or to the marker's offer, 2 behind a
    pass. interval : 1 a marker without a pass.

    Storage: the state, a marker, a bit a host whose membranes still miss leak and bias; reset
    begins with a pass that writes the initial state.
    """

    latency = 1
    interval = 1

    def __init__(self, *, config: CoreConfig) -> None:
        self.config = config
        # A membrane that is read at END must not yet hold the next step's leak and bias.
        self.defers = not config.shows and any(host.changes_alone for host in config.hosts)
        host = range(len(config.hosts))
        super().__init__(
            {
                "valid": In(1),
                "kind": In(2),
                "host": In(host),
                "keep": In(1),
                "adds": Out(1),
                "take": Out(1),
                "again": Out(1),
                "drained": In(1),
                "sweeping": In(1),
                "fired": In(1),
                "start": Out(1),
                "pass_host": Out(host),
                "show": Out(1),
                "initialise": Out(1),
                "hold": Out(1),
                "renew": Out(1),
                "marks": Out(1),
                "mark_kind": Out(2),
                "mark_host": Out(host),
                "mark_keep": Out(1),
                "marked": In(1),
                "idle": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Clear; then rows, until a marker asks for a pass."""
        m = Module()
        pending = Signal(len(self.config.hosts))  # a deferred leak and bias
        waits = Signal()
        m.d.comb += waits.eq(choose(list(pending), self.host) & (self.kind != TokenKind.END.value))
        with m.If(self.marks & self.marked):
            m.d.sync += self.marks.eq(0)
        with m.FSM() as machine:
            self._clear(m)
            with m.State("RUN"):
                with m.If(self.valid & waits & self.drained):
                    self._begin(m, "DEFERRED", show=False, initialise=0)
                with m.Elif(self.valid & ~waits & (self.kind == TokenKind.SPIKE.value)):
                    m.d.comb += self.adds.eq(1)
                with m.Elif(self.valid & ~waits & self.drained & ~self.marks):
                    self._marker(m)
            with m.State("DEFERRED"), m.If(~self.sweeping):
                m.d.sync += pending.bit_select(self.host, 1).eq(0)
                m.next = "RUN"
            self._step(m, pending)
            if self.config.fires and self.config.mode is Mode.SETTLE:
                self._settle(m)
            self._end(m, pending)
            m.d.comb += self.idle.eq(machine.ongoing("RUN") & ~self.marks)
        return m

    def _begin(self, m: Module, state: str, *, show: bool, initialise: object, hold: object = 0):
        m.d.comb += [
            self.start.eq(1),
            self.pass_host.eq(self.host),
            self.show.eq(show),
            self.initialise.eq(initialise),
            self.hold.eq(hold),
        ]
        m.next = state

    def _mark(self, m: Module, token: TokenKind) -> None:
        """A marker waits for the serialiser, so that the core need not."""
        m.d.sync += [
            self.marks.eq(1),
            self.mark_kind.eq(token.value),
            self.mark_host.eq(self.host),
            self.mark_keep.eq(self.keep if token is TokenKind.END else 0),
        ]

    @property
    def _keeps(self) -> Value:
        """Whether the state stays."""
        if not self.config.keeps:
            return Const(0)
        return self.keep == EndFlag.KEEP.value

    def _clear(self, m: Module) -> None:
        """After reset a pass for each host writes the initial state."""
        last = len(self.config.hosts) - 1
        turn = Signal(range(last + 1))
        with m.State("CLEAR"):
            self._begin(m, "CLEARING", show=False, initialise=1)
            m.d.comb += self.pass_host.eq(turn)
        with m.State("CLEARING"), m.If(~self.sweeping):
            m.d.sync += turn.eq(turn + 1)
            m.next = "CLEAR"
            with m.If(turn == last):
                m.next = "RUN"

    def _marker(self, m: Module) -> None:
        """A pass begins when no row is under way and no marker waits."""
        config = self.config
        with m.If(self.kind != TokenKind.END.value):
            if config.shows:
                self._begin(m, "STEPPING", show=True, initialise=0)
            else:
                m.next = "STEP"
        with m.Else():
            if config.mode is Mode.COLLAPSED:
                renews = ~self._keeps if config.keeps else 1
                self._begin(m, "ENDING", show=True, initialise=renews)
            elif not config.shows:
                self._begin(m, "ENDING", show=True, initialise=1, hold=self._keeps)
            elif config.mode is Mode.SETTLE:
                self._begin(m, "SETTLING", show=True, initialise=0)
            else:
                self._finish(m)

    def _finish(self, m: Module) -> None:
        if self.config.replays:
            # What is replayed is the sample's own.
            m.d.comb += self.renew.eq(self._keeps)
            self._begin(m, "ENDING", show=False, initialise=~self._keeps)
            return
        with m.If(self._keeps):
            m.next = "END"
        with m.Else():
            self._begin(m, "ENDING", show=False, initialise=1)

    def _step(self, m: Module, pending: Signal) -> None:
        with m.State("STEPPING"), m.If(~self.sweeping):
            m.next = "STEP"
        with m.State("STEP"), m.If(~self.marks):
            self._mark(m, TokenKind.STEP)
            m.d.comb += self.take.eq(1)
            m.d.sync += pending.bit_select(self.host, 1).eq(int(self.defers))
            m.next = "RUN"

    def _settle(self, m: Module) -> None:
        """Steps until nothing fires; one host alone goes on at once, several take turns."""
        with m.State("SETTLING"), m.If(~self.sweeping):
            m.next = "SETTLED"
        with m.State("SETTLED"):
            with m.If(~self.fired):
                self._finish(m)
            with m.Else():
                self._mark(m, TokenKind.STEP)
                if len(self.config.hosts) > 1:
                    m.d.comb += [self.take.eq(1), self.again.eq(1)]
                    m.next = "RUN"
                else:
                    m.next = "AGAIN"
        if len(self.config.hosts) == 1:
            with m.State("AGAIN"), m.If(~self.marks):
                self._begin(m, "SETTLING", show=True, initialise=0)

    def _end(self, m: Module, pending: Signal) -> None:
        with m.State("ENDING"), m.If(~self.sweeping):
            m.next = "END"
        with m.State("END"), m.If(~self.marks):
            self._mark(m, TokenKind.END)
            m.d.comb += self.take.eq(1)
            with m.If(~self._keeps):
                m.d.sync += pending.bit_select(self.host, 1).eq(0)
            m.next = "RUN"
