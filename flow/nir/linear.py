"""The linear nodes of NIR, as torch computes them; shapes follow from the data, not the file."""

from collections.abc import Sequence

import nir
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from spikewright.golden.errors import ConfigurationError

__all__ = ["apply", "apply_all"]


def apply_all(nodes: Sequence[tuple[str, nir.NIRNode]], x: Tensor, where: str) -> Tensor:
    """One after the other, on [batch, *shape] in float64."""
    for name, node in nodes:
        try:
            x = apply(node, x)
        except (RuntimeError, IndexError) as error:
            raise ConfigurationError(
                f"a {type(node).__name__} must fit what comes to it",
                found=f"shape {tuple(x.shape[1:])}: {str(error).splitlines()[0]}",
                where=f"{where}: node {name!r}",
            ) from error
    return x


def apply(node: nir.NIRNode, x: Tensor) -> Tensor:
    """A node on [batch, *shape]."""
    match node:
        case nir.Linear():
            return functional.linear(_rows(x), _tensor(node.weight))
        case nir.Affine():
            return functional.linear(_rows(x), _tensor(node.weight), _tensor(node.bias))
        case nir.Conv1d() | nir.Conv2d():
            convolve = functional.conv1d if isinstance(node, nir.Conv1d) else functional.conv2d
            bias = None if node.bias is None else _tensor(node.bias).reshape(-1)
            n = node.weight.ndim - 2
            return convolve(
                x,
                _tensor(node.weight),
                bias,
                stride=_each(node.stride, n),
                padding=node.padding if isinstance(node.padding, str) else _each(node.padding, n),
                dilation=_each(node.dilation, n),
                groups=int(node.groups),
            )
        case nir.Scale():
            scale = _tensor(node.scale)
            return x * (scale if scale.ndim == 0 else scale.reshape(_room(scale, x)))
        case nir.SumPool2d() | nir.AvgPool2d():
            divisor = 1 if isinstance(node, nir.SumPool2d) else None
            return functional.avg_pool2d(
                x,
                kernel_size=_each(node.kernel_size, 2),
                stride=_each(node.stride, 2),
                padding=_each(node.padding, 2),
                divisor_override=divisor,
            )
        case nir.Flatten():
            # Exporters differ in whether dimension 0 is the batch; what follows takes rows anyway.
            return x.flatten(1)
        case nir.Delay():
            return x
    raise AssertionError(type(node))  # graph_of refuses other nodes


def _rows(x: Tensor) -> Tensor:
    return x if x.ndim == 2 else x.flatten(1)


def _room(scale: Tensor, x: Tensor) -> tuple[int, ...]:
    """A scale of one entry a channel stands for all positions."""
    shape = tuple(scale.shape)
    return shape + (1,) * (x.ndim - 1 - len(shape)) if len(shape) < x.ndim - 1 else shape


def _each(value: object, n: int) -> tuple[int, ...]:
    array = np.asarray(value).reshape(-1)
    if array.size == 1:
        array = np.repeat(array, n)
    return tuple(int(each) for each in array)


def _tensor(value: object) -> Tensor:
    return torch.as_tensor(np.asarray(value, dtype=np.float64))
