"""A delta unit in time: which changes each spike causes, and when they leave."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from spikewright.hdl.axis import axis_reach
from spikewright.hdl.delta import DeltaUnit
from spikewright.hdl.port_config import PortConfig

from .emission import Emission
from .queues import END, NEVER, Queue

__all__ = ["Changes", "TimedDelta", "changes"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Changes:
    """What a delta unit makes of each SPIKE that comes: so many ``windows``, and in the windows
    ``offsets`` a change each. ``emission`` : all changes, in order.
    """

    windows: list[int]
    offsets: list[list[int]]
    emission: Emission


def changes(port: PortConfig, emission: Emission, ends: Sequence[int]) -> Changes:
    """Walk through the spikes; ``ends`` : spikes in front of each END, at which X is 0 again."""
    delta = port.delta
    assert delta is not None  # it is why we are here
    source, target = port.source.shape, port.layout.shape
    reach = _reach(port)
    plane = target[1] * target[2]
    members: dict[int, list[int]] = {}
    if delta.window is not None:
        for neuron, windows in enumerate(reach):
            for window in windows:
                members.setdefault(window, []).append(neuron)
    low, high = delta.low, delta.high
    table = None if delta.table is None else delta.table.tolist()

    def value(window: int, x: list[int]) -> int:
        if delta.window is not None:
            return max(x[k] for k in members[window])
        if table is not None:
            return int(table[x[window] - low])
        return min(max(x[window], low), high)

    first, last = port.channels
    x = [0] * max(int(np.prod(source)), int(np.prod(target)))
    counts: list[int] = []
    offsets: list[list[int]] = []
    neurons: list[int] = []
    payloads: list[int] = []
    limits = iter([*ends, emission.neurons.size + 1])
    limit = next(limits)
    for index, (neuron, payload) in enumerate(
        zip(emission.neurons.tolist(), emission.payloads.tolist(), strict=True)
    ):
        while index >= limit:
            x = [0] * len(x)
            limit = next(limits)
        windows = [w for w in reach[neuron] if first <= w // plane < last]
        before = [value(w, x) for w in windows]
        x[neuron] += payload
        found = []
        for k, window in enumerate(windows):
            change = value(window, x) - before[k]
            if change:
                found.append(k)
                neurons.append(window)
                payloads.append(change)
        counts.append(max(1, len(windows)))
        offsets.append(found)
    return Changes(
        windows=counts,
        offsets=offsets,
        emission=Emission(
            neurons=np.array(neurons, dtype=np.int64),
            payloads=np.array(payloads, dtype=np.int64),
            firsts=np.arange(len(neurons)),
        ),
    )


def _reach(port: PortConfig) -> list[list[int]]:
    """Of each source neuron its windows, in the order in which the unit goes through them."""
    delta = port.delta
    assert delta is not None  # it is why we are here
    source, target = port.source.shape, port.layout.shape
    if delta.window is None:
        return [[k] for k in range(int(np.prod(target)))]
    window = delta.window
    along = []
    for axis in (0, 1):
        own = axis + len(window.kernel) - 2
        if own < 0:
            along.append([[i] for i in range(source[1 + axis])])
            continue
        pairs = axis_reach(window, own, source[1 + axis], target[1 + axis])
        along.append([sorted({place for place, _ in each}) for each in pairs])
    return [
        [(c * target[1] + y) * target[2] + x for y in along[0][row] for x in along[1][column]]
        for c in range(source[0])
        for row in range(source[1])
        for column in range(source[2])
    ]


class TimedDelta:
    """``hdl.delta.DeltaUnit``: a window a cycle, through stages that all move or all wait.

    Time within counts the cycles in which they move; ``waited`` is what is beside them.

    Parameters
    ----------
    source : the queue in front. unit : its numbers. made : what it makes of the spikes. resets : of
    each sample, whether its END makes X 0.

    Members
    -------
    out : what leaves; its SPIKE tokens are counted change by change.
    """

    def __init__(
        self, source: Queue, unit: DeltaUnit, made: Changes, resets: Sequence[bool]
    ) -> None:
        self.source = source
        self.out = Queue(NEVER, 0)
        self.made = made
        self.resets = resets
        self.latency = unit.latency
        self.depth = unit.depth
        self.samples = 1 << (unit.epoch_bits - 1)
        self.inside: deque[tuple[int, int]] = deque()  # tokens, and when they entered
        self.waited = 0
        self.offered: int | None = None  # what stands at the end, until it is known when it leaves
        self.moved = False

    def run(self) -> Iterator[bool]:
        """Take tokens for ever; yields whether anything moved."""
        queue = self.source
        following, sample, ends = 0, 0, 0
        free, cleared = self.depth, self.depth
        while True:
            self._leave()
            at = queue.head()
            if at is None:
                yield self._moved()
                continue
            token = queue.tokens[len(queue.left)]
            while True:
                time = max(free, at - self.waited)
                turns = token == END and self.resets[sample] and (ends + 1) % self.samples == 0
                if turns:
                    # Words of the other half must have been cleared, while no token came.
                    time = max(time, free + self.depth - cleared)
                if not self._blocks(time):
                    break
                self._leave()
                if self._blocks(time):
                    yield self._moved()
            self.moved = True
            cleared += time - free
            if token < 0:
                if token == END:
                    ends += self.resets[sample]
                    sample += 1
                if turns:
                    cleared = 0
                self.inside.append((time, token))
                free = time + 1
            else:
                free = time + self.made.windows[token]
                for offset in self.made.offsets[token]:
                    self.inside.append((time + offset, following))
                    following += 1
            last = free - 1
            while self._blocks(last):
                self._leave()
                if self._blocks(last):
                    yield self._moved()
            queue.leave(last + self.waited)

    def _blocks(self, time: int) -> bool:
        """Whether it hangs on a token that leaves when something enters at that time."""
        if self.offered is not None and self.offered <= time:
            return True
        return bool(self.inside) and self.inside[0][0] + self.latency <= time

    def _leave(self) -> None:
        """What is known to have left makes room at the end for the next."""
        out = self.out
        while True:
            if self.offered is not None:
                if len(out.left) < len(out.tokens):
                    return
                self.waited += out.left[-1] - out.taken[-1]
                self.offered = None
                self.moved = True
            if not self.inside:
                return
            entered, token = self.inside.popleft()
            self.offered = entered + self.latency
            out.put(self.offered + self.waited, token)
            self.moved = True

    def _moved(self) -> bool:
        moved, self.moved = self.moved, False
        return moved
