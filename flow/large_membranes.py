"""Which cores of a plan keep their membranes in large RAMs: those that have many."""

from collections.abc import Sequence
from dataclasses import replace

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Network
from spikewright.hdl.config import CoreConfig
from spikewright.hdl.make_configs import core_configs
from spikewright.hdl.membrane_checks import check_membranes
from spikewright.hdl.plan import CorePlan, HardwarePlan, MembraneStore

__all__ = ["in_large_rams", "with_large_membranes"]


def with_large_membranes(network: Network, plan: HardwarePlan, *, more_than: int) -> HardwarePlan:
    """The plan with membranes in large RAMs where a core has ``more_than`` so many bits of them.

    Raises
    ------
    ConfigurationError
        If there is no such core, or none of them does with one port.
    """
    configs = core_configs(network, plan)
    large = in_large_rams(plan, configs, more_than=more_than)
    if large != plan:
        return large
    for core, config in zip(plan.cores, configs, strict=True):
        if _bits(config) > more_than:
            check_membranes(replace(core, membranes=MembraneStore.SPRAM))
    raise ConfigurationError(
        f"large RAMs must be for a core with more than {more_than} bits of membranes",
        found=f"at most {max(map(_bits, configs))}",
        where="membranes",
        action=f"generate with --membranes {MembraneStore.BLOCK}",
    )


def in_large_rams(
    plan: HardwarePlan, configs: Sequence[CoreConfig], *, more_than: int
) -> HardwarePlan:
    """The plan with membranes there wherever they are so many, and one port will do."""
    cores = (
        _large(core) if _bits(config) > more_than else core
        for core, config in zip(plan.cores, configs, strict=True)
    )
    return replace(plan, cores=tuple(cores))


def _large(core: CorePlan) -> CorePlan:
    large = replace(core, membranes=MembraneStore.SPRAM)
    try:
        check_membranes(large)
    except ConfigurationError:
        return core
    return large


def _bits(config: CoreConfig) -> int:
    return config.groups * config.lanes * config.state.bits
