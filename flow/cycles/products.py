"""A product in time: when the sums of each step are made, and the query's spikes may pass."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from spikewright.hdl.product_sums import ProductSums
from spikewright.hdl.spike_map import SpikeMap
from spikewright.hdl.token import TokenLayout

from .queues import END, STEP, Queue

__all__ = ["Gated", "TimedProduct"]


class _Map:
    """``hdl.spike_map.SpikeMap`` behind its queue: two steps, of which one is read.

    ``words`` : of each neuron that is kept, where it lies. ``closed`` : of each step, when its STEP
    was taken; ``spikes`` : of each step, those in each word.
    """

    def __init__(self, unit: SpikeMap, layout: TokenLayout, depth: int) -> None:
        self.unit = unit
        self.queue = Queue(depth, 1, 2)
        _, rows, columns = layout.shape
        first, last = unit.channels
        place = np.arange(layout.neurons)
        channel, token = place // (rows * columns), place % (rows * columns)
        kept = (channel >= first) & (channel < last)
        self.words = [
            (int(c), int(t)) if keeps else None
            for c, t, keeps in zip(channel, token // unit.tokens, kept, strict=True)
        ]
        self.neurons: list[int] = []
        self.closed: list[int] = []
        self.spikes: list[Counter[tuple[int, int]]] = [Counter()]
        self.opens = [0, 0]  # of each step, when its bank is free for it

    def take(self) -> bool:
        """Take what has come and has room; whether anything did."""
        before = len(self.queue.left)
        while (head := self.queue.head()) is not None and len(self.closed) < len(self.opens):
            token = self.queue.tokens[len(self.queue.left)]
            at = max(head, self.opens[len(self.closed)])
            self.queue.leave(at)
            if token == STEP:
                self.closed.append(at)
                self.spikes.append(Counter())
            elif token != END:
                word = self.words[self.neurons[token]]
                if word is not None:
                    self.spikes[-1][word] += 1
        return len(self.queue.left) > before

    def free(self, step: int, cycle: int) -> None:
        """A step was read; its bank is cleared if there is something in it."""
        self.opens.append(cycle + 1 + (self.unit.depth if self.spikes[step] else 0))


class TimedProduct:
    """``hdl.product_sums.ProductSums`` and the gate in front of the rows.

    Parameters
    ----------
    unit : its numbers. depth : of the queues of keys and values.

    Members
    -------
    key_map, value_map : with their queues. ready : of each step, when its sums are there. released
    : when they have been read. summed : cycles in which sums were made.
    """

    def __init__(self, unit: ProductSums, depth: int) -> None:
        self.unit = unit
        self.key_map = _Map(unit.key_map, unit.key_layout, depth)
        self.value_map = _Map(unit.value_map, unit.value_layout, depth)
        self.turns = Counter(unit.rows.key.tolist())
        self.ready: list[int] = []
        self.released: list[int] = []
        self.summed = 0

    def hear(self, keys: list[int], values: list[int]) -> None:
        """The neuron of each spike that comes."""
        self.key_map.neurons, self.value_map.neurons = keys, values

    def run(self) -> Iterator[bool]:
        """Take tokens and make sums for ever; yields whether anything moved."""
        while True:
            moved = self.key_map.take() | self.value_map.take()
            yield self._sum() or moved

    def _sum(self) -> bool:
        """The sums of the next step, if all is known."""
        unit, step = self.unit, len(self.ready)
        maps = (self.key_map, self.value_map)
        if any(len(each.closed) <= step for each in maps) or len(self.released) < step - 1:
            return False
        begins = max(each.closed[step] + each.unit.closing for each in maps)
        if step:
            begins = max(begins, self.ready[step - 1])
        if step > 1:
            begins = max(begins, self.released[step - 2] + 1)
        words = self.key_map.spikes[step]
        more = sum(self.turns[channel] * (n - 1) for (channel, _), n in words.items())
        self.ready.append(begins + unit.interval + more)
        self.summed += self.ready[-1] - begins
        for each in maps:
            each.free(step, self.ready[-1] - 1)
        return True

    def opens(self, step: int) -> int | None:
        """When the spikes of a step may pass; None while that is not known."""
        if len(self.ready) <= step or len(self.released) < step:
            return None
        return max(self.ready[step], self.released[step - 1] + 1 if step else 0)


class Gated(Queue):
    """The queue of a query, and ``hdl.product_gate.ProductGate`` behind it.

    Parameters
    ----------
    product : whose sums it waits for. depth, latency, stored : as of ``Queue``.
    """

    __slots__ = ("inside", "product", "steps")

    def __init__(self, product: TimedProduct, depth: int, latency: int, stored: int) -> None:
        super().__init__(depth, latency, stored)
        self.product = product
        self.steps = 0  # that have passed
        self.inside = False  # the queue's own offer is asked for

    def head(self) -> int | None:
        """The first cycle of the offer behind the gate."""
        at = super().head()
        if at is None or self.inside or self.tokens[len(self.left)] == END:
            return at
        opens = self.product.opens(self.steps)
        return None if opens is None else max(at, opens)

    def leave(self, cycle: int) -> None:
        """The first token passes."""
        self.steps += self.tokens[len(self.left)] == STEP
        self.inside = True
        super().leave(cycle)
        self.inside = False

    def earliest(self) -> int:
        """Before which no token is offered that is not known yet."""
        return self.left[-1] + 1 if self.left else 0
