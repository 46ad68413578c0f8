"""Streams in time: tokens with the cycles in which they move, between processes that run freely.

A token is a number: that of its SPIKE in the stream, ``STEP`` or ``END``. Every process knows the
cycles of its own moves and runs ahead as far as its inputs are known and its outputs have room.
"""

from collections.abc import Sequence
from typing import Protocol

__all__ = ["END", "NEVER", "STEP", "Fork", "Markers", "Queue", "Register", "Sink"]

STEP, END = -1, -2
NEVER = 1 << 60


class Sink(Protocol):
    """What takes the tokens of a stream."""

    def room(self, token: int) -> int | None:
        """The first cycle in which the next token can be taken; None if not yet known."""

    def put(self, cycle: int, token: int) -> int:
        """The next token is offered from that cycle on; returns when it is taken."""


class Queue:
    """``hdl.queue.SpikeQueue``, or a pipeline that holds ``depth`` tokens.

    Parameters
    ----------
    depth : tokens that it holds. latency : cycles from taking one to its offer, where none waits.
    stored : the same where one waits, or is about to leave what it was stored in.

    Members
    -------
    tokens, taken : those that came, and when. left : when they left.
    """

    __slots__ = ("depth", "latency", "left", "seen", "stored", "taken", "through", "tokens")

    def __init__(self, depth: int, latency: int = 1, stored: int | None = None) -> None:
        self.depth = depth
        self.latency = latency
        self.stored = stored or latency
        self.tokens: list[int] = []
        self.taken: list[int] = []
        self.left: list[int] = []
        self.through = False  # the token that left last had been stored
        self.seen = 0  # the first cycle of its offer

    def room(self, token: int) -> int | None:
        """A place is free in the cycle after its token has left."""
        before = len(self.tokens) - self.depth
        if before < 0:
            return 0
        return self.left[before] + 1 if before < len(self.left) else None

    def put(self, cycle: int, token: int) -> int:
        """The next token."""
        self.tokens.append(token)
        self.taken.append(cycle)
        return cycle

    def head(self) -> int | None:
        """The first cycle of the offer of the first token that is there; None if none is."""
        first = len(self.left)
        if first == len(self.tokens):
            return None
        taken = self.taken[first]
        if not first:
            return taken + self.latency
        before = self.left[-1]
        if before > taken or (self.through and taken < self.seen):
            return max(taken + self.stored, before + 1)
        return taken + self.latency

    def leave(self, cycle: int) -> None:
        """The first token that is there leaves."""
        seen = self.head()
        assert seen is not None and seen <= cycle  # nobody takes what is not there
        first = len(self.left)
        self.through = seen != self.taken[first] + self.latency or (
            self.stored != self.latency and first > 0 and self.left[-1] > self.taken[first]
        )
        self.seen = seen
        self.left.append(cycle)

    def earliest(self) -> int:
        """Before which no token is offered that is not known yet."""
        return self.taken[-1] + 2 if self.taken else 0


class Markers(Queue):
    """A queue that only markers enter; spikes vanish at once."""

    def room(self, token: int) -> int | None:
        """Spikes need none."""
        return 0 if token >= 0 else super().room(token)

    def put(self, cycle: int, token: int) -> int:
        """The next token, if it is a marker."""
        return cycle if token >= 0 else super().put(cycle, token)


class Register(Queue):
    """One token, which another one can take the place of as it leaves."""

    def __init__(self) -> None:
        super().__init__(1)

    def room(self, token: int) -> int | None:
        """The cycle in which the one before leaves."""
        before = len(self.tokens) - 1
        if before < 0:
            return 0
        return self.left[before] if before < len(self.left) else None


class Fork:
    """A stream to all who hear it: each takes a token when it can, the last one lets it leave."""

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self.sinks = list(sinks)
        self.pending: list[Sink] = []
        self.sending = False
        self.leaves = 0

    def send(self, cycle: int, token: int) -> int | None:
        """Offer a token from ``cycle`` on: the cycle in which it leaves; None while not known."""
        if not self.sending:
            self.pending, self.sending, self.leaves = self.sinks, True, cycle
        waiting = []
        for sink in self.pending:
            room = sink.room(token)
            if room is None:
                waiting.append(sink)
                continue
            self.leaves = max(self.leaves, sink.put(max(room, cycle), token))
        if waiting:
            self.pending = waiting
            return None
        self.sending = False
        return self.leaves
