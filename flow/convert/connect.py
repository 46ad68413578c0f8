"""Branches become connections: codes with their signs, windows, identities."""

from dataclasses import dataclass
from math import prod

import numpy as np
import torch

from spikewright.flow.convert.geometry import plane
from spikewright.flow.convert.quantised import QuantisedBranch
from spikewright.flow.importers import BranchKind, FloatArray, Pool, Shape
from spikewright.golden.spec import (
    Dense,
    Identity,
    IntArray,
    Operator,
    Payload,
    Window,
    WindowKind,
)

__all__ = ["Sender", "constants", "operator", "reach", "sum_window"]

SIGN_BITS = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Sender:
    """Who sends: levels S within low..high, each worth ``step``, as population or input ``name``.

    ``payload`` is what its spikes carry, of which S is the sum.
    ``seen`` is the shape that branches read (the population's own may be flat). Channel by channel
    a value is sign * step * S + after.
    """

    name: str
    seen: Shape
    payload: Payload
    low: int
    high: int
    step: float
    sign: IntArray
    after: FloatArray


def operator(
    part: QuantisedBranch, sender: Sender, factor: IntArray, *, bits: int, fraction: int
) -> Operator:
    """The connection of a branch; ``factor`` is 1, -1 or 0 per channel of the target."""
    branch, shift = part.branch, part.exponent + fraction
    if part.codes is None:
        return _passing(part, sender, factor, shift)
    codes = _effective(part, sender, factor)
    pool = None if branch.pool is None else sum_window(branch.pool)
    if branch.kind is BranchKind.LINEAR:
        if pool is None:
            return Dense(weights=codes.T, weight_bits=bits, shift=shift)
        seen = branch.pooled_shape(sender.seen)
        return _window(codes.reshape(-1, *seen), bits=bits, shift=shift, pool=pool)
    rank = len(branch.stride)
    kernel = codes.shape[4 - rank :]
    kind = WindowKind.CONVOLUTION
    if branch.kind is BranchKind.TRANSPOSED:
        kind = WindowKind.TRANSPOSED
        grouped = codes.reshape(branch.groups, -1, *codes.shape[1:]).swapaxes(1, 2)
        codes = grouped.reshape(-1, grouped.shape[2], *codes.shape[2:])
    return Window(
        kind=kind,
        kernel=kernel,
        stride=branch.stride,
        padding=branch.padding,
        dilation=branch.dilation,
        output_padding=branch.output_padding if branch.output_padding else (0,) * rank,
        groups=branch.groups,
        weights=codes.reshape(*codes.shape[:2], *kernel),
        weight_bits=bits,
        shift=shift,
        pool=pool,
    )


def sum_window(pool: Pool, *, shift: int = 0) -> Window:
    """Sums over windows as a connection."""
    rank = len(pool.kernel)
    return Window(
        kind=WindowKind.SUM_POOL,
        kernel=pool.kernel,
        stride=pool.stride,
        padding=pool.padding,
        dilation=(1,) * rank,
        output_padding=(0,) * rank,
        shift=shift,
    )


def constants(part: QuantisedBranch, sender: Sender) -> FloatArray:
    """What the constants of the sender's values add, in units, [channels, 1 or positions]."""
    geometry = part.geometry
    if part.codes is None or not sender.after.any():
        return np.zeros((geometry.shape[0], 1))
    image = np.broadcast_to((sender.after / sender.step)[:, None, None], plane(sender.seen))
    with torch.no_grad():
        added = geometry(torch.tensor(image)[None], torch.tensor(part.codes.astype(np.float64)))
    result: FloatArray = added[0].flatten(1).numpy() * (-1.0 if part.negative else 1.0)
    return result if geometry.pads else result[:, :1]


