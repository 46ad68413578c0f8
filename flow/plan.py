"""The hardware plan that suits a network, from a few choices."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from spikewright.flow.lanes import Banks, LaneLayout, choose_layout, groups, weight_rows
from spikewright.flow.large_membranes import with_large_membranes
from spikewright.flow.plan_arguments import (
    check_partition,
    for_each,
    is_number,
    is_pair,
    together_on_cores,
)
from spikewright.flow.row_choice import with_rows
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Dense, Encoding, Mode, Network, Window
from spikewright.hdl.checks import against_overlap, against_touched, check_plan
from spikewright.hdl.depths import sized
from spikewright.hdl.loops import check_depths
from spikewright.hdl.plan import (
    CorePlan,
    GuardPlan,
    HardwarePlan,
    Host,
    MembraneStore,
    ParameterStore,
    Products,
    Rows,
    Sweeps,
    WeightStore,
)
from spikewright.hdl.token import axes_of

__all__ = [
    "DEFAULT_LANES",
    "LARGE_BITS",
    "against_maps",
    "default_plan",
    "membrane_store",
    "with_parameters",
    "with_queues",
]

DEFAULT_LANES = 16
# Deeper registers are mostly multiplexers; deeper LUT RAM takes more of an ECP5 than block RAM.
_REGISTER_GROUPS = 4
_LUTRAM_GROUPS = 64
# A block RAM has 512 words; fewer than these are better made of lookup tables.
_LOGIC_ROWS = 32
# Weights, or membranes, of fewer bits stay in block RAM where large RAMs are asked for, of which
# there are few.
LARGE_BITS = 1 << 15


def default_plan(
    network: Network,
    mode: Mode,
    *,
    lanes: int | Sequence[int] | Mapping[str, int] | None = None,
    banks: Banks | Sequence[Banks] | Mapping[str, Banks] | None = None,
    sweep_lanes: int | None = None,
    spikes: int = 1,
    sweeps: Sweeps = Sweeps.ALL,
    queue_depth: int | None = None,
    fanout: int | None = None,
    membranes: MembraneStore | None = None,
    weights: WeightStore | None = None,
    parameters: ParameterStore | None = None,
    rows: Rows = Rows.DENSE,
    products: Products = Products.MULTIPLIER,
    partition: Mapping[str, int] | None = None,
    share: Sequence[Sequence[str]] = (),
    encoders: bool = False,
    guard: int | None = None,
) -> HardwarePlan:
    """One core for each population, no wider than its population.

    Lanes of a core whose population has rows and columns are split into banks of neighbouring
    positions, which the taps of a spike update in the same cycle, and neighbouring channels, as
    ``choose_layout`` says: with lanes enough, as many banks as a spike reaches rows and columns.

    Parameters
    ----------
    lanes : the most accumulator lanes of all cores, of each population in the network's order, or
        by population; populations that a mapping leaves out, and None, get ``DEFAULT_LANES``.
    banks : of rows and columns, likewise; no more are built than a population has.
    sweep_lanes : neurons that decide in a cycle, while rows go on, in the cores that have a lane
        for each neuron and fire, or are read when a sample ends.
    sweeps : ``touched``: maps of several groups whose neurons rest while no spike reaches them are
        asked at a marker only where one did.
    spikes : spikes that those cores take in a cycle, where one dense connection brings them.
    queue_depth : tokens that every queue holds; by default as many as ``depths.sized`` says.
    fanout : pins that a flip-flop of a core reaches at most; by default any number.
    membranes : where membranes live; by default registers where a core has at most 4 words of
        them, one word for each group of lanes, LUT RAM up to 64, block RAM beyond. Up to 4 words
        are in registers too where block RAM is asked for. Where large RAMs are asked for, cores of
        up to 32768 bits of membranes, and those that need two ports, are as if block RAM were.
    weights : where weights live; by default logic where a core has at most 32 words of them for
        each connection, block RAM beyond. Where large RAMs are asked for, cores of up to 32768
        bits of weights are as if nothing were asked for.
    parameters : where constants of neurons live that differ; by default in registers in cores with
        sweep lanes or weights in large RAMs, a memory, or logic up to 16 rows, elsewhere.
    rows : how weights lie in rows; sparse ones in the cores where they are possible and cheaper.
    products : what multiplies graded payloads.
    partition : populations that are split over so many cores, each with a part of the channels.
    share : populations that one core hosts together.
    encoders : whether inputs take frames, of which hardware makes the spikes.
    guard : tokens that are held for each input of events, which then never waits: what finds no
        room is dropped and counted. By default inputs wait.

    Raises
    ------
    ConfigurationError
        If an argument names an unknown population, has another number of entries than there are
        populations, or holds a number below 1; if lanes are fewer than the banks asked for.
    """
    order = [population.name for population in network.order()]
    wanted = for_each(order, lanes, "lanes", single=is_number, default=DEFAULT_LANES)
    asked = for_each(order, banks, "banks", single=is_pair, default=None)
    parts = dict(partition or {})
    check_partition(network, order, parts)
    cores: list[CorePlan] = []
    for together in together_on_cores(order, parts, share):
        _check_banks(together, asked)
        layout = choose_layout(
            network,
            together,
            lanes=min(wanted[name] for name in together),
            banks=asked[together[0]],
            parts=parts.get(together[0], 1),
        )
        store = _weight_store(network, together, layout, weights)
        for hosts in _hosts(network, together, layout, parts.get(together[0], 1)):
            words = sum(groups(network, host, layout) for host in hosts)
            core = CorePlan(
                hosts=hosts,
                lanes=layout.lanes,
                banks=layout.banks,
                weights=store,
                products=products,
                fanout=fanout,
            )
            if store is WeightStore.SPRAM:
                # Where there are large RAMs, wires are slow: nothing is looked up on the way.
                core = replace(core, parameters=ParameterStore.REGISTERS)
            if sweep_lanes is not None and not against_overlap(network, core, Mode(mode)):
                words = -(-layout.lanes // sweep_lanes)
                core = replace(core, sweep_lanes=sweep_lanes, parameters=ParameterStore.REGISTERS)
            if sweeps is Sweeps.TOUCHED:
                against = against_maps(network, core) + against_touched(network, core, Mode(mode))
                core = core if against else replace(core, sweeps=sweeps)
            cores.append(replace(core, membranes=membrane_store(words, membranes)))
    own = (Encoding.EVENTS, Encoding.SPREAD, Encoding.CHANGE)
    if encoders and all(each.encoding in own for each in network.inputs):
        raise ConfigurationError(
            "encoders must have an input of values that they make spikes of",
            found=", ".join(f"{each.name!r}, {each.encoding}" for each in network.inputs),
            where="encoders",
            action="leave them out: the host sends such spikes",
        )
    plan = HardwarePlan(
        mode=Mode(mode), cores=tuple(cores), encoders=encoders, guards=_guards(network, guard)
    )
    if weights is WeightStore.SPRAM and all(core.weights is not weights for core in cores):
        raise ConfigurationError(
            f"large RAMs must be for a core with more than {LARGE_BITS} bits of weights",
            found=f"at most {max(_weight_bits(network, [name]) for name in order)}",
            where="weights",
            action="leave them out: such weights go into block RAM",
        )
    plan = with_rows(network, _with_spikes(network, plan, spikes), rows, sweep_lanes)
    plan = with_parameters(plan, parameters)
    plan = sized(network, plan)
    if membranes is MembraneStore.SPRAM:
        plan = sized(network, with_large_membranes(network, plan, more_than=LARGE_BITS))
    return plan if queue_depth is None else with_queues(network, plan, queue_depth)


def with_parameters(plan: HardwarePlan, store: ParameterStore | None) -> HardwarePlan:
    """The plan with constants of all neurons in ``store``; None leaves them where they are."""
    if store is None:
        return plan
    cores = [replace(core, parameters=ParameterStore(store)) for core in plan.cores]
    return replace(plan, cores=tuple(cores))


def against_maps(network: Network, core: CorePlan) -> list[tuple[str, str]]:
    """What stands against sweeps of what was touched, as ``against_touched``: one group in a row
    of positions, which nearly every spike reaches.
    """
    columns = axes_of(network.population(core.hosts[0].population).shape)[2].size
    found = f"{columns} columns in {core.banks[1]} banks"
    return [("have maps of several groups", found)] * (columns <= core.banks[1])


def with_queues(network: Network, plan: HardwarePlan, depth: int) -> HardwarePlan:
    """The plan with queues of one depth; raises ConfigurationError where they could deadlock."""
    cores = tuple(
        replace(core, queue_depths=(depth,) * len(core.queue_depths)) for core in plan.cores
    )
    plan = replace(plan, cores=cores)
    check_depths(network, plan)
    return plan


def _weight_bits(network: Network, names: Sequence[str]) -> int:
    """Bits of all weights of a core."""
    operators = [c.operator for name in names for c in network.sources(name)]
    return sum(
        operator.weights.size * operator.weight_bits
        for operator in operators
        if isinstance(operator, (Dense, Window)) and operator.weights is not None
    )


def _weight_store(
    network: Network, names: Sequence[str], layout: LaneLayout, asked: WeightStore | None
) -> WeightStore:
    """Where the weights of a core live; a few are never worth a large RAM."""
    large = asked is WeightStore.SPRAM
    if asked is not None and not (large and _weight_bits(network, names) <= LARGE_BITS):
        return asked
    few = weight_rows(network, names, layout) <= _LOGIC_ROWS
    return WeightStore.LOGIC if few else WeightStore.BLOCK


def _with_spikes(network: Network, plan: HardwarePlan, spikes: int) -> HardwarePlan:
    """The plan with so many spikes a cycle wherever all that hear a source can take them.

    Where nobody can, what stands against it is raised.
    """
    if spikes == 1:
        return plan
    against: list[ConfigurationError] = []
    for source in dict.fromkeys(n for connection in network.connections for n in connection.reads):
        hearing = [connection.target for connection in network.targets(source)]
        cores = tuple(
            replace(core, spikes=spikes)
            if any(host.population in hearing for host in core.hosts)
            else core
            for core in plan.cores
        )
        wider = replace(plan, cores=cores)
        try:
            check_plan(network, wider)
            plan = wider
        except ConfigurationError as error:
            against.append(error)
    if all(core.spikes == 1 for core in plan.cores):
        raise against[0]
    return plan


def _guards(network: Network, depth: int | None) -> tuple[GuardPlan, ...]:
    if depth is None:
        return ()
    events = [each.name for each in network.inputs if each.encoding is Encoding.EVENTS]
    if not events:
        raise ConfigurationError(
            "a guard must have an input whose spikes are given as events",
            found=", ".join(f"{each.name!r}, {each.encoding}" for each in network.inputs),
            where="guard",
            action="leave it out: such inputs wait, and lose nothing",
        )
    return tuple(GuardPlan(input=name, depth=depth) for name in events)


def _check_banks(together: Sequence[str], asked: Mapping[str, Banks | None]) -> None:
    """One core has one choice of banks, asked for with each of its populations or with none."""
    wishes = {asked[name] for name in together}
    if len(wishes) > 1:
        raise ConfigurationError(
            "populations that share a core must be given the same banks",
            found=", ".join(f"{asked[name]} for {name!r}" for name in together),
            where="banks",
        )


def membrane_store(words: int, asked: MembraneStore | None) -> MembraneStore:
    """Where a core's words of membranes live; a few are never worth a block RAM.

    Where large RAMs are asked for it is block RAM: ``with_large_membranes`` says whose are worth
    them.
    """
    few = words <= _REGISTER_GROUPS
    if asked is MembraneStore.SPRAM:
        asked = MembraneStore.BLOCK
    if asked is None:
        asked = MembraneStore.LUTRAM if words <= _LUTRAM_GROUPS else MembraneStore.BLOCK
        return MembraneStore.REGISTERS if few else asked
    return MembraneStore.REGISTERS if few and asked is MembraneStore.BLOCK else asked


def _hosts(
    network: Network, together: Sequence[str], layout: LaneLayout, parts: int
) -> list[tuple[Host, ...]]:
    """Hosts of each core: all of ``together`` on one, or the slices of one population."""
    if parts == 1:
        return [tuple(Host(population=name) for name in together)]
    channels = axes_of(network.population(together[0]).shape)[0].size
    blocks = -(-channels // layout.channel_lanes)
    cuts = [k * blocks // parts * layout.channel_lanes for k in range(parts)] + [channels]
    return [
        (Host(population=together[0], channels=(first, last)),) for first, last in pairwise(cuts)
    ]
