"""The fewest cycles a plan can take, by its own memory ports."""

from collections.abc import Mapping

from .config import CoreConfig

__all__ = ["bound_cycles"]


def bound_cycles(
    configs: tuple[CoreConfig, ...],
    *,
    spikes_in: Mapping[str, float],
    steps: Mapping[str, float],
) -> float:
    """Cycles a sample of the busiest core: its rows to fetch, plus one sweep a step.

    Parameters
    ----------
    configs : the cores.
    spikes_in : spikes a sample that each population receives.
    steps : sweeps a sample that each population cannot avoid: its steps, 1 in collapsed mode.

    Returns
    -------
    Cycles a sample (a mean where the arguments are means): at one row and one group of membranes a
    cycle, no schedule on these cores is faster.
    """
    return max(
        (spikes_in[config.population.name] + steps[config.population.name]) * config.groups
        for config in configs
    )
