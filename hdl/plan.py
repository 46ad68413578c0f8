"""The hardware plan: how a network is built, never what it computes."""

import enum
from dataclasses import dataclass

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Mode

__all__ = ["CorePlan", "HardwarePlan", "MembraneStore", "WeightStore"]


class MembraneStore(enum.StrEnum):
    """Where membranes live: flip-flops, LUT RAM (asynchronous read) or block RAM."""

    REGISTERS = "registers"
    LUTRAM = "lutram"
    BLOCK = "block"


class WeightStore(enum.StrEnum):
    """Where weights live: initialised block RAM, or logic."""

    BLOCK = "block"
    LOGIC = "logic"


@dataclass(frozen=True, kw_only=True)
class CorePlan:
    """One core, which hosts one population.

    Parameters
    ----------
    population : the population it hosts.
    lanes : accumulator lanes; a row of weights updates this many neurons a cycle.
    membranes : where the state lives.
    weights : where the weights live.
    queue_depth : entries of the spike queue at the core's input.
    """

    population: str
    lanes: int
    membranes: MembraneStore = MembraneStore.REGISTERS
    weights: WeightStore = WeightStore.BLOCK
    queue_depth: int = 16

    def __post_init__(self) -> None:
        for name, least in (("lanes", 1), ("queue_depth", 2)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise ConfigurationError(
                    f"{name} must be an integer of at least {least}",
                    found=repr(value),
                    where=f"core of population {self.population!r}",
                )


@dataclass(frozen=True, kw_only=True)
class HardwarePlan:
    """All cores of an accelerator, in the order of the data's way, and the mode they run."""

    mode: Mode
    cores: tuple[CorePlan, ...]
