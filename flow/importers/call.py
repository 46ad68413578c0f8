"""One operation of a traced module, and the error where it is not offered."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

import torch

from spikewright.flow.importers.builder import Builder
from spikewright.flow.importers.stages import Shape
from spikewright.flow.importers.values import Operand
from spikewright.golden.errors import UnsupportedError

__all__ = [
    "PERMANENT",
    "PRODUCT",
    "SUPPORTED",
    "Call",
    "is_number",
    "refusal",
    "require_rank",
    "sizes",
]

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
PRODUCT = "products of two activations are not offered; use +, cat or convolutions"
_CONSTANT = "for a constant use a Linear, a convolution, a BatchNorm or * with a number"
_MAXIMUM_WITH = "for a maximum with 0 use F.relu(x)"
_STRIDES = "take the part in front of the network, or let a convolution with a stride do it"
_PADDING = "give the convolution or the pool its padding"
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
    **dict.fromkeys(("multiheadattention", "scaled_dot_product_attention", "matmul"), PRODUCT),
    **dict.fromkeys(("mul", "bmm", "einsum", "imul", "multiply", "bilinear"), PRODUCT),
    **dict.fromkeys(("getitem", "chunk", "split", "narrow", "select"), _STRIDES),
    **dict.fromkeys(("pad", "zeropad2d", "constantpad2d"), _PADDING),
    **dict.fromkeys(("maximum", "max", "zeros_like"), _MAXIMUM_WITH),
    **dict.fromkeys(("permute", "transpose", "pixelshuffle", "pixel_shuffle", "flip"), _ORDER),
}
"""What to do instead, by the lower-case name of what is refused."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One operation of a traced module.

    ``name`` says where it stands; ``title`` is what a user calls it. Of the arguments, data are
    operands and all others plain values; a layer's settings and weights are arguments too.
    ``rule`` tells the builder; None where the operation is not offered.
    """

    name: str
    title: str
    rule: Callable[..., Operand] | None
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]

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
        action=_CONSTANT if action is PRODUCT and constants else action,
    )


def is_number(value: Any) -> bool:
    """Whether a value is a finite number; truth values are none."""
    real = isinstance(value, int | float) and not isinstance(value, bool)
    return real and isfinite(value)


def sizes(value: Any, space: int) -> Shape:
    """One integer per spatial dimension."""
    if isinstance(value, int):
        return (value,) * space
    sizes = tuple(int(item) for item in value)
    return sizes * space if len(sizes) == 1 else sizes


def require_rank(call: Call, x: Operand, space: int) -> None:
    """Torch would take a sample's channels for its batch."""
    if len(x.view) != space + 1:
        wanted = "[channels, length]" if space == 1 else "[channels, height, width]"
        raise UnsupportedError(
            f"a {call.title} must get samples of shape {wanted}",
            found=str(list(x.view)),
            where=call.name,
            action="give the samples that shape",
        )
