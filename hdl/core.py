"""Populations in hardware: streams of spikes in, streams of their own spikes out."""

from amaranth.hdl import Module, Signal, Value

from .config import CoreConfig
from .control import Control
from .lanes import AccumulatorLanes
from .serialiser import SpikeSerialiser
from .shell import CoreShell
from .sweep import Sweep

__all__ = ["Core"]


class Core(CoreShell):
    """Spike queues, synapses of each port, accumulator lanes, somas, spike serialiser.

    A SPIKE costs the rows of its port's schedule, two cycles each where membranes are in large
    RAMs. ``Control`` says what a STEP and an END do. The core takes the next step's spikes while
    the serialiser still sends.

    Parameters
    ----------
    config : the core in numbers.

    Members
    -------
    i_0, i_1, ... : In(stream), one a port. o_0, o_1, ... : Out(stream), one a host. pace :
    In(stream), of which only markers count, where all connections have a delay.
    row, spike_out, stall, busy : Out, high each time a row is issued, a spike is sent, a token
    waits for its consumer, a token waits for the core or something is under way in it. synops,
    spikes_in : Out, neurons that a row updates, spikes that leave their queues in this cycle.

    Timing
    ------
    latency : cycles from the acceptance of a lone STEP (stepwise, settle) or END (collapsed) to the
    offer of the same token, when idle and nothing fires. interval : cycles that the most expensive
    spike takes. A stall of a consumer fills the serialiser, then stops the sweep, then fills the
    queues.

    Model: ``golden.model``'s populations. Storage: weights, membranes (written by a pass after
    reset), queues.
    """

    def __init__(self, *, config: CoreConfig) -> None:
        self.lanes = AccumulatorLanes(
            layout=config.payload,
            # A lane with a group of its own is a bank; its bits are where they would be otherwise.
            channel_lanes=1 if config.own_groups else config.channel_lanes,
            banks=(1, config.lanes) if config.own_groups else config.banks,
            groups=config.groups,
            operand_shape=config.operand_shape,
            shift=config.shift,
            total_bits=config.state.total.width,
            other_bits=config.state.bits - config.state.total.width,
            store=config.plan.membranes,
            far=config.far,
        )
        super().__init__(
            config=config,
            serialiser=SpikeSerialiser(
                channel_lanes=config.channel_lanes,
                banks=config.banks,
                layouts=[host.target for host in config.hosts],
            ),
            sweep=Sweep(
                config=config, read_latency=self.lanes.read_latency, pace=self.lanes.interval
            ),
        )
        self.control = Control(config=config)

    @property
    def latency(self) -> int:
        """Cycles from a lone marker's acceptance to its offer, when idle and nothing fires."""
        passes = self.config.shows
        sweep = self.sweep.empty_latency + 1 if passes else 0
        return self.intake.latency + sweep + 2 + self.serialiser.latency

    @property
    def interval(self) -> int:
        """Cycles that the most expensive spike takes."""
        return super().interval * self.lanes.interval

    @property
    def spared(self) -> int:
        """Cycles that ``latency`` lacks of a marker's way behind the fullest step: of groups that
        were not touched.
        """
        return self.sweep.latency - self.sweep.empty_latency if self.config.skips else 0

    @property
    def pause(self) -> int:
        """Cycles after a marker of the fullest step in which no spike is taken."""
        config = self.config
        drained = max(synapses.lag for synapses in self.synapses) + self.lanes.latency
        # The serialiser holds two groups; the others wait until their lanes are sent.
        sending = max(host.n for host in config.hosts) - 2 * config.lanes
        one = max(self.sweep.latency, sending) + 2
        return drained + len(config.hosts) * config.most_passes * one

    def elaborate(self, platform: object) -> Module:
        """Tokens to rows; rows to lanes; lanes to somas; spikes and markers to the serialiser."""
        m = Module()
        self.connect(m)
        m.submodules.lanes = lanes = self.lanes
        m.submodules.sweep = self.sweep
        m.submodules.control = control = self.control
        intake = self.intake
        accepted = self.fetch(m, self._paced(m))
        m.d.comb += [
            intake.take.eq(control.take | accepted),
            intake.again.eq(control.again),
            lanes.valid.eq(self.any_row("valid")),
            lanes.groups.eq(self.any_row("groups")),
            lanes.enables.eq(self.any_row("enables")),
            lanes.operands.eq(self.any_row("operands")),
        ]
        if self.config.skips:
            m.d.comb += [
                self.sweep.row_valid.eq(lanes.valid),
                self.sweep.row_groups.eq(lanes.groups),
                self.sweep.row_enables.eq(lanes.enables),
            ]
        if not self.config.payload.is_unit:
            m.d.comb += lanes.payload.eq(self.row_payload)
        self._passes(m)
        # A register: control has much to do in the cycle that asks. Most lanes need not be waited
        # for: a pass reads its first group 3 cycles after a row has left the synapses, and they
        # write the row in that cycle at the latest.
        waits = control.adds | self.under_way
        if lanes.recent_cycles:
            waits |= lanes.recent
        m.d.sync += control.drained.eq(~waits)
        m.d.comb += self.busy.eq(
            intake.valid
            | intake.summing
            | self.under_way
            | lanes.busy
            | ~control.idle
            | ~self.serialiser.idle
        )
        return m

    def _paced(self, m: Module) -> Value:
        """Whether a spike may add a row: not in the cycle behind one, whose word is written."""
        adds = self.control.adds
        if self.lanes.interval == 1:
            return adds
        rests = Signal()
        m.d.sync += rests.eq(adds & ~rests)
        return adds & ~rests

    def _passes(self, m: Module) -> None:
        """Somas read and write the lanes' membranes; groups and markers go to the serialiser."""
        lanes, sweep, control = self.lanes, self.sweep, self.control
        intake, serialiser = self.intake, self.serialiser
        m.d.comb += [
            control.valid.eq(intake.valid),
            control.kind.eq(intake.kind),
            control.host.eq(intake.host),
            control.keep.eq(intake.keep),
            control.sweeping.eq(sweep.busy),
            control.fired.eq(sweep.fired),
            control.marked.eq(serialiser.i.ready),
            sweep.start.eq(control.start),
            sweep.host.eq(control.pass_host),
            sweep.show.eq(control.show),
            sweep.initialise.eq(control.initialise),
            sweep.hold.eq(control.hold),
            sweep.renew.eq(control.renew),
            lanes.sweep.eq(sweep.busy),
            lanes.sweep_group.eq(sweep.read_group),
            lanes.sweep_enable.eq(sweep.read_enable),
            sweep.word.eq(lanes.word),
            lanes.sweep_writes.eq(sweep.writes),
            lanes.write_enable.eq(sweep.write_enable),
            lanes.write_group.eq(sweep.write_group),
            lanes.write_word.eq(sweep.write_word),
            # A pass that sends begins when no marker waits.
            sweep.items.ready.eq(serialiser.i.ready),
            serialiser.i.valid.eq(control.marks | sweep.items.valid),
        ]
        with m.If(~control.marks):
            m.d.comb += serialiser.i.payload.eq(sweep.items.payload)
        with m.Else():
            m.d.comb += [
                serialiser.i.payload.marker.eq(1),
                serialiser.i.payload.kind.eq(control.mark_kind),
                serialiser.i.payload.keep.eq(control.mark_keep),
                serialiser.i.payload.host.eq(control.mark_host),
            ]
