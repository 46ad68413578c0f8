"""What each torch layer, function and method is to the builder; everything else is refused."""

import inspect
import operator
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx, nn

from spikewright.flow.importers.arithmetic import (
    add,
    cat,
    divide,
    getitem,
    multiply,
    reshape,
    subtract,
)
from spikewright.flow.importers.call import PRODUCT, Call, refusal
from spikewright.flow.importers.layers import QuantisedReLU
from spikewright.flow.importers.pointwise import (
    alike,
    clamp,
    clamp_min,
    dropout,
    hardtanh,
    norm,
    quantised_relu,
    relu,
    relu6,
)
from spikewright.flow.importers.pools import (
    adaptive_average,
    adaptive_maximum,
    average,
    interpolate,
    lp_pool,
    maximum,
    reduce,
)
from spikewright.flow.importers.values import Operand
from spikewright.flow.importers.weighted import check_linear, convolution, linear, transposed
from spikewright.golden.errors import UnsupportedError

__all__ = ["call_of", "check_call"]

_SEVERAL = {cat, add, subtract, multiply, divide}
"""Rules of operations that take their data in any argument."""

_CONVOLVE = "weight bias stride padding dilation groups padding_mode"
_TRANSPOSE = "weight bias stride padding output_padding groups dilation"
_NORM = "running_mean running_var weight bias momentum eps"
_MAXIMUM = "kernel_size stride padding dilation ceil_mode return_indices"
_AVERAGE = "kernel_size stride padding ceil_mode count_include_pad"
_SCALE = "size scale_factor mode align_corners recompute_scale_factor"

_LAYERS: dict[type[nn.Module], tuple[Callable[..., Operand], str]] = {
    nn.Linear: (linear, "weight bias"),
    nn.Conv1d: (convolution(1), _CONVOLVE),
    nn.Conv2d: (convolution(2), _CONVOLVE),
    nn.ConvTranspose1d: (transposed(1), _TRANSPOSE),
    nn.ConvTranspose2d: (transposed(2), _TRANSPOSE),
    nn.BatchNorm1d: (norm, _NORM),
    nn.BatchNorm2d: (norm, _NORM),
    nn.ReLU: (relu, ""),
    nn.ReLU6: (relu6, ""),
    nn.Hardtanh: (hardtanh, "min_val max_val"),
    QuantisedReLU: (quantised_relu, "step levels"),
    nn.Dropout: (dropout, "p training"),
    nn.Dropout1d: (dropout, "p training"),
    nn.Dropout2d: (dropout, "p training"),
    nn.Identity: (alike, ""),
    nn.Flatten: (reshape, ""),
    nn.AvgPool1d: (average(1), _AVERAGE),
    nn.AvgPool2d: (average(2), f"{_AVERAGE} divisor_override"),
    nn.LPPool1d: (lp_pool(1), "norm_type kernel_size stride ceil_mode"),
    nn.LPPool2d: (lp_pool(2), "norm_type kernel_size stride ceil_mode"),
    nn.AdaptiveAvgPool1d: (adaptive_average(1), "output_size"),
    nn.AdaptiveAvgPool2d: (adaptive_average(2), "output_size"),
    nn.AdaptiveMaxPool1d: (adaptive_maximum(1), "output_size return_indices"),
    nn.AdaptiveMaxPool2d: (adaptive_maximum(2), "output_size return_indices"),
    nn.MaxPool1d: (maximum(1), _MAXIMUM),
    nn.MaxPool2d: (maximum(2), _MAXIMUM),
    nn.Upsample: (interpolate, _SCALE),
    nn.UpsamplingNearest2d: (interpolate, _SCALE),
}
"""By exact type: the rule of a layer's functional form, and its arguments that the layer holds."""

