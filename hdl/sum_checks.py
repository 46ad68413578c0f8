"""What sums of a step must be, refused by what was found."""

from collections.abc import Sequence

from spikewright.golden.errors import ConfigurationError

__all__ = ["check_slices", "check_total"]


def check_total(total_bits: int, shift: int) -> None:
    """Rows are added above the fraction; raises ConfigurationError where nothing is left there."""
    if total_bits <= shift:
        raise ConfigurationError(
            "what rows are added to must be wider than its fraction",
            found=f"{total_bits} bits, shift {shift}",
        )


def check_slices(slices: Sequence[int], lanes: int) -> None:
    """Held sums are read by slices of so many lanes; raises ConfigurationError."""
    if not slices or lanes < 1:
        raise ConfigurationError(
            "there must be a slice of at least one lane",
            found=f"{len(slices)} of {lanes}",
        )
