"""The cores of a plan in numbers, worked out from its network."""

from collections.abc import Mapping
from dataclasses import replace

from spikewright.golden.spec import (
    Connection,
    Delta,
    Dense,
    Fire,
    Input,
    Interval,
    Mode,
    Network,
    Payload,
    Population,
    Product,
    Ranges,
    Soma,
    analyse,
)

from .checks import check_plan
from .config import CoreConfig
from .delta import change_range
from .envelope import check_ranges, check_skeleton
from .geometry import PortSchedule, port_schedule
from .host_config import HostConfig
from .loops import check_depths
from .plan import CorePlan, HardwarePlan, Host, Products, Rows
from .port_config import PortConfig, ProductConfig
from .product_schedule import product_schedule, shape_of_sums, sum_rows
from .replay import replays
from .serial import split_layout
from .sparse_schedule import SparseSchedule, sparse_schedule
from .token import Axes, Axis, TokenLayout, axes_of

__all__ = ["core_configs", "node_layouts", "ranges_of"]


def core_configs(network: Network, plan: HardwarePlan) -> tuple[CoreConfig, ...]:
    """The cores of a plan, in its order.

    Raises
    ------
    ConfigurationError
        If the plan does not host every population once and whole, if what shares a core does not
        go together, or if a queue is missing, or so short that queues could deadlock.
    UnsupportedError
        If a connection, a soma or the readout asks for what is not built.
    RangeError
        If a number does not fit the plan's envelope.
    """
    check_plan(network, plan)
    check_depths(network, plan)
    ranges = ranges_of(network, plan)
    layouts = node_layouts(network, plan)
    configs = tuple(_core(network, core, plan, ranges, layouts) for core in plan.cores)
    for config in configs:
        config.check_bounds()
    return configs


def ranges_of(network: Network, plan: HardwarePlan) -> Mapping[str, Ranges]:
    """What registers must hold: what the network is proven to need, or what the envelope has.

    Raises
    ------
    UnsupportedError, RangeError
        If the network is not of the envelope's shape, or does not fit into it.
    """
    proven = analyse(network, plan.mode)
    envelope = plan.envelope
    if envelope is None:
        return proven
    check_skeleton(network, envelope)
    found = dict(proven)
    for population in network.populations:
        bounds = envelope.bounds(population.name)
        check_ranges(population.name, proven[population.name], bounds)
        found[population.name] = bounds.ranges
    return found


def node_layouts(network: Network, plan: HardwarePlan) -> dict[str, TokenLayout]:
    """The tokens of every input and population, by name."""
    ranges = ranges_of(network, plan)
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
        name: core.spikes
        for core in plan.cores
        for host in core.hosts
        for connection in network.sources(host.population)
        for name in connection.reads
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
    plan: HardwarePlan,
    ranges: Mapping[str, Ranges],
    layouts: Mapping[str, TokenLayout],
) -> CoreConfig:
    hosts: list[HostConfig] = []
    ports: list[PortConfig] = []
    group = block = 0
    for index, host in enumerate(core.hosts):
        hosts.append(_host(network, host, plan, ranges, layouts, (group, block)))
        group += hosts[-1].groups
        block += hosts[-1].blocks[0]
        for connection in network.sources(host.population):
            depth = core.queue_depths[len(ports)]
            sums = ranges[connection.source].sample(keeps_state=network.keeps_state)
            ports.append(_port(connection, index, host, ranges, layouts, depth, core, sums))
    pace = None
    if all(port.connection.delay for port in ports):
        (pace,) = network.paces(core.hosts[0].population)
    return CoreConfig(
        plan=core,
        mode=plan.mode,
        keeps=plan.mode is Mode.STEPWISE or network.keeps_state,
        hosts=tuple(hosts),
        ports=tuple(ports),
        pace=pace,
        pace_layout=None if pace is None else layouts[pace],
    )


def _host(
    network: Network,
    host: Host,
    plan: HardwarePlan,
    ranges: Mapping[str, Ranges],
    layouts: Mapping[str, TokenLayout],
    start: tuple[int, int],
) -> HostConfig:
    target = layouts[host.population]
    own = ranges[host.population]
    assert own.v is not None  # only inputs have no membrane
    again = replays(network, network.population(host.population), plan.mode)
    first, last = host.channels or (0, target.axes[0].size)
    channels = Axis(size=last - first, banks=target.axes[0].banks)
    return HostConfig(
        population=network.population(host.population),
        mode=plan.mode,
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
        bounds=None if plan.envelope is None else plan.envelope.bounds(host.population),
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
    sums: Interval,
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
    product = None
    if isinstance(operator, Product):
        keys, values = layouts[operator.keys], layouts[operator.values]
        stored = shape_of_sums(keys, values)
        schedule = product_schedule(
            operator, source=layout, target=target.axes, sums=stored, channels=channels
        )
        rows = sum_rows(schedule, layout, channels)
        product = ProductConfig(keys=keys, values=values, sums=stored, rows=rows)
    elif core.rows is Rows.SPARSE:
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
        sums=sums,
        layout=layout,
        serial=serial,
        schedule=schedule,
        queue_depth=depth,
        product=product,
    )
