"""What each torch layer, function and method is to the builder; everything else is refused."""

import inspect
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isfinite, prod
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import fx, nn

from spikewright.flow.importers.builder import Builder
from spikewright.flow.importers.layers import QuantisedReLU
from spikewright.flow.importers.stages import Activation, BranchKind, FloatArray, Pool, Shape
from spikewright.flow.importers.trained import (
    batch_norm,
    float_array,
    quantised,
    weight_and_bias,
)
from spikewright.flow.importers.values import Maximum, Operand, Operation, as_made
from spikewright.golden.errors import ConfigurationError, UnsupportedError

__all__ = ["PERMANENT", "SUPPORTED", "Call", "refusal"]

SUPPORTED = (
    "supported are Linear, Conv1d and 2d, ConvTranspose1d and 2d, BatchNorm1d and 2d, ReLU, ReLU6, "
    "Hardtanh(0, c), clamp(0, c), QuantisedReLU, max, average, adaptive and LP pooling, nearest "
    "upsampling by 2, +, -, cat, Flatten, Dropout, Identity, factors and summands that are numbers "
    "or one per channel, and their functional forms"
)
PERMANENT = (
    "make pruning and weight norms permanent: prune.remove, remove_weight_norm or "
    "parametrize.remove_parametrizations"
)

_SMOOTH = "use ReLU, which a spiking neuron computes exactly"
_DECIDES = "drop it at the output: the largest logit decides; elsewhere it cannot be exact"
_STATISTICS = "use BatchNorm, whose statistics are fixed once trained"
_PRODUCT = "products of two activations are not offered; use +, cat or convolutions"
_CONSTANT = "for a constant use a Linear, a convolution, a BatchNorm or * with a number"
_MAXIMUM_WITH = "for a maximum with 0 use F.relu(x)"
_STRIDES = "take the part in front of the network, or let a convolution with a stride do it"
_ORDER = "flatten in torch's order; transpose in front of the network"
_ADVICE = {
    **dict.fromkeys(("softmax", "logsoftmax", "log_softmax", "softmax2d", "softmin"), _DECIDES),
    **dict.fromkeys(
        ("sigmoid", "tanh", "gelu", "silu", "elu", "selu", "celu", "mish", "softplus"), _SMOOTH
    ),
    **dict.fromkeys(
        ("hardsigmoid", "hardswish", "leakyrelu", "leaky_relu", "prelu", "logsigmoid"), _SMOOTH
    ),
    **dict.fromkeys(("layernorm", "layer_norm", "groupnorm", "group_norm"), _STATISTICS),
    **dict.fromkeys(("instancenorm1d", "instancenorm2d", "instance_norm", "rmsnorm"), _STATISTICS),
    **dict.fromkeys(("multiheadattention", "scaled_dot_product_attention", "matmul"), _PRODUCT),
    **dict.fromkeys(("mul", "bmm", "einsum", "imul", "multiply", "bilinear"), _PRODUCT),
    **dict.fromkeys(("getitem", "chunk", "split", "narrow", "select"), _STRIDES),
    **dict.fromkeys(("maximum", "max", "zeros_like"), _MAXIMUM_WITH),
    **dict.fromkeys(("permute", "transpose", "pixelshuffle", "pixel_shuffle", "flip"), _ORDER),
}
"""What to do instead, by the lower-case name of what is refused."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One operation of a traced module.

    ``name`` says where it stands; ``title`` is what a user calls it. Of the arguments, data are
    operands and all others plain values; a layer's settings and weights are arguments too.
    """

    name: str
    title: str
    rule: Callable[..., Operand] | None
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]

    @classmethod
    def of(cls, n: fx.Node, module: nn.Module, argument: Callable[[fx.Node], Any]) -> "Call":
        """The operation of a node, whose arguments ``argument`` evaluates."""
        args, kwargs = fx.node.map_arg((n.args, n.kwargs), argument)
        if n.op != "call_module":
            title = n.target if isinstance(n.target, str) else _function_name(n.target)
            known = _RULES.get(n.target)
            return cls(name=n.name, title=title, rule=known, args=tuple(args), kwargs=kwargs)
        layer = module.get_submodule(str(n.target))
        known, names = _LAYERS.get(type(layer), (None, ""))
        settings = {name: getattr(layer, name) for name in names.split()}
        return cls(
            name=str(n.target),
            title=type(layer).__name__,
            rule=known,
            args=tuple(args),
            kwargs={**kwargs, **settings},
        )

    def prepared(self) -> "Call":
        """The same; raises UnsupportedError by name where it is not offered, before torch runs."""
        if self.rule is None:
            raise refusal(self)
        try:
            bound = inspect.signature(self.rule).bind(None, self, None, *self.args, **self.kwargs)
        except TypeError:
            raise refusal(self) from None
        data = list(bound.arguments.values())[3:]
        operands = [isinstance(item, Operand) for item in data]
        if self.rule not in _SEVERAL and not (operands[0] and not any(operands[1:])):
            raise UnsupportedError(
                "all but the first argument must be constants",
                found=f"{self.title} with others that are computed",
                where=self.name,
                action=_PRODUCT,
            )
        if self.kwargs.get("return_indices", False):
            raise UnsupportedError(
                "a max pool must not return indices",
                found="return_indices=True",
                where=self.name,
                action="upsample by a transposed convolution instead of unpooling",
            )
        if self.rule is _linear:
            _check_linear(self, *self.args, **self.kwargs)
        return self

    def apply(self, builder: Builder, value: torch.Tensor) -> Operand:
        """Tell the builder; ``value`` is what torch made of two samples of zeros."""
        assert self.rule is not None
        return self.rule(builder, self, value, *self.args, **self.kwargs)


