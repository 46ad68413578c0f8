"""How a plan is made faster: what its busiest part could have more of."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise

import numpy as np

from spikewright.golden.spec import Dense, Network
from spikewright.hdl.plan import CorePlan, HardwarePlan, Rows, Sweeps

from .knobs import Knobs
from .pins import Pins

__all__ = ["starts", "wider"]

_SPIKES = 4
_PARTS = 8
_FEW = 0.6  # of a connection's weights that are not 0: so few may well be fewer rows


def starts(network: Network, knobs: Knobs, pins: Pins) -> Iterator[Knobs]:
    """Where to begin: a core each, and populations that may share one, with the fewest lanes.

    What is pinned to decide beside the rows, or to take several spikes, has a lane a neuron, unless
    its rows are sparse. Where many weights are 0 there is a second beginning, with sparse rows.
    """
    names = [population.name for population in network.order()]
    sizes = {name: network.population(name).n for name in names}
    parts = pins.partition or {}
    several = (pins.spikes or 1) > 1
    lanes = dict.fromkeys(names, 1) | dict(pins.lanes)
    sweep: dict[str, int] = {}
    spikes: dict[str, int] = {}
    if pins.sweep_lanes is not None and pins.rows is Rows.SPARSE:
        sweep = dict.fromkeys(names, pins.sweep_lanes)
    elif pins.sweep_lanes is not None or several:
        lanes = sizes | dict(pins.lanes)
        sweep = {
            name: pins.sweep_lanes or _few(sizes[name])
            for name in names
            if lanes[name] >= sizes[name]
        }
    if several:
        sources = dict.fromkeys(each.source for each in network.connections)
        spikes = dict.fromkeys(sources, pins.spikes or 1)
    base = replace(
        knobs,
        lanes=lanes,
        sweep=sweep,
        spikes=spikes,
        partition=dict(parts),
        share=pins.share or (),
        membranes=pins.membranes or knobs.membranes,
        weights=pins.weights or knobs.weights,
        queue_depth=pins.queue_depth,
    )
    yield base
    pruned = frozenset(_pruned(network)) if pins.rows is None else frozenset()
    if pruned:
        yield replace(base, sparse=pruned)
    free = [name for name in names if parts.get(name, 1) == 1]
    if pins.share is None and not sweep and len(free) > 1:
        yield replace(base, share=(tuple(free),))
        for pair in pairwise(free) if len(free) > 2 else ():
            yield replace(base, share=(pair,))


def _pruned(network: Network) -> Iterator[str]:
    """Populations of one dense connection that lacks many weights."""
    for population in network.order():
        sources = network.sources(population.name)
        operator = sources[0].operator
        if len(sources) > 1 or sources[0].delay or not isinstance(operator, Dense):
            continue
        if np.count_nonzero(operator.weights) < _FEW * operator.weights.size:
            yield population.name


def _few(neurons: int) -> int:
    """Neurons that decide at a time such that all of them take at most 16 cycles."""
    return 1 << max(0, (-(-neurons // 16) - 1).bit_length())


def wider(
    network: Network, plan: HardwarePlan, knobs: Knobs, busy: Mapping[int, float], pins: Pins
) -> Iterator[Knobs]:
    """What could make a core that is ``busy`` (its cycles, by core), the busiest first, faster."""
    order = sorted(busy, key=lambda core: -busy[core])
    top = busy[order[0]]
    for index in order:
        if busy[index] < 0.9 * top and index != order[0]:
            continue
        core = plan.cores[index]
        yield from _lanes(network, core, knobs, pins)
        yield from _rows(core, knobs, pins)
        yield from _touched(core, knobs, pins)
        yield from _sweeps(core, knobs, pins)
        yield from _spikes(network, core, knobs, pins)
        yield from _parts(network, core, knobs, pins)


def _lanes(network: Network, core: CorePlan, knobs: Knobs, pins: Pins) -> Iterator[Knobs]:
    """Half as many groups."""
    names = [host.population for host in core.hosts]
    sparse = core.rows is Rows.SPARSE
    if any(name in pins.lanes for name in names) or (core.sweep_lanes is not None and not sparse):
        return
    most = max(network.population(name).n for name in names)
    for factor in (2, 4):
        groups = -(-most // core.lanes)
        lanes = -(-most // max(1, -(-groups // factor)))
        if lanes > core.lanes:
            more = replace(knobs, lanes={**knobs.lanes, **dict.fromkeys(names, lanes)})
            yield more
            if sparse and core.sweep_lanes is None and knobs.sparse.intersection(names):
                # With so many lanes dense rows may be as few.
                yield replace(more, sparse=more.sparse.difference(names))


def _rows(core: CorePlan, knobs: Knobs, pins: Pins) -> Iterator[Knobs]:
    """Only the weights that are not 0."""
    if len(core.hosts) == 1 and pins.rows is None and core.rows is Rows.DENSE:
        yield replace(knobs, sparse=knobs.sparse | {core.hosts[0].population})


def _touched(core: CorePlan, knobs: Knobs, pins: Pins) -> Iterator[Knobs]:
    """Passes over what spikes have reached only."""
    if len(core.hosts) == 1 and pins.sweeps is None and core.sweeps is Sweeps.ALL:
        yield replace(knobs, touched=knobs.touched | {core.hosts[0].population})


def _sweeps(core: CorePlan, knobs: Knobs, pins: Pins) -> Iterator[Knobs]:
    """Neurons that decide beside the rows, and more of them at a time."""
    if len(core.hosts) > 1 or pins.sweep_lanes is not None:
        return
    name = core.hosts[0].population
    now = knobs.sweep.get(name)
    lanes = _few(core.lanes) if now is None else 2 * now
    if lanes <= core.lanes:
        yield replace(knobs, sweep={**knobs.sweep, name: lanes})


def _spikes(network: Network, core: CorePlan, knobs: Knobs, pins: Pins) -> Iterator[Knobs]:
    """More spikes a cycle, which needs that neurons decide beside the rows."""
    if pins.spikes is not None or 2 * core.spikes > _SPIKES or core.sweep_lanes is None:
        return
    for source in {each.source for h in core.hosts for each in network.sources(h.population)}:
        yield replace(knobs, spikes={**knobs.spikes, source: 2 * core.spikes})


def _parts(network: Network, core: CorePlan, knobs: Knobs, pins: Pins) -> Iterator[Knobs]:
    """The population on more cores."""
    if pins.partition is not None or len(core.hosts) > 1 or core.sweep_lanes is not None:
        return
    name = core.hosts[0].population
    parts = 2 * knobs.partition.get(name, 1)
    if parts <= min(_PARTS, network.population(name).channels):
        yield replace(knobs, partition={**knobs.partition, name: parts})
