"""How many tokens each spike queue holds, worked out from the plan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from spikewright.golden.spec import Network

from .loops import minimum_depths
from .make_configs import core_configs
from .make_core import make_core
from .plan import HardwarePlan
from .port_config import PortConfig
from .shell import CoreShell

__all__ = ["MAX_QUEUE_DEPTH", "sized"]

MAX_QUEUE_DEPTH = 512  # entries of one block RAM


@dataclass(frozen=True, kw_only=True)
class _Step:
    """When a source sends the first spike and the marker of the fullest step, in cycles."""

    first: int
    last: int


def sized(network: Network, plan: HardwarePlan) -> HardwarePlan:
    """The plan with the depth of every queue computed, whatever it said before.

    A queue is needed while its core does not take from it and its source goes on sending. Both have
    a bound that the plan gives:

    - A source sends at most one token a cycle, and in a step at most one spike a neuron, n, and the
      marker.
    - From the marker's arrival the port is not served for W cycles: until the last marker of its
      host has come along the longest path (where branches meet again) and through the queue, until
      the rows under way are added, and while the hosts of the core make their passes. All this in
      the fullest step there is, in which every neuron fires.
    - Then the port takes a token in r cycles, those of the rows of its most expensive spike (behind
      a delta unit, of all changes that it causes).

    So W tokens of the next step come before the first one is taken, and of the n - W others
    all but every r-th find one more in front of them: 1 + min(n, W + (n - W) (1 - 1 / r)), the
    marker counted. It is at most n + 1, one whole step: from a source that is more than a step
    ahead the queue keeps what its consumer keeps from it in any case. A queue that shall hold more
    than ``MAX_QUEUE_DEPTH`` stays at that, and its source waits.

    Where less could deadlock (``loops.minimum_depths``) the depth is at least that; behind a delay
    it is just that, since such a queue waits for the next step in any case.
    """
    least = minimum_depths(network, plan)
    smallest = replace(
        plan,
        cores=tuple(
            replace(core, queue_depths=depths)
            for core, depths in zip(plan.cores, least, strict=True)
        ),
    )
    cores = [make_core(config) for config in core_configs(network, smallest)]
    steps = _steps(network, cores)
    sizes = []
    for core, plan_core, depths in zip(cores, plan.cores, least, strict=True):
        found = [max(depth, _depth(core, k, steps)) for k, depth in enumerate(depths)]
        sizes.append(replace(plan_core, queue_depths=tuple(found)))
    return replace(plan, cores=tuple(sizes))


def _depth(core: CoreShell, index: int, steps: Mapping[str, _Step]) -> int:
    port = core.config.ports[index]
    if port.connection.delay:
        return 0
    n = port.source.neurons
    own = steps[port.connection.source]
    siblings = [
        each for each in core.config.ports if each.host == port.host and not each.connection.delay
    ]
    latest = max(_last(core, each, steps) for each in siblings)
    blocked = latest - own.last + core.intake.latency + core.pause
    early = min(n, blocked)
    delta = core.intake.deltas[index]
    splitter = core.intake.splitters[index]
    changes = delta.interval if delta is not None else 1
    bits = splitter.interval if splitter is not None else 1
    rows = max(1, changes * bits * int(port.schedule.rows_per_neuron.max()))
    rows *= core.config.plan.membranes.interval
    behind = -(-(n - early) * (rows - 1) // rows)
    return min(MAX_QUEUE_DEPTH, 1 + early + behind)


def _last(core: CoreShell, port: PortConfig, steps: Mapping[str, _Step]) -> int:
    """When the marker of a port's fullest step has come; of a product when its sums are made."""
    last = max(steps[name].last for name in port.connection.reads)
    sums = core.intake.products[core.config.ports.index(port)]
    return last if sums is None else last + sums.most_cycles


def _steps(network: Network, cores: Sequence[CoreShell]) -> dict[str, _Step]:
    """The fullest step of every source: all neurons fire, and nothing waits for its consumer."""
    steps = {each.name: _Step(first=0, last=each.n) for each in network.inputs}
    for population in network.order():
        sources = [steps[name] for name in network.paces(population.name)]
        firsts = min(step.first for step in sources)
        lasts = max(step.last for step in sources)
        hosting = [
            core
            for core in cores
            if any(host.population is population for host in core.config.hosts)
        ]
        work = max(_row_cycles(core, population.name) for core in hosting)
        latency = max(core.latency + core.spared for core in hosting)
        first = max(lasts, firsts + work) + latency
        steps[population.name] = _Step(first=first, last=first + population.n)
    return steps


def _row_cycles(core: CoreShell, population: str) -> int:
    """Cycles of the rows of the fullest step of one host."""
    return core.config.plan.membranes.interval * sum(
        int(port.schedule.rows_per_neuron.sum())
        for port in core.config.ports
        if port.connection.target == population
    )
