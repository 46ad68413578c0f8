"""Passes in time that visit only groups which spikes have reached."""

from collections import deque
from collections.abc import Callable, Generator

from spikewright.golden.spec import Mode
from spikewright.hdl.touched import TouchedPlaces

from .serialise import Item, Serialiser

__all__ = ["TimedTouched"]

Groups = list[tuple[int, int, int]]


class TimedTouched:
    """``hdl.touched.TouchedPlaces`` and the stages of ``hdl.sweep.Sweep`` behind it.

    A place waits for the stages, and rows of groups without any go by meanwhile; the stages move
    all or none, so what is empty between two groups stays empty.

    Parameters
    ----------
    places : its numbers. read : stages from a place to its word. each : cycles that a group takes
    to decide.
    """

    def __init__(self, places: TouchedPlaces, *, read: int, each: int) -> None:
        self.width, self.rows = places.width, places.rows
        self.once = places.config.mode is Mode.COLLAPSED
        self.moves = sum(1 << k for k, each_moves in enumerate(places.moves) if each_moves)
        self.active, self.other = self.moves, 0  # as the pass after reset leaves them
        self.read = read
        self.each = each
        self.row, self.popped, self.gone = -1, 0, 0
        self.busy: deque[tuple[int, int]] = deque(maxlen=read + 2)

    def reach(self, groups: int) -> None:
        """A spike's rows come to ``groups``, a bit each."""
        self.active |= groups
        self.other |= groups

    def visit(
        self, start: int, serialiser: Serialiser, sent: Groups, moved: Callable[[], bool]
    ) -> Generator[bool, None, int]:
        """A pass that sends ``sent``; returns the first cycle behind it."""
        tokens = {group: rest for group, *rest in sent}
        self._begin(start)
        for group in self._wanted(renews=self.once):
            enters = self._enter(group)
            count, last = tokens.get(group, (0, 0))
            at = len(serialiser.items)
            serialiser.push(Item(base=enters + self.each - 1, host=0, tokens=count, last=last))
            while at >= len(serialiser.taken):
                yield moved()
            self._decide(group, enters, serialiser.taken[at], fired=count > 0, renews=self.once)
        return self._end()

    def renew(self, start: int) -> int:
        """A pass that sends nothing and writes the initial state; the first cycle behind it."""
        self._begin(start)
        for group in self._wanted(renews=True):
            enters = self._enter(group)
            self._decide(group, enters, enters + self.each - 1, fired=False, renews=True)
        return self._end()

    def _begin(self, start: int) -> None:
        self.row, self.popped, self.gone = -1, start, start
        self.busy.clear()

    def _wanted(self, *, renews: bool) -> list[int]:
        """The groups that a pass visits."""
        wanted = self.active
        if renews:
            wanted = self.other | (self.moves if self.once else 0)
        return [k for k in range(self.rows * self.width) if wanted >> k & 1]

    def _enter(self, group: int) -> int:
        """The cycle in which the next group begins to decide."""
        row = group // self.width
        # Its row is there a cycle after the last place was shown, and each row between takes one.
        self.popped = max(self.popped + max(1, row - self.row), self.gone)
        self.row = row
        self.gone = at = self._moves(self.popped + 1)
        for _ in range(self.read):
            at = self._moves(at + 1)
        return at + 1

    def _moves(self, cycle: int) -> int:
        """The first cycle from then on in which the stages move."""
        for first, last in self.busy:
            if first <= cycle < last:
                cycle = last
        return cycle

    def _decide(self, group: int, enters: int, taken: int, *, fired: bool, renews: bool) -> None:
        self.busy.append((enters, taken))
        bit = 1 << group
        self.active &= ~bit
        self.other &= ~bit
        if renews:
            self.active |= bit & self.moves
            return
        self.other |= bit
        if fired:
            self.active |= bit

    def _end(self) -> int:
        left = self.popped + self.rows - 1 - self.row
        return max(left, self.busy[-1][1] + 1) if self.busy else left
