"""Choices that the user makes, which the planner must keep."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from spikewright.flow.lanes import Banks
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Mode, Network
from spikewright.hdl.plan import (
    MembraneStore,
    ParameterStore,
    Products,
    Rows,
    Sweeps,
    WeightStore,
)

__all__ = ["Pins"]


@dataclass(frozen=True, kw_only=True)
class Pins:
    """What is not the planner's to choose; as of ``default_plan``, and None where it is.

    Parameters
    ----------
    mode : how the network runs.
    lanes, banks : by population. sweep_lanes, spikes : of all cores that can; 1 spike, too.
    membranes, weights, parameters, products : of all cores; large RAMs only of those that are
        worth one.
    rows, sweeps : of all cores that can; some must.
    queue_depth : of all queues. fanout : pins that a flip-flop reaches at most, in all cores.
    partition : parts, by population. share : populations that one core hosts together; ``()`` for
        a core each.
    """

    mode: Mode | None = None
    lanes: Mapping[str, int] = field(default_factory=dict)
    banks: Mapping[str, Banks] = field(default_factory=dict)
    sweep_lanes: int | None = None
    spikes: int | None = None
    membranes: MembraneStore | None = None
    weights: WeightStore | None = None
    parameters: ParameterStore | None = None
    products: Products | None = None
    rows: Rows | None = None
    sweeps: Sweeps | None = None
    queue_depth: int | None = None
    fanout: int | None = None
    partition: Mapping[str, int] | None = None
    share: tuple[tuple[str, ...], ...] | None = None

    def check(self, network: Network, modes: tuple[Mode, ...]) -> None:
        """Raise ConfigurationError where pins contradict each other, network or traces."""
        if self.queue_depth is not None and self.queue_depth < 2:
            raise ConfigurationError("queue_depth must be at least 2", found=str(self.queue_depth))
        names = [population.name for population in network.order()]
        for what, given in (("lanes", self.lanes), ("banks", self.banks)):
            unknown = sorted(set(given) - set(names))
            if unknown:
                raise ConfigurationError(
                    f"pinned {what} must be those of {', '.join(names)}", found=", ".join(unknown)
                )
        if self.mode is not None and self.mode not in modes:
            raise ConfigurationError(
                f"the pinned mode must be one of {', '.join(modes)}", found=str(self.mode)
            )
        split = {name for name, parts in (self.partition or {}).items() if parts > 1}
        together = {name for group in self.share or () for name in group}
        narrow = [
            name
            for name in names
            if name in self.lanes and self.lanes[name] < network.population(name).n
        ]
        contradictions = (
            (split & together, "a population that shares a core", "have one part"),
            (
                set(narrow)
                if self.sweep_lanes is not None
                and len(narrow) == len(names)
                and self.rows is not Rows.SPARSE
                else (),
                "with pinned sweep_lanes some population",
                "have a lane for each neuron, or rows be pinned to sparse",
            ),
            (
                {f"{self.products}"}
                if (self.spikes or 1) > 1 and self.products is Products.SERIAL
                else (),
                "with several spikes a cycle products",
                f"be pinned to {Products.MULTIPLIER}",
            ),
        )
        for wrong, who, must in contradictions:
            if wrong:
                raise ConfigurationError(
                    f"{who} must {must}",
                    found=", ".join(sorted(wrong)),
                    where="pins",
                    action="leave one of the two out",
                )