_RULES: dict[Any, Callable[..., Operand]] = {
    F.linear: linear,
    torch.conv1d: convolution(1),
    torch.conv2d: convolution(2),
    torch.conv_transpose1d: transposed(1),
    torch.conv_transpose2d: transposed(2),
    F.batch_norm: norm,
    **dict.fromkeys((F.relu, F.relu_, torch.relu, torch.relu_, "relu", "relu_"), relu),
    F.relu6: relu6,
    **dict.fromkeys((F.hardtanh, F.hardtanh_), hardtanh),
    **dict.fromkeys((torch.clamp, torch.clamp_, "clamp", "clamp_"), clamp),
    **dict.fromkeys((torch.clip, torch.clip_, "clip", "clip_"), clamp),
    **dict.fromkeys((torch.clamp_min, torch.clamp_min_, "clamp_min", "clamp_min_"), clamp_min),
    **dict.fromkeys((F.dropout, F.dropout1d, F.dropout2d), dropout),
    **dict.fromkeys((torch.flatten, "flatten", "view", torch.reshape, "reshape"), reshape),
    **dict.fromkeys((torch.squeeze, "squeeze", torch.unsqueeze, "unsqueeze"), reshape),
    "contiguous": reshape,
    operator.getitem: getitem,
    F.avg_pool1d: average(1),
    F.avg_pool2d: average(2),
    F.lp_pool1d: lp_pool(1),
    F.lp_pool2d: lp_pool(2),
    F.adaptive_avg_pool1d: adaptive_average(1),
    F.adaptive_avg_pool2d: adaptive_average(2),
    F.adaptive_max_pool1d: adaptive_maximum(1),
    F.adaptive_max_pool2d: adaptive_maximum(2),
    **dict.fromkeys((F.max_pool1d, torch.max_pool1d), maximum(1)),
    **dict.fromkeys((F.max_pool2d, torch.max_pool2d), maximum(2)),
    **dict.fromkeys((torch.mean, "mean"), reduce(mean=True)),
    **dict.fromkeys((torch.sum, "sum"), reduce(mean=False)),
    F.interpolate: interpolate,
    **dict.fromkeys((torch.cat, torch.concat, torch.concatenate), cat),
    **dict.fromkeys((operator.add, operator.iadd, torch.add, "add", "add_"), add),
    **dict.fromkeys((operator.sub, operator.isub, torch.sub, "sub", "sub_"), subtract),
    **dict.fromkeys((operator.mul, operator.imul, torch.mul, "mul", "mul_"), multiply),
    **dict.fromkeys((operator.truediv, operator.itruediv), divide),
    **dict.fromkeys((torch.div, "div", "div_"), divide),
}
"""By function, or by the name of a method."""


def call_of(n: fx.Node, module: nn.Module, argument: Callable[[fx.Node], Any]) -> Call:
    """The operation of a node, whose arguments ``argument`` evaluates."""
    args, kwargs = fx.node.map_arg((n.args, n.kwargs), argument)
    if n.op != "call_module":
        title = n.target if isinstance(n.target, str) else _function_name(n.target)
        known = _RULES.get(n.target)
        return Call(name=n.name, title=title, rule=known, args=tuple(args), kwargs=kwargs)
    layer = module.get_submodule(str(n.target))
    known, names = _LAYERS.get(type(layer), (None, ""))
    settings = {name: getattr(layer, name) for name in names.split()}
    return Call(
        name=str(n.target),
        title=type(layer).__name__,
        rule=known,
        args=tuple(args),
        kwargs={**kwargs, **settings},
    )


def check_call(call: Call) -> None:
    """Raise UnsupportedError by name where a call is not offered, before torch runs."""
    if call.rule is None:
        raise refusal(call)
    try:
        bound = inspect.signature(call.rule).bind(None, call, None, *call.args, **call.kwargs)
    except TypeError:
        raise refusal(call) from None
    data = list(bound.arguments.values())[3:]
    operands = [isinstance(item, Operand) for item in data]
    if call.rule not in _SEVERAL and not (operands[0] and not any(operands[1:])):
        raise UnsupportedError(
            "all but the first argument must be constants",
            found=f"{call.title} with others that are computed",
            where=call.name,
            action=PRODUCT,
        )
    if call.kwargs.get("return_indices", False):
        raise UnsupportedError(
            "a max pool must not return indices",
            found="return_indices=True",
            where=call.name,
            action="upsample by a transposed convolution instead of unpooling",
        )
    if call.rule is linear:
        check_linear(call, *call.args, **call.kwargs)


def _function_name(function: Any) -> str:
    return str(getattr(function, "__name__", function))
