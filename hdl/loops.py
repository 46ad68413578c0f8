"""Queues that must hold a whole step, so that cores with several hosts cannot block each other."""

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Connection, Mode, Network, Product

from .checks import connection_name
from .plan import CorePlan, HardwarePlan

__all__ = ["check_depths", "minimum_depths", "port_connections"]

_LEAST = 2


def port_connections(network: Network, core: CorePlan) -> tuple[Connection, ...]:
    """The connection of each port of a core, in order."""
    return tuple(
        connection for host in core.hosts for connection in network.sources(host.population)
    )


def minimum_depths(network: Network, plan: HardwarePlan) -> tuple[tuple[int, ...], ...]:
    """The least depth of every core's ports at which nothing can deadlock.

    ``Merge`` says why: where direct connections between cores with several hosts form a circle, the
    queue of each of them must hold one whole step of its source, its neurons and the marker.

    So must the queue of a connection with a delay, whose tokens stay until the next step begins,
    and behind them the END, where it keeps the state. That step may need what the source sends in
    it, where the source reaches the target without a delay too, or shares its core: then the queue
    holds two steps.

    A product's query waits for the keys and values of its step, which may come of what it comes of
    itself, so that its queue holds a whole step too. Keys and values are stored as they come.

    In collapsed mode a sample takes the place of the step. In settle mode what waits is summed up
    behind the queue.

    Everywhere else any queue will do.
    """
    # A population on a shared core is whole, so it has one place.
    shared = {index for index, core in enumerate(plan.cores) if len(core.hosts) > 1}
    place = {host.population: index for index in shared for host in plan.cores[index].hosts}
    feeds: dict[int, set[int]] = {index: set() for index in shared}
    for connection in network.connections:
        if connection.source in place and connection.target in place and not connection.delay:
            feeds[place[connection.source]].add(place[connection.target])
    depths = []
    for index, core in enumerate(plan.cores):
        needed = []
        for connection in port_connections(network, core):
            source = place.get(connection.source)
            loops = index in shared and source is not None and source in _reached(feeds, index)
            whole = network.node(connection.source).n + 1
            if connection.delay and plan.mode is not Mode.SETTLE:
                again = source is not None or _leads(network, connection.source, connection.target)
                needed.append((2 * whole if again else whole) + 1)
            else:
                waits = isinstance(connection.operator, Product)
                needed.append(whole if loops or waits else _LEAST)
        depths.append(tuple(needed))
    return tuple(depths)


def _leads(network: Network, source: str, target: str) -> bool:
    """Whether another population cannot end a step before a source has."""
    waiting, seen = [source], {source}
    while waiting:
        name = waiting.pop()
        for population in network.populations:
            if population.name not in seen and name in network.paces(population.name):
                seen.add(population.name)
                waiting.append(population.name)
    return target in seen and target != source


def _reached(feeds: dict[int, set[int]], start: int) -> set[int]:
    """Cores that a core reaches, itself included."""
    reached, waiting = set(), [start]
    while waiting:
        core = waiting.pop()
        if core not in reached:
            reached.add(core)
            waiting += feeds[core]
    return reached


def check_depths(network: Network, plan: HardwarePlan) -> None:
    """Refuse a plan that leaves out a queue, or has one in which tokens could deadlock."""
    for core, least in zip(plan.cores, minimum_depths(network, plan), strict=True):
        connections = port_connections(network, core)
        if len(core.queue_depths) != len(connections):
            raise ConfigurationError(
                f"queue_depths must have one entry for each of {len(connections)} connections",
                found=str(len(core.queue_depths)),
                where=core.where,
                action="have them computed",
            )
        for connection, needed, depth in zip(connections, least, core.queue_depths, strict=True):
            if depth < needed:
                raise ConfigurationError(
                    f"the queue must hold a whole step, {needed} tokens, or queues could deadlock",
                    found=str(depth),
                    where=f"{core.where}, {connection_name(connection)}",
                    action=f"have the depth computed, or give {connection.target!r} a core of its "
                    "own",
                )
