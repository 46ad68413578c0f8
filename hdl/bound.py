"""The fewest cycles a plan can take, by its own memory ports."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from .config import CoreConfig
from .port_config import PortConfig, ProductConfig

__all__ = ["bound_cycles", "reached_groups", "rows"]


Spikes = Mapping[tuple[str, int, bool], npt.NDArray[np.float64]]


def rows(config: CoreConfig, spikes: Spikes) -> float:
    """Rows that a core fetches for ``spikes`` [neurons] of every source.

    Ports behind a delta unit are left out: what it sends depends on the order of the spikes.
    """
    return sum(
        float(_heard(port, spikes) @ port.schedule.rows_per_neuron)
        for port in config.ports
        if port.delta is None
    )


def reached_groups(config: CoreConfig, port: PortConfig) -> npt.NDArray[np.bool_]:
    """[source neurons, groups] the groups that a spike of each neuron adds rows to."""
    host, schedule = config.hosts[port.host], port.dense
    address = port.layout.encode(np.arange(port.layout.neurons))
    layout = port.layout
    if schedule.translate is not None:
        address, layout = schedule.translate[address], host.target
    codes = [
        (address >> offset) & ((1 << axis.bits) - 1)
        for axis, offset in zip(layout.axes, layout.offsets, strict=True)
    ]
    block = np.arange(host.blocks[0])
    first, count = schedule.first[:, None], schedule.count[:, None]
    reached = [(block >= first) & (block < first + count)]
    for axis, blocks in ((schedule.y, host.blocks[1]), (schedule.x, host.blocks[2])):
        enabled = axis.enable[..., None] & (axis.block[..., None] == np.arange(blocks))
        reached.append(enabled.any(axis=(1, 2)))
    channels, rows, columns = (table[code] for table, code in zip(reached, codes, strict=True))
    every = channels[:, :, None, None] & rows[:, None, :, None] & columns[:, None, None, :]
    return every.reshape(len(address), -1)


def bound_cycles(
    configs: tuple[CoreConfig, ...],
    *,
    spikes: Spikes,
    steps: Mapping[str, float],
) -> float:
    """Cycles a sample of the busiest core: its rows to fetch, plus one sweep a step.

    Parameters
    ----------
    configs : the cores.
    spikes : by input or population, delay, and whether payloads come bit by bit: what each neuron
        [neurons] sends a sample and such a connection hears, spikes or bits.
    steps : sweeps a sample that each population cannot avoid: its steps, 1 in collapsed mode; less
        where only a part of its groups is swept.

    Returns
    -------
    Cycles a sample (a mean where the arguments are means): at one group of membranes (in RAMs of
    one port, half of one) and as many rows a cycle as spikes are taken, and one spike a cycle into
    a delta unit, or of a product's keys into its sums, no schedule on these cores is faster.
    """
    return max(_core_cycles(config, spikes, steps) for config in configs)


def _core_cycles(
    config: CoreConfig,
    spikes: Spikes,
    steps: Mapping[str, float],
) -> float:
    changes = [float(_heard(port, spikes).sum()) for port in config.ports if port.delta is not None]
    changes += [
        _sums(port, port.product, spikes) for port in config.ports if port.product is not None
    ]
    passes = sum(steps[host.population.name] for host in config.hosts)
    if config.overlaps:
        # A marker closes the sums in a cycle; meanwhile the slices of the one before decide.
        fetches = rows(config, spikes) / config.plan.spikes
        return max([fetches + passes, passes * config.groups * len(config.slices), *changes])
    sweeps = sum(steps[host.population.name] * host.groups for host in config.hosts)
    words = rows(config, spikes) + sweeps
    return max([words * config.plan.membranes.interval, *changes])


def _sums(port: PortConfig, product: ProductConfig, spikes: Spikes) -> float:
    """Keys that are gone through, a cycle each in every row that they are in."""
    channels, rows, columns = product.keys.shape
    turns = np.repeat(np.bincount(product.rows.key, minlength=channels), rows * columns)
    _, keys, _ = port.connection.reads
    return float(spikes[keys, port.connection.delay, False] @ turns)


def _heard(port: PortConfig, spikes: Spikes) -> npt.NDArray[np.float64]:
    bits = port.serial and port.delta is None
    return spikes[port.connection.source, port.connection.delay, bits]
