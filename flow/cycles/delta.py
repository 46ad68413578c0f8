"""A delta unit in time: which changes each spike causes, and when they leave."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from spikewright.hdl.axis import axis_reach
from spikewright.hdl.config import PortConfig
from spikewright.hdl.delta import DeltaUnit

from .emission import Emission
from .queues import END, Fork, Queue

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
    """``hdl.delta.DeltaUnit``: a window a cycle, and a pipeline that waits for its consumer.

    Parameters
    ----------
    source : the queue in front. unit : its numbers. made : what it makes of the spikes.
    """

    def __init__(self, source: Queue, unit: DeltaUnit, made: Changes) -> None:
        self.source = source
        self.out = Queue(unit.latency, unit.latency)
        self.made = made
        self.depth = unit.depth
        self.samples = 1 << (unit.epoch_bits - 1)

    def run(self) -> Iterator[bool]:
        """Take tokens for ever; yields whether anything moved."""
        fork, queue = Fork([self.out]), self.source
        following, ends, spare = 0, 0, 0
        free, moved = self.depth, False
        windows, offsets = self.made.windows, self.made.offsets
        while True:
            at = queue.head()
            if at is None:
                yield moved
                moved = False
                continue
            moved = True
            time = max(at, free)
            spare += time - free
            token = queue.tokens[len(queue.left)]
            if token < 0:
                if token == END:
                    ends += 1
                    if ends % self.samples == 0:
                        # Words of the other half must have been cleared, while no token came.
                        time += max(0, self.depth - spare)
                        spare = 0
                while (taken := fork.send(time, token)) is None:
                    yield moved
                    moved = False
                time = taken + 1
            else:
                begins = time
                for offset in offsets[token]:
                    while (taken := fork.send(begins + offset, following)) is None:
                        yield moved
                        moved = False
                    begins += taken - begins - offset
                    following += 1
                time = begins + windows[token]
            queue.leave(time - 1)
            free = time
