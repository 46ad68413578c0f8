"""What clock a plan may reach: the depth of its stages times what was fitted to routed designs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares

from .stages import Stage

__all__ = ["Fmax", "Timed", "estimate_fmax", "fit_delays", "left_out", "spread_of"]

Delays = Mapping[str, float]
"""Of a period in ns: what every stage takes, a table and its wires, a bit of a carry, each doubling
of what hangs on a net, and each doubling of multiplier blocks in use.
"""

_NAMES = ("stage", "level", "bit", "fan", "block")
# What they may be by the families' data and a few routed designs; a fit only corrects it.
_EXPECTED = {
    "ecp5": (1.5, 1.1, 0.05, 0.2, 2.0),
    "ice40": (4.0, 3.2, 0.3, 0.6, 2.0),
}
_TRUST = 0.15  # of the logarithm of each, against errors of the designs
_LEAST_SPREAD = 0.1  # seeds of one design differ by as much


@dataclass(frozen=True, kw_only=True)
class Fmax:
    """An estimate in Hz, the share by which designs that it had not seen were off, and the kind of
    stage that is held to be the slowest.
    """

    hz: float
    spread: float
    slowest: str


@dataclass(frozen=True, kw_only=True)
class Timed:
    """A routed design: its stages, and its period."""

    stages: tuple[Stage, ...]
    period_ns: float


def estimate_fmax(found: Sequence[Stage], delays: Delays, spread: float) -> Fmax:
    """An estimate for a design's stages; only place and route knows."""
    values = np.array([delays[name] for name in _NAMES])
    periods = _rows(found) @ values
    slowest = int(np.argmax(periods))
    return Fmax(hz=1e9 / float(periods[slowest]), spread=spread, slowest=found[slowest].kind)


def _period_ns(found: Sequence[Stage], delays: Delays) -> float:
    """The slowest stage's."""
    return float(np.max(_rows(found) @ np.array([delays[name] for name in _NAMES])))


def fit_delays(family: str, designs: Sequence[Timed]) -> dict[str, float]:
    """Delays that make the slowest stages of the designs as slow as they are."""
    start = np.log(_EXPECTED[family])
    rows = [_rows(each.stages) for each in designs]
    wanted = np.log([each.period_ns for each in designs])

    def errors(logs: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        values = np.exp(logs)
        periods = np.log([np.max(row @ values) for row in rows]) if rows else np.zeros(0)
        return np.concatenate([periods - wanted, _TRUST * (logs - start)])

    found = np.exp(least_squares(errors, start).x)
    return {name: round(float(value), 4) for name, value in zip(_NAMES, found, strict=True)}


def left_out(family: str, designs: Sequence[Timed]) -> list[float]:
    """For each design the share by which a fit to all others is off in its clock."""
    found = []
    for k, each in enumerate(designs):
        others = [*designs[:k], *designs[k + 1 :]]
        delays = fit_delays(family, others)
        found.append(each.period_ns / _period_ns(each.stages, delays) - 1)
    return found


def spread_of(shares: Sequence[float]) -> float:
    """The share within which nearly all lie."""
    if not shares:
        return 3 * _LEAST_SPREAD
    return round(max(_LEAST_SPREAD, 1.5 * float(np.sqrt(np.mean(np.square(shares))))), 3)


def _rows(found: Sequence[Stage]) -> npt.NDArray[np.float64]:
    return np.array([(1.0, each.levels, each.carried, each.spread, each.blocks) for each in found])
