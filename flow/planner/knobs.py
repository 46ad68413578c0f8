"""What the planner turns: a plan as the choices that it was made of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from spikewright.flow.plan import (
    against_maps,
    default_plan,
    membrane_store,
    with_parameters,
    with_queues,
)
from spikewright.flow.row_choice import sparse_core
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Mode, Network
from spikewright.hdl.checks import against_overlap, against_touched, check_plan
from spikewright.hdl.depths import sized
from spikewright.hdl.plan import (
    CorePlan,
    HardwarePlan,
    MembraneStore,
    ParameterStore,
    Products,
    Rows,
    Sweeps,
    WeightStore,
)

from .pins import Pins

__all__ = ["Knobs", "build"]


@dataclass(frozen=True, kw_only=True)
class Knobs:
    """Choices by population: lanes, lanes that decide at a time (where fewer than all), parts; and
    by source the spikes of a token; populations with sparse rows, and those whose sweeps are of
    what was touched; what lies where, None for what suits the size; the depth of all queues.
    """

    mode: Mode
    lanes: Mapping[str, int]
    sweep: Mapping[str, int] = field(default_factory=dict)
    spikes: Mapping[str, int] = field(default_factory=dict)
    partition: Mapping[str, int] = field(default_factory=dict)
    share: tuple[tuple[str, ...], ...] = ()
    sparse: frozenset[str] = frozenset()
    touched: frozenset[str] = frozenset()
    membranes: MembraneStore | None = None
    weights: WeightStore | None = None
    queue_depth: int | None = None


def build(network: Network, knobs: Knobs, pins: Pins) -> HardwarePlan:
    """The plan of these choices, checked, with queues of the depths that it needs.

    Raises
    ------
    ConfigurationError
        If they do not go together.
    """
    plan = default_plan(
        network,
        knobs.mode,
        lanes=knobs.lanes,
        banks=pins.banks or None,
        membranes=knobs.membranes,
        weights=knobs.weights,
        partition=knobs.partition,
        share=knobs.share,
        products=pins.products or Products.MULTIPLIER,
        fanout=pins.fanout,
    )
    base = plan
    for change in (_with_rows, _with_sweeps, _with_overlap, _with_membranes):
        plan = change(network, plan, knobs, pins)
    plan = with_parameters(plan, pins.parameters)
    if plan != base:
        check_plan(network, plan)
        plan = sized(network, plan)
    return plan if knobs.queue_depth is None else with_queues(network, plan, knobs.queue_depth)


def _with_rows(network: Network, plan: HardwarePlan, knobs: Knobs, pins: Pins) -> HardwarePlan:
    """Sparse rows where they are chosen, or, if they are pinned for all, where they are cheaper."""

    def change(core: CorePlan) -> CorePlan:
        wanted = knobs.sparse.intersection(host.population for host in core.hosts)
        return sparse_core(network, plan, core) if wanted else core

    if pins.rows is not Rows.SPARSE:
        return replace(plan, cores=tuple(map(change, plan.cores)))
    return _wherever(plan, lambda core: sparse_core(network, plan, core))


def _with_sweeps(network: Network, plan: HardwarePlan, knobs: Knobs, pins: Pins) -> HardwarePlan:
    """Sweeps of what was touched likewise."""
    pinned = pins.sweeps is Sweeps.TOUCHED

    def change(core: CorePlan) -> CorePlan:
        name = core.hosts[0].population
        if not pinned and name not in knobs.touched:
            return core
        against = against_maps(network, core) + against_touched(network, core, knobs.mode)
        for must, found in against:
            raise ConfigurationError(
                f"a core that sweeps what was touched must {must}", found=found, where=core.where
            )
        return replace(core, sweeps=Sweeps.TOUCHED)

    if not pinned:
        return replace(plan, cores=tuple(map(change, plan.cores)))
    return _wherever(plan, change)


def _wherever(plan: HardwarePlan, change: Callable[[CorePlan], CorePlan]) -> HardwarePlan:
    """Change the cores that can be; raises what stands against the first where none can."""
    against: list[ConfigurationError] = []
    cores = []
    for core in plan.cores:
        try:
            cores.append(change(core))
        except ConfigurationError as error:
            against.append(error)
            cores.append(core)
    if len(against) == len(cores):
        raise against[0]
    return replace(plan, cores=tuple(cores))


def _with_overlap(network: Network, plan: HardwarePlan, knobs: Knobs, pins: Pins) -> HardwarePlan:
    """Neurons that decide beside the rows, and spikes a cycle."""
    if not knobs.sweep and not knobs.spikes:
        return plan
    pinned = pins.sweep_lanes is not None or pins.spikes is not None
    cores = tuple(_overlapped(network, core, knobs, pins, pinned=pinned) for core in plan.cores)
    plan = replace(plan, cores=cores)
    check_plan(network, plan)
    for source, spikes in knobs.spikes.items():
        plan = _with_spikes(network, plan, source, spikes, pinned=pins.spikes is not None)
    taken = max(core.spikes for core in plan.cores)
    if knobs.spikes and taken < max(knobs.spikes.values()):
        raise ConfigurationError(
            f"some source must be able to send {max(knobs.spikes.values())} spikes a cycle",
            found="none that all its targets take so",
            where="pins",
            action="several spikes a cycle need one dense connection and a lane for each neuron",
        )
    decide = [core.sweep_lanes for core in plan.cores]
    if pins.sweep_lanes is not None and pins.sweep_lanes not in decide:
        raise ConfigurationError(
            "pinned sweep_lanes must suit some core",
            found="none that may decide beside its rows",
            where="pins",
            action="leave sweep_lanes out",
        )
    return plan


def _with_membranes(network: Network, plan: HardwarePlan, knobs: Knobs, pins: Pins) -> HardwarePlan:
    """All where they are pinned: block RAM has the few too that ``default_plan`` puts into
    registers. Large RAMs have only those that are worth one.
    """
    if pins.membranes is not MembraneStore.BLOCK:
        return plan
    cores = tuple(replace(core, membranes=pins.membranes) for core in plan.cores)
    return replace(plan, cores=cores)


def _with_spikes(
    network: Network, plan: HardwarePlan, source: str, spikes: int, *, pinned: bool
) -> HardwarePlan:
    """So many spikes of a source a cycle; where they are pinned for all, only where they can be."""
    hearing = {connection.target for connection in network.targets(source)}
    cores = tuple(
        replace(core, spikes=spikes)
        if any(host.population in hearing for host in core.hosts)
        else core
        for core in plan.cores
    )
    wider = replace(plan, cores=cores)
    try:
        check_plan(network, wider)
    except ConfigurationError:
        if not pinned:
            raise
        return plan
    return wider


def _overlapped(
    network: Network, core: CorePlan, knobs: Knobs, pins: Pins, *, pinned: bool
) -> CorePlan:
    """Neurons that decide beside the rows; where they are pinned for all, only where they can."""
    name = core.hosts[0].population
    wanted = knobs.sweep.get(name)
    if wanted is None:
        return core
    if pinned and against_overlap(network, core, knobs.mode):
        return core
    store = membrane_store(-(-core.lanes // wanted), knobs.membranes)
    if core.rows is Rows.SPARSE:
        # Their sums live there too, which block RAM is too slow for.
        store = core.membranes
        if store is MembraneStore.BLOCK and pins.membranes is None:
            has_lut_ram = knobs.membranes is not MembraneStore.BLOCK
            store = MembraneStore.LUTRAM if has_lut_ram else MembraneStore.REGISTERS
    return replace(core, sweep_lanes=wanted, parameters=ParameterStore.REGISTERS, membranes=store)
