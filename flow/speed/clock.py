"""Takes the time of a piece of work, and of nothing beside it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

__all__ = ["Taken", "one_thread", "take_time"]


@dataclass(frozen=True, kw_only=True)
class Taken:
    """The least of several runs: ``seconds`` of wall time, and of the processor.

    The processor's tell more on a machine that others use too.
    """

    seconds: float
    processor_seconds: float


def take_time(work: Callable[[], object], *, runs: int) -> Taken:
    """Run the work so many times after one that does not count."""
    work()
    walls, processors = [], []
    for _ in range(runs):
        began, worked = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - began)
        processors.append(time.process_time() - worked)
    return Taken(seconds=min(walls), processor_seconds=min(processors))


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch computes in one thread, so that all are compared alike."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
