"""What cores must be, worked out from a network and a plan."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from amaranth.hdl import Shape, signed, unsigned

from spikewright.golden.spec import (
    BiasWhen,
    Connection,
    Delta,
    Dense,
    Fire,
    Input,
    IntArray,
    Interval,
    LeakOrder,
    Mode,
    Network,
    Payload,
    Population,
    Ranges,
    Reset,
    Soma,
    analyse,
    hull,
)

from .checks import check_network, check_plan
from .delta import change_range
from .geometry import PortSchedule, port_schedule
from .loops import check_depths
from .plan import CorePlan, HardwarePlan, Host, Products, Rows, Sweeps
from .replay import replays
from .serial import split_layout
from .soma import level_shape, needs_pending
from .sparse_schedule import SparseSchedule, sparse_schedule
from .state import StateLayout
from .synapses import operand_shape
from .token import Axes, Axis, TokenLayout, axes_of

__all__ = [
    "CoreConfig",
    "HostConfig",
    "PortConfig",
    "Slice",
    "core_configs",
    "node_layouts",
    "shape_of",
]


def shape_of(interval: Interval) -> Shape:
    """The narrowest shape that holds an interval."""
    bits = max((v if v >= 0 else ~v).bit_length() for v in (interval.low, interval.high))
    return signed(bits + 1) if interval.low < 0 else unsigned(max(1, bits))


@dataclass(frozen=True, kw_only=True)
class Slice:
    """Lanes of a group that decide together: channels of one bank, from ``channel`` on."""

    row: int
    column: int
    channel: int


@dataclass(frozen=True, kw_only=True, eq=False)
class PortConfig:
    """One connection into one host.

    ``source`` are the tokens as they are sent, ``layout`` as the synapses see them: those of the
    target's own neurons behind a ``delta``, whose X stays within ``x``; ``serial``: bit by bit.
    ``host`` counts within the core, whose slice of the target are ``channels``.
    """

    host: int
    channels: tuple[int, int]
    connection: Connection
    source: TokenLayout
    delta: Delta | None
    x: Interval
    layout: TokenLayout
    serial: bool
    schedule: PortSchedule | SparseSchedule
    queue_depth: int

    @property
    def dense(self) -> PortSchedule:
        """The schedule of a core whose rows have a weight for every lane."""
        assert isinstance(self.schedule, PortSchedule)  # whoever asks looked at the plan
        return self.schedule

    @property
    def sparse(self) -> SparseSchedule:
        """The schedule of a core with compressed rows."""
        assert isinstance(self.schedule, SparseSchedule)  # whoever asks looked at the plan
        return self.schedule


@dataclass(frozen=True, kw_only=True, eq=False)
class HostConfig:
    """A population on a core, or the slice of its channels from ``first_channel`` on.

    ``axes`` are the slice's, ``target`` the tokens of the whole population. Its groups of neurons
    count from ``first_group`` in the core, its channel blocks from ``first_block``. ``added`` is
    what the register that rows add to can hold. ``every_step``: its membranes are read in each.
    ``replays``: rows come in the first step of a sample, and count in every one.
    """

    population: Population
    mode: Mode
    first_channel: int
    axes: Axes
    target: TokenLayout
    v: Interval
    added: Interval
    tracer: Interval | None
    first_group: int
    first_block: int
    every_step: bool
    replays: bool

    @property
    def n(self) -> int:
        """Neurons."""
        return self.axes[0].size * self.axes[1].size * self.axes[2].size

    @property
    def blocks(self) -> tuple[int, int, int]:
        """Blocks of channels, rows and columns."""
        channels, rows, columns = self.axes
        return (channels.blocks, rows.blocks, columns.blocks)

    @property
    def groups(self) -> int:
        """Groups of neurons, one of each lane."""
        channels, rows, columns = self.blocks
        return channels * rows * columns

    @property
    def address_block(self) -> int:
        """The first channel block in an address."""
        return self.first_channel // self.axes[0].banks

    @property
    def fires(self) -> bool:
        """Whether the population spikes."""
        return self.population.soma.fire is not Fire.NONE

    def spread(self, values: IntArray) -> IntArray:
        """A parameter vector as [channels, rows, columns] of the slice."""
        whole = self.population.per_neuron(values).reshape(self.target.shape)
        return whole[self.first_channel : self.first_channel + self.axes[0].size]

    @property
    def initial_total(self) -> IntArray:
        """What rows are first added to, per neuron: leak and bias are in it."""
        soma = self.population.soma
        total = self.initial_v
        if self.replays and soma.bias_when is BiasWhen.FIRST:
            return np.zeros(self.population.n, np.int64)
        if self.keeps_v_apart:
            total = np.zeros(self.population.n, np.int64)
            if soma.phases is not None and soma.phases.receive == 0:
                total = self.population.per_neuron(soma.phases.slope)
        total = total + self.population.per_neuron(soma.bias)
        if self.fires and self.mode is Mode.COLLAPSED:
            assert soma.s_min is not None  # collapsed networks are bounded, the contract says
            total -= soma.s_min * self.population.per_neuron(soma.threshold)
        return total

    @property
    def initial_v(self) -> IntArray:
        """The membrane before the first step, per neuron: a leak before the input is in it.

        So is a bias that comes once, where the rest of the input comes again and again.
        """
        soma = self.population.soma
        v = self.population.per_neuron(soma.initial_v)
        if self.mode is not Mode.COLLAPSED and soma.leak_v and soma.leak_order is LeakOrder.BEFORE:
            v = (v * soma.leak_v.multiplier) >> soma.leak_v.shift
        if self.replays and soma.bias_when is BiasWhen.FIRST:
            return v + self.population.per_neuron(soma.bias)
        return v

    @property
    def keeps_v_apart(self) -> bool:
        """Whether rows add to another register than v: to a current, since v must stay at times, or
        since what they add up to is needed again.
        """
        soma = self.population.soma
        return soma.current or soma.refractory > 0 or self.replays

    @property
    def own_amount(self) -> bool:
        """Whether a reset takes something else than the threshold."""
        soma = self.population.soma
        same = self.population.per_neuron(soma.amount) == self.population.per_neuron(soma.threshold)
        return self.fires and soma.reset is Reset.SUBTRACT and not bool(same.all())


Parameter = Callable[[HostConfig], IntArray]


@dataclass(frozen=True, kw_only=True, eq=False)
class CoreConfig:
    """One core in numbers. Several hosts share the structure of the first one's soma.

    ``pace``: whose markers, tokens of ``pace_layout``, say how many steps there are, where every
    connection has a delay; else None.
    """

    plan: CorePlan
    mode: Mode
    hosts: tuple[HostConfig, ...]
    ports: tuple[PortConfig, ...]
    pace: str | None = None
    pace_layout: TokenLayout | None = None

    @property
    def soma(self) -> Soma:
        """The soma whose structure all hosts have."""
        return self.hosts[0].population.soma

    @property
    def banks(self) -> tuple[int, int]:
        """Rows and columns of a group."""
        _, rows, columns = self.hosts[0].axes
        return (rows.banks, columns.banks)

    @property
    def channel_lanes(self) -> int:
        """Channels of a group."""
        return self.hosts[0].axes[0].banks

    @property
    def lanes(self) -> int:
        """Lanes that are built: no more than a population needs; the channel counts fastest."""
        return self.channel_lanes * self.banks[0] * self.banks[1]

    @property
    def groups(self) -> int:
        """Words of membranes."""
        return sum(host.groups for host in self.hosts)

    @property
    def own_groups(self) -> bool:
        """Whether each lane of a row is added to a group of its own."""
        return self.plan.rows is Rows.SPARSE

    @property
    def overlaps(self) -> bool:
        """Whether neurons decide slice by slice, while rows of the next step are added."""
        return self.plan.sweep_lanes is not None

    @property
    def far(self) -> bool:
        """Whether wires get cycles of their own, as where a flip-flop's pins are limited."""
        return self.plan.fanout is not None

    @property
    def sweep_lanes(self) -> int:
        """Lanes that decide in a cycle."""
        if self.plan.sweep_lanes is None:
            return self.lanes
        return min(self.plan.sweep_lanes, self.channel_lanes)

    @property
    def slices(self) -> tuple[Slice, ...]:
        """Parts of a group that decide one after the other; none where groups decide whole."""
        if not self.overlaps:
            return ()
        return tuple(
            Slice(row=row, column=column, channel=channel)
            for row in range(self.banks[0])
            for column in range(self.banks[1])
            for channel in range(0, self.channel_lanes, self.sweep_lanes)
        )

    @property
    def most_passes(self) -> int:
        """Passes of one marker: settling makes one a level, one that fires nothing, the reset."""
        if self.mode is not Mode.SETTLE or not self.fires:
            return 1
        return (self.soma.s_max or 0) - (self.soma.s_min or 0) + 2

    @property
    def sweep_words(self) -> int:
        """Words of ``sweep_lanes`` neurons, a power of two of them for each group."""
        return self.groups * _power(max(1, len(self.slices)))

    @property
    def fires(self) -> bool:
        """Whether the hosts spike."""
        return self.hosts[0].fires

    @property
    def shows(self) -> bool:
        """Whether every step sends something: spikes, or membranes that are read."""
        return self.fires or self.hosts[0].every_step

    @property
    def replays(self) -> bool:
        """Whether the hosts keep what the rows of the first step add up to, and add it in each."""
        return self.hosts[0].replays

    @property
    def divides(self) -> bool:
        """Whether they fire once, by division."""
        return self.fires and self.mode is Mode.COLLAPSED

    @property
    def skips(self) -> bool:
        """Whether groups that no spike has touched are left out of a pass."""
        return self.plan.sweeps is Sweeps.TOUCHED and self.groups > 1

    @property
    def stateless(self) -> bool:
        """Whether neurons that decide once a sample begin each with its initial state."""
        return self.divides or (not self.shows and self.mode is not Mode.STEPWISE)

    @property
    def shift(self) -> int:
        """Fraction bits below all operands."""
        return min(port.schedule.shift for port in self.ports)

    @property
    def operand_shape(self) -> Shape:
        """Shape of a weight, shifted as its connection is against the others."""
        return operand_shape([port.schedule for port in self.ports], self.shift)

    @property
    def payload(self) -> TokenLayout:
        """Tokens that hold the payload of any port."""
        layouts = [port.layout for port in self.ports]
        return TokenLayout(
            axes=layouts[0].axes,
            low=min(layout.low for layout in layouts),
            high=max(layout.high for layout in layouts),
            powers=all(layout.powers or layout.is_unit or layout.is_sign for layout in layouts),
        )

    @cached_property
    def v_bits(self) -> int:
        """Bits of a membrane in two's complement, proven for every host."""
        bits = max(_signed_bits(host.v) for host in self.hosts)
        return bits if self.hosts[0].keeps_v_apart else max(bits, self.shift + 1)

    @cached_property
    def state(self) -> StateLayout:
        """Registers of a neuron."""
        soma = self.soma
        if self.divides:
            return StateLayout(total=signed(self.v_bits))
        apart = self.hosts[0].keeps_v_apart
        added = max(_signed_bits(host.added) for host in self.hosts)
        bounds = [host.tracer for host in self.hosts if host.tracer is not None]
        return StateLayout(
            total=signed(max(added, self.shift + 1) if apart else self.v_bits),
            v=signed(self.v_bits) if apart else None,
            tracer=shape_of(hull(*bounds)) if bounds and self.fires else None,
            pending=level_shape(soma) if needs_pending(soma) else None,
            wait=unsigned(soma.refractory.bit_length()) if soma.refractory else None,
        )

    @property
    def bursts(self) -> bool:
        """Whether they may fire several times in a step."""
        return self.soma.fire is Fire.BURST

    @cached_property
    def parameters(self) -> dict[str, Parameter]:
        """The numbers that the somas need, by name, of each neuron of a host."""
        soma = self.soma
        wanted: dict[str, Parameter] = {"initial_total": lambda host: host.initial_total}
        if self.state.v is not None:
            wanted["initial_v"] = lambda host: host.initial_v
        if self.fires:
            wanted["threshold"] = lambda host: host.population.soma.threshold
        if self.divides:
            return wanted
        if soma.threshold_negative is not None:
            wanted["negative"] = _negative
        if any(host.own_amount for host in self.hosts):
            wanted["amount"] = lambda host: host.population.soma.amount
        if soma.phases is not None:
            wanted["slope"] = _slope
        if soma.bias_when is BiasWhen.EVERY and not self.replays:
            wanted["bias"] = lambda host: host.population.soma.bias
        return wanted

    def table(self, name: str) -> tuple[list[list[int]], bool, Shape]:
        """Rows of a parameter's table, whether these are groups, and the shape of an entry."""
        rows, by_group = self.rows(self.parameters[name])
        entries = [value for row in rows for value in row]
        shape = shape_of(Interval(min(entries), max(entries)))
        if name.startswith("initial"):  # it becomes state as it is
            state = self.state.total if name == "initial_total" else self.state.v
            assert state is not None  # no parameter of what is not there
            shape = state
        return rows, by_group, shape

    def rows(self, values: Parameter) -> tuple[list[list[int]], bool]:
        """A parameter of all hosts as rows of a table, and whether these are groups.

        Where positions do not matter a row is a channel block, [channel lanes], which all banks
        share; otherwise it is a group, [lanes]. The edge is repeated past the last neuron.
        """
        spread = [host.spread(values(host)) for host in self.hosts]
        flat = all(bool((part == part[:, :1, :1]).all()) for part in spread)
        result: list[list[int]] = []
        for host, part in zip(self.hosts, spread, strict=True):
            axes = (host.axes[0], Axis(size=1), Axis(size=1)) if flat else host.axes
            result += _grouped(part[:, :1, :1] if flat else part, axes)
        return result, not flat

    def sliced(self, rows: list[list[int]], *, by_group: bool) -> list[list[int]]:
        """Rows of a table by slice, as ``sweep_words`` counts them; the edge is repeated."""
        last = self.channel_lanes - 1
        found = []
        for row in rows:
            parts = []
            for each in self.slices:
                bank = each.row * self.banks[1] + each.column if by_group else 0
                first = bank * self.channel_lanes
                channels = [min(each.channel + k, last) for k in range(self.sweep_lanes)]
                parts.append([row[first + channel] for channel in channels])
            found += parts + [parts[-1]] * (_power(len(parts)) - len(parts))
        return found


