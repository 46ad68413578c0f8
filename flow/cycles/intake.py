"""What reaches a core, one token at a time: queues, delays and the merge of its ports."""

from collections.abc import Sequence
from dataclasses import dataclass

from .delays import TimedDelay, TimedSums
from .products import Gated
from .queues import END, NEVER, STEP, Queue

__all__ = ["Intake", "Port", "Taken"]

Taken = tuple[int, int, int]
"""The first cycle in which the core can work on a token, its port, the token."""


@dataclass(kw_only=True)
class Port:
    """An input of a core. ``delay`` : what is behind its queue, if the connection has a delay."""

    queue: Queue
    host: int = 0
    delay: TimedDelay | TimedSums | None = None


class Intake:
    """``hdl.intake.Intake``: the tokens of all ports, spikes in turn, markers when all agree.

    Parameters
    ----------
    ports : in order. hosts : how many. registered : tokens pass a register between queue and core.
    """

    def __init__(self, ports: Sequence[Port], *, hosts: int = 1, registered: bool = False) -> None:
        self.ports = list(ports)
        self.single = len(self.ports) == 1
        self.register = registered or not self.single
        self.hosts = [[k for k, port in enumerate(ports) if port.host == h] for h in range(hosts)]
        self.last = len(self.ports) - 1
        self.passed, self.ended = [False] * hosts, [False] * hosts
        self.closed, self.repeats = [False] * hosts, [False] * hosts
        self.opens, self.turn = [0] * hosts, 0
        self.forced = False
        self.candidate: int | None = None

    def next(self, before: int) -> Taken | None:
        """The next token, where the one before is done in cycle ``before``; None if not known."""
        if self.single:
            queue = self.ports[0].queue
            at = queue.head()
            if at is None:
                return None
            token = queue.tokens[len(queue.left)]
            if not self.register:
                return max(at, before + 1), 0, token
            at = max(at, before)
            queue.leave(at)
            return at + 1, 0, token
        return self._merged(before)

    def leave(self, cycle: int) -> None:
        """The core has done with the token; without a register it leaves its queue now."""
        if not self.register:
            self.ports[0].queue.leave(cycle)

    def release(self, cycle: int) -> None:
        """The core has taken a STEP, and read all rows of sums in front of it."""
        for port in self.ports:
            if isinstance(port.queue, Gated):
                port.queue.product.released.append(cycle)

    def answer(self, host: int, cycle: int, *, again: bool) -> None:
        """A host's END is done, or comes again."""
        if len(self.hosts) > 1:
            self.closed[host] = self.repeats[host] = again
            self.ended[host] |= not again
            self.opens[host] = cycle + 1
            self._round(cycle)

    def _merged(self, before: int) -> Taken | None:
        for port in self.ports:
            if port.delay is not None:
                port.delay.advance()
        marker, best, unknown = None, NEVER, NEVER
        spikes: list[tuple[int, int, int]] = []
        for host, members in enumerate(self.hosts):
            if self.closed[host]:
                if self.repeats[host] and not (self.passed[host] or self.ended[host]):
                    time = max(before, self.turn)
                    if time < best:
                        best, marker = time, (host, END)
                continue
            heads = [self._head(k) for k in members if self.ports[k].delay is None]
            late = [k for k in members if self.ports[k].delay is not None]
            if late:
                heads += self._late(late, heads)
            marks = True
            latest, kind = 0, END
            for at, k, token in heads:
                if token is None:
                    unknown, marks = min(unknown, at), False
                elif token >= 0:
                    spikes.append((max(at, before, self.opens[host]), k, token))
                    marks = False
                else:
                    latest = max(latest, at)
                    kind = STEP if token == STEP else kind
            marks &= len(heads) == len(members)
            if marks and not (self.passed[host] or self.ended[host]):
                time = max(latest, before, self.turn)
                if time < best:
                    best, marker = time, (host, kind)
        first = min((time for time, _, _ in spikes), default=NEVER)
        time = min(best, first)
        if time == NEVER or (unknown < time and not self.forced):
            self.candidate = None if time == NEVER else time
            return None
        self.forced, self.candidate = False, None
        if best <= first:
            assert marker is not None  # it is what came first
            return self._mark(best, *marker)
        count = len(self.ports)
        _, k, token = min(
            (spike for spike in spikes if spike[0] == first),
            key=lambda spike: (spike[1] - self.last - 1) % count,
        )
        self.last = k
        port = self.ports[k]
        if port.delay is not None:
            port.delay.leave(first)
        else:
            port.queue.leave(first)
        return first + 1, k, token

    def _head(self, k: int) -> tuple[int, int, int | None]:
        queue = self.ports[k].queue
        at = queue.head()
        if at is None:
            return queue.earliest(), k, None
        return at, k, queue.tokens[len(queue.left)]

    def _late(
        self, late: list[int], heads: list[tuple[int, int, int | None]]
    ) -> list[tuple[int, int, int | None]]:
        """What ports with a delay offer: nothing before the others wait at their markers."""
        if any(token is None or token >= 0 for _, _, token in heads):
            return []
        gate = max(at for at, _, _ in heads)
        ends = all(token == END for _, _, token in heads)
        found: list[tuple[int, int, int | None]] = []
        for k in late:
            delay = self.ports[k].delay
            assert delay is not None  # it is why we are here
            at, token = delay.offer(gate, ends=ends)
            found.append((at, k, token))
        return found

    def _mark(self, time: int, host: int, kind: int) -> Taken:
        for k in self.hosts[host]:
            port = self.ports[k]
            if port.delay is not None:
                port.delay.mark(time, kind)
            elif not self.repeats[host]:
                queue = port.queue
                if kind == END or queue.tokens[len(queue.left)] == STEP:
                    queue.leave(time)
        self.passed[host] = True
        if kind == END and len(self.hosts) > 1:
            self.closed[host], self.repeats[host] = True, False
        self._round(time)
        return time + 1, self.hosts[host][0], kind

    def _round(self, cycle: int) -> None:
        """A round is over when all have passed or ended, a sample when all have ended."""
        if len(self.hosts) == 1:
            self.passed[0] = False
        elif all(a or b for a, b in zip(self.passed, self.ended, strict=True)):
            self.passed = [False] * len(self.hosts)
            if all(self.ended):
                self.ended = [False] * len(self.hosts)
            self.turn = cycle + 1
