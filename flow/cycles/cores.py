"""Cores in time: which cycles their tokens, rows and passes take."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from spikewright.golden.spec import Mode
from spikewright.hdl.pointers import AHEAD

from .intake import Intake
from .products import Gated
from .queues import END, STEP
from .serialise import Item, Serialiser
from .touched import TimedTouched

__all__ = ["CoreTiming", "Groups", "HostWork", "PortCosts", "TimedCore"]

Groups = list[tuple[int, int, int]]
"""Of a pass, by group with spikes: its number, its tokens, and those of its last block."""


@dataclass(frozen=True, kw_only=True)
class PortCosts:
    """What each SPIKE token of a port costs: ``cycles`` that it is held, ``rows`` that it adds.

    ``groups`` : where a pass visits only those that it reaches, a bit each.
    """

    cycles: list[int]
    rows: list[int]
    groups: list[int] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class HostWork:
    """What a host sends: for each of its markers the kind and the groups in front of it."""

    groups: int
    kinds: list[int]
    passes: list[Groups]


@dataclass(frozen=True, kw_only=True)
class CoreTiming:
    """A core's latencies. ``rows`` : from a spike to its row at the lanes; ``read`` : of the sweep;
    ``interval`` : a group takes in a pass; ``pace`` : from a row to the next; ``close`` : of an
    overlapped core's sums, else None; ``settled`` : from a row at the lanes to its membrane, where
    a pass has to wait for that.
    ``pointers`` : to the pointers of compressed rows, which are looked up ahead, else None.
    ``shows``, ``fires``, ``defers`` : as of its control. ``replays`` : input of the first step.
    """

    mode: Mode
    rows: int
    settled: int
    pointers: int | None
    read: int
    interval: int
    pace: int
    close: int | None
    shows: bool
    fires: bool
    defers: bool
    replays: bool


@dataclass(kw_only=True)
class TimedCore:
    """``hdl.core.Core``, or ``hdl.overlapped.OverlappedCore`` where ``timing.close`` is given.

    ``keeps`` : of each sample, whether its END keeps the state. ``touched`` : where passes visit
    only groups that were. ``added``, ``swept`` count cycles:
    of rows, and of passes; ``summed`` those of the busiest product's sums.
    """

    name: str
    timing: CoreTiming
    intake: Intake
    costs: Sequence[PortCosts]
    hosts: Sequence[HostWork]
    serialiser: Serialiser
    keeps: Sequence[bool]
    touched: TimedTouched | None = None
    rows: int = field(default=0, init=False)
    added: int = field(default=0, init=False)
    swept: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.at = [0] * len(self.hosts)  # markers that each host has sent
        self.ended = [0] * len(self.hosts)  # samples
        self.marked = -1  # the item that is the last marker
        self.end = 0
        self.moves = 0
        self.ahead = [0] * AHEAD  # when those of the spikes taken last have begun their rows
        self.free = -1  # the first cycle in which rows of another spike can be issued
        self.drained = 0  # the first cycle in which a pass can begin

    def run(self) -> Iterator[bool]:
        """Take tokens for ever; yields whether anything moved."""
        return self._overlapped() if self.timing.close is not None else self._plain()

    def _plain(self) -> Iterator[bool]:
        """A marker's passes keep the next token waiting."""
        timing, intake = self.timing, self.intake
        before = 0
        pending = [False] * len(self.hosts)
        while True:
            while (got := intake.next(before)) is None:
                yield self._moved()
            start, port, token = got
            host = intake.ports[port].host
            if pending[host] and token != END:
                start = max(start, self.drained) + self._length(host) + 1
                pending[host] = False
            if token >= 0:
                before = self._add(start, port, token)
                continue
            self.moves += 1
            yield from self._until(self.marked)
            begins = done = max(start, self.drained, self._clear())
            again = False
            if token == END and timing.fires and timing.mode is Mode.SETTLE:
                yield from self._settle(begins, host, turns=len(self.hosts) > 1)
                again = self.hosts[host].kinds[self.at[host]] == STEP
                done = self.end
            elif timing.shows if token == STEP else self.sends_at_end:
                yield from self._pass(begins, host)
                done = self.end
            elif token == END and self._renews(host):
                done = self._silent(begins, host)
            yield from self._until(self.marked)
            before = max(done + 1, self._clear())
            self._mark(before + 1, host)
            self.swept += before - begins + 1
            pending[host] = timing.defers and token == STEP
            intake.leave(before)
            if token == STEP:
                intake.release(before + 1)
            if token == END:
                self.ended[host] += not again
                intake.answer(host, before, again=again)

    def _overlapped(self) -> Iterator[bool]:
        """A marker keeps its place among the rows; its passes are made behind them."""
        timing, intake = self.timing, self.intake
        assert timing.close is not None  # it is why we are here
        before = 0
        while True:
            while (got := intake.next(before)) is None:
                yield self._moved()
            start, port, token = got
            if token >= 0:
                before = self._add(start, port, token)
                continue
            self.moves += 1
            yield from self._until(self.marked)
            before = max(start, self._clear())
            closes = before + timing.rows
            if timing.pointers is not None:
                before = self._look_up(before, 1)
                closes = self._arrives()
            intake.leave(before)
            if token == STEP:
                intake.release(max(before, self.free + timing.rows) + 1)
            self.added += 1
            begins = closes + timing.close + 1
            if token == STEP and not timing.shows:
                self._mark(before + 2, 0)  # sums go on
                continue
            if token == END and timing.mode is Mode.SETTLE and timing.fires:
                yield from self._settle(begins, 0, turns=False)
            elif token == STEP or self.sends_at_end:
                yield from self._pass(begins, 0)
            else:
                self.end = begins + (self._length(0) if self._renews(0) else 0)
            self.ended[0] += token == END
            self._mark(self.end + 1, 0)
            self.swept += self.end - begins

    @property
    def summed(self) -> int:
        """Cycles in which the busiest product makes its sums."""
        queues = [port.queue for port in self.intake.ports]
        return max((each.product.summed for each in queues if isinstance(each, Gated)), default=0)

    @property
    def sends_at_end(self) -> bool:
        """Whether the pass at END sends: of levels, where it is the only one, or of values."""
        return self.timing.mode is Mode.COLLAPSED or not self.timing.shows

    def _renews(self, host: int) -> bool:
        """Whether END changes the state: of input that is replayed, too, that sample's own."""
        return self.timing.replays or not self.keeps[self.ended[host]]

    def _add(self, start: int, port: int, token: int) -> int:
        """The last cycle of a spike."""
        costs, timing = self.costs[port], self.timing
        rows = costs.rows[token]
        self.added += costs.cycles[token] * timing.pace
        self.rows += rows
        self.moves += 1
        if self.touched is not None:
            self.touched.reach(costs.groups[token])
        if timing.pointers is not None:
            last = self._look_up(start, rows)
        else:
            start = max(start, self.free + timing.pace)
            last = start + (costs.cycles[token] - 1) * timing.pace
            self.free = last
        self.intake.leave(last)
        at_lanes = self.free + timing.rows if timing.pointers is None else self._arrives()
        self.drained = max(self.drained, (at_lanes + timing.settled if rows else last) + 2)
        return last

    def _look_up(self, start: int, rows: int) -> int:
        """When a spike of compressed rows is taken, or a marker, which takes the place of one."""
        assert self.timing.pointers is not None  # it is why we are here
        taken = max(start, self.ahead[0] + 1)
        found = taken + self.timing.pointers
        if rows:
            found = max(found, self.free)
            self.free = found + rows
        self.ahead = sorted([*self.ahead[1:], found])
        self.drained = max(self.drained, found + 2)
        return taken

    def _arrives(self) -> int:
        """When the last of compressed rows comes to the lanes."""
        assert self.timing.pointers is not None  # it is why we are here
        return self.free + self.timing.rows - self.timing.pointers - 1

    def _settle(self, begins: int, host: int, *, turns: bool) -> Iterator[bool]:
        """Steps until one fires nothing, and the initial state; or one of them in each turn."""
        while True:
            yield from self._pass(begins, host)
            if self.hosts[host].kinds[self.at[host]] == END:
                self.end += 1
                if self._renews(host):
                    self.end = self._silent(self.end, host)
                return
            if turns:
                return
            self._mark(self.end + 2, host)
            yield from self._until(self.marked)
            begins = self._clear()

    def _length(self, host: int) -> int:
        """Cycles from a pass' start to the first one behind it, if the serialiser takes all."""
        timing = self.timing
        return 2 + timing.read + self.hosts[host].groups * timing.interval

    def _silent(self, start: int, host: int) -> int:
        """The first cycle behind a pass that begins a sample anew."""
        if self.touched is not None:
            return self.touched.renew(start)
        return start + self._length(host)

    def _pass(self, start: int, host: int) -> Iterator[bool]:
        """A pass that sends; ``end`` is the first cycle behind it."""
        timing, work, serialiser = self.timing, self.hosts[host], self.serialiser
        if self.touched is not None:
            groups = work.passes[self.at[host]]
            self.end = yield from self.touched.visit(start, serialiser, groups, self._moved)
            return
        first, each = start + 1 + timing.read, timing.interval
        place = -1
        for group, tokens, last in work.passes[self.at[host]]:
            gap = group - place
            serialiser.push(
                Item(
                    base=first + (group + 1) * each,
                    empty=gap - 1,
                    each=each,
                    host=host,
                    tokens=tokens,
                    last=last,
                )
            )
            place = group
        self.end = start + self._length(host)
        rest = work.groups - 1 - place
        while len(serialiser.chosen) < len(serialiser.items) - (not rest):
            yield self._moved()
        yield from self._until(len(serialiser.items) - 1)
        last = serialiser.after(rest - 1, each) if rest else serialiser.taken[-1]
        self.end = max(self.end, last + 1)

    def _mark(self, base: int, host: int) -> None:
        """The host's next marker is offered to the serialiser."""
        self.marked = len(self.serialiser.items)
        kind = self.hosts[host].kinds[self.at[host]]
        self.serialiser.push(Item(base=base, host=host, marker=kind))
        self.at[host] += 1

    def _until(self, item: int) -> Iterator[bool]:
        """Until it is known when an item is taken."""
        while item >= len(self.serialiser.taken):
            yield self._moved()

    def _moved(self) -> bool:
        """Whether anything moved since this was asked last."""
        moved, self.moves = self.moves > 0, 0
        return moved

    def _clear(self) -> int:
        """The first cycle in which no marker waits for the serialiser."""
        return self.serialiser.taken[self.marked] + 1 if self.marked >= 0 else 0
