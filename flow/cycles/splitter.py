"""A splitter in time: a spike becomes one for each bit of its payload."""

from collections.abc import Iterator, Sequence

from .queues import Fork, Queue, Register

__all__ = ["TimedSplitter"]


class TimedSplitter:
    """``hdl.serial.BitSplitter``: a register between a queue and what merges the ports of a core.

    Parameters
    ----------
    source : the queue in front. bits : of each SPIKE token.

    Members
    -------
    out : the register; its SPIKE tokens are counted bit by bit.
    """

    def __init__(self, source: Queue, bits: Sequence[int]) -> None:
        self.source = source
        self.bits = bits
        self.out = Register()

    def run(self) -> Iterator[bool]:
        """Take tokens for ever; yields whether anything moved."""
        fork, queue = Fork([self.out]), self.source
        following, moved = 0, False
        while True:
            at = queue.head()
            if at is None:
                yield moved
                moved = False
                continue
            token = queue.tokens[len(queue.left)]
            for turn in range(1 if token < 0 else self.bits[token]):
                while (taken := fork.send(at, token if token < 0 else following)) is None:
                    yield moved
                    moved = False
                if not turn:
                    queue.leave(taken)
                following += token >= 0
                moved = True
