"""A core's serialiser in time: groups of fired lanes and markers become tokens, one a cycle."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .queues import NEVER, Fork

__all__ = ["Item", "Serialiser"]


class Item(NamedTuple):
    """A group in which some neuron fired, or a marker.

    ``base`` : the first cycle in which the core has it. ``empty`` : groups between the item before
    and this one, in the same pass, in which nobody fired; each takes ``each`` cycles. ``tokens`` :
    its tokens, none where nobody fired; ``last`` of them of its last block. ``marker`` : STEP or
    END, or 0.
    """

    base: int
    host: int
    empty: int = 0
    each: int = 1
    tokens: int = 1
    last: int = 1
    marker: int = 0


class Serialiser:
    """``hdl.serialiser.SpikeSerialiser``: an item waits, one is chosen, a block of one is sent.

    Parameters
    ----------
    forks : of each host.

    Members
    -------
    items : what the core gave. taken : when each was taken. chosen : when the last block of each
    began to be sent. sent : tokens.
    """

    def __init__(self, forks: Sequence[Fork]) -> None:
        self.forks = list(forks)
        self.items: list[Item] = []
        self.taken: list[int] = []
        self.chosen: list[int] = []
        self.sent = 0

    def push(self, item: Item) -> None:
        """The core's next item."""
        self.items.append(item)

    def after(self, empty: int, each: int) -> int:
        """The first cycle in which an item can be taken behind the last one and ``empty`` groups.

        One can wait while another one has blocks that are not yet sent, even if it is empty.
        """
        if not self.taken:
            return 0
        at = self.taken[-1] + (empty + 1) * each
        if len(self.taken) > 1:
            at = max(at, self.chosen[len(self.taken) - 2] + 1 + empty * each)
        if empty:
            at = max(at, self.chosen[len(self.taken) - 1] + 1 + (empty - 1) * each)
        return at

    def run(self) -> Iterator[bool]:
        """Send what there is for ever; yields whether anything moved."""
        following = [0] * len(self.forks)
        index, left = 0, -NEVER
        moved = False
        items, taken, chosen = self.items, self.taken, self.chosen
        while True:
            if index == len(items):
                yield moved
                moved = False
                continue
            item = items[index]
            at = max(item.base, self.after(item.empty, item.each))
            taken.append(at)
            if not item.tokens:  # it ends where it waits
                chosen.append(chosen[-1] if chosen else -NEVER)
                index += 1
                moved = True
                continue
            time = max(at + 2, left, chosen[-1] + 1 if index else 0)
            if item.tokens == item.last:
                chosen.append(time)
            fork = self.forks[item.host]
            token = item.marker or following[item.host]
            for k in range(item.tokens):
                while (moves := fork.send(time + 1, token + k)) is None:
                    yield moved
                    moved = False
                moved = True
                time = moves
                if k == item.tokens - item.last - 1:
                    chosen.append(time)
            if not item.marker:
                following[item.host] = token + item.tokens
            left = time
            self.sent += item.tokens
            index += 1
            moved = True
