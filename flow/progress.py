"""How long work tells how far it is: nothing here knows terminals, and nothing here is heavy."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

__all__ = ["Advance", "Working", "silent"]


class Advance(Protocol):
    """Tells the share that is done, 0 to 1, and a few words."""

    def __call__(self, share: float, note: str = "") -> None:
        """Tell it."""


# Begins a stage of that title and ends it with the block.
Working = Callable[[str], AbstractContextManager[Advance]]


def silent(_title: str) -> AbstractContextManager[Advance]:
    """Work without telling anybody."""

    def advance(share: float, note: str = "") -> None:
        pass

    return nullcontext(advance)
