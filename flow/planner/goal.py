"""What a plan is chosen for, and what it must keep to."""

import enum
import math
from dataclasses import dataclass

from spikewright.golden.errors import ConfigurationError

__all__ = ["Limits", "Objective"]


class Objective(enum.StrEnum):
    """The least time to a result, the most results a second, or the fewest lookup tables or block
    RAMs; what is equal in it is chosen by the others.
    """

    LATENCY = "latency"
    THROUGHPUT = "throughput"
    AREA = "area"
    MEMORY = "memory"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a plan must keep to beside the board; None where it need not.

    Parameters
    ----------
    luts, block_rams : at most. fps : results a second, at least. latency_s : seconds, at most.

    Raises
    ------
    ConfigurationError
        If one is not above 0 and finite.
    """

    luts: int | None = None
    block_rams: int | None = None
    fps: float | None = None
    latency_s: float | None = None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value is not None and not 0 < value < math.inf:
                raise ConfigurationError("must be above 0 and finite", found=str(value), where=name)
