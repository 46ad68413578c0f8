"""Operations with weights: linear, convolution, transposed convolution."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from spikewright.flow.importers.builder import Builder
from spikewright.flow.importers.call import Call, require_rank, sizes
from spikewright.flow.importers.stages import BranchKind, FloatArray, Shape
from spikewright.flow.importers.trained import weight_and_bias
from spikewright.flow.importers.values import Operand, Operation
from spikewright.golden.errors import ConfigurationError, UnsupportedError

__all__ = ["check_linear", "convolution", "linear", "transposed"]


def linear(
    b: Builder,
    call: Call,
    value: torch.Tensor,
    input: Operand,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
) -> Operand:
    """A fully connected layer."""
    return b.linear(call.name, input, *weight_and_bias(call.name, weight, bias, len(weight)))


def check_linear(
    call: Call, input: Operand, weight: torch.Tensor, bias: torch.Tensor | None = None
) -> None:
    """Before torch says it in its own words."""
    if len(input.view) != 1:
        raise UnsupportedError(
            "a Linear must get one vector per sample",
            found=f"samples of shape {list(input.view)}",
            where=call.name,
            action="put a Flatten before it",
        )
    if input.view[0] != weight.shape[1]:
        raise ConfigurationError(
            f"a sample must have {weight.shape[1]} features here",
            found=str(input.view[0]),
            where=call.name,
            action="check the shape of the calibration data",
        )


def convolution(space: int) -> Callable[..., Operand]:
    """The rule of a convolution over ``space`` dimensions."""

    def convolve(
        b: Builder,
        call: Call,
        value: torch.Tensor,
        input: Operand,
        weight: torch.Tensor,
        bias: torch.Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        padding_mode: str = "zeros",
    ) -> Operand:
        require_rank(call, input, space)
        if padding_mode != "zeros":
            raise UnsupportedError(
                "a convolution must be padded with zeros",
                found=f"padding_mode={padding_mode!r}",
                where=call.name,
                action="use padding_mode='zeros', which costs no event",
            )
        array, constant = weight_and_bias(call.name, weight, bias, len(weight))
        taps = sizes(dilation, space)
        if padding == "same":
            array, pads, taps = _same(array, taps)
        else:
            pads = (0,) * space if padding == "valid" else sizes(padding, space)
        operation = Operation(
            kind=BranchKind.CONVOLUTION,
            weight=array,
            stride=sizes(stride, space),
            padding=pads,
            dilation=taps,
            output_padding=(0,) * space,
            groups=groups,
        )
        return b.convolve(call.name, input, operation, constant)

    return convolve


def _same(weight: FloatArray, dilation: Shape) -> tuple[FloatArray, Shape, Shape]:
    """Weight, padding and dilation that keep the size, with equal padding on both sides.

    Where torch pads one more at the end, the kernel gets a tap of 0 at its front instead.
    """
    reach = [d * (k - 1) for k, d in zip(weight.shape[2:], dilation, strict=True)]
    pads, taps = [], []
    for axis, (total, d) in enumerate(zip(reach, dilation, strict=True), start=2):
        if total % 2:
            spread = np.zeros((*weight.shape[:axis], total + 2, *weight.shape[axis + 1 :]))
            spread[(slice(None),) * axis + (slice(1, None, d),)] = weight
            weight, d = spread, 1
        pads.append((total + 1) // 2)
        taps.append(d)
    return weight, tuple(pads), tuple(taps)


def transposed(space: int) -> Callable[..., Operand]:
    """The rule of a transposed convolution over ``space`` dimensions."""

    def convolve(
        b: Builder,
        call: Call,
        value: torch.Tensor,
        input: Operand,
        weight: torch.Tensor,
        bias: torch.Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        dilation: Any = 1,
    ) -> Operand:
        require_rank(call, input, space)
        array, constant = weight_and_bias(call.name, weight, bias, value.shape[1])
        operation = Operation(
            kind=BranchKind.TRANSPOSED,
            weight=array,
            stride=sizes(stride, space),
            padding=sizes(padding, space),
            dilation=sizes(dilation, space),
            output_padding=sizes(output_padding, space),
            groups=groups,
        )
        return b.convolve(call.name, input, operation, constant)

    return convolve
