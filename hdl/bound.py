"""The fewest cycles a plan can take, by its own memory ports."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from .config import CoreConfig

__all__ = ["bound_cycles", "rows"]


def rows(config: CoreConfig, spikes: Mapping[str, npt.NDArray[np.float64]]) -> float:
    """Rows that a core fetches for ``spikes`` [neurons] of every source, by name.

    Ports behind a delta unit are left out: what it sends depends on the order of the spikes.
    """
    return sum(
        float(spikes[port.connection.source] @ port.schedule.rows_per_neuron)
        for port in config.ports
        if port.delta is None
    )


def bound_cycles(
    configs: tuple[CoreConfig, ...],
    *,
    spikes: Mapping[str, npt.NDArray[np.float64]],
    steps: Mapping[str, float],
) -> float:
    """Cycles a sample of the busiest core: its rows to fetch, plus one sweep a step.

    Parameters
    ----------
    configs : the cores.
    spikes : by input and population, the spikes [neurons] a sample that each neuron sends.
    steps : sweeps a sample that each population cannot avoid: its steps, 1 in collapsed mode.

    Returns
    -------
    Cycles a sample (a mean where the arguments are means): at one row and one group of membranes a
    cycle, and one spike a cycle into a delta unit, no schedule on these cores is faster.
    """
    return max(_core_cycles(config, spikes, steps) for config in configs)


def _core_cycles(
    config: CoreConfig,
    spikes: Mapping[str, npt.NDArray[np.float64]],
    steps: Mapping[str, float],
) -> float:
    sweeps = sum(steps[host.population.name] * host.groups for host in config.hosts)
    changes = [
        float(spikes[port.connection.source].sum())
        for port in config.ports
        if port.delta is not None
    ]
    return max([rows(config, spikes) + sweeps, *changes])
