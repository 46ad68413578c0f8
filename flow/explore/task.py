"""What a search sends to workers, and what they may answer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from spikewright.flow.convert import ConvertConfig, TrainConfig

__all__ = ["Failed", "Payload", "Refused", "Tasks"]


@dataclass(frozen=True, kw_only=True)
class Refused:
    """Why a point cannot be, such as a board that is too small: an answer, and no failure."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Failed:
    """Why a machine could not say, such as a full disk: no answer, so it is asked for again."""

    reason: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Payload:
    """What every worker needs, as files in memory.

    Parameters
    ----------
    original : the network in floating point, as a project keeps it. calibration, held_out : samples
        as npz. config : of the conversion; a point changes its bits and levels.
    training : of each network after it was quantised; None is calibration alone. seed : of that,
        and of points that are drawn.
    """

    original: bytes
    calibration: bytes
    held_out: bytes
    config: ConvertConfig
    training: TrainConfig | None = None
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Tasks:
    """What workers do; each passes on the ``Refused`` or ``Failed`` that one before it gave.

    Parameters
    ----------
    quantise : (payload, weight bits, levels) -> the integer network, as a file in memory.
    measure : (payload, network, mode, steps) -> what ``cost`` wants to know of it.
    cost : (network, measured, point, first cost) -> all figures of the point, plain data; of
        several plans those of the best in that cost.
    """

    quantise: Callable[..., Any]
    measure: Callable[..., Any]
    cost: Callable[..., Any]
