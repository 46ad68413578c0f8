"""Populations in hardware: streams of spikes in, streams of their own spikes out."""

from functools import reduce
from operator import or_

from amaranth.hdl import Cat, Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.spec import TokenKind

from .config import CoreConfig
from .control import Control
from .intake import Intake
from .lanes import AccumulatorLanes
from .serialiser import SpikeSerialiser
from .sweep import Sweep
from .synapses import Synapses, natural_latency

__all__ = ["Core"]


class Core(wiring.Component):
    """Spike queues, synapses of each port, accumulator lanes, somas, spike serialiser.

    A SPIKE costs the rows of its port's schedule. ``Control`` says what a STEP and an END do. The
    core takes the next step's spikes while the serialiser still sends.

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
        self.config = config
        self.intake = Intake(config=config)
        self.synapses = self._synapses()
        self.lanes = AccumulatorLanes(
            layout=config.payload,
            channel_lanes=config.channel_lanes,
            banks=config.banks,
            groups=config.groups,
            operand_shape=config.operand_shape,
            shift=config.shift,
            total_bits=config.state.total.width,
            other_bits=config.state.bits - config.state.total.width,
            store=config.plan.membranes,
        )
        self.sweep = Sweep(config=config, read_latency=self.lanes.read_latency)
        self.control = Control(config=config)
        self.serialiser = SpikeSerialiser(
            channel_lanes=config.channel_lanes,
            banks=config.banks,
            layouts=[host.target for host in config.hosts],
        )
        members = {f"i_{k}": In(port.source.signature) for k, port in enumerate(config.ports)}
        members |= {f"o_{h}": Out(host.target.signature) for h, host in enumerate(config.hosts)}
        if config.pace_layout is not None:
            members["pace"] = In(config.pace_layout.signature)
        super().__init__(
            members
            | {
                "row": Out(1),
                "synops": Out(range(config.lanes + 1)),
                "spikes_in": Out(range(len(config.ports) + 1)),
                "spike_out": Out(1),
                "stall": Out(1),
                "busy": Out(1),
            }
        )

    def _synapses(self) -> list[Synapses]:
        """Rows of all ports arrive at the lanes equally late, so that they never meet."""
        config = self.config
        latency = max(
            natural_latency(
                layout=port.layout,
                schedule=port.schedule,
                first_group=config.hosts[port.host].first_group,
                channel_lanes=config.channel_lanes,
            )
            for port in config.ports
        )
        return [
            Synapses(
                layout=port.layout,
                schedule=port.schedule,
                first_group=config.hosts[port.host].first_group,
                groups=config.groups,
                channel_lanes=config.channel_lanes,
                operand_shape=config.operand_shape,
                shift=config.shift,
                store=config.plan.weights,
                latency=latency,
            )
            for port in config.ports
        ]

    @property
    def inputs(self) -> list[stream.Interface]:
        """The ports in order."""
        return [getattr(self, f"i_{k}") for k in range(len(self.config.ports))]

    @property
    def outputs(self) -> list[stream.Interface]:
        """The hosts' streams in order."""
        return [getattr(self, f"o_{h}") for h in range(len(self.config.hosts))]

    @property
    def latency(self) -> int:
        """Cycles from a lone marker's acceptance to its offer, when idle and nothing fires."""
        passes = self.config.shows
        sweep = self.sweep.latency + 1 if passes else 0
        return self.intake.latency + sweep + 2 + self.serialiser.latency

    @property
    def interval(self) -> int:
        """Cycles that the most expensive spike takes."""
        return max(1, *(int(port.schedule.rows_per_neuron.max()) for port in self.config.ports))

    def elaborate(self, platform: object) -> Module:
        """Tokens to rows; rows to lanes; lanes to somas; spikes and markers to the serialiser."""
        m = Module()
        m.submodules.intake = self.intake
        m.submodules.lanes = lanes = self.lanes
        m.submodules.sweep = self.sweep
        m.submodules.control = control = self.control
        m.submodules.serialiser = serialiser = self.serialiser
        for outside, inside in zip(self.inputs, self.intake.inputs, strict=True):
            wiring.connect(m, wiring.flipped(outside), inside)
        if self.config.pace is not None:
            wiring.connect(m, wiring.flipped(self.pace), self.intake.pace)
        for inside, outside in zip(serialiser.outputs, self.outputs, strict=True):
            wiring.connect(m, inside, wiring.flipped(outside))
        under_way = self._rows(m)
        self._passes(m)
        # A register: control has much to do in the cycle that asks. Nobody waits for the lanes: a
        # pass reads its first group 3 cycles after a row has left the synapses, and the lanes write
        # the row in that cycle at the latest.
        m.d.sync += control.drained.eq(~(control.adds | under_way))
        m.d.comb += [
            self.spikes_in.eq(self.intake.spikes),
            self.busy.eq(
                self.intake.valid | under_way | lanes.busy | ~control.idle | ~serialiser.idle
            ),
        ]
        is_spike = [o.payload.kind == TokenKind.SPIKE.value for o in self.outputs]
        sent = [o.valid & o.ready & spike for o, spike in zip(self.outputs, is_spike, strict=True)]
        m.d.comb += [
            self.spike_out.eq(Cat(sent).any()),
            self.stall.eq(Cat(o.valid & ~o.ready for o in self.outputs).any()),
        ]
        return m

    def _rows(self, m: Module):
        """A spike goes to its port's synapses; their rows go to the lanes, one port's a cycle."""
        intake, lanes, control = self.intake, self.lanes, self.control
        accepts, payloads = [], []
        for k, synapses in enumerate(self.synapses):
            m.submodules[f"synapses_{k}"] = synapses
            m.d.comb += [
                synapses.spike.eq(intake.spike(k)),
                synapses.valid.eq(control.adds & (intake.port == k)),
            ]
            accepts.append(synapses.accept)
            unit = synapses.layout.is_unit
            payloads.append(synapses.row_valid if unit else synapses.row_payload)
        m.d.comb += [
            intake.take.eq(control.take | Cat(accepts).any()),
            intake.again.eq(control.again),
            lanes.valid.eq(self._any("row_valid")),
            lanes.groups.eq(self._any("row_groups")),
            lanes.enables.eq(self._any("row_enables")),
            lanes.operands.eq(self._any("row_operands")),
            self.row.eq(lanes.valid),
            self.synops.eq(self._any("row_synops")),
        ]
        if not self.config.payload.is_unit:
            m.d.comb += lanes.payload.eq(reduce(or_, payloads))
        return self._any("busy")

    def _any(self, name: str):
        """A signal of all synapses; those of ports that issue nothing are 0."""
        return reduce(or_, (getattr(synapses, name) for synapses in self.synapses))

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
