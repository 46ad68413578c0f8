"""Random hardware plans for a network: lanes, banks, stores, slices, shared cores, queue depths."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

from spikewright.golden.errors import ConfigurationError, RangeError
from spikewright.golden.spec import Mode, Network
from spikewright.hdl.checks import check_plan
from spikewright.hdl.depths import sized
from spikewright.hdl.loops import minimum_depths, port_connections
from spikewright.hdl.make_configs import core_configs
from spikewright.hdl.make_envelope import with_envelope
from spikewright.hdl.plan import (
    LEAST_FANOUT,
    CorePlan,
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
from support.random_networks import Chooser
from support.renumbered import renumbered

__all__ = ["maybe_loadable", "random_plan", "random_stalls"]

_MOST_LANES = 8
_MOST_WHOLE = 48  # neurons that have a lane each


def random_plan(chooser: Chooser, network: Network, mode: Mode) -> HardwarePlan:
    """A legal plan: now and then one population over two cores, or two populations on one core."""
    cores: list[CorePlan] = []
    for population in network.order():
        channels, rows, columns = (axis.size for axis in axes_of(population.shape))
        banks = (chooser.integer(1, min(3, rows)), chooser.integer(1, min(3, columns)))
        most = max(1, min(channels, _MOST_LANES // (banks[0] * banks[1])))
        per_channel = chooser.integer(1, most)
        core = CorePlan(
            hosts=(Host(population=population.name),),
            lanes=per_channel * banks[0] * banks[1],
            banks=banks,
            membranes=list(MembraneStore)[chooser.integer(0, 2)],
            weights=list(WeightStore)[chooser.integer(0, 2)],
            products=list(Products)[chooser.integer(0, 1)],
            parameters=list(ParameterStore)[chooser.integer(0, 2)],
        )
        blocks = -(-channels // per_channel)
        if blocks > 1 and chooser.integer(0, 3) == 3:
            slices = _slices(chooser, blocks, per_channel, channels)
            cores += [
                replace(core, hosts=(Host(population=population.name, channels=part),))
                for part in slices
            ]
        else:
            cores.append(core)
    for _ in range(chooser.integer(0, 2)):
        if len(cores) > 1:
            cores = _shared(chooser, network, mode, cores)
    encoders = mode is Mode.STEPWISE and chooser.integer(0, 1) == 1
    encoders &= all(each.threshold is None or each.threshold > 0 for each in network.inputs)
    plan = HardwarePlan(mode=mode, cores=tuple(cores), encoders=encoders)
    plan = _with_overlap(chooser, network, plan)
    for index, core in enumerate(plan.cores):
        if chooser.integer(0, 1) == 1:
            plan = _where_legal(network, plan, {index: replace(core, sweeps=Sweeps.TOUCHED)})
    for index, core in enumerate(plan.cores):
        if chooser.integer(0, 1) == 0:
            continue
        sparse = replace(core, rows=Rows.SPARSE)
        plan = _where_legal(network, plan, {index: sparse})
        if chooser.integer(0, 1) == 0:
            decide = 1 << chooser.integer(0, 3)
            plan = _where_legal(network, plan, {index: replace(sparse, sweep_lanes=decide)})
    for index, core in enumerate(plan.cores):
        if chooser.integer(0, 2) == 2:
            large = replace(core, membranes=MembraneStore.SPRAM)
            plan = _where_legal(network, plan, {index: large})
    return _with_depths(chooser, network, plan)


def maybe_loadable(chooser: Chooser, network: Network, plan: HardwarePlan) -> HardwarePlan:
    """Now and then hardware that was made for another network of the same shape."""
    if chooser.integer(0, 3) < 3:
        return plan
    dense = tuple(replace(core, rows=Rows.DENSE) for core in plan.cores)
    try:
        other = renumbered(network, chooser.integer(0, 99))
        found = with_envelope(other, replace(plan, cores=dense), headroom=4)
        core_configs(network, found)
    except (ConfigurationError, RangeError):
        return plan
    return found


def _with_overlap(chooser: Chooser, network: Network, plan: HardwarePlan) -> HardwarePlan:
    """Now and then neurons that decide slice by slice, and several spikes a cycle, where legal."""
    for index, core in enumerate(plan.cores):
        population = network.population(core.hosts[0].population)
        if chooser.integer(0, 1) == 0 or population.n > _MOST_WHOLE:
            continue
        axes = axes_of(population.shape)
        channels, rows, columns = (axis.size for axis in axes)
        whole = replace(
            core,
            lanes=channels * rows * columns,
            banks=(rows, columns),
            sweep_lanes=1 << chooser.integer(0, 4),
            fanout=LEAST_FANOUT if chooser.integer(0, 2) == 0 else None,
        )
        plan = _where_legal(network, plan, {index: whole})
    for source in (*network.inputs, *network.populations):
        spikes = 1 << chooser.integer(0, 2)
        hearing = {connection.target for connection in network.targets(source.name)}
        wide = {
            index: replace(core, spikes=spikes)
            for index, core in enumerate(plan.cores)
            if hearing & {host.population for host in core.hosts}
        }
        plan = _where_legal(network, plan, wide)
    return plan


def _where_legal(
    network: Network, plan: HardwarePlan, changed: Mapping[int, CorePlan]
) -> HardwarePlan:
    cores = [changed.get(index, core) for index, core in enumerate(plan.cores)]
    other = replace(plan, cores=tuple(cores))
    try:
        check_plan(network, other)
    except ConfigurationError:
        return plan
    return other


def random_stalls(chooser: Chooser) -> str | None:
    """Cycles in which a stream pauses: none, or a pattern with at least one cycle that goes."""
    if chooser.integer(0, 1) == 0:
        return None
    length = chooser.integer(1, 8)
    return "".join(str(chooser.integer(0, 1)) for _ in range(length)) + "0"


def _slices(
    chooser: Chooser, blocks: int, per_channel: int, channels: int
) -> list[tuple[int, int]]:
    """Two or three slices of the channels, which begin at whole blocks."""
    cuts = {per_channel * chooser.integer(1, blocks - 1) for _ in range(chooser.integer(1, 2))}
    edges = [0, *sorted(cuts), channels]
    return list(pairwise(edges))


def _shared(
    chooser: Chooser, network: Network, mode: Mode, cores: list[CorePlan]
) -> list[CorePlan]:
    """Two cores as one, where their somas are alike and both host whole populations."""
    first = chooser.integer(0, len(cores) - 2)
    second = chooser.integer(first + 1, len(cores) - 1)
    merged = replace(cores[first], hosts=cores[first].hosts + cores[second].hosts)
    rest = [core for k, core in enumerate(cores) if k not in (first, second)]
    together = [*rest[:first], merged, *rest[first:]]
    try:
        check_plan(network, HardwarePlan(mode=mode, cores=tuple(together)))
    except ConfigurationError:
        return cores
    return together


def _with_depths(chooser: Chooser, network: Network, plan: HardwarePlan) -> HardwarePlan:
    """The computed queue depths, the least that are legal, or any between."""
    computed = sized(network, plan)
    way = chooser.integer(0, 2)
    if way == 0:
        return computed
    cores = []
    for core, least in zip(plan.cores, minimum_depths(network, plan), strict=True):
        assert len(least) == len(port_connections(network, core))
        depths = tuple(d if way == 1 else d + chooser.integer(0, 5) for d in least)
        cores.append(replace(core, queue_depths=depths))
    return replace(plan, cores=tuple(cores))
