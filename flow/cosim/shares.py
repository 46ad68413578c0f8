"""Samples split over simulations that run side by side, and their results put together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from spikewright.flow.machine import available_cores

__all__ = ["Share", "choose_cuts", "merge", "shares", "usual_batch", "usual_jobs"]

_BATCH_LIMIT = 256
_BATCHES = 16

_ROWS_PER_JOB = 500_000
"""Rows below which another process takes longer to start than it saves."""

_SUMS = (
    "samples", "spikes_compared", "cycles", "gap_cycles", "gaps", "latency_cycles", "latencies",
    "processor_seconds",
)  # fmt: skip
_LONGEST = ("seconds", "elapsed")


@dataclass(frozen=True, kw_only=True)
class Share:
    """Samples ``first`` to before ``last`` of one process, number ``index`` of ``count``."""

    index: int
    count: int
    first: int
    last: int

    @property
    def samples(self) -> int:
        """How many."""
        return self.last - self.first

    def folder(self, parent: str | Path) -> Path:
        """Where its simulation runs."""
        return Path(parent) / f"share_{self.index}"

    def title(self) -> str:
        """The process in words, for messages."""
        return f"process {self.index + 1} of {self.count}, samples {self.first} to {self.last - 1}"


def usual_batch(samples: int) -> int:
    """Samples that are sent back to back: a sixteenth of all, 2 to 256."""
    return min(_BATCH_LIMIT, max(2, -(-samples // _BATCHES)))


def usual_jobs(rows: int) -> int:
    """A process for each core, as far as ``rows`` of the busiest core keep them busy."""
    return max(1, min(available_cores(), rows // _ROWS_PER_JOB))


def choose_cuts(jobs: int, batch: int, keep: Sequence[bool] | None, samples: int) -> list[int]:
    """The samples at which another process begins: at most ``jobs`` - 1 of them, in order.

    Only where a batch begins, so that batches are the same for any number of processes, and never
    behind an END that ``keep`` says keeps the state.
    """
    legal = [first for first in range(batch, samples, batch) if keep is None or not keep[first - 1]]
    cuts: list[int] = []
    for job in range(1, jobs):
        left = [first for first in legal if not cuts or first > cuts[-1]]
        if left:
            cuts.append(min(left, key=lambda first: abs(first * jobs - job * samples)))
    return cuts


def shares(cuts: Sequence[int], samples: int) -> list[Share]:
    """The shares between cuts."""
    bounds = [0, *cuts, samples]
    return [
        Share(index=index, count=len(bounds) - 1, first=first, last=last)
        for index, (first, last) in enumerate(pairwise(bounds))
    ]


def merge(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One result from those of all shares; times are those of the one that took longest."""
    merged: dict[str, Any] = {name: sum(result[name] for result in results) for name in _SUMS}
    merged |= {name: max(result[name] for result in results) for name in _LONGEST}
    for section in ("counters", "guards"):
        merged[section] = {
            name: {
                counter: sum(result[section][name][counter] for result in results)
                for counter in counts
            }
            for name, counts in results[0][section].items()
        }
    return merged | {"jobs": len(results)}
