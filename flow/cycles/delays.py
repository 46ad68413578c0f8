"""Connections with a delay in time: what waits behind a core's queue until its step, or sample."""

from collections.abc import Iterator, Sequence

from spikewright.golden.spec import Mode
from spikewright.hdl.sum_delay import SumDelay

from .queues import END, STEP, Queue

__all__ = ["Places", "TimedDelay", "TimedSums"]

Offer = tuple[int, int | None]
"""From which cycle on a token is offered; before which none is, where it is not yet known."""


Places = list[list[tuple[int, int]]]
"""Of each sample the words with a sum that is not 0, and how many spikes each of them takes."""


class TimedDelay:
    """``hdl.delay.DelayUnit``, or ``hdl.sample_delay.SampleDelay`` in collapsed mode.

    Parameters
    ----------
    queue : in front. mode : of the core. keeps : of each sample, whether its END keeps.
    """

    def __init__(self, queue: Queue, mode: Mode, keeps: Sequence[bool]) -> None:
        self.queue = queue
        self.by_sample = mode is Mode.COLLAPSED
        self.keeps = keeps
        self.fresh, self.drops = True, False
        self.heard = self.sample = 0  # ENDs of the source that have left, and of the consumer
        self.free = self.opens = 0  # when what is dropped may leave, when an END may be sent

    def advance(self) -> None:
        """What nobody hears leaves, a token a cycle, as far as it has come."""
        queue = self.queue
        while (head := queue.head()) is not None:
            token = queue.tokens[len(queue.left)]
            passed = token == END and not self.by_sample and self.keeps[self.heard]
            if not self.drops and not passed:
                return
            leaves = max(head, self.free)
            queue.leave(leaves)
            self.free = leaves + 1
            if token == END:
                if self.drops and not passed:
                    self.drops, self.opens = False, self.free
                self.heard += 1

    def offer(self, gate: int, *, ends: bool) -> Offer:
        """What it offers where the other ports wait at markers from ``gate`` on."""
        if self.drops and (ends or not self.fresh):
            return gate, None
        if ends and (self.fresh or not self.by_sample):
            return max(gate, self.opens), END
        if self.fresh:
            return gate, STEP
        at = self.queue.head()
        if at is None:
            return max(gate, self.queue.taken[-1] + 2 if self.queue.taken else 0), None
        return max(at, gate), self.queue.tokens[len(self.queue.left)]

    def leave(self, cycle: int) -> None:
        """The spike that it offers is taken."""
        self.queue.leave(cycle)

    def mark(self, cycle: int, kind: int) -> None:
        """The marker that it offers is taken."""
        if kind == STEP or self.by_sample:
            if not self.fresh:
                self.queue.leave(cycle)
                self.heard += kind == END
            if kind == STEP:
                self.fresh = False
                return
        if self.by_sample:
            self.fresh = False
        if not self.keeps[self.sample]:
            self.fresh = self.drops = True
            self.free = cycle + 1
        self.sample += 1


class TimedSums:
    """``hdl.sum_delay.SumDelay``.

    Parameters
    ----------
    queue, keeps : as ``TimedDelay``. unit : its numbers. places : what it sends.
    """

    def __init__(self, queue: Queue, unit: SumDelay, places: Places, keeps: Sequence[bool]) -> None:
        self.queue = queue
        self.depth = unit.banks[0].depth
        self.sweep = unit.banks[0].latency + 1  # from an END until the bank counts again
        self.places = places
        self.keeps = keeps
        self.fresh = self.first = True
        self.heard = self.sample = 0
        self.free = self.settled = 0  # when the next token may leave, when an END may
        self.holds: int | None = None  # since when a bank holds sums that are still to be sent
        self.base: int | None = None  # when the pass that sends them began
        self.waited = 0
        self.taken = 0
        self.index = self.part = self.following = 0

    def run(self) -> Iterator[bool]:
        """Take tokens for ever, also while the core works; yields whether anything moved."""
        while True:
            before = len(self.queue.left)
            self.advance()
            yield len(self.queue.left) > before

    def advance(self) -> None:
        """Spikes are added up, and an END turns the banks, as far as they have come."""
        queue = self.queue
        while (head := queue.head()) is not None:
            leaves = max(head, self.free)
            if queue.tokens[len(queue.left)] == END:
                if self.holds is not None:
                    return  # the other bank is not empty
                leaves = max(leaves, self.settled)
                if self.keeps[self.heard]:
                    self.holds = leaves + 1
                else:
                    self.settled = leaves + self.sweep
                self.heard += 1
            else:
                self.settled = max(self.settled, leaves + 3)
            queue.leave(leaves)
            self.free = leaves + 1

    def offer(self, gate: int, *, ends: bool) -> Offer:
        """What it offers where the other ports wait at markers from ``gate`` on."""
        marker = END if ends else STEP
        if self.fresh or not self.first:
            return gate, marker
        if self.base is None:
            if self.holds is None:
                return gate, None
            self.base = max(gate, self.holds) + 1
        places = self.places[self.sample]
        if self.index == len(places):
            return self.base + self.depth + 4 + self.waited, marker
        if self.part:
            return self.taken + 1, self.following
        return self.base + 2 + places[self.index][0] + self.waited, self.following

    def leave(self, cycle: int) -> None:
        """The spike that it offers is taken."""
        assert self.base is not None  # it was offered
        place, parts = self.places[self.sample][self.index]
        self.waited = cycle - (self.base + 2 + place)
        self.taken = cycle
        self.following += 1
        self.part += 1
        if self.part == parts:
            self.index, self.part = self.index + 1, 0

    def mark(self, cycle: int, kind: int) -> None:
        """The marker that it offers is taken."""
        if self.base is not None:
            self.settled = max(self.settled, self.base + self.depth + 3 + self.waited)
            self.base = self.holds = None
            self.waited = self.index = 0
        self.first = kind == END
        if kind == END:
            self.fresh = not self.keeps[self.sample]
            self.sample += 1
