"""Picks one of some values by a signal, and is nothing where there is nothing to pick."""

from collections.abc import Sequence

from amaranth.hdl import Array, ValueLike

__all__ = ["choose"]


def choose(values: Sequence[ValueLike], index: ValueLike) -> ValueLike:
    """``values[index]``; the value itself where there is one, or all are the same constant."""
    first = values[0]
    constants = [value for value in values if isinstance(value, int)]
    if len(values) == 1 or constants == [first] * len(values):
        return first
    return Array(values)[index]