def refusal(call: Call) -> UnsupportedError:
    """The error for an operation that is not offered."""
    title = call.title.lower()
    action = PERMANENT if title.startswith("parametrized") else _ADVICE.get(title, SUPPORTED)
    constants = any(isinstance(item, torch.Tensor | int | float) for item in call.args)
    return UnsupportedError(
        "every layer must be a supported one",
        found=call.title,
        where=call.name,
        action=_CONSTANT if action is _PRODUCT and constants else action,
    )


# --- operations with weights ----------------------------------------------------------------------


def _linear(
    b: Builder,
    call: Call,
    value: torch.Tensor,
    input: Operand,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
) -> Operand:
    return b.linear(call.name, input, *weight_and_bias(call.name, weight, bias, len(weight)))


def _check_linear(
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


def _convolution(space: int) -> Callable[..., Operand]:
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
        _require_rank(call, input, space)
        if padding_mode != "zeros":
            raise UnsupportedError(
                "a convolution must be padded with zeros",
                found=f"padding_mode={padding_mode!r}",
                where=call.name,
                action="use padding_mode='zeros', which costs no event",
            )
        array, constant = weight_and_bias(call.name, weight, bias, len(weight))
        taps = _sizes(dilation, space)
        if padding == "same":
            array, pads, taps = _same(array, taps)
        else:
            pads = (0,) * space if padding == "valid" else _sizes(padding, space)
        operation = Operation(
            kind=BranchKind.CONVOLUTION,
            weight=array,
            stride=_sizes(stride, space),
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


def _transposed(space: int) -> Callable[..., Operand]:
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
        _require_rank(call, input, space)
        array, constant = weight_and_bias(call.name, weight, bias, value.shape[1])
        operation = Operation(
            kind=BranchKind.TRANSPOSED,
            weight=array,
            stride=_sizes(stride, space),
            padding=_sizes(padding, space),
            dilation=_sizes(dilation, space),
            output_padding=_sizes(output_padding, space),
            groups=groups,
        )
        return b.convolve(call.name, input, operation, constant)

    return convolve


# --- operations per value -------------------------------------------------------------------------


def _batch_norm(
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
    if training:
        raise _still_training(call)
    norm = batch_norm(call.name, running_mean, running_var, weight, bias, eps, momentum)
    return b.norm(call.name, input, norm)


def _dropout(
    b: Builder,
    call: Call,
    value: torch.Tensor,
    input: Operand,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
) -> Operand:
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


def _relu(
    b: Builder, call: Call, value: torch.Tensor, input: Operand, inplace: bool = False
) -> Operand:
    return b.activate(call.name, input, Activation())


def _relu6(
    b: Builder, call: Call, value: torch.Tensor, input: Operand, inplace: bool = False
) -> Operand:
    return b.activate(call.name, input, Activation(clip=6.0))


def _hardtanh(
    b: Builder,
    call: Call,
    value: torch.Tensor,
    input: Operand,
    min_val: float = -1.0,
    max_val: float = 1.0,
    inplace: bool = False,
) -> Operand:
    return _clamp(b, call, value, input, min_val, max_val)


def _clamp(
    b: Builder,
    call: Call,
    value: torch.Tensor,
    input: Operand,
    min: Any = None,
    max: Any = None,
) -> Operand:
    high = max is None or (isinstance(max, int | float) and max > 0)
    if not (_is_number(min) and min == 0 and high):
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


def _clamp_min(
    b: Builder, call: Call, value: torch.Tensor, input: Operand, min: Any = None
) -> Operand:
    return _clamp(b, call, value, input, min)


def _quantised(
    b: Builder, call: Call, value: torch.Tensor, input: Operand, step: torch.Tensor, levels: int
) -> Operand:
    return b.activate(call.name, input, quantised(call.name, step, levels))


def _alike(b: Builder, call: Call, value: torch.Tensor, input: Operand) -> Operand:
    return input


# --- pools ----------------------------------------------------------------------------------------


def _average(space: int) -> Callable[..., Operand]:
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
        _require_rank(call, input, space)
        sums = _pool(space, kernel_size, stride, padding)
        _require_floor(call, value, sums.output_shape(input.view))
        if any(sums.padding) and not count_include_pad and divisor_override is None:
            return b.average_inside(call.name, input, sums)
        divisor = divisor_override or prod(sums.kernel)
        return b.average(call.name, input, sums, Fraction(1, divisor))

    return pool


def _lp_pool(space: int) -> Callable[..., Operand]:
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
        _require_rank(call, input, space)
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


def _adaptive_average(space: int) -> Callable[..., Operand]:
    def pool(
        b: Builder, call: Call, value: torch.Tensor, input: Operand, output_size: Any
    ) -> Operand:
        kernel = _adaptive_kernel(call, input, value, space)
        sums = Pool(kernel=kernel, stride=kernel, padding=(0,) * space)
        return b.average(call.name, input, sums, Fraction(1, prod(kernel)))

    return pool


def _adaptive_maximum(space: int) -> Callable[..., Operand]:
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
    _require_rank(call, x, space)
    before, after = x.view[1:], tuple(value.shape[2:])
    if any(size % places for size, places in zip(before, after, strict=True)):
        raise UnsupportedError(
            "an adaptive pool must divide its map evenly",
            found=f"{list(before)} to {list(after)}",
            where=call.name,
            action="choose an output size that divides the map",
        )
    return tuple(size // places for size, places in zip(before, after, strict=True))


def _maximum(space: int) -> Callable[..., Operand]:
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
        _require_rank(call, input, space)
        sums = _pool(space, kernel_size, stride, padding)
        step = Maximum(call.name, sums.kernel, sums.stride, sums.padding, _sizes(dilation, space))
        _require_floor(call, value, step.output_shape(input.view))
        return b.maximum(input, step)

    return pool


def _pool(space: int, kernel: Any, stride: Any, padding: Any) -> Pool:
    sizes = _sizes(kernel, space)
    return Pool(
        kernel=sizes,
        stride=sizes if stride is None or stride == [] else _sizes(stride, space),
        padding=_sizes(padding, space),
    )


def _require_floor(call: Call, value: torch.Tensor, shape: Shape) -> None:
    if tuple(value.shape[1:]) != shape:
        raise UnsupportedError(
            f"a pool must make whole windows only, here {list(shape)}",
            found=str(list(value.shape[1:])),
            where=call.name,
            action="use ceil_mode=False, or a size that the stride divides",
        )


def _reduce(mean: bool) -> Callable[..., Operand]:
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


def _interpolate(
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


# --- shapes, sums and numbers ---------------------------------------------------------------------


def _reshape(
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


def _getitem(b: Builder, call: Call, value: torch.Tensor, input: Operand, index: Any) -> Operand:
    """x[:, :, 0, 0] of a map of one place is a reshape; all else takes a part.

    The first index must leave the batch alone: x[:2] would be all of the two samples of the trace.
    """
    items = index if isinstance(index, tuple) else (index,)
    plain = all(item is None or item is ... or isinstance(item, int | slice) for item in items)
    whole = items[0] is ... or items[0] == slice(None)
    if not (plain and whole) or value.dim() < 2 or value.numel() != 2 * prod(input.view):
        raise refusal(call)
    return _reshape(b, call, value, input)


def _cat(
    b: Builder, call: Call, value: torch.Tensor, tensors: Sequence[Any], dim: int = 0
) -> Operand:
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


def _add(
    b: Builder, call: Call, value: torch.Tensor, input: Any, other: Any, *, alpha: Any = 1
) -> Operand:
    """A sum, input + alpha * other."""
    if not _is_number(alpha):
        raise refusal(call)
    if not isinstance(other, Operand):
        return _shift(b, call, input, other, alpha)
    scaled = other if alpha == 1 else b.scale(call.name, other, Fraction(alpha))
    if isinstance(input, Operand):
        return b.add(call.name, input, scaled)
    return _shift(b, call, scaled, input, 1)


def _subtract(
    b: Builder, call: Call, value: torch.Tensor, input: Any, other: Any, *, alpha: Any = 1
) -> Operand:
    if not _is_number(alpha):
        raise refusal(call)
    return _add(b, call, value, input, other, alpha=-alpha)


def _shift(b: Builder, call: Call, x: Operand, summand: Any, factor: float) -> Operand:
    """The sum x + factor * summand, a constant."""
    constant = _constant(call, x, summand)
    if isinstance(constant, np.ndarray):
        return b.affine(call.name, x, np.ones_like(constant), constant * factor)
    return b.shift(x, float(constant * factor))


def _multiply(b: Builder, call: Call, value: torch.Tensor, input: Any, other: Any) -> Operand:
    if not isinstance(input, Operand):
        input, other = other, input
    constant = _constant(call, input, other)
    if isinstance(constant, np.ndarray):
        return b.affine(call.name, input, constant, 0 * constant)
    return b.scale(call.name, input, Fraction(constant))


def _divide(b: Builder, call: Call, value: torch.Tensor, input: Any, other: Any) -> Operand:
    constant = _constant(call, input, other)
    if not np.all(constant):
        raise UnsupportedError("a divisor must not be 0", found="0", where=call.name)
    if isinstance(constant, np.ndarray):
        return b.affine(call.name, input, 1 / constant, 0 * constant)
    return b.scale(call.name, input, 1 / Fraction(constant))


def _constant(call: Call, x: Any, item: Any) -> float | FloatArray:
    """A number, or one per channel of ``x`` [C]; raises UnsupportedError for all else."""
    if not isinstance(x, Operand) or not (_is_number(item) or isinstance(item, torch.Tensor)):
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


# --- helpers --------------------------------------------------------------------------------------


def _is_number(value: Any) -> bool:
    real = isinstance(value, int | float) and not isinstance(value, bool)
    return real and isfinite(value)


def _sizes(value: Any, space: int) -> Shape:
    """One integer per spatial dimension."""
    if isinstance(value, int):
        return (value,) * space
    sizes = tuple(int(item) for item in value)
    return sizes * space if len(sizes) == 1 else sizes


def _require_rank(call: Call, x: Operand, space: int) -> None:
    """Torch would take a sample's channels for its batch."""
    if len(x.view) != space + 1:
        wanted = "[channels, length]" if space == 1 else "[channels, height, width]"
        raise UnsupportedError(
            f"a {call.title} must get samples of shape {wanted}",
            found=str(list(x.view)),
            where=call.name,
            action="give the samples that shape",
        )


def _function_name(function: Any) -> str:
    return str(getattr(function, "__name__", function))


_SEVERAL = {_cat, _add, _subtract, _multiply, _divide}
"""Rules of operations that take their data in any argument."""

_CONVOLVE = "weight bias stride padding dilation groups padding_mode"
_TRANSPOSE = "weight bias stride padding output_padding groups dilation"
_NORM = "running_mean running_var weight bias momentum eps"
_MAXIMUM = "kernel_size stride padding dilation ceil_mode return_indices"
_AVERAGE = "kernel_size stride padding ceil_mode count_include_pad"
_SCALE = "size scale_factor mode align_corners recompute_scale_factor"

_LAYERS: dict[type[nn.Module], tuple[Callable[..., Operand], str]] = {
    nn.Linear: (_linear, "weight bias"),
    nn.Conv1d: (_convolution(1), _CONVOLVE),
    nn.Conv2d: (_convolution(2), _CONVOLVE),
    nn.ConvTranspose1d: (_transposed(1), _TRANSPOSE),
    nn.ConvTranspose2d: (_transposed(2), _TRANSPOSE),
    nn.BatchNorm1d: (_batch_norm, _NORM),
    nn.BatchNorm2d: (_batch_norm, _NORM),
    nn.ReLU: (_relu, ""),
    nn.ReLU6: (_relu6, ""),
    nn.Hardtanh: (_hardtanh, "min_val max_val"),
    QuantisedReLU: (_quantised, "step levels"),
    nn.Dropout: (_dropout, "p training"),
    nn.Dropout1d: (_dropout, "p training"),
    nn.Dropout2d: (_dropout, "p training"),
    nn.Identity: (_alike, ""),
    nn.Flatten: (_reshape, ""),
    nn.AvgPool1d: (_average(1), _AVERAGE),
    nn.AvgPool2d: (_average(2), f"{_AVERAGE} divisor_override"),
    nn.LPPool1d: (_lp_pool(1), "norm_type kernel_size stride ceil_mode"),
    nn.LPPool2d: (_lp_pool(2), "norm_type kernel_size stride ceil_mode"),
    nn.AdaptiveAvgPool1d: (_adaptive_average(1), "output_size"),
    nn.AdaptiveAvgPool2d: (_adaptive_average(2), "output_size"),
    nn.AdaptiveMaxPool1d: (_adaptive_maximum(1), "output_size return_indices"),
    nn.AdaptiveMaxPool2d: (_adaptive_maximum(2), "output_size return_indices"),
    nn.MaxPool1d: (_maximum(1), _MAXIMUM),
    nn.MaxPool2d: (_maximum(2), _MAXIMUM),
    nn.Upsample: (_interpolate, _SCALE),
    nn.UpsamplingNearest2d: (_interpolate, _SCALE),
}
"""By exact type: the rule of a layer's functional form, and its arguments that the layer holds."""

_RULES: dict[Any, Callable[..., Operand]] = {
    F.linear: _linear,
    torch.conv1d: _convolution(1),
    torch.conv2d: _convolution(2),
    torch.conv_transpose1d: _transposed(1),
    torch.conv_transpose2d: _transposed(2),
    F.batch_norm: _batch_norm,
    **dict.fromkeys((F.relu, F.relu_, torch.relu, torch.relu_, "relu", "relu_"), _relu),
    F.relu6: _relu6,
    **dict.fromkeys((F.hardtanh, F.hardtanh_), _hardtanh),
    **dict.fromkeys((torch.clamp, torch.clamp_, "clamp", "clamp_"), _clamp),
    **dict.fromkeys((torch.clip, torch.clip_, "clip", "clip_"), _clamp),
    **dict.fromkeys((torch.clamp_min, torch.clamp_min_, "clamp_min", "clamp_min_"), _clamp_min),
    **dict.fromkeys((F.dropout, F.dropout1d, F.dropout2d), _dropout),
    **dict.fromkeys((torch.flatten, "flatten", "view", torch.reshape, "reshape"), _reshape),
    **dict.fromkeys((torch.squeeze, "squeeze", torch.unsqueeze, "unsqueeze"), _reshape),
    "contiguous": _reshape,
    operator.getitem: _getitem,
    F.avg_pool1d: _average(1),
    F.avg_pool2d: _average(2),
    F.lp_pool1d: _lp_pool(1),
    F.lp_pool2d: _lp_pool(2),
    F.adaptive_avg_pool1d: _adaptive_average(1),
    F.adaptive_avg_pool2d: _adaptive_average(2),
    F.adaptive_max_pool1d: _adaptive_maximum(1),
    F.adaptive_max_pool2d: _adaptive_maximum(2),
    **dict.fromkeys((F.max_pool1d, torch.max_pool1d), _maximum(1)),
    **dict.fromkeys((F.max_pool2d, torch.max_pool2d), _maximum(2)),
    **dict.fromkeys((torch.mean, "mean"), _reduce(mean=True)),
    **dict.fromkeys((torch.sum, "sum"), _reduce(mean=False)),
    F.interpolate: _interpolate,
    **dict.fromkeys((torch.cat, torch.concat, torch.concatenate), _cat),
    **dict.fromkeys((operator.add, operator.iadd, torch.add, "add", "add_"), _add),
    **dict.fromkeys((operator.sub, operator.isub, torch.sub, "sub", "sub_"), _subtract),
    **dict.fromkeys((operator.mul, operator.imul, torch.mul, "mul", "mul_"), _multiply),
    **dict.fromkeys((operator.truediv, operator.itruediv), _divide),
    **dict.fromkeys((torch.div, "div", "div_"), _divide),
}
"""By function, or by the name of a method."""