def _power(count: int) -> int:
    """The least power of two that is not below a count."""
    return 1 << (count - 1).bit_length()


def _slope(host: HostConfig) -> IntArray:
    phases = host.population.soma.phases
    assert phases is not None  # of all hosts or none, the plan's check says
    return phases.slope


def _negative(host: HostConfig) -> IntArray:
    given = host.population.soma.threshold_negative
    assert given is not None  # of all hosts or none, the plan's check says
    return given


def _signed_bits(interval: Interval) -> int:
    return shape_of(interval).width + (interval.low >= 0)


def _grouped(part: IntArray, axes: Axes) -> list[list[int]]:
    padded = np.pad(part, [(0, a.blocks * a.banks - a.size) for a in axes], mode="edge")
    split = padded.reshape([n for a in axes for n in (a.blocks, a.banks)])
    groups = split.transpose(0, 2, 4, 3, 5, 1).reshape(
        -1, axes[0].banks * axes[1].banks * axes[2].banks
    )
    return [[int(v) for v in row] for row in groups]


def core_configs(network: Network, plan: HardwarePlan) -> tuple[CoreConfig, ...]:
    """The cores of a plan, in its order.

    Raises
    ------
    ConfigurationError
        If the plan does not host every population once and whole, if what shares a core does not
        go together, or if a queue is missing, or so short that queues could deadlock.
    UnsupportedError
        If a connection, a soma or the readout asks for what is not built.
    """
    check_network(network)
    check_plan(network, plan)
    check_depths(network, plan)
    ranges = analyse(network, plan.mode)
    layouts = node_layouts(network, plan)
    return tuple(_core(network, core, plan.mode, ranges, layouts) for core in plan.cores)


