"""What a benchmark is to reach, and whether it did."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

__all__ = ["Goal", "Reached", "reached"]

Summary = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Goal:
    """The figures of a benchmark in its main mode; what is None asks for nothing.

    Parameters
    ----------
    accuracy, efficiency : at least, of 1. fmax_mhz : at least, the median of the seeds.
    cycles : at most, a sample. lut : at most, of the whole bitstream.
    sample_us : at most, between two samples at Fmax.
    frames_per_s, frames_per_s_per_klut : at least.
    """

    accuracy: float | None = None
    cycles: float | None = None
    efficiency: float | None = None
    fmax_mhz: float | None = None
    lut: int | None = None
    sample_us: float | None = None
    frames_per_s: float | None = None
    frames_per_s_per_klut: float | None = None

    def as_dict(self) -> dict[str, float]:
        """What it asks for, by name."""
        return {name: value for name, value in asdict(self).items() if value is not None}


_AT_MOST = {"cycles", "lut", "sample_us"}


@dataclass(frozen=True, kw_only=True)
class Reached:
    """One figure of a goal. ``met``: whether what was found is as good as what was wanted."""

    name: str
    wanted: float
    found: float

    @property
    def at_most(self) -> bool:
        """Whether less is better."""
        return self.name in _AT_MOST

    @property
    def met(self) -> bool:
        """As good as wanted, or better."""
        return self.found <= self.wanted if self.at_most else self.found >= self.wanted


def reached(goal: Mapping[str, float], summary: Summary) -> tuple[Reached, ...]:
    """What a run's summary says to each figure of a goal, in the order of ``Goal``."""
    build, performance = summary["build"], summary["performance"]
    accuracy = summary["accuracy"].get(build["mode"])
    if isinstance(accuracy, Mapping):  # stepwise, by T; the hardware took the most
        accuracy = list(accuracy.values())[-1]
    found = {
        "accuracy": accuracy,
        "cycles": performance["cycles_per_sample"],
        "efficiency": performance["efficiency"],
        "fmax_mhz": build["fmax_mhz"],
        "lut": build["lut"],
        "sample_us": round(1e6 / performance["frames_per_s"], 3),
        "frames_per_s": performance["frames_per_s"],
        "frames_per_s_per_klut": performance["frames_per_s_per_klut"],
    }
    return tuple(
        Reached(name=each.name, wanted=goal[each.name], found=found[each.name])
        for each in fields(Goal)
        if each.name in goal
    )
