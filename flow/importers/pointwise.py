"""Operations on each value by itself: norms, activations, dropout."""

from typing import Any

import torch

from spikewright.flow.importers.builder import Builder
from spikewright.flow.importers.call import SUPPORTED, Call, is_number
from spikewright.flow.importers.stages import Activation
from spikewright.flow.importers.trained import batch_norm, quantised
from spikewright.flow.importers.values import Operand
from spikewright.golden.errors import UnsupportedError

__all__ = [
    "alike",
    "clamp",
    "clamp_min",
    "dropout",
    "hardtanh",
    "norm",
    "quantised_relu",
    "relu",
    "relu6",
]


def norm(
    b: Builder,
    call: Call,
    value: torch.Tensor,
    input: Operand,
    running_mean: torch.Tensor | None,
    running_var: torch.Tensor | None,
    weight: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    training: bool = False,
    momentum: float | None = 0.1,
    eps: float = 1e-5,
) -> Operand:
    """A batch norm, as the affine map that it is in evaluation."""
    if training:
        raise _still_training(call)
    norm = batch_norm(call.name, running_mean, running_var, weight, bias, eps, momentum)
    return b.norm(call.name, input, norm)


def dropout(
    b: Builder,
    call: Call,
    value: torch.Tensor,
    input: Operand,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
) -> Operand:
    """Nothing, in evaluation."""
    if training and p > 0:
        raise _still_training(call)
    return input


def _still_training(call: Call) -> UnsupportedError:
    return UnsupportedError(
        "in evaluation nothing must depend on chance or on the batch",
        found=f"{call.title} with training=True",
        where=call.name,
        action="pass training=self.training",
    )


def relu(
    b: Builder, call: Call, value: torch.Tensor, input: Operand, inplace: bool = False
) -> Operand:
    """max(x, 0)."""
    return b.activate(call.name, input, Activation())


def relu6(
    b: Builder, call: Call, value: torch.Tensor, input: Operand, inplace: bool = False
) -> Operand:
    """min(max(x, 0), 6)."""
    return b.activate(call.name, input, Activation(clip=6.0))


def hardtanh(
    b: Builder,
    call: Call,
    value: torch.Tensor,
    input: Operand,
    min_val: float = -1.0,
    max_val: float = 1.0,
    inplace: bool = False,
) -> Operand:
    """A ReLU that is clipped."""
    return clamp(b, call, value, input, min_val, max_val)


def clamp(
    b: Builder,
    call: Call,
    value: torch.Tensor,
    input: Operand,
    min: Any = None,
    max: Any = None,
) -> Operand:
    """A ReLU, clipped where there is an upper limit."""
    high = max is None or (isinstance(max, int | float) and max > 0)
    if not (is_number(min) and min == 0 and high):
        plain = (x if isinstance(x, int | float | None) else "a tensor" for x in (min, max))
        found = " to ".join(map(str, plain))
        raise UnsupportedError(
            "a clamp must go from 0 to a positive value",
            found=found,
            where=call.name,
            action=SUPPORTED,
        )
    clip = None if max is None or max == float("inf") else float(max)
    return b.activate(call.name, input, Activation(clip=clip))


def clamp_min(
    b: Builder, call: Call, value: torch.Tensor, input: Operand, min: Any = None
) -> Operand:
    """A ReLU."""
    return clamp(b, call, value, input, min)


def quantised_relu(
    b: Builder, call: Call, value: torch.Tensor, input: Operand, step: torch.Tensor, levels: int
) -> Operand:
    """A ReLU with a step and levels of its own."""
    return b.activate(call.name, input, quantised(call.name, step, levels))


def alike(b: Builder, call: Call, value: torch.Tensor, input: Operand) -> Operand:
    """The operand itself."""
    return input