def node_layouts(network: Network, plan: HardwarePlan) -> dict[str, TokenLayout]:
    """The tokens of every input and population, by name."""
    ranges = analyse(network, plan.mode)
    layouts = {
        source.name: _layout(source, axes_of(source.shape), ranges[source.name].emitted, plan.mode)
        for source in network.inputs
    }
    for core in plan.cores:
        populations = [network.population(host.population) for host in core.hosts]
        banks = _built_banks(core, populations)
        for population in populations:
            own = ranges[population.name]
            assert own.v is not None  # only inputs have no membrane
            axes = axes_of(population.shape, banks)
            if population.soma.fire is Fire.NONE:
                low, high = min(own.v.low, 0), max(own.v.high, 0)
                layout = TokenLayout(axes=axes, low=low, high=high, valued=True)
            else:
                layout = _layout(population, axes, own.emitted, plan.mode)
            layouts[population.name] = layout
    for name, slots in _slots(network, plan).items():
        layouts[name] = replace(layouts[name], slots=slots)
    return layouts


def _slots(network: Network, plan: HardwarePlan) -> dict[str, int]:
    """Spikes of a token, by source: as many as a cycle are taken by what hears it."""
    return {
        connection.source: core.spikes
        for core in plan.cores
        for host in core.hosts
        for connection in network.sources(host.population)
    }


