"""What every core has: spike queues, synapses of each port, a serialiser, and what is counted."""

from functools import reduce
from operator import add, or_
from typing import Any

from amaranth.hdl import Cat, Module, Mux, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .config import CoreConfig
from .intake import Intake, read_ports
from .loaded_memory import LoadedMemory
from .parameters import LoadedTable, ParameterTable
from .serialiser import SpikeSerialiser
from .sparse_synapses import SparseSynapses
from .sweep import Sweep
from .synapses import Synapses, natural_latency
from .token import spikes_of
from .wide_synapses import WideSynapses

__all__ = ["CoreShell"]


class CoreShell(wiring.Component):
    """Streams of spikes in, rows of weights; and spikes out of the groups that fired.

    Parameters
    ----------
    config : the core in numbers. serialiser : of the hosts' layouts. sweep : of its neurons.
    initial : what samples begin with, where the sweep does not write it.

    Members
    -------
    i_0, i_1, ... : In(stream), one a port. keys_0, values_0, ... : In(stream), of ports that are
    products. o_0, o_1, ... : Out(stream), one a host. pace : In(stream), of which only markers
    count, where all connections have a delay.
    stall, busy : Out, high each time a token waits for its consumer, a token waits for the core or
    something is under way in it. row, synops, spikes_in, spike_out : Out, rows that are issued,
    neurons that they update, spikes that leave their queues, spikes that are sent in this cycle.
    load_0, load_1, ... : In, of each memory that is loaded, in the order of ``loads``; no token may
    come meanwhile.

    Timing
    ------
    latency, interval : as the core says.
    """

    def __init__(
        self,
        *,
        config: CoreConfig,
        serialiser: SpikeSerialiser,
        sweep: Sweep,
        initial: LoadedTable | ParameterTable | None = None,
    ) -> None:
        self.config = config
        self.sweep = sweep
        self.initial = initial
        self.intake = Intake(config=config)
        self.synapses = self._synapses()
        self.serialiser = serialiser
        members = {f"i_{k}": In(port.source.signature) for k, port in enumerate(config.ports)}
        members |= {name: In(layout.signature) for name, layout in read_ports(config).items()}
        members |= {f"o_{h}": Out(host.target.signature) for h, host in enumerate(config.hosts)}
        if config.pace_layout is not None:
            members["pace"] = In(config.pace_layout.signature)
        members |= {
            f"load_{k}": each.signature.members["load"] for k, (_, each) in enumerate(self.loads)
        }
        super().__init__(
            members
            | {
                "row": Out(range(self.most_rows + 1)),
                "synops": Out(range(self.most_rows * config.lanes + 1)),
                "spikes_in": Out(range(self.most_taken + 1)),
                "spike_out": Out(range(self.most_sent + 1)),
                "stall": Out(1),
                "busy": Out(1),
            }
        )

    def _synapses(self) -> list[Synapses | WideSynapses | SparseSynapses]:
        """Rows of all ports arrive at the lanes equally late, so that they never meet."""
        config = self.config
        if config.own_groups:
            return [
                SparseSynapses(
                    layout=port.layout,
                    schedule=port.sparse,
                    groups=config.groups,
                    operand_shape=config.operand_shape,
                    shift=config.shift,
                    store=config.plan.weights,
                    closes=config.overlaps,
                )
                for port in config.ports  # one, the plan's check says
            ]
        if config.plan.spikes > 1:
            return [
                WideSynapses(
                    layout=port.layout,
                    schedule=port.dense,
                    channel_lanes=config.channel_lanes,
                    operand_shape=config.operand_shape,
                    shift=config.shift,
                    store=config.plan.weights,
                    loads=config.loads_weights,
                )
                for port in config.ports  # one, the plan's check says
            ]
        latency = max(
            natural_latency(
                layout=port.layout,
                schedule=port.dense,
                first_group=config.hosts[port.host].first_group,
                channel_lanes=config.channel_lanes,
                held=config.holds_words,
            )
            for port in config.ports
        )
        return [
            Synapses(
                layout=port.layout,
                schedule=port.dense,
                first_group=config.hosts[port.host].first_group,
                groups=config.groups,
                channel_lanes=config.channel_lanes,
                operand_shape=config.operand_shape,
                shift=config.shift,
                store=config.plan.weights,
                loads=config.loads_weights and port.product is None,
                held=config.holds_words,
                sums=None if port.product is None else port.product.sums,
                latency=latency,
            )
            for port in config.ports
        ]

    @property
    def loads(self) -> list[tuple[str, LoadedMemory | LoadedTable]]:
        """The memories that are loaded, in their order, and what is in them."""
        found: list[tuple[str, LoadedMemory | LoadedTable]] = [
            (f"weights of {port.connection.source}", each.loaded)
            for port, each in zip(self.config.ports, self.synapses, strict=True)
            if not isinstance(each, SparseSynapses) and each.loaded is not None
        ]
        found += [(each.name, each) for each in self.sweep.loads]
        if isinstance(self.initial, LoadedTable):
            found.append((f"{self.initial.name} at the start", self.initial))
        return found

    @property
    def most_rows(self) -> int:
        """Rows that are issued in a cycle at most."""
        return self.config.plan.spikes

    @property
    def most_taken(self) -> int:
        """Spikes that leave the queues in a cycle at most."""
        return self.config.plan.spikes * len(self.config.ports)

    @property
    def most_sent(self) -> int:
        """Spikes that are sent in a cycle at most."""
        return max(host.target.slots for host in self.config.hosts)

    @property
    def pause(self) -> int:
        """Cycles after a marker of the fullest step in which no spike is taken."""
        raise NotImplementedError

    @property
    def latency(self) -> int:
        """Cycles from a lone marker's acceptance to its offer, when idle and nothing fires."""
        raise NotImplementedError

    @property
    def spared(self) -> int:
        """Cycles that ``latency`` lacks of a marker's way behind the fullest step."""
        return 0

    @property
    def inputs(self) -> list[stream.Interface]:
        """The ports in order."""
        return [getattr(self, f"i_{k}") for k in range(len(self.config.ports))]

    def heard(self, name: str) -> list[stream.Interface]:
        """The streams of this core that take the tokens of ``name``."""
        found = []
        for k, port in enumerate(self.config.ports):
            for member, read in zip(port.members(k), port.connection.reads, strict=True):
                if read == name:
                    found.append(getattr(self, member))
        return found

    @property
    def outputs(self) -> list[stream.Interface]:
        """The hosts' streams in order."""
        return [getattr(self, f"o_{h}") for h in range(len(self.config.hosts))]

    @property
    def interval(self) -> int:
        """Cycles that the most expensive spike takes."""
        return max(1, *(int(port.schedule.rows_per_neuron.max()) for port in self.config.ports))

    def connect(self, m: Module) -> None:
        """Queues and serialiser to the outside."""
        m.submodules.intake = self.intake
        m.submodules.serialiser = self.serialiser
        filled: list[Any] = [
            each.load
            for each in self.synapses
            if not isinstance(each, SparseSynapses) and each.loaded is not None
        ]
        filled += [getattr(self.sweep, f"load_{each.name}") for each in self.sweep.loads]
        if isinstance(self.initial, LoadedTable):
            filled.append(self.initial.load)
        for k, port in enumerate(filled):
            wiring.connect(m, wiring.flipped(getattr(self, f"load_{k}")), port)
        for outside, inside in zip(self.inputs, self.intake.inputs, strict=True):
            wiring.connect(m, wiring.flipped(outside), inside)
        for name in read_ports(self.config):
            wiring.connect(m, wiring.flipped(getattr(self, name)), getattr(self.intake, name))
        for k, synapses in enumerate(self.synapses):
            if isinstance(synapses, Synapses) and synapses.product is not None:
                wiring.connect(m, getattr(self.intake, f"stored_{k}"), synapses.stored)
                m.d.comb += getattr(self.intake, f"rows_{k}").eq(synapses.busy)
        if self.config.pace is not None:
            wiring.connect(m, wiring.flipped(self.pace), self.intake.pace)
        for inside, outside in zip(self.serialiser.outputs, self.outputs, strict=True):
            wiring.connect(m, inside, wiring.flipped(outside))
        sent = [Mux(o.valid & o.ready, spikes_of(o.payload), 0) for o in self.outputs]
        m.d.comb += [
            self.spikes_in.eq(self.intake.spikes),
            self.spike_out.eq(reduce(or_, sent)),
            self.stall.eq(Cat(o.valid & ~o.ready for o in self.outputs).any()),
            self.row.eq(reduce(add, self.any_row("valid"))),
            self.synops.eq(self.any_row("synops")),
        ]

    def fetch(self, m: Module, adds: Value) -> Value:
        """A spike that ``adds`` goes to its port's synapses; returns whether it is done."""
        accepts = []
        for k, synapses in enumerate(self.synapses):
            m.submodules[f"synapses_{k}"] = synapses
            m.d.comb += [
                synapses.spike.eq(self.intake.spike(k)),
                synapses.valid.eq(adds & (self.intake.port == k)),
            ]
            accepts.append(synapses.accept)
        return Cat(accepts).any()

    def any_row(self, name: str) -> Value:
        """Of the row of whichever port; those of ports that issue nothing are 0."""
        return reduce(or_, (getattr(each, f"row_{name}") for each in self.synapses))

    @property
    def row_payload(self) -> Value:
        """What the row's operands are multiplied by."""
        return reduce(
            or_,
            (each.row_valid if each.layout.is_unit else each.row_payload for each in self.synapses),
        )

    @property
    def under_way(self) -> Value:
        """Whether rows are between the queues and the lanes."""
        return Cat(each.busy for each in self.synapses).any()
