"""Weights as the integers that conversion will make of them, with a gradient that passes through.

A population counts in a unit of its own. Each of its connections has integers of as many bits,
times a power of two of that unit, as the conversion of a graph has it. So a network trained with
these numbers loses nothing when it is converted.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from spikewright.flow.nir.units import finest, largest_integer, shift_of

__all__ = ["Coded", "coded"]

# Where the least mean square error of a Gaussian clips, in standard deviations, by bits.
_CLIP = {2: 1.71, 3: 2.15, 4: 2.55, 5: 2.94, 6: 3.29, 7: 3.61, 8: 3.92}


@dataclass(frozen=True, kw_only=True, eq=False)
class Coded:
    """A population's incoming weights in its unit.

    ``weights`` : one [pre, post] a connection, whole numbers. ``bias`` : [post], whole numbers.
    ``threshold`` : of a threshold of 1, a whole number. ``unit`` : what one counts, in reals.
    """

    weights: tuple[Tensor, ...]
    bias: Tensor
    threshold: float
    unit: float


def coded(weights: Sequence[Tensor], bias: Tensor, bits: int | None) -> Coded:
    """Round weights [pre, post] and bias [post] to integers; without ``bits`` leave them.

    The gradient passes as if nothing were rounded. Weights, bias and threshold are whole numbers of
    the unit, from which the conversion finds one that holds all of them.
    """
    if bits is None:
        return Coded(weights=tuple(weights), bias=bias, threshold=1.0, unit=1.0)
    most = largest_integer(bits)
    quanta = [_clip(each, bits) / most for each in weights]
    unit = finest(quanta)
    parts = []
    for each, quantum in zip(weights, quanta, strict=True):
        size = 2 ** shift_of(quantum / unit)
        whole = each / unit
        rounded = (whole / size).round().clamp(-most, most) * size
        parts.append(whole + (rounded - whole).detach())
    whole = bias / unit
    return Coded(
        weights=tuple(parts),
        bias=whole + (whole.round() - whole).detach(),
        threshold=float(max(1, round(1 / unit))),
        unit=unit,
    )


def _clip(weights: Tensor, bits: int) -> float:
    """The largest magnitude that is kept: never above the largest there is."""
    with torch.no_grad():
        spread = _CLIP[bits] * float(weights.double().pow(2).mean().sqrt())
        return min(float(weights.double().abs().max()), spread)