def _layout(part: Input | Population, axes: Axes, sent: Interval, mode: Mode) -> TokenLayout:
    """The tokens of what fires; collapsed mode adds up what was a power of two."""
    low, high = min(sent.low, 0), max(sent.high, 0)
    shifts = part.payload is Payload.SHIFT and mode is not Mode.COLLAPSED
    return TokenLayout(axes=axes, low=low, high=high, powers=shifts or max(-low, high) <= 2)


def _built_banks(core: CorePlan, populations: list[Population]) -> tuple[int, int, int]:
    """Channel lanes, row and column banks: no more than the largest population has."""
    sizes = [[axis.size for axis in axes_of(population.shape)] for population in populations]
    channels, rows, columns = (max(each) for each in zip(*sizes, strict=True))
    return (
        min(core.channel_lanes, channels),
        min(core.banks[0], rows),
        min(core.banks[1], columns),
    )


def _core(
    network: Network,
    core: CorePlan,
    mode: Mode,
    ranges: Mapping[str, Ranges],
    layouts: Mapping[str, TokenLayout],
) -> CoreConfig:
    hosts: list[HostConfig] = []
    ports: list[PortConfig] = []
    group = block = 0
    for index, host in enumerate(core.hosts):
        hosts.append(_host(network, host, mode, ranges, layouts, (group, block)))
        group += hosts[-1].groups
        block += hosts[-1].blocks[0]
        for connection in network.sources(host.population):
            depth = core.queue_depths[len(ports)]
            ports.append(_port(connection, index, host, ranges, layouts, depth, core))
    pace = None
    if all(port.connection.delay for port in ports):
        (pace,) = network.paces(core.hosts[0].population)
    return CoreConfig(
        plan=core,
        mode=mode,
        hosts=tuple(hosts),
        ports=tuple(ports),
        pace=pace,
        pace_layout=None if pace is None else layouts[pace],
    )


