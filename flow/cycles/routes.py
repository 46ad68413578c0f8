"""What sends to cores: the outside, and populations that lie on several of them."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from .emission import Emission
from .intake import Intake
from .queues import END, Fork
from .readouts import TimedReadout

__all__ = ["Batches", "merged", "source"]

_PAUSE = 64
"""Cycles from a batch's last result to the next batch, as co-simulation waits for what is left."""


@dataclass(frozen=True, kw_only=True)
class Batches:
    """Samples that are sent back to back; each batch finds the accelerator empty.

    ``size`` : samples of a batch. ``starts`` : when the first token of each was taken.
    """

    size: int
    readout: TimedReadout
    starts: dict[int, int] = field(default_factory=dict, init=False)

    def opens(self, sample: int) -> int | None:
        """The first cycle in which a batch's first sample may come; None if not yet known."""
        ends = self.readout.ends
        if len(ends) < sample:
            return None
        return ends[sample - 1] + self.readout.latency + _PAUSE if sample else 0

    def began(self, sample: int, cycle: int) -> None:
        """The first token of a batch was taken; one of several inputs comes first."""
        batch = sample // self.size
        self.starts[batch] = min(cycle, self.starts.get(batch, cycle))

    @property
    def cycles(self) -> float:
        """From one result to the next within a batch, in the mean."""
        ends, size = self.readout.ends, self.size
        parts = [ends[k : k + size] for k in range(0, len(ends), size)]
        return sum(part[-1] - part[0] for part in parts) / max(1, len(ends) - len(parts))

    @property
    def latency(self) -> float:
        """From the first token of a batch to its first result, in the mean."""
        first = self.readout.ends[:: self.size]
        waits = [end - self.starts[k] for k, end in enumerate(first)]
        return sum(waits) / len(waits) + self.readout.latency


def source(emission: Emission, fork: Fork, batches: Batches) -> Iterator[bool]:
    """What is outside: a token a cycle, as long as it is taken."""
    time, moved = 0, False
    sample, begins = 0, True
    for token in emission.tokens:
        if begins:
            while (opens := batches.opens(sample)) is None:
                yield moved
                moved = False
            time = max(time, opens)
        while (taken := fork.send(time, token)) is None:
            yield moved
            moved = False
        if begins:
            batches.began(sample, taken)
        sample += token == END
        begins = token == END and sample % batches.size == 0
        time, moved = taken + 1, True
    while True:
        yield moved
        moved = False


def merged(intake: Intake, offsets: list[int], fork: Fork) -> Iterator[bool]:
    """Tokens of all slices, numbered through."""
    before, moved = 0, False
    while True:
        while (got := intake.next(before)) is None:
            yield moved
            moved = False
        moved = True
        start, port, token = got
        if token >= 0:
            token += offsets[port]
        while (taken := fork.send(start, token)) is None:
            yield moved
            moved = False
        before = taken
