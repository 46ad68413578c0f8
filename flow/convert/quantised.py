"""What a quantised stage is, between training and the integer network."""

from dataclasses import dataclass

from spikewright.flow.convert.code import Levels
from spikewright.flow.convert.geometry import Geometry
from spikewright.flow.importers import Branch, FloatArray, Shape
from spikewright.golden.spec import IntArray

__all__ = ["QuantisedBranch", "QuantisedStage", "weight_limit"]


def weight_limit(bits: int) -> int:
    """Largest weight code; the smallest is its negative, so that a sign can flip."""
    return (1 << (bits - 1)) - 1


@dataclass(frozen=True, kw_only=True, eq=False)
class QuantisedBranch:
    """A branch in integers: codes [out, in / groups, *kernel], or 2**exponent where it passes."""

    branch: Branch
    geometry: Geometry
    codes: IntArray | None
    exponent: int

    @property
    def negative(self) -> bool:
        """Whether the values are subtracted."""
        return self.branch.gain < 0


@dataclass(frozen=True, kw_only=True, eq=False)
class QuantisedStage:
    """A stage ready for integers, with payloads S of the branches' sources; channels first.

    ::

        acc = sum over the branches of codes * S (weighted) or 2**exponent * S (passing)
        z = gain * (unit * acc + constant) + shift
        S = levels(scale * z / step)                            hidden
        z                                                       readout: step is None

    ``constant`` is [channels] or of the stage's plane. ``sign`` and ``after`` say how others read
    the levels S: as sign * step * S + after. ``initial``: of the membranes, in thresholds, [1] or
    [neurons], where the input comes in every step.
    """

    name: str
    shape: Shape
    branches: tuple[QuantisedBranch, ...]
    weight_bits: int
    unit: FloatArray
    constant: FloatArray
    gain: FloatArray
    shift: FloatArray
    scale: FloatArray
    sign: IntArray
    after: FloatArray
    step: float | None
    levels: Levels
    initial: FloatArray