def _host(
    network: Network,
    host: Host,
    mode: Mode,
    ranges: Mapping[str, Ranges],
    layouts: Mapping[str, TokenLayout],
    start: tuple[int, int],
) -> HostConfig:
    target = layouts[host.population]
    own = ranges[host.population]
    assert own.v is not None  # only inputs have no membrane
    again = replays(network, network.population(host.population), mode)
    first, last = host.channels or (0, target.axes[0].size)
    channels = Axis(size=last - first, banks=target.axes[0].banks)
    return HostConfig(
        population=network.population(host.population),
        mode=mode,
        first_channel=first,
        axes=(channels, target.axes[1], target.axes[2]),
        target=target,
        v=own.v,
        added=_added(network.population(host.population).soma, own, again),
        tracer=own.tracer,
        first_group=start[0],
        first_block=start[1],
        replays=again,
        every_step=network.readout.population == host.population and network.readout.every_step,
    )


def _added(soma: Soma, ranges: Ranges, again: bool) -> Interval:
    """What is added to: the current, what came in where that is kept apart from v, or v."""
    apart = soma.refractory or again
    found = ranges.i if soma.current else ranges.charge if apart else ranges.v
    assert found is not None  # only inputs have none
    return found


def _port(
    connection: Connection,
    index: int,
    host: Host,
    ranges: Mapping[str, Ranges],
    layouts: Mapping[str, TokenLayout],
    depth: int,
    core: CorePlan,
) -> PortConfig:
    source, target = layouts[connection.source], layouts[host.population]
    operator, x = connection.operator, ranges[connection.source].total
    delta = operator if isinstance(operator, Delta) else None
    layout = source
    if delta is not None:
        low, high = change_range(delta, source, x.low, x.high)
        layout = TokenLayout(axes=target.axes, low=low, high=high)
    serial = core.products is Products.SERIAL and not (
        layout.is_unit or layout.is_sign or layout.is_shift
    )
    if serial:
        layout = split_layout(layout)
    channels = host.channels or (0, target.axes[0].size)
    schedule: PortSchedule | SparseSchedule
    if core.rows is Rows.SPARSE:
        assert isinstance(operator, Dense)  # the plan's check refused everything else
        schedule = sparse_schedule(operator, source=layout, target=target.axes, channels=channels)
    else:
        schedule = port_schedule(operator, source=layout, target=target.axes, channels=channels)
    return PortConfig(
        host=index,
        channels=channels,
        connection=connection,
        source=source,
        delta=delta,
        x=x,
        layout=layout,
        serial=serial,
        schedule=schedule,
        queue_depth=depth,
    )
