"""What the planner turns: a plan as the choices that it was made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from spikewright.flow.plan import default_plan, membrane_store
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Mode, Network
from spikewright.hdl.checks import against_overlap, check_plan
from spikewright.hdl.depths import sized
from spikewright.hdl.plan import (
    CorePlan,
    HardwarePlan,
    MembraneStore,
    ParameterStore,
    Products,
    WeightStore,
)

from .pins import Pins

__all__ = ["Knobs", "build"]


@dataclass(frozen=True, kw_only=True)
class Knobs:
    """Choices by population: lanes, lanes that decide at a time (where fewer than all), parts; and
    by source the spikes of a token; what lies where, None for what suits the size.
    """

    mode: Mode
    lanes: Mapping[str, int]
    sweep: Mapping[str, int] = field(default_factory=dict)
    spikes: Mapping[str, int] = field(default_factory=dict)
    partition: Mapping[str, int] = field(default_factory=dict)
    share: tuple[tuple[str, ...], ...] = ()
    membranes: MembraneStore | None = None
    weights: WeightStore | None = None


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
    )
    if not knobs.sweep and not knobs.spikes:
        return _with_membranes(network, plan, pins.membranes)
    pinned = pins.sweep_lanes is not None or pins.spikes is not None
    cores = tuple(_overlapped(network, core, knobs, pinned=pinned) for core in plan.cores)
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
    return _with_membranes(network, sized(network, plan), pins.membranes)


def _with_membranes(
    network: Network, plan: HardwarePlan, store: MembraneStore | None
) -> HardwarePlan:
    """All where they are pinned, also the few that ``default_plan`` would put into registers."""
    if store is None or all(core.membranes is store for core in plan.cores):
        return plan
    plan = replace(plan, cores=tuple(replace(core, membranes=store) for core in plan.cores))
    check_plan(network, plan)
    return sized(network, plan)


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


def _overlapped(network: Network, core: CorePlan, knobs: Knobs, *, pinned: bool) -> CorePlan:
    """Neurons that decide beside the rows; where they are pinned for all, only where they can."""
    name = core.hosts[0].population
    wanted = knobs.sweep.get(name)
    if wanted is None:
        return core
    if pinned and against_overlap(network, core, knobs.mode):
        return core
    store = membrane_store(-(-core.lanes // wanted), knobs.membranes)
    return replace(core, sweep_lanes=wanted, parameters=ParameterStore.REGISTERS, membranes=store)
