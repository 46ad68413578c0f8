"""What stands behind the population that is read, in time."""

from spikewright.hdl.accelerator import Accelerator

from .queues import END, STEP

__all__ = ["TimedReadout"]


class TimedReadout:
    """Tally, filter and argmax of an accelerator whose output is always taken.

    Parameters
    ----------
    accelerator : it says which there are.

    Members
    -------
    ends : the cycle in which each sample's END is taken. latency : from then until it leaves.
    """

    def __init__(self, accelerator: Accelerator) -> None:
        self.free = 0
        self.ends: list[int] = []
        self.shown = self.at_end = 0
        if accelerator.tally is not None:
            self.shown = accelerator.tally.layout.neurons
        self.maps = getattr(accelerator.argmax, "codes", 0)
        self.latency = 0 if accelerator.argmax is None else accelerator.argmax.latency
        self.filter = accelerator.filter
        self.waiting = 0  # steps of a block that is not complete

    @property
    def busy(self) -> int:
        """Cycles of each sample's END in which nothing is taken."""
        return self.shown + self.maps

    def room(self, token: int) -> int:
        """When the last token is through."""
        return self.free

    def put(self, cycle: int, token: int) -> int:
        """The next token, offered from ``cycle`` on: when it is taken."""
        if self.filter is not None and token < 0:
            cycle = self._filter(cycle, token)
        if token == END:
            cycle += self.shown + self.maps
            self.ends.append(cycle)
        self.free = max(self.free, cycle + 1)
        return cycle

    def _filter(self, cycle: int, token: int) -> int:
        """A step, or a block, is worked out and sent before the next token is taken."""
        assert self.filter is not None  # it is why we are here
        self.waiting += token == STEP
        if not self.waiting or (token == STEP and self.waiting < self.filter.block):
            return cycle
        work = self.waiting * (self.filter.interval - 1) + 1
        self.waiting = 0
        if token == END:
            return cycle + work
        self.free = cycle + work
        return cycle
