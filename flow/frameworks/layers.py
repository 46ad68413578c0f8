"""torch's layers between neurons as nodes of NIR; frameworks' own layers are subclasses of them."""

import copy

import nir
import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from spikewright.golden.errors import ConfigurationError, UnsupportedError

from .neuron import Shape

__all__ = [
    "PASSING",
    "WEIGHTED",
    "check_weights",
    "convolution_node",
    "linear_node",
    "normalised",
    "pool_node",
]

Values = npt.NDArray[np.float64]
PASSING = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout)
WEIGHTED = (nir.Linear, nir.Affine, nir.Conv1d, nir.Conv2d)


def linear_node(module: nn.Linear) -> nir.NIRNode:
    """[out, in] weights, and a bias where it has one."""
    weight = _values(module.weight)
    bias: torch.Tensor | None = module.bias
    if bias is None:
        return nir.Linear(weight=weight)
    return nir.Affine(weight=weight, bias=_values(bias))


def convolution_node(module: nn.Conv1d | nn.Conv2d, shape: Shape, where: str) -> nir.NIRNode:
    """A convolution of maps of ``shape`` [channels, *places]."""
    n = module.weight.ndim - 2
    if module.padding_mode != "zeros":
        raise UnsupportedError(
            "padding_mode must be zeros", found=str(module.padding_mode), where=where
        )
    padding = module.padding
    if isinstance(padding, str):
        both = [
            d * (k - 1) if padding == "same" else 0
            for k, d in zip(module.kernel_size, module.dilation, strict=True)
        ]
        if any(each % 2 for each in both):
            raise UnsupportedError(
                'padding "same" must be alike on both sides',
                found=f"kernel {module.kernel_size}",
                where=where,
                action="use kernels of odd sizes",
            )
        padding = tuple(each // 2 for each in both)
    kind = nir.Conv1d if n == 1 else nir.Conv2d

    def plain(values: tuple[int, ...]) -> int | tuple[int, ...]:
        return values[0] if n == 1 else tuple(values)

    return kind(
        input_shape=plain(shape[1:]),
        weight=_values(module.weight),
        stride=plain(module.stride),
        padding=plain(padding),
        dilation=plain(module.dilation),
        groups=module.groups,
        bias=np.zeros(module.out_channels) if module.bias is None else _values(module.bias),
    )


def pool_node(module: nn.AvgPool2d | nn.LPPool2d, where: str) -> nir.NIRNode:
    """An average, or a sum, which is the norm of order 1 (sinabs/layers/pool2d.py: SumPool2d)."""
    averages = isinstance(module, nn.AvgPool2d)
    kernel = _two(module.kernel_size)
    stride = kernel if module.stride is None else _two(module.stride)
    padding = _two(module.padding) if isinstance(module, nn.AvgPool2d) else (0, 0)
    plain = not module.ceil_mode
    if isinstance(module, nn.AvgPool2d):
        plain = plain and module.divisor_override is None
        plain = plain and (module.count_include_pad or padding == (0, 0))
    else:
        plain = plain and module.norm_type == 1
    if not plain:
        raise UnsupportedError(
            "a pool must count its padding, round sizes down, and sum or average",
            found=repr(module),
            where=where,
        )
    pool = nir.AvgPool2d if averages else nir.SumPool2d
    return pool(kernel_size=np.array(kernel), stride=np.array(stride), padding=np.array(padding))


def normalised(node: nir.NIRNode, norm: nn.modules.batchnorm._BatchNorm, where: str) -> nir.NIRNode:
    """A weighted node with the batch norm behind it, as it stands in evaluation."""
    if norm.running_mean is None or norm.running_var is None:
        raise UnsupportedError(
            "a batch norm must track running statistics", found="none", where=where
        )
    gain = 1 / np.sqrt(_values(norm.running_var) + norm.eps)
    if norm.weight is not None:
        gain = gain * _values(norm.weight)
    shift = -_values(norm.running_mean) * gain
    if norm.bias is not None:
        shift = shift + _values(norm.bias)
    weight = np.asarray(node.weight) * gain.reshape(-1, *[1] * (node.weight.ndim - 1))
    bias = getattr(node, "bias", None)
    if bias is not None:
        shift = shift + bias * gain
    if isinstance(node, nir.Linear | nir.Affine):
        return nir.Affine(weight=weight, bias=shift)
    folded = copy.copy(node)
    folded.weight, folded.bias = weight, shift
    return folded


def check_weights(module: nn.Module) -> None:
    """All parameters and buffers are finite; raises ConfigurationError, which names the first."""
    for name, value in module.state_dict().items():
        # An infinite threshold has a meaning; a neuron's own numbers are checked where it is read.
        weighs = name.rpartition(".")[2] in ("weight", "bias", "running_mean", "running_var")
        if weighs and not torch.isfinite(value).all():
            raise ConfigurationError(
                "weights must be finite",
                found=f"{int((~torch.isfinite(value)).sum())} of {value.numel()} that are not",
                where=name,
            )


def _values(tensor: torch.Tensor) -> Values:
    return np.asarray(tensor.detach().double().cpu().numpy()).copy()


def _two(value: object) -> tuple[int, int]:
    pair = (value, value) if isinstance(value, int) else tuple(value)  # type: ignore[arg-type]
    return int(pair[0]), int(pair[1])
