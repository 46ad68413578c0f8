"""Values and sums of an operand, each by itself: what an operation makes of them, or refuses."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import accumulate
from math import prod

import numpy as np

from spikewright.flow.importers.stages import INPUT, BranchKind, FloatArray, Norm, Pool, Shape
from spikewright.flow.importers.values import (
    Maximum,
    Operand,
    Part,
    Sum,
    Term,
    Value,
    as_made,
    channels,
    part_shape,
)
from spikewright.golden.errors import UnsupportedError

__all__ = [
    "ACTIVATE",
    "channel_cuts",
    "check_merge",
    "convolution_sum",
    "cut_norm",
    "cuts_of",
    "gathered",
    "is_linear",
    "joined_pools",
    "mapped_operand",
    "merged_term",
    "placed",
    "require_channels",
    "require_equal",
    "require_rising",
    "scaled",
    "scaled_sum",
    "shifted",
    "single_operand",
    "stacked",
    "with_affine",
    "with_flat_norm",
    "with_norm",
]

ACTIVATE = "put a ReLU between them"


def single_operand(part: Sum) -> Operand:
    """An operand of one sum, in the shape in which it is made."""
    return Operand((part,), part.shape)


def mapped_operand(parts: tuple[Part, ...]) -> Operand:
    """An operand of these parts, in the shape in which they are made."""
    return as_made(Operand(parts, ()))


def cuts_of(parts: Sequence[Part], sizes: Sequence[int]) -> list[tuple[Part, int, int]]:
    """Each part with the first entry that is its own, and the first that is not any more."""
    ends = list(accumulate(sizes))
    return [(part, end - size, end) for part, size, end in zip(parts, sizes, ends, strict=True)]


def channel_cuts(parts: Sequence[Part]) -> list[tuple[Part, int, int]]:
    """The same by channels."""
    return cuts_of(parts, [part_shape(part)[0] for part in parts])


def cut_norm(norm: Norm, first: int, last: int) -> Norm:
    """The norm of channels ``first`` to ``last`` (exclusive)."""
    if (first, last) == (0, norm.gamma.size):
        return norm  # the same object: a stage takes over one norm only
    return replace(
        norm,
        gamma=norm.gamma[first:last],
        beta=norm.beta[first:last],
        mean=norm.mean[first:last],
        variance=norm.variance[first:last],
    )


def convolution_sum(name: str, terms: tuple[Term, ...], bias: FloatArray) -> Sum:
    """A sum of convolutions of one geometry; ``bias`` [channels]."""
    first = terms[0]
    assert first.operation is not None
    shape = first.operation.output_shape(first.value.shape)
    return Sum(name=name, shape=shape, terms=terms, bias=channels(bias, len(shape)))


def is_linear(part: Sum) -> bool:
    """Whether all terms are Linear, so that another Linear can take them in."""
    kinds = {None if t.operation is None else t.operation.kind for t in part.terms}
    return kinds == {BranchKind.LINEAR}


def check_merge(name: str, before: Sum, columns: FloatArray) -> None:
    """Refuse to merge two Linear layers into more weights than both have."""
    weights = [term.operation.weight for term in before.terms if term.operation is not None]
    merged = sum(columns.shape[0] * weight.shape[1] for weight in weights)
    apart = columns.size + sum(weight.size for weight in weights)
    if merged > apart:
        raise UnsupportedError(
            "two Linear layers without an activation between are merged into one, which "
            "must not have more weights than both",
            found=f"{merged} instead of {apart}",
            where=f"{before.name}, {name}",
            action="put an activation between them",
        )


def merged_term(term: Term, columns: FloatArray) -> Term:
    """The term with a Linear behind it: the product of their weights."""
    assert term.operation is not None
    return replace(term, operation=replace(term.operation, weight=columns @ term.operation.weight))


def with_norm(name: str, part: Part, norm: Norm) -> Part:
    """The part with a batch norm per channel behind it."""
    rank = len(part_shape(part))
    gain, shift = channels(norm.gain, rank), channels(norm.shift, rank)
    if isinstance(part, Sum):
        if any(isinstance(step, Maximum) for step in part.after):
            _require_no_sign(name, norm.gain, "put the batch norm in front of the max pool")
        both = norm if part.norm is None else part.norm.then(norm.gain, norm.shift)
        return replace(part, norm=both)
    if part.plain and part.source != INPUT:
        return replace(part, norm=norm)
    if part.norm is not None and part.pool is None and part.factor == 1 and part.affine is None:
        return replace(part, norm=part.norm.then(norm.gain, norm.shift))
    return part.then(gain, shift)


def with_flat_norm(name: str, part: Part, norm: Norm) -> Part:
    """A norm of flattened values: it tells places apart."""
    shape = part_shape(part)
    if prod(shape[1:]) == 1:
        return with_norm(name, part, norm)
    if isinstance(part, Value):
        return part.then(norm.gain.reshape(shape), norm.shift.reshape(shape))
    raise UnsupportedError(
        "a batch norm before an activation must be per channel",
        found=f"one of {norm.gain.size} values, flattened from {part.name}",
        where=name,
        action="put it in front of the flattening",
    )


def scaled(name: str, part: Part, factor: Fraction) -> Part:
    """The part times a number."""
    if isinstance(part, Sum):
        return scaled_sum(name, part, factor)
    if part.affine is None:
        return replace(part, factor=part.factor * factor)
    return part.then(np.full_like(part.affine.gain, float(factor)), np.zeros_like(part.affine.gain))


def scaled_sum(name: str, part: Sum, factor: Fraction) -> Sum:
    """The sum times a number."""
    gain = np.full(part.shape[0], float(factor))
    return _mapped_sum(name, part, gain, 0 * gain)


def with_affine(name: str, part: Part, gain: FloatArray, shift: FloatArray) -> Part:
    """The part with an affine map per channel behind it."""
    if isinstance(part, Sum):
        return _mapped_sum(name, part, gain, shift)
    rank = len(part.shape)
    return part.then(channels(gain, rank), channels(shift, rank))


def _mapped_sum(name: str, part: Sum, gain: FloatArray, shift: FloatArray) -> Sum:
    if any(isinstance(step, Maximum) for step in part.after):
        _require_no_sign(name, gain, "multiply in front of the max pool")
    if part.norm is not None:
        return replace(part, norm=part.norm.then(gain, shift))
    return part.then(gain, shift)


def shifted(part: Part, summand: float) -> Part:
    """The part with a number added to every value."""
    shape = part_shape(part)
    ones = np.ones(shape[0])
    if isinstance(part, Value):
        wide = channels(ones, len(shape))
        return part.then(wide, wide * summand)
    if part.norm is not None:
        return replace(part, norm=part.norm.then(ones, ones * summand))
    return replace(part, bias=part.bias + summand)


def _require_no_sign(name: str, gain: FloatArray, action: str) -> None:
    if bool((gain < 0).any()):
        channel = int(np.flatnonzero(gain < 0)[0])
        raise UnsupportedError(
            "between an activation and a max pool no gain must be negative",
            found=f"{gain[channel]:.4g} in channel {channel}",
            where=name,
            action=action,
        )


def require_rising(name: str, value: Value) -> None:
    """Refuse a maximum of values that come in with a negative gain."""
    gain = np.full(value.shape[0], float(value.factor))
    if value.norm is not None:
        gain = gain * value.norm.gain
    if value.affine is not None:
        gain = gain * value.affine.gain.reshape(-1)
    _require_no_sign(name, gain, "put the max pool directly behind the activation")


def require_channels(name: str, value: Value) -> None:
    """Refuse values with a batch norm that tells places apart."""
    if value.affine is not None and value.affine.gain.size != value.shape[0]:
        raise UnsupportedError(
            "a batch norm of flattened maps must be followed by a Linear",
            found="another operation",
            where=name,
            action="put the batch norm in front of the flattening",
        )


def joined_pools(first: Pool, second: Pool) -> Pool | None:
    """One pool that sums as two after each other do; None where there is none."""
    if any(first.padding) or any(second.padding) or first.kernel != first.stride:
        return None
    pairs = list(zip(first.kernel, second.kernel, second.stride, strict=True))
    return Pool(
        kernel=tuple(k * k2 for k, k2, _ in pairs),
        stride=tuple(k * s2 for k, _, s2 in pairs),
        padding=first.padding,
    )


def require_equal(name: str, x: Shape, y: Shape) -> None:
    """Refuse to add two shapes."""
    if x != y:
        raise UnsupportedError(
            "what is added must have one shape",
            found=f"{list(x)} and {list(y)}",
            where=name,
            action="bring both to one shape first",
        )


def gathered(terms: Sequence[Term]) -> tuple[Term, ...]:
    """The terms, with values that merely pass twice taken once, twice as large."""
    result: list[Term] = []
    for term in terms:
        twin = next((i for i, other in enumerate(result) if _same_values(other, term)), None)
        if twin is None:
            result.append(term)
            continue
        factor = result[twin].value.factor + term.value.factor
        value = replace(term.value, factor=factor)
        result[twin] = replace(result[twin], value=value)
    return tuple(result)


def _same_values(a: Term, b: Term) -> bool:
    x, y = a.value, b.value
    passing = a.operation is None and b.operation is None and a.offset == b.offset
    bare = x.norm is y.norm is None and x.affine is y.affine is None
    same = x.source == y.source and x.pool == y.pool and x.factor + y.factor != 0
    return passing and bare and same


def placed(name: str, term: Term, first: int, total: int) -> Term:
    """The term of one part of a concatenation, as a term of the whole."""
    operation = term.operation
    if operation is None:
        return replace(term, offset=term.offset + first)
    if operation.groups > 1:
        raise UnsupportedError(
            "a grouped convolution must have an activation before it is concatenated",
            found=f"{operation.groups} groups in {term.name}",
            where=name,
            action=ACTIVATE,
        )
    axis = 1 if operation.kind is BranchKind.TRANSPOSED else 0
    margins = [(0, 0)] * operation.weight.ndim
    margins[axis] = (first, total - first - operation.n_out)
    return replace(term, operation=replace(operation, weight=np.pad(operation.weight, margins)))


def stacked(parts: Sequence[Sum]) -> FloatArray:
    """The biases of a concatenation: per channel, or per neuron where one is."""
    full = any(part.bias.shape[1:] != (1,) * (len(part.shape) - 1) for part in parts)
    biases = [np.broadcast_to(p.bias, p.shape) if full else p.bias for p in parts]
    return np.concatenate(biases)
