"""A plan with what it costs and how long it takes, and those that no other plan beats."""

from collections.abc import Iterable
from dataclasses import dataclass

from spikewright.boards import Resources
from spikewright.flow.area import Area, fits
from spikewright.flow.cycles import CycleEstimate
from spikewright.hdl.plan import HardwarePlan

from .goal import Limits, Objective

__all__ = ["Candidate", "Planned", "front_of"]


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A plan that was looked at.

    ``clock_hz`` : what it would run at; ``latency_s``, ``frames_per_s`` : at that clock, of samples
    one by one and back to back.
    """

    plan: HardwarePlan
    cycles: CycleEstimate
    area: Area
    clock_hz: float

    @property
    def latency_s(self) -> float:
        """Seconds from a sample's first token to its result."""
        return self.cycles.latency / self.clock_hz

    @property
    def frames_per_s(self) -> float:
        """Results a second."""
        return self.clock_hz / self.cycles.cycles

    def worth(self, objective: Objective) -> tuple[float, ...]:
        """What is to be as small as can be, the first number first."""
        period, luts = 1 / self.frames_per_s, float(self.area.luts)
        rams = float(self.area.block_rams)
        match objective:
            case Objective.LATENCY:
                return (self.latency_s, period, luts, rams)
            case Objective.THROUGHPUT:
                return (period, luts, rams, self.latency_s)
            case Objective.AREA:
                return (luts, rams, period, self.latency_s)
            case Objective.MEMORY:
                return (rams, luts, period, self.latency_s)

    def misses(self, limits: Limits, resources: Resources, clock_hz: float | None) -> list[str]:
        """What it does not keep to, in words."""
        found = fits(self.area, resources)
        if clock_hz is not None and self.area.fmax_hz < clock_hz:
            found.append(
                f"about {self.area.fmax_hz / 1e6:.0f} MHz where {clock_hz / 1e6:g} are wanted"
            )
        for name, value, limit in (
            ("LUTs", self.area.luts, limits.luts),
            ("block RAMs", self.area.block_rams, limits.block_rams),
        ):
            if limit is not None and value > limit:
                found.append(f"{value:,} {name} where {limit:,} are allowed")
        if limits.fps is not None and self.frames_per_s < limits.fps:
            found.append(f"{self.frames_per_s:,.0f} frames/s where {limits.fps:,.0f} are wanted")
        if limits.latency_s is not None and self.latency_s > limits.latency_s:
            found.append(
                f"{self.latency_s * 1e6:,.2f} us where {limits.latency_s * 1e6:,.2f} are allowed"
            )
        return found

    def excess(self, limits: Limits, resources: Resources, clock_hz: float | None) -> float:
        """How far it is from what it must keep to: the largest ratio; at most 1 where it does.

        Of what a board has none of, each that is needed counts as a whole board too many.
        """
        cells = self.area.luts if self.area.logic_cells is None else self.area.logic_cells
        ratios = [
            _share(cells, resources.luts),
            _share(self.area.flip_flops, resources.flip_flops),
            _share(self.area.block_rams, resources.block_rams),
            _share(self.area.sprams, resources.sprams),
            _share(self.area.dsps, resources.dsps),
        ]
        if clock_hz is not None:
            ratios.append(clock_hz / self.area.fmax_hz)
        if limits.luts is not None:
            ratios.append(self.area.luts / limits.luts)
        if limits.block_rams is not None:
            ratios.append(self.area.block_rams / limits.block_rams)
        if limits.fps is not None:
            ratios.append(limits.fps / self.frames_per_s)
        if limits.latency_s is not None:
            ratios.append(self.latency_s / limits.latency_s)
        return max(ratios)


@dataclass(frozen=True, kw_only=True)
class Planned:
    """What was chosen, the plans that no other beats, fastest first, and what limits the chosen."""

    plan: HardwarePlan
    chosen: Candidate
    front: tuple[Candidate, ...]
    limit: str


def _share(needed: int, there: int) -> float:
    return needed / there if there else 1.0 + needed if needed else 0.0


def front_of(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Those that no other beats in time, lookup tables and block RAMs; fastest first."""
    front: list[Candidate] = []
    best: list[tuple[float, int, int]] = []
    for each in sorted(candidates, key=lambda each: each.worth(Objective.THROUGHPUT)):
        key = (1 / each.frames_per_s, each.area.luts, each.area.block_rams)
        if not any(all(a <= b for a, b in zip(other, key, strict=True)) for other in best):
            front.append(each)
            best.append(key)
    return tuple(front)
