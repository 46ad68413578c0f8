"""How finely a network is quantised."""

from dataclasses import dataclass

__all__ = ["Precision"]


@dataclass(frozen=True, kw_only=True)
class Precision:
    """How finely a network is quantised.

    Parameters
    ----------
    weight_bits : of each weight. fraction_bits : of membranes and currents below a weight's unit.
    leak_bits : the largest k of a leak m / 2**k.
    """

    weight_bits: int = 8
    fraction_bits: int = 6
    leak_bits: int = 8
