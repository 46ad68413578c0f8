"""Poolings, reductions and upsampling."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import prod
from typing import Any

import torch

from spikewright.flow.importers.builder import Builder
from spikewright.flow.importers.call import Call, require_rank, sizes
from spikewright.flow.importers.stages import Pool, Shape
from spikewright.flow.importers.values import Maximum, Operand, as_made
from spikewright.golden.errors import UnsupportedError

__all__ = [
    "adaptive_average",
    "adaptive_maximum",
    "average",
    "interpolate",
    "lp_pool",
    "maximum",
    "reduce",
]


def average(space: int) -> Callable[..., Operand]:
    """The rule of an average pool over ``space`` dimensions."""

    def pool(
        b: Builder,
        call: Call,
        value: torch.Tensor,
        input: Operand,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Operand:
        require_rank(call, input, space)
        sums = _pool(space, kernel_size, stride, padding)
        _require_floor(call, value, sums.output_shape(input.view))
        if any(sums.padding) and not count_include_pad and divisor_override is None:
            return b.average_inside(call.name, input, sums)
        divisor = divisor_override or prod(sums.kernel)
        return b.average(call.name, input, sums, Fraction(1, divisor))

    return pool


def lp_pool(space: int) -> Callable[..., Operand]:
    """The rule of a sum pool, which is an LP pool of norm 1."""

    def pool(
        b: Builder,
        call: Call,
        value: torch.Tensor,
        input: Operand,
        norm_type: float,
        kernel_size: Any,
        stride: Any = None,
        ceil_mode: bool = False,
    ) -> Operand:
        require_rank(call, input, space)
        if norm_type != 1:
            raise UnsupportedError(
                "an LP pool must have norm_type 1, which is a sum",
                found=str(norm_type),
                where=call.name,
            )
        sums = _pool(space, kernel_size, stride, 0)
        _require_floor(call, value, sums.output_shape(input.view))
        return b.average(call.name, input, sums, Fraction(1))

    return pool


def adaptive_average(space: int) -> Callable[..., Operand]:
    """The rule of an average pool whose output has a given size."""

    def pool(
        b: Builder, call: Call, value: torch.Tensor, input: Operand, output_size: Any
    ) -> Operand:
        kernel = _adaptive_kernel(call, input, value, space)
        sums = Pool(kernel=kernel, stride=kernel, padding=(0,) * space)
        return b.average(call.name, input, sums, Fraction(1, prod(kernel)))

    return pool


def adaptive_maximum(space: int) -> Callable[..., Operand]:
    """The rule of a maximum pool whose output has a given size."""

    def pool(
        b: Builder,
        call: Call,
        value: torch.Tensor,
        input: Operand,
        output_size: Any,
        return_indices: bool = False,
    ) -> Operand:
        kernel = _adaptive_kernel(call, input, value, space)
        zeros, ones = (0,) * space, (1,) * space
        return b.maximum(input, Maximum(call.name, kernel, kernel, zeros, ones))

    return pool


def _adaptive_kernel(call: Call, x: Operand, value: torch.Tensor, space: int) -> Shape:
    require_rank(call, x, space)
    before, after = x.view[1:], tuple(value.shape[2:])
    if any(size % places for size, places in zip(before, after, strict=True)):
        raise UnsupportedError(
            "an adaptive pool must divide its map evenly",
            found=f"{list(before)} to {list(after)}",
            where=call.name,
            action="choose an output size that divides the map",
        )
    return tuple(size // places for size, places in zip(before, after, strict=True))


def maximum(space: int) -> Callable[..., Operand]:
    """The rule of a maximum pool over ``space`` dimensions."""

    def pool(
        b: Builder,
        call: Call,
        value: torch.Tensor,
        input: Operand,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Operand:
        require_rank(call, input, space)
        sums = _pool(space, kernel_size, stride, padding)
        step = Maximum(call.name, sums.kernel, sums.stride, sums.padding, sizes(dilation, space))
        _require_floor(call, value, step.output_shape(input.view))
        return b.maximum(input, step)

    return pool


def _pool(space: int, kernel: Any, stride: Any, padding: Any) -> Pool:
    size = sizes(kernel, space)
    return Pool(
        kernel=size,
        stride=size if stride is None or stride == [] else sizes(stride, space),
        padding=sizes(padding, space),
    )


def _require_floor(call: Call, value: torch.Tensor, shape: Shape) -> None:
    if tuple(value.shape[1:]) != shape:
        raise UnsupportedError(
            f"a pool must make whole windows only, here {list(shape)}",
            found=str(list(value.shape[1:])),
            where=call.name,
            action="use ceil_mode=False, or a size that the stride divides",
        )


def reduce(mean: bool) -> Callable[..., Operand]:
    """x.mean(dimensions) or x.sum(dimensions) as a global pool."""

    def reduce(
        b: Builder,
        call: Call,
        value: torch.Tensor,
        input: Operand,
        dim: Any = None,
        keepdim: bool = False,
    ) -> Operand:
        rank = len(input.view) + 1
        dims = () if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
        places = {d % rank for d in dims}
        made = as_made(input)
        whole = input.view[0] == made.view[0] and places == set(range(2, rank))
        if not places or min(places) < 2 or not (input.natural or whole):
            raise UnsupportedError(
                "a mean or sum must be over the places of each channel",
                found=f"dimensions {sorted(places) or 'all'} of {rank}",
                where=call.name,
                action="name the dimensions behind the channels, as in x.mean((2, 3))",
            )
        every = range(2, len(made.view) + 1) if whole else places
        kernel = tuple(
            size if axis in every else 1 for axis, size in enumerate(made.view[1:], start=2)
        )
        sums = Pool(kernel=kernel, stride=kernel, padding=(0,) * len(kernel))
        factor = Fraction(1, prod(kernel)) if mean else Fraction(1)
        return b.average(call.name, made, sums, factor)

    return reduce


def interpolate(
    b: Builder,
    call: Call,
    value: torch.Tensor,
    input: Operand,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Operand:
    """Nearest upsampling by 2."""
    factors = scale_factor if isinstance(scale_factor, Sequence) else (scale_factor,)
    doubled = tuple(value.shape[2:]) == tuple(2 * n for n in input.view[1:])
    exact = doubled and all(factor in (None, 2) for factor in factors)
    if mode not in ("nearest", "nearest-exact") or not exact or len(input.view) not in (2, 3):
        raise UnsupportedError(
            "an upsampling must be nearest neighbour, by 2",
            found=f"{mode} from {list(input.view)} to {list(value.shape[1:])}",
            where=call.name,
            action="use scale_factor=2 and mode='nearest', or a transposed convolution",
        )
    return b.enlarge(call.name, input)
