"""What one of a population's integers counts, and the powers of two in front of weights."""

from collections.abc import Iterable
from math import ceil, log2

__all__ = ["finest", "largest_integer", "shift_of"]


def largest_integer(bits: int) -> int:
    """Of weights of so many bits; the lowest of two's complement is left out."""
    return (1 << (bits - 1)) - 1


def finest(quanta: Iterable[float]) -> float:
    """The unit of a population: the least of what its connections' integers count, or 1."""
    return min((each for each in quanta if each > 0), default=1.0)


def shift_of(ratio: float) -> int:
    """The least power of two, as its exponent from 0 on, that is not below a ratio."""
    return max(0, ceil(log2(ratio) - 1e-9)) if ratio > 0 else 0
