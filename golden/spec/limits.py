"""Intervals of integers, and the widths that hardware offers."""

from dataclasses import dataclass

__all__ = ["LIMITS", "Interval", "Limits", "hull"]


@dataclass(frozen=True)
class Interval:
    """All integers from ``low`` to ``high``, both included."""

    low: int
    high: int

    @property
    def signed(self) -> bool:
        """Whether a register needs a sign bit."""
        return self.low < 0

    @property
    def bits(self) -> int:
        """Two's complement width where ``low`` is negative, else unsigned width, at least 1."""
        if self.signed:
            return 1 + max((-self.low - 1).bit_length(), max(self.high, 0).bit_length())
        return max(1, self.high.bit_length())

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int) and self.low <= value <= self.high


def hull(*intervals: Interval) -> Interval:
    """The smallest interval that holds all of these."""
    return Interval(min(i.low for i in intervals), max(i.high for i in intervals))


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Widths in bits. ``register`` is for membranes, currents and accumulators."""

    weight_low: int = 2
    weight: int = 16
    payload: int = 16
    register: int = 32


LIMITS = Limits()
