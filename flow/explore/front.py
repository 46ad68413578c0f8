"""The points that nothing else beats, and the files that tell of all."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .space import Point

__all__ = ["COLUMNS", "Cost", "Found", "as_csv", "front"]


class Cost(StrEnum):
    """What a point costs, and is to be as little as may be."""

    TIME = "time"
    LATENCY = "latency"
    AREA = "area"
    MEMORY = "memory"

    @property
    def figure(self) -> str:
        """The figure that says it."""
        return {
            Cost.TIME: "sample_us",
            Cost.LATENCY: "latency_us",
            Cost.AREA: "luts",
            Cost.MEMORY: "block_rams",
        }[self]

    @property
    def axis(self) -> str:
        """What a plot writes beside it."""
        return {
            Cost.TIME: "time a sample, us",
            Cost.LATENCY: "latency, us",
            Cost.AREA: "LUTs",
            Cost.MEMORY: "block RAMs",
        }[self]


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """A point that was tried. ``figures`` : as ``work.cost`` gives them."""

    number: int
    point: Point
    figures: Mapping[str, Any]

    @property
    def accuracy(self) -> float:
        """Of 1."""
        return float(self.figures["accuracy"])

    def row(self, best: bool) -> dict[str, Any]:
        """All of it but the plan, flat."""
        figures = {name: self.figures[name] for name in _FIGURES}
        return {"number": self.number, "front": best, **self.point.as_dict(), **figures}


_FIGURES = (
    "accuracy", "cycles", "bound_cycles", "efficiency", "limit", "luts", "flip_flops", "block_rams",
    "sprams", "dsps", "fmax_mhz", "latency_us", "sample_us", "frames_per_s", "network",
)  # fmt: skip
COLUMNS = (
    "number", "front", "weight_bits", "levels", "mode", "steps", "lanes", "board", *_FIGURES,
)  # fmt: skip


def front(found: Sequence[Found], costs: Sequence[Cost]) -> tuple[Found, ...]:
    """The points that no other equals or beats in all of accuracy and costs; the best first.

    Of points with the same figures the first that was tried stands for all.
    """
    best: list[Found] = []
    seen: list[tuple[float, ...]] = []
    rated = sorted((_rating(each, costs), each.number, each) for each in found)
    for rating, _, each in rated:
        # What beats it is no later in this order.
        if not any(all(a <= b for a, b in zip(other, rating, strict=True)) for other in seen):
            seen.append(rating)
            best.append(each)
    return tuple(best)


def _rating(found: Found, costs: Sequence[Cost]) -> tuple[float, ...]:
    """Less is better."""
    return (-found.accuracy, *(float(found.figures[cost.figure]) for cost in costs))


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """A table with a heading."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