def reach(part: QuantisedBranch, sender: Sender, factor: IntArray) -> tuple[IntArray, IntArray]:
    """Least and largest charge [channels] of a branch, for any levels of its sender."""
    taps = 1 if part.branch.pool is None else prod(part.branch.pool.kernel)
    low, high = taps * sender.low, taps * sender.high
    if part.codes is None:
        signs = _signs(part, sender, factor) << part.exponent
        weights = np.zeros((len(factor), 1), dtype=np.int64)
        weights[part.branch.offset : part.branch.offset + len(signs), 0] = signs
    else:
        weights = _effective(part, sender, factor).reshape(len(factor), -1)
    least = np.where(weights > 0, weights * low, weights * high).sum(1)
    most = np.where(weights > 0, weights * high, weights * low).sum(1)
    return least, most


def _effective(part: QuantisedBranch, sender: Sender, factor: IntArray) -> IntArray:
    """Codes with the signs of target, source and branch."""
    codes, geometry = part.codes, part.geometry
    assert codes is not None
    sign = sender.sign
    if geometry.kind is BranchKind.LINEAR:
        sign = np.repeat(sign, codes.shape[1] // len(sign)).reshape(1, 1, -1)
    else:
        sign = sign.reshape(geometry.groups, 1, -1)
    groups = codes.reshape(sign.shape[0], -1, sign.shape[2], prod(codes.shape[2:]))
    signed = (groups * sign[..., None]).reshape(codes.shape)
    tail = (1,) * (codes.ndim - 1)
    result: IntArray = signed * factor.reshape(-1, *tail) * (-1 if part.negative else 1)
    return result


def _signs(part: QuantisedBranch, sender: Sender, factor: IntArray) -> IntArray:
    """1, -1 or 0 for each of the sender's channels."""
    offset = part.branch.offset
    chosen = factor[offset : offset + len(sender.sign)]
    result: IntArray = chosen * sender.sign * (-1 if part.negative else 1)
    return result


def _passing(part: QuantisedBranch, sender: Sender, factor: IntArray, shift: int) -> Operator:
    branch, signs = part.branch, _signs(part, sender, factor)
    same = bool((signs == signs[0]).all()) and signs[0] != 0
    pool = branch.pool
    if pool is None and same:
        positions = prod(sender.seen[1:])
        return Identity(offset=branch.offset * positions, shift=shift, negative=bool(signs[0] < 0))
    if pool is not None and same and signs[0] > 0 and len(signs) == len(factor):
        return sum_window(pool, shift=shift)
    if len(sender.seen) not in (2, 3):
        weights = np.zeros((len(signs), len(factor)), dtype=np.int64)
        weights[np.arange(len(signs)), branch.offset + np.arange(len(signs))] = signs
        return Dense(weights=weights, weight_bits=SIGN_BITS, shift=shift)
    return _signed_window(part, sender, signs, shift)


def _signed_window(part: QuantisedBranch, sender: Sender, signs: IntArray, shift: int) -> Window:
    """Values with a sign of their own per channel, in the target's channels from an offset on."""
    channels, offset = part.geometry.shape[0], part.branch.offset
    rank = len(sender.seen) - 1
    pool = part.branch.pool or Pool(kernel=(1,) * rank, stride=(1,) * rank, padding=(0,) * rank)
    own = len(signs) == channels
    weights = np.zeros((channels, 1 if own else len(signs), *pool.kernel), dtype=np.int64)
    place = np.arange(len(signs))
    weights[offset + place, 0 if own else place] = signs.reshape(-1, *(1,) * rank)
    return _window(
        weights,
        bits=SIGN_BITS,
        shift=shift,
        groups=channels if own else 1,
        stride=pool.stride,
        padding=pool.padding,
    )


def _window(
    weights: IntArray,
    *,
    bits: int,
    shift: int,
    groups: int = 1,
    stride: Shape | None = None,
    padding: Shape | None = None,
    pool: Window | None = None,
) -> Window:
    rank = weights.ndim - 2
    return Window(
        kind=WindowKind.CONVOLUTION,
        kernel=weights.shape[2:],
        stride=stride or (1,) * rank,
        padding=padding or (0,) * rank,
        dilation=(1,) * rank,
        output_padding=(0,) * rank,
        groups=groups,
        weights=weights,
        weight_bits=bits,
        shift=shift,
        pool=pool,
    )
