"""Shapes, concatenation, and sums and products with numbers."""

from collections.abc import Sequence
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np
import torch

from spikewright.flow.importers.builder import Builder
from spikewright.flow.importers.call import Call, is_number, refusal
from spikewright.flow.importers.stages import FloatArray
from spikewright.flow.importers.trained import float_array
from spikewright.flow.importers.values import Operand
from spikewright.golden.errors import UnsupportedError

__all__ = ["add", "cat", "divide", "getitem", "multiply", "reshape", "subtract"]


def reshape(
    b: Builder, call: Call, value: torch.Tensor, input: Operand, *how: Any, **named: Any
) -> Operand:
    """Any change of shape that keeps the order of a sample's values."""
    if value.dim() < 2 or value.shape[0] != 2 or value[0].numel() != prod(input.view):
        raise UnsupportedError(
            "a reshape must keep the batch",
            found=f"{[2, *input.view]} to {list(value.shape)}",
            where=call.name,
        )
    return input


def getitem(b: Builder, call: Call, value: torch.Tensor, input: Operand, index: Any) -> Operand:
    """x[:, :, 0, 0] of a map of one place is a reshape; all else takes a part.

    The first index must leave the batch alone: x[:2] would be all of the two samples of the trace.
    """
    items = index if isinstance(index, tuple) else (index,)
    plain = all(item is None or item is ... or isinstance(item, int | slice) for item in items)
    whole = items[0] is ... or items[0] == slice(None)
    if not (plain and whole) or value.dim() < 2 or value.numel() != 2 * prod(input.view):
        raise refusal(call)
    return reshape(b, call, value, input)


def cat(
    b: Builder, call: Call, value: torch.Tensor, tensors: Sequence[Any], dim: int = 0
) -> Operand:
    """Join operands along the channels."""
    if not all(isinstance(item, Operand) for item in tensors):
        raise UnsupportedError(
            "all that is concatenated must be computed from the input",
            found="a constant",
            where=call.name,
            action="put the constant into the samples",
        )
    rank = len(tensors[0].view) + 1
    if dim % rank != 1:
        raise UnsupportedError(
            "a concatenation must be along the channels",
            found=f"dimension {dim} of {rank}",
            where=call.name,
            action="use torch.cat(tensors, 1)",
        )
    return b.concatenate(call.name, tensors)


def add(
    b: Builder, call: Call, value: torch.Tensor, input: Any, other: Any, *, alpha: Any = 1
) -> Operand:
    """A sum, input + alpha * other."""
    if not is_number(alpha):
        raise refusal(call)
    if not isinstance(other, Operand):
        return _shift(b, call, input, other, alpha)
    scaled = other if alpha == 1 else b.scale(call.name, other, Fraction(alpha))
    if isinstance(input, Operand):
        return b.add(call.name, input, scaled)
    return _shift(b, call, scaled, input, 1)


def subtract(
    b: Builder, call: Call, value: torch.Tensor, input: Any, other: Any, *, alpha: Any = 1
) -> Operand:
    """The difference of two operands, or of one and a constant."""
    if not is_number(alpha):
        raise refusal(call)
    return add(b, call, value, input, other, alpha=-alpha)


def _shift(b: Builder, call: Call, x: Operand, summand: Any, factor: float) -> Operand:
    """The sum x + factor * summand, a constant."""
    constant = _constant(call, x, summand)
    if isinstance(constant, np.ndarray):
        return b.affine(call.name, x, np.ones_like(constant), constant * factor)
    return b.shift(x, float(constant * factor))


def multiply(b: Builder, call: Call, value: torch.Tensor, input: Any, other: Any) -> Operand:
    """An operand times a constant."""
    if not isinstance(input, Operand):
        input, other = other, input
    constant = _constant(call, input, other)
    if isinstance(constant, np.ndarray):
        return b.affine(call.name, input, constant, 0 * constant)
    return b.scale(call.name, input, Fraction(constant))


def divide(b: Builder, call: Call, value: torch.Tensor, input: Any, other: Any) -> Operand:
    """An operand over a constant."""
    constant = _constant(call, input, other)
    if not np.all(constant):
        raise UnsupportedError("a divisor must not be 0", found="0", where=call.name)
    if isinstance(constant, np.ndarray):
        return b.affine(call.name, input, 1 / constant, 0 * constant)
    return b.scale(call.name, input, 1 / Fraction(constant))


def _constant(call: Call, x: Any, item: Any) -> float | FloatArray:
    """A number, or one per channel of ``x`` [C]; raises UnsupportedError for all else."""
    if not isinstance(x, Operand) or not (is_number(item) or isinstance(item, torch.Tensor)):
        raise refusal(call)
    if not isinstance(item, torch.Tensor):
        return float(item) if isinstance(item, float) else int(item)
    array = float_array(call.name, "constant", item)
    rank = len(x.view) + 1
    if array.size == 1 and array.ndim <= rank:
        return float(array.item())
    aligned = (1,) * (rank - array.ndim) + array.shape
    if aligned != (1, x.view[0], *(1,) * (rank - 2)) or not x.natural:
        raise UnsupportedError(
            "what is added or multiplied must be computed, a number, or one number per channel",
            found=f"a constant tensor of shape {list(array.shape)}",
            where=call.name,
            action="use a number or a BatchNorm",
        )
    return array.reshape(-1)
