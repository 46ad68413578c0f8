"""Every layer, function and method that is offered is read exactly; all else is refused by name."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from spikewright.flow.importers import SUPPORTED, QuantisedReLU, import_module
from spikewright.golden.errors import ConfigurationError, UnsupportedError
from support.importing import agreeing
from support.modules import Body

# torch's own remark on even kernels with padding="same".
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")

MAP = (4, 9, 8)
SEQUENCE = (4, 15)
VECTOR = (12,)


def between(layer: nn.Module) -> nn.Module:
    """The layer on activated maps of 4 channels, read by a convolution."""
    return nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(), layer, nn.LazyConv2d(3, 2))


def between_1d(layer: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Conv1d(4, 4, 3, padding=1), nn.ReLU(), layer, nn.LazyConv1d(3, 2))


def alone(layer: nn.Module) -> nn.Module:
    """The layer on the input itself, before an activation."""
    return nn.Sequential(layer, nn.ReLU(), nn.Flatten(), nn.LazyLinear(5))


def built(module: nn.Module, shape: tuple[int, ...]) -> nn.Module:
    """Lazy layers made, so that cases need no arithmetic."""
    torch.manual_seed(3)
    module.eval()(torch.zeros(2, *shape))
    return module


CONVOLUTIONS_2D = {
    "plain": lambda: nn.Conv2d(4, 6, 3),
    "no bias": lambda: nn.Conv2d(4, 6, 3, bias=False),
    "strided": lambda: nn.Conv2d(4, 6, 3, stride=(2, 3)),
    "padded": lambda: nn.Conv2d(4, 6, 3, padding=(2, 1)),
    "dilated": lambda: nn.Conv2d(4, 6, 3, dilation=(2, 1)),
    "not square": lambda: nn.Conv2d(4, 6, (1, 5), padding=(0, 2)),
    "same": lambda: nn.Conv2d(4, 6, 3, padding="same"),
    "same, even": lambda: nn.Conv2d(4, 6, (2, 4), padding="same"),
    "same, even, dilated": lambda: nn.Conv2d(4, 6, (2, 4), padding="same", dilation=(3, 1)),
    "valid": lambda: nn.Conv2d(4, 6, 3, padding="valid"),
    "groups": lambda: nn.Conv2d(4, 6, 3, groups=2),
    "depthwise": lambda: nn.Conv2d(4, 4, 3, groups=4),
    "depthwise, multiplied": lambda: nn.Conv2d(4, 8, 3, groups=4, stride=2, padding=1),
    "all at once": lambda: nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 2), (1, 3), groups=2),
    "transposed": lambda: nn.ConvTranspose2d(4, 6, 3),
    "transposed, strided": lambda: nn.ConvTranspose2d(4, 6, 2, stride=2),
    "transposed, padded": lambda: nn.ConvTranspose2d(4, 6, (3, 4), (2, 1), (1, 2)),
    "transposed, output padding": lambda: nn.ConvTranspose2d(
        4, 6, 3, stride=(2, 3), padding=1, output_padding=(1, 2)
    ),
    "transposed, groups": lambda: nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2, bias=False),
    "transposed, depthwise": lambda: nn.ConvTranspose2d(4, 8, 2, 2, groups=4, dilation=2),
}
CONVOLUTIONS_1D = {
    "plain": lambda: nn.Conv1d(4, 6, 3),
    "all at once": lambda: nn.Conv1d(4, 6, 3, 2, 3, 2, groups=2, bias=False),
    "same, even": lambda: nn.Conv1d(4, 6, 4, padding="same"),
    "depthwise": lambda: nn.Conv1d(4, 8, 5, padding=2, groups=4),
    "transposed": lambda: nn.ConvTranspose1d(4, 6, 4, stride=2, padding=1),
    "transposed, all at once": lambda: nn.ConvTranspose1d(4, 6, 3, 3, 2, 1, 2, dilation=2),
}
POOLS_2D = {
    "average": lambda: nn.AvgPool2d(2),
    "average, strided": lambda: nn.AvgPool2d((3, 2), stride=(2, 1)),
    "average, padded": lambda: nn.AvgPool2d(3, 2, 1),
    "average, padding not counted": lambda: nn.AvgPool2d(3, 2, 1, count_include_pad=False),
    "average, padding not counted, none there": lambda: nn.AvgPool2d(2, count_include_pad=False),
    "average, own divisor": lambda: nn.AvgPool2d(2, divisor_override=3),
    "sum": lambda: nn.AvgPool2d(2, divisor_override=1),
    "average, ceil without effect": lambda: nn.AvgPool2d((3, 2), ceil_mode=True),
    "adaptive average": lambda: nn.AdaptiveAvgPool2d((3, 4)),
    "adaptive average, one kept": lambda: nn.AdaptiveAvgPool2d((None, 2)),
    "adaptive maximum": lambda: nn.AdaptiveMaxPool2d((3, 2)),
    "LP": lambda: nn.LPPool2d(1, (3, 2)),
    "LP, strided": lambda: nn.LPPool2d(1.0, 2, stride=1),
    "maximum": lambda: nn.MaxPool2d(2),
    "maximum, strided, padded": lambda: nn.MaxPool2d(3, stride=(2, 1), padding=1),
    "maximum, dilated": lambda: nn.MaxPool2d(2, stride=1, dilation=(3, 2)),
    "maximum, ceil without effect": lambda: nn.MaxPool2d((3, 2), ceil_mode=True),
    "upsample": lambda: nn.Upsample(scale_factor=2),
    "upsample, two factors": lambda: nn.Upsample(scale_factor=(2.0, 2.0)),
    "upsample to size": lambda: nn.Upsample(size=(18, 16)),
    "upsample, nearest-exact": lambda: nn.Upsample(scale_factor=2, mode="nearest-exact"),
    "upsample, the old layer": lambda: nn.UpsamplingNearest2d(scale_factor=2),
    "identity": nn.Identity,
    "dropout": lambda: nn.Sequential(nn.Dropout(), nn.Dropout2d()),
    "norm": lambda: nn.BatchNorm2d(4),
    "two norms": lambda: nn.Sequential(nn.BatchNorm2d(4), nn.BatchNorm2d(4, affine=False)),
}
POOLS_1D = {
    "average": lambda: nn.AvgPool1d(3, 2, 1),
    "average, padding not counted": lambda: nn.AvgPool1d(3, 2, 1, count_include_pad=False),
    "adaptive average": lambda: nn.AdaptiveAvgPool1d(5),
    "adaptive maximum": lambda: nn.AdaptiveMaxPool1d(3),
    "LP": lambda: nn.LPPool1d(1, 3, stride=2),
    "maximum": lambda: nn.MaxPool1d(3, 2, 1),
    "maximum, dilated": lambda: nn.MaxPool1d(2, 1, dilation=3),
    "upsample": lambda: nn.Upsample(scale_factor=2),
    "dropout": nn.Dropout1d,
    "norm": lambda: nn.BatchNorm1d(4),
}


@pytest.mark.parametrize("name", CONVOLUTIONS_2D)
def test_convolutions_of_maps(name: str) -> None:
    layer = nn.Sequential(CONVOLUTIONS_2D[name](), nn.ReLU())
    agreeing(built(between(layer), MAP), MAP)


@pytest.mark.parametrize("name", CONVOLUTIONS_2D)
def test_convolutions_of_the_input(name: str) -> None:
    agreeing(built(alone(CONVOLUTIONS_2D[name]()), MAP), MAP)


@pytest.mark.parametrize("name", CONVOLUTIONS_1D)
def test_convolutions_of_sequences(name: str) -> None:
    layer = nn.Sequential(CONVOLUTIONS_1D[name](), nn.ReLU())
    agreeing(built(between_1d(layer), SEQUENCE), SEQUENCE)


@pytest.mark.parametrize("name", POOLS_2D)
def test_layers_between_maps(name: str) -> None:
    agreeing(built(between(POOLS_2D[name]()), MAP), MAP)


@pytest.mark.parametrize("name", POOLS_2D)
def test_layers_on_the_input(name: str) -> None:
    agreeing(built(nn.Sequential(POOLS_2D[name](), nn.LazyConv2d(3, 2)), MAP), MAP)


@pytest.mark.parametrize("name", POOLS_2D)
def test_layers_in_front_of_an_activation(name: str) -> None:
    """A pointwise convolution trades places with an average, ReLU with a maximum."""
    layers = (nn.Conv2d(4, 5, 1), POOLS_2D[name](), nn.ReLU(), nn.LazyConv2d(3, 2))
    if "norm" in name:
        layers = (nn.Conv2d(4, 4, 1), *layers[1:])
    if "not counted, none" in name or "not counted" not in name:
        padded = name == "average, padded"
        module = built(nn.Sequential(*layers), MAP)
        if padded:
            with pytest.raises(UnsupportedError, match="^1: an average pool must follow"):
                import_module(module, MAP)
        else:
            agreeing(module, MAP)


@pytest.mark.parametrize("name", POOLS_1D)
def test_layers_between_sequences(name: str) -> None:
    agreeing(built(between_1d(POOLS_1D[name]()), SEQUENCE), SEQUENCE)


def activated(layer: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Linear(12, 9), layer, nn.Linear(9, 4))


@pytest.mark.parametrize(
    "layer",
    [
        nn.ReLU(),
        nn.ReLU(inplace=True),
        nn.ReLU6(),
        nn.Hardtanh(0.0, 0.4),
        QuantisedReLU(3, 0.17),
        QuantisedReLU(5, -0.2 + 0.4),
        nn.Sequential(nn.BatchNorm1d(9), nn.ReLU()),
        nn.Sequential(nn.ReLU(), nn.BatchNorm1d(9), nn.Dropout(), nn.Identity()),
        nn.Sequential(nn.ReLU(), nn.Hardtanh(0.0, 0.2)),
        nn.Sequential(nn.ReLU(), nn.BatchNorm1d(9), nn.ReLU()),
    ],
    ids=str,
)
def test_activations(layer: nn.Module) -> None:
    agreeing(activated(layer), VECTOR)


# --- functional forms -----------------------------------------------------------------------------

WEIGHTS = {
    "w": torch.randn(5, 4, 3, 3),
    "w1": torch.randn(5, 4, 3),
    "t": torch.randn(4, 5, 3, 3),
    "t1": torch.randn(4, 5, 3),
    "b": torch.randn(5),
    "m": torch.randn(3, 12),
    "mean": torch.randn(4),
    "var": torch.rand(4) + 0.5,
    "gain": torch.randn(4),
    "gain8": torch.randn(8, 1, 1),
    "number": torch.tensor([0.5]),
}

ON_MAPS: dict[str, Callable[..., torch.Tensor]] = {
    "conv2d": lambda s, x: F.relu(F.conv2d(x, s.w, s.b, 2, padding=1)),
    "conv2d keywords": lambda s, x: F.relu(torch.conv2d(input=x, weight=s.w, padding="same")),
    "conv_transpose2d": lambda s, x: F.relu(F.conv_transpose2d(x, s.t, s.b, stride=2)),
    "batch_norm": lambda s, x: F.relu(F.batch_norm(s.conv(x), s.mean, s.var, s.gain)),
    "relu": lambda s, x: F.relu(s.conv(x)),
    "torch.relu": lambda s, x: torch.relu(s.conv(x)),
    "relu method": lambda s, x: s.conv(x).relu(),
    "relu in place": lambda s, x: s.conv(x).relu_(),
    "F.relu_": lambda s, x: F.relu_(s.conv(x)),
    "relu6": lambda s, x: F.relu6(9 * s.conv(x)),
    "hardtanh": lambda s, x: F.hardtanh(s.conv(x), 0.0, 0.4),
    "clamp": lambda s, x: torch.clamp(s.conv(x), 0, 0.3),
    "clamp keywords": lambda s, x: s.conv(x).clamp(min=0, max=0.3),
    "clamp infinite": lambda s, x: s.conv(x).clamp(0, float("inf")),
    "clamp_min": lambda s, x: s.conv(x).clamp_min(0),
    "clip": lambda s, x: torch.clip(s.conv(x), min=0),
    "dropout": lambda s, x: F.dropout(F.relu(s.conv(x)), 0.5, training=s.training),
    "dropout2d": lambda s, x: F.dropout2d(F.relu(s.conv(x)), 0.5, False),
    "avg_pool2d": lambda s, x: F.avg_pool2d(F.relu(s.conv(x)), 3, 2, 1),
    "avg_pool2d, inside": lambda s, x: F.avg_pool2d(
        F.relu(s.conv(x)), 3, 2, 1, count_include_pad=False
    ),
    "avg_pool2d times its size": lambda s, x: 4 * F.avg_pool2d(F.relu(s.conv(x)), 2),
    "avg_pool2d of avg_pool2d": lambda s, x: F.avg_pool2d(F.avg_pool2d(F.relu(s.conv(x)), 2), 2, 1),
    "avg_pool2d, overlapping twice": lambda s, x: F.avg_pool2d(
        F.avg_pool2d(F.relu(s.conv(x)), 2, 1), 2
    ),
    "avg_pool2d, padded, of avg_pool2d": lambda s, x: F.avg_pool2d(
        F.avg_pool2d(F.relu(s.conv(x)), 2), 3, 1, 1
    ),
    "lp_pool2d": lambda s, x: F.lp_pool2d(F.relu(s.conv(x)), 1, 2),
    "adaptive_avg_pool2d": lambda s, x: F.adaptive_avg_pool2d(F.relu(s.conv(x)), (3, 2)),
    "adaptive_max_pool2d": lambda s, x: F.adaptive_max_pool2d(F.relu(s.conv(x)), (3, 2)),
    "max_pool2d": lambda s, x: F.max_pool2d(F.relu(s.conv(x)), 3, 2, padding=1),
    "torch.max_pool2d": lambda s, x: torch.max_pool2d(F.relu(s.conv(x)), 2),
    "max_pool2d of avg_pool2d": lambda s, x: F.max_pool2d(F.avg_pool2d(F.relu(s.conv(x)), 2), 2),
    "max_pool2d of a cat": lambda s, x: F.max_pool2d(torch.cat([x, F.relu(s.conv(x))], 1), 2),
    "relu of max_pool2d": lambda s, x: F.relu(F.max_pool2d(s.conv(x), 2)),
    "norm and relu of max_pool2d": lambda s, x: F.relu(
        F.batch_norm(F.max_pool2d(s.conv(x), 2), s.mean, s.var, s.gain.abs())
    ),
    "relu of max_pool2d of norm": lambda s, x: F.relu(F.max_pool2d(s.norm(s.conv(x)), 2)),
    "relu of interpolate": lambda s, x: F.relu(F.interpolate(s.conv(x), scale_factor=2)),
    "interpolate to a size": lambda s, x: F.interpolate(F.relu(s.conv(x)), size=(18, 16)),
    "interpolate to a shape": lambda s, x: F.interpolate(
        F.relu(s.conv(x)), size=(2 * x.shape[2], 2 * x.size(3))
    ),
    "+": lambda s, x: F.relu(s.conv(x) + x),
    "+ twice": lambda s, x: F.relu(s.conv(x) + x + s.side(x)),
    "+ of activated": lambda s, x: F.relu(s.conv(x)) + F.relu(s.side(x)),
    "+=": lambda s, x: F.relu(operator_iadd(s.conv(x), x)),
    "torch.add": lambda s, x: F.relu(torch.add(s.conv(x), x)),
    "torch.add alpha": lambda s, x: F.relu(torch.add(s.conv(x), x, alpha=2)),
    "add method": lambda s, x: F.relu(s.conv(x).add(x)),
    "add_ method": lambda s, x: F.relu(s.conv(x).add_(x)),
    "-": lambda s, x: F.relu(s.conv(x) - x),
    "- of what passes": lambda s, x: F.relu(x - s.conv(x) - F.relu(s.side(x))),
    "torch.sub alpha": lambda s, x: F.relu(torch.sub(s.conv(x), x, alpha=2)),
    "a number minus": lambda s, x: F.relu(1 - s.conv(x)),
    "constants of one element": lambda s, x: F.relu(
        s.number * s.conv(x) / s.number[0] - s.number + x
    ),
    "constants per channel": lambda s, x: F.relu(
        s.conv(x) * s.gain[:, None, None] + per_channel(s)
    ),
    "constants per channel on values": lambda s, x: (
        per_channel(s) - s.gain.view(1, 4, 1, 1) * F.relu(s.conv(x)) / per_channel(s)
    ),
    "constants per channel of the input": lambda s, x: F.relu(
        s.conv((x - per_channel(s)) / s.gain[:, None, None]) + x
    ),
    "constants per channel of a cat": lambda s, x: F.relu(
        torch.cat([s.conv(x), F.relu(s.side(x))], 1) * s.gain8
    ),
    "constants behind a norm and a pool": lambda s, x: F.relu(
        F.max_pool2d(s.norm(s.conv(x)), 2) * per_channel(s).abs() + s.gain[:, None, None]
    ),
    "x + x": lambda s, x: F.relu(s.conv(F.relu(x + x))),
    "norms in the sum": lambda s, x: F.relu(s.norm(s.conv(x)) + s.norm2(s.side(x)) + x),
    "norm of the sum": lambda s, x: F.relu(s.norm(s.conv(x) + x)),
    "norm of the sum, added": lambda s, x: F.relu(s.norm(s.conv(x) + x) + s.norm2(s.side(x))),
    "pool in the sum": lambda s, x: F.relu(
        s.side(F.avg_pool2d(x, 3, 1, 1)) + F.avg_pool2d(F.relu(s.conv(x)), 3, 1, 1)
    ),
    "average of the sum": lambda s, x: F.relu(F.avg_pool2d(F.relu(s.conv(x)) + x, 2)),
    "cat": lambda s, x: torch.cat([F.relu(s.conv(x)), x], 1),
    "cat, negative dimension": lambda s, x: torch.cat((F.relu(s.conv(x)), x), dim=-3),
    "concat": lambda s, x: torch.concat([x, F.relu(s.conv(x))], 1),
    "relu of a cat": lambda s, x: F.relu(torch.cat([s.conv(x), x], 1)),
    "norm and relu of a cat": lambda s, x: F.relu(s.wide(torch.cat([s.conv(x), F.relu(x)], 1))),
    "norm of a cat": lambda s, x: s.wide(torch.cat([F.relu(s.conv(x)), F.relu(x)], 1)),
    "cats of a kind added": lambda s, x: F.relu(
        torch.cat([s.conv(x), x], 1) + torch.cat([F.relu(s.side(x)), x], 1)
    ),
    "cats of two kinds added": lambda s, x: F.relu(
        torch.cat([s.conv(x), x], 1) + s.eight(F.relu(x))
    ),
    "interpolate of a cat": lambda s, x: F.interpolate(
        torch.cat([F.relu(s.conv(x)), x], 1), scale_factor=2
    ),
    "numbers": lambda s, x: F.relu(3 * (s.conv(2 * x - 1) / 2 + 0.5)),
    "numbers on values": lambda s, x: F.relu(s.conv(x)) * 2 + 1,
    "numbers added": lambda s, x: F.relu(0.5 * s.conv(x) + 2 * F.relu(x)),
    "numbers on what passes": lambda s, x: F.relu(s.conv(x) + (2 * x - 1)),
    "numbers on a part that passes": lambda s, x: F.relu(
        s.eight(x) + torch.cat([F.relu(s.conv(x)), x / 2 + 1], 1)
    ),
    "norm of a part that passes": lambda s, x: F.relu(
        s.eight(x) + torch.cat([F.relu(s.conv(x)), s.norm(x)], 1)
    ),
    "a negative factor": lambda s, x: F.relu(s.conv(x) + -1 * F.relu(x)),
    "numbers and norms": lambda s, x: F.relu(0.5 * s.norm(s.conv(x)) - 0.25 + x),
    "the same layer twice": lambda s, x: F.relu(s.conv(F.relu(s.conv(x)))),
    "an activated value used thrice": lambda s, x: thrice(s, F.relu(s.conv(x))),
    "a sum of activated values used twice": lambda s, x: twice(s, F.relu(s.conv(x)) + F.relu(x)),
    "contiguous": lambda s, x: F.relu(s.conv(x.contiguous())),
    "relu of values": lambda s, x: F.relu(F.max_pool2d(F.relu(s.conv(x)), 2)),
    "relu of the input": lambda s, x: F.relu(x),
    "relu6 of two readers' values": lambda s, x: two_clips(s, F.relu(2 * s.conv(x))),
    "norm read as it was, too": lambda s, x: norm_and_plain(s, F.relu(s.conv(x))),
    "norm behind a max pool": lambda s, x: s.norm(F.max_pool2d(F.relu(s.conv(x)), 2)),
    "norm before a max pool": lambda s, x: F.max_pool2d(
        F.batch_norm(F.relu(s.conv(x)), s.mean, s.var, s.gain.abs()), 3, 2, 1
    ),
    "norm before an average": lambda s, x: F.avg_pool2d(s.norm(F.relu(s.conv(x))), 3, 1, 1),
    "norm before an average inside": lambda s, x: F.avg_pool2d(
        s.norm(F.relu(s.conv(x))), 3, 1, 1, count_include_pad=False
    ),
    "norm before an upsampling": lambda s, x: F.interpolate(
        s.norm(F.relu(s.conv(x))), scale_factor=2
    ),
    "norm before a sum": lambda s, x: F.relu(s.side(x) + s.norm(F.relu(s.conv(x)))),
    "norm behind an average": lambda s, x: s.norm(F.avg_pool2d(F.relu(s.conv(x)), 2)),
    "norm of the input": lambda s, x: F.relu(s.conv(s.norm(x)) + s.norm2(x)),
    "norm of the input, transposed": lambda s, x: F.relu(
        F.conv_transpose2d(s.norm(x), s.t, s.b, 2, 1)
    ),
}


def per_channel(s: nn.Module) -> torch.Tensor:
    return s.mean[:, None, None]


def operator_iadd(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    x += y
    return x


def thrice(s: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return F.relu(s.side(x) + x) + F.max_pool2d(x, 3, 1, 1)


def twice(s: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return F.relu(s.side(x) + x)


def two_clips(s: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return F.relu(s.side(x.clamp(0, 1)) + x)


def norm_and_plain(s: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return F.relu(s.side(s.norm(x)) + x)


def on_maps(body: Callable[..., torch.Tensor]) -> nn.Module:
    """The body on maps [4, 9, 8], read by a convolution with padding and bias."""

    def forward(s: nn.Module, x: torch.Tensor) -> torch.Tensor:
        return s.last(body(s, x))

    torch.manual_seed(2)
    return built(
        Body(
            forward,
            conv=nn.Conv2d(4, 4, 3, padding=1),
            side=nn.Conv2d(4, 4, 1),
            eight=nn.Conv2d(4, 8, 3, padding=1),
            norm=nn.BatchNorm2d(4),
            norm2=nn.BatchNorm2d(4),
            wide=nn.BatchNorm2d(8),
            last=nn.LazyConv2d(3, 3, padding=1),
            **WEIGHTS,
        ),
        MAP,
    )


@pytest.mark.parametrize("name", ON_MAPS)
def test_functions_on_maps(name: str) -> None:
    agreeing(on_maps(ON_MAPS[name]), MAP)


ON_VECTORS: dict[str, Callable[..., torch.Tensor]] = {
    "F.linear": lambda s, x: F.relu(F.linear(x.flatten(1), s.m, s.b[:3])),
    "flatten": lambda s, x: F.relu(s.first(torch.flatten(x, 1))),
    "view": lambda s, x: s.first(x.view(-1, 12)).relu(),
    "reshape": lambda s, x: s.first(x.reshape(x.shape[0], -1)).relu(),
    "constants per value": lambda s, x: F.relu(s.first(x.flatten(1)) * s.ramp + s.ramp[None]),
    "size": lambda s, x: s.first(x.view(x.size(0), -1)).relu(),
    "two flattenings": lambda s, x: F.relu(s.first(x.flatten(2).flatten(1))),
    "squeeze": lambda s, x: F.relu(s.seven(s.map(x).relu().mean(2, keepdim=True).squeeze(2))),
    "unsqueeze and back": lambda s, x: F.relu(s.first(x.unsqueeze(1).squeeze(1).flatten(1))),
    "getitem": lambda s, x: F.relu(s.seven(s.map(x).relu().mean(2, keepdim=True)[:, :, 0])),
    "mean": lambda s, x: s.seven(F.relu(s.map(x)).mean(-1)),
    "mean, keepdim": lambda s, x: s.seven(F.relu(s.map(x)).mean([2], keepdim=True).flatten(1)),
    "torch.mean": lambda s, x: s.seven(torch.mean(F.relu(s.map(x)), dim=2)),
    "sum": lambda s, x: s.seven(F.relu(s.map(x)).sum(2)),
    "torch.sum": lambda s, x: s.seven(torch.sum(F.relu(s.map(x)), 2)),
    "norm of a mean": lambda s, x: F.relu(s.norm7(s.point(x).mean(2))),
    "mean of a linear map": lambda s, x: F.relu(s.point(x).mean(2)),
    "sum of a linear map": lambda s, x: F.relu(s.point(x).sum(2)),
    "norm of the flat input": lambda s, x: s.norm(x.flatten(1)),
    "norm of flattened values": lambda s, x: s.norm21(F.relu(s.map(x)).flatten(1)),
    "norm of a flat cat": lambda s, x: s.norm21(
        torch.cat([F.relu(s.point(x)[:, :, :]).flatten(1), F.relu(s.first(x.flatten(1)))], 1)
    ),
    "flat cat": lambda s, x: torch.cat([x.flatten(1), F.relu(s.map(x)).flatten(1)], 1),
    "relu of a flattened map": lambda s, x: F.relu(s.map(x).flatten(1)),
    "relu of a flattened average": lambda s, x: F.relu(F.avg_pool1d(x, 2).flatten(1)),
    "sum of vectors": lambda s, x: F.relu(s.first(x.flatten(1)) + s.other(x.flatten(1))),
    "sum of flattened maps": lambda s, x: F.relu(s.map(x).flatten(1)) + s.map(x).relu().flatten(1),
    "sum of linear layers, merged": lambda s, x: s.first(x.flatten(1)) + s.other(x.flatten(1)),
    "normed shortcut of a vector": lambda s, x: shortcut(s, F.relu(s.first(x.flatten(1)))),
}


def shortcut(s: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return F.relu(s.square(x) + s.norm7(x))


def on_vectors(body: Callable[..., torch.Tensor]) -> nn.Module:
    """The body on sequences [3, 4], read by a Linear."""

    def forward(s: nn.Module, x: torch.Tensor) -> torch.Tensor:
        return s.last(body(s, x))

    torch.manual_seed(2)
    return built(
        Body(
            forward,
            first=nn.Linear(12, 7),
            other=nn.Linear(12, 7),
            square=nn.Linear(7, 7),
            seven=nn.Linear(7, 5),
            map=nn.Conv1d(3, 7, 2),
            point=nn.Conv1d(3, 7, 1)
            if body is not ON_VECTORS["norm of a flat cat"]
            else (nn.Conv1d(3, 7, 3)),
            norm=nn.BatchNorm1d(12),
            norm7=nn.BatchNorm1d(7),
            norm21=nn.BatchNorm1d(21),
            ramp=torch.linspace(-1, 1, 7),
            last=nn.LazyLinear(3),
            **WEIGHTS,
        ),
        (3, 4),
    )


@pytest.mark.parametrize("name", ON_VECTORS)
def test_functions_on_vectors(name: str) -> None:
    agreeing(on_vectors(ON_VECTORS[name]), (3, 4))


# --- refusals -------------------------------------------------------------------------------------

OFFERED = f"; {SUPPORTED}"
SMOOTH = "; use ReLU, which a spiking neuron computes exactly"
DECIDES = "; drop it at the output: the largest logit decides; elsewhere it cannot be exact"
STATISTICS = "; use BatchNorm, whose statistics are fixed once trained"
PRODUCT = "; products of two activations are not offered; use +, cat or convolutions"
CONSTANT = "; for a constant use a Linear, a convolution, a BatchNorm or * with a number"
TENSOR = (
    "what is added or multiplied must be computed, a number, or one number per channel, found a "
    "constant tensor of shape {}; use a number or a BatchNorm"
)
PERMANENT = (
    "make pruning and weight norms permanent: prune.remove, remove_weight_norm or "
    "parametrize.remove_parametrizations"
)
STRIDES = "; take the part in front of the network, or let a convolution with a stride do it"
ORDER = "; flatten in torch's order; transpose in front of the network"
CHANNELS = "put the batch norm in front of the max pool"

REFUSED_LAYERS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "GELU": (nn.GELU, f"2: every layer must be a supported one, found GELU{SMOOTH}"),
    "Sigmoid": (nn.Sigmoid, f"2: every layer must be a supported one, found Sigmoid{SMOOTH}"),
    "LeakyReLU": (nn.LeakyReLU, f"2: every layer must be a supported one, found LeakyReLU{SMOOTH}"),
    "Softmax": (
        lambda: nn.Softmax(1),
        f"2: every layer must be a supported one, found Softmax{DECIDES}",
    ),
    "LayerNorm": (
        lambda: nn.LayerNorm([4, 9, 8]),
        f"2: every layer must be a supported one, found LayerNorm{STATISTICS}",
    ),
    "GroupNorm": (
        lambda: nn.GroupNorm(2, 4),
        f"2: every layer must be a supported one, found GroupNorm{STATISTICS}",
    ),
    "InstanceNorm2d": (
        lambda: nn.InstanceNorm2d(4),
        f"2: every layer must be a supported one, found InstanceNorm2d{STATISTICS}",
    ),
    "PixelShuffle": (
        lambda: nn.PixelShuffle(2),
        f"2: every layer must be a supported one, found PixelShuffle{ORDER}",
    ),
    "Conv3d": (
        lambda: nn.Conv3d(4, 4, 1),
        f"2: every layer must be a supported one, found Conv3d{OFFERED}",
    ),
    "padding mode": (
        lambda: nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"),
        "2: a convolution must be padded with zeros, found padding_mode='reflect'; use "
        "padding_mode='zeros', which costs no event",
    ),
    "ceil_mode": (
        lambda: nn.AvgPool2d(2, ceil_mode=True),
        "2: a pool must make whole windows only, here [4, 4, 4], found [4, 5, 4]; use "
        "ceil_mode=False, or a size that the stride divides",
    ),
    "ceil_mode of a max pool": (
        lambda: nn.MaxPool2d(2, ceil_mode=True),
        "2: a pool must make whole windows only, here [4, 4, 4], found [4, 5, 4]; use "
        "ceil_mode=False, or a size that the stride divides",
    ),
    "indices": (
        lambda: nn.MaxPool2d(2, return_indices=True),
        "2: a max pool must not return indices, found return_indices=True; upsample by a "
        "transposed convolution instead of unpooling",
    ),
    "parametrized": (
        lambda: nn.utils.parametrizations.weight_norm(nn.Conv2d(4, 4, 3)),
        f"2: every layer must be a supported one, found ParametrizedConv2d; {PERMANENT}",
    ),
    "LP of 2": (
        lambda: nn.LPPool2d(2, 2),
        "2: an LP pool must have norm_type 1, which is a sum, found 2",
    ),
    "adaptive": (
        lambda: nn.AdaptiveAvgPool2d((2, 4)),
        "2: an adaptive pool must divide its map evenly, found [9, 8] to [2, 4]; choose an output "
        "size that divides the map",
    ),
    "adaptive maximum": (
        lambda: nn.AdaptiveMaxPool2d(5),
        "2: an adaptive pool must divide its map evenly, found [9, 8] to [5, 5]; choose an output "
        "size that divides the map",
    ),
    "bilinear": (
        lambda: nn.Upsample(scale_factor=2, mode="bilinear"),
        "2: an upsampling must be nearest neighbour, by 2, found bilinear from [4, 9, 8] to "
        "[4, 18, 16]; use scale_factor=2 and mode='nearest', or a transposed convolution",
    ),
    "by 3": (
        lambda: nn.Upsample(scale_factor=3),
        "2: an upsampling must be nearest neighbour, by 2, found nearest from [4, 9, 8] to "
        "[4, 27, 24]; use scale_factor=2 and mode='nearest', or a transposed convolution",
    ),
    "by nearly 2": (
        lambda: nn.Upsample(scale_factor=2.05),
        "2: an upsampling must be nearest neighbour, by 2, found nearest from [4, 9, 8] to "
        "[4, 18, 16]; use scale_factor=2 and mode='nearest', or a transposed convolution",
    ),
    "clamp": (
        nn.Hardtanh,
        f"2: a clamp must go from 0 to a positive value, found -1.0 to 1.0{OFFERED}",
    ),
    "Linear of a map": (
        lambda: nn.Linear(8, 3),
        "2: a Linear must get one vector per sample, found samples of shape [4, 9, 8]; put a "
        "Flatten before it",
    ),
    "no statistics": (
        lambda: nn.BatchNorm2d(4, track_running_stats=False),
        "2: a batch norm must keep running statistics, found track_running_stats=False",
    ),
    "negative gain before a max pool": (
        lambda: nn.Sequential(falling(), nn.MaxPool2d(2)),
        "2.1: between an activation and a max pool no gain must be negative, found -1 in channel "
        "2; put the max pool directly behind the activation",
    ),
    "negative gain behind a linear max pool": (
        lambda: nn.Sequential(nn.Conv2d(4, 4, 1), nn.MaxPool2d(2), falling(), nn.ReLU()),
        "2.2: between an activation and a max pool no gain must be negative, found -1 in channel "
        "2; put the batch norm in front of the max pool",
    ),
    "convolution of a convolution": (
        lambda: nn.Sequential(nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 3)),
        "2.1: a convolution must follow an activation, or the input itself, found 2.0, without an "
        "activation behind it; put a ReLU between them",
    ),
    "convolution of a linear max pool": (
        lambda: nn.Sequential(nn.Conv2d(4, 4, 3), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3)),
        "2.2: a convolution must follow an activation, or the input itself, found 2.1, without an "
        "activation behind it; put a ReLU between them",
    ),
    "average of a convolution": (
        lambda: nn.Sequential(nn.Conv2d(4, 4, 3), nn.AvgPool2d(2)),
        "2.1: an average pool must follow an activation, or the input itself, found 2.0, without "
        "an activation behind it; put a ReLU between them, or make it a 1x1 convolution",
    ),
    "Linear of a convolution": (
        lambda: nn.Sequential(nn.Conv2d(4, 4, 3), nn.Flatten(), nn.Linear(168, 2)),
        "2.2: a Linear must follow an activation, or the input itself, found 2.0, without an "
        "activation behind it; put a ReLU between them",
    ),
    "max pool of signed averages": (
        lambda: nn.Sequential(nn.BatchNorm2d(4), nn.AvgPool2d(2), nn.MaxPool2d(2)),
        "2.2: what is pooled again or enlarged must be an activation's values, found 2.1 with a "
        "batch norm or signed values; put a ReLU between them",
    ),
    "norm of a flattened map": (
        lambda: nn.Sequential(nn.Conv2d(4, 1, 3), nn.Flatten(), nn.BatchNorm1d(42), nn.ReLU()),
        "2.2: a batch norm before an activation must be per channel, found one of 42 values, "
        "flattened from 2.0; put it in front of the flattening",
    ),
    "relu of normed places": (
        lambda: nn.Sequential(nn.Flatten(), lowered(), nn.ReLU()),
        "2.2: a batch norm of flattened maps must be followed by a Linear, found another "
        "operation; put the batch norm in front of the flattening",
    ),
}


def falling() -> nn.Module:
    norm = nn.BatchNorm2d(4, eps=0)
    norm.weight.data[2] = -1
    return norm


def lowered() -> nn.Module:
    norm = nn.BatchNorm1d(288)
    norm.bias.data[7] = -1
    return norm


@pytest.mark.parametrize("name", REFUSED_LAYERS)
def test_layers_that_are_refused(name: str) -> None:
    make, message = REFUSED_LAYERS[name]
    module = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(), make())
    with pytest.raises(UnsupportedError) as caught:
        import_module(module, MAP)
    assert str(caught.value) == message


REFUSED_FUNCTIONS: dict[str, tuple[Callable[..., torch.Tensor], str]] = {
    "tanh": (
        lambda s, x: torch.tanh(s.conv(x)),
        f"tanh: every layer must be a supported one, found tanh{SMOOTH}",
    ),
    "method": (
        lambda s, x: s.conv(x).sigmoid(),
        f"sigmoid: every layer must be a supported one, found sigmoid{SMOOTH}",
    ),
    "softmax": (
        lambda s, x: F.softmax(s.conv(x), 1),
        f"softmax: every layer must be a supported one, found softmax{DECIDES}",
    ),
    "attention": (
        lambda s, x: F.scaled_dot_product_attention(x, x, x),
        "scaled_dot_product_attention: every layer must be a supported one, found "
        f"scaled_dot_product_attention{PRODUCT}",
    ),
    "product": (
        lambda s, x: s.conv(x) * x,
        f"mul: every layer must be a supported one, found mul{PRODUCT}",
    ),
    "product by matmul": (
        lambda s, x: torch.matmul(x, s.zeros[0, 0, :8, :8]),
        f"matmul: every layer must be a supported one, found matmul{CONSTANT}",
    ),
    "a constant per place": (
        lambda s, x: s.conv(x) + s.zeros,
        f"add: {TENSOR.format([2, 1, 9, 8])}",
    ),
    "a factor per place": (
        lambda s, x: s.zeros[0] * s.conv(x),
        f"mul: {TENSOR.format([1, 9, 8])}",
    ),
    "a constant of flattened channels": (
        lambda s, x: x.flatten(1) - s.zeros.flatten()[:1].expand(288),
        f"sub: {TENSOR.format([288])}",
    ),
    "a constant that adds channels": (
        lambda s, x: F.relu(s.conv(x)) * torch.ones(1, 1, 4, 1, 1),
        f"mul: {TENSOR.format([1, 1, 4, 1, 1])}",
    ),
    "an infinite constant": (
        lambda s, x: s.conv(x) * float("inf"),
        f"mul: every layer must be a supported one, found mul{CONSTANT}",
    ),
    "divisor 0": (lambda s, x: s.conv(x) / 0, "truediv: a divisor must not be 0, found 0"),
    "divisor 0 of a channel": (
        lambda s, x: s.conv(x) / torch.arange(4.0)[:, None, None],
        "truediv: a divisor must not be 0, found 0",
    ),
    "divided by values": (
        lambda s, x: 1 / s.conv(x),
        f"truediv: every layer must be a supported one, found truediv{OFFERED}",
    ),
    "maximum with zeros": (
        lambda s, x: maximum_with_zeros(s.conv(x)),
        "zeros_like: every layer must be a supported one, found zeros_like; for a maximum with 0 "
        "use F.relu(x)",
    ),
    "maximum with a constant": (
        lambda s, x: torch.maximum(s.conv(x), s.zeros),
        "maximum: every layer must be a supported one, found maximum; for a maximum with 0 use "
        "F.relu(x)",
    ),
    "a part of the batch": (
        lambda s, x: s.conv(x[:2]),
        f"getitem: every layer must be a supported one, found getitem{STRIDES}",
    ),
    "a part of the batch, with the rest": (
        lambda s, x: s.conv(x[0:2, :]),
        f"getitem: every layer must be a supported one, found getitem{STRIDES}",
    ),
    "computed weights": (
        lambda s, x: F.conv2d(x, s.conv(x)[:, :, :3, :3]),
        f"getitem: every layer must be a supported one, found getitem{STRIDES}",
    ),
    "computed weights, whole": (
        lambda s, x: F.batch_norm(x, s.mean, s.var, x),
        f"batch_norm: all but the first argument must be constants, found batch_norm with others "
        f"that are computed{PRODUCT}",
    ),
    "slice": (
        lambda s, x: s.conv(x[:, :, ::2]),
        f"getitem: every layer must be a supported one, found getitem{STRIDES}",
    ),
    "choice": (
        lambda s, x: s.conv(x[:, [1, 0, 3, 2]]),
        f"getitem: every layer must be a supported one, found getitem{STRIDES}",
    ),
    "permute": (
        lambda s, x: s.conv(x).permute(0, 2, 3, 1),
        f"permute: every layer must be a supported one, found permute{ORDER}",
    ),
    "factor 0": (lambda s, x: s.conv(x) * 0, "mul: a factor must not be 0, found 0"),
    "negative factor before a max pool": (
        lambda s, x: F.max_pool2d(-1 * F.relu(s.conv(x)), 2),
        "max_pool2d: between an activation and a max pool no gain must be negative, found -1 in "
        "channel 0; put the max pool directly behind the activation",
    ),
    "clamp by a tensor": (
        lambda s, x: torch.clamp(s.conv(x), s.zeros, s.zeros),
        f"clamp: a clamp must go from 0 to a positive value, found a tensor to a tensor{OFFERED}",
    ),
    "dropout": (
        lambda s, x: F.dropout(s.conv(x)),
        "dropout: in evaluation nothing must depend on chance or on the batch, found dropout with "
        "training=True; pass training=self.training",
    ),
    "batch_norm": (
        lambda s, x: F.batch_norm(s.conv(x), s.mean, s.var, training=True),
        "batch_norm: in evaluation nothing must depend on chance or on the batch, found batch_norm "
        "with training=True; pass training=self.training",
    ),
    "mean over channels": (
        lambda s, x: s.conv(x).mean(1),
        "mean: a mean or sum must be over the places of each channel, found dimensions [1] of 4; "
        "name the dimensions behind the channels, as in x.mean((2, 3))",
    ),
    "mean over all": (
        lambda s, x: s.conv(x).mean(),
        "mean: a mean or sum must be over the places of each channel, found dimensions all of 4; "
        "name the dimensions behind the channels, as in x.mean((2, 3))",
    ),
    "cat along a map": (
        lambda s, x: torch.cat([x, s.conv(x)], 2),
        "cat: a concatenation must be along the channels, found dimension 2 of 4; use "
        "torch.cat(tensors, 1)",
    ),
    "cat with a constant": (
        lambda s, x: torch.cat([x, s.zeros], 1),
        "cat: all that is concatenated must be computed from the input, found a constant; put the "
        "constant into the samples",
    ),
    "mixed samples": (
        lambda s, x: s.conv(x).reshape(-1, 4),
        "reshape: a reshape must keep the batch, found [2, 4, 9, 8] to [144, 4]",
    ),
    "another map": (
        lambda s, x: s.conv(x.reshape(-1, 4, 8, 9)),
        "conv: a convolution must get values in the shape in which they were made, found "
        "[4, 8, 9], made as [4, 9, 8]; give the samples the shape [4, 8, 9]",
    ),
    "another map of values": (
        lambda s, x: s.conv(F.relu(s.side(x)).reshape(-1, 4, 8, 9)),
        "conv: a convolution must get values in the shape in which they were made, found "
        "[4, 8, 9], made as [4, 9, 8]; reshape only to one vector per sample, in front of a Linear",
    ),
    "broadcast": (
        lambda s, x: F.relu(s.conv(x) + F.adaptive_avg_pool2d(x, 1)),
        "add: what is added must have one shape, found [4, 9, 8] and [4, 1, 1]; bring both to one "
        "shape first",
    ),
    "pre-activation residual": (
        lambda s, x: preactivation(s, s.conv(x)),
        "conv: values that are used more than once must have an activation, found none before "
        "relu and add; put a ReLU behind it (a residual sum adds what was activated)",
    ),
    "sum used twice": (
        lambda s, x: preactivation(s, s.conv(x) + x),
        "add: values that are used more than once must have an activation, found none before "
        "relu and add_1; put a ReLU behind it (a residual sum adds what was activated)",
    ),
    "sum with itself": (
        lambda s, x: twofold(s.conv(x)),
        "conv: values that are used more than once must have an activation, found none before "
        "add and add; put a ReLU behind it (a residual sum adds what was activated)",
    ),
    "enlarged, then added": (
        lambda s, x: F.relu(
            F.interpolate(s.conv(F.max_pool2d(x[:, :, :, :], 1)), scale_factor=2)
            + F.interpolate(x, scale_factor=2)
        ),
        "add: what is added, concatenated or returned must not wait for an activation, found "
        "interpolate of conv; put a ReLU behind it",
    ),
    "groups across a cat": (
        lambda s, x: F.conv2d(
            torch.cat([F.relu(s.three(x)), F.relu(s.conv(x)), F.relu(s.three(x))], 1),
            s.grouped,
            groups=5,
        ),
        "conv2d: each group of a convolution must lie in one part of a concatenation, found 3 "
        "channels from three, 2 in a group; use groups=1",
    ),
    "a cat of grouped convolutions, added": (
        lambda s, x: (
            torch.cat([s.two(x), F.relu(s.three(x)), s.three(x)], 1)
            + torch.cat([F.relu(s.three(x)), F.relu(s.conv(x)), F.relu(s.three(x))], 1)
        ),
        "add: a grouped convolution must have an activation before it is concatenated, found 2 "
        "groups in two; put a ReLU between them",
    ),
    "in place, read later": (
        lambda s, x: in_place(s, s.conv(x).relu()),
        "clamp_: an operation in place must be the last that reads the values it changes, found "
        "add, which reads them later; use inplace=False, or x = x + y instead of x += y",
    ),
}


def preactivation(s: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return s.side(F.relu(x)) + x


def maximum_with_zeros(x: torch.Tensor) -> torch.Tensor:
    return torch.maximum(x, torch.zeros_like(x))


def twofold(x: torch.Tensor) -> torch.Tensor:
    return F.relu(x + x)


def in_place(s: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return s.side(x.clamp_(0, 1)) + x


@pytest.mark.parametrize("name", REFUSED_FUNCTIONS)
def test_functions_that_are_refused(name: str) -> None:
    body, message = REFUSED_FUNCTIONS[name]
    module = Body(
        body,
        conv=nn.Conv2d(4, 4, 3, padding=1),
        side=nn.Conv2d(4, 4, 1),
        three=nn.Conv2d(4, 3, 1),
        two=nn.Conv2d(4, 4, 1, groups=2),
        grouped=torch.ones(5, 2, 1, 1),
        zeros=torch.zeros(2, 1, 9, 8),
        **WEIGHTS,
    )
    with pytest.raises(UnsupportedError) as caught:
        import_module(module, MAP)
    assert str(caught.value) == message


# --- wrong numbers --------------------------------------------------------------------------------


def with_weight(layer: nn.Module, *index: int, value: float) -> nn.Module:
    layer.weight.data[index] = value
    return layer


def with_variance(value: float) -> nn.Module:
    norm = nn.BatchNorm2d(4)
    norm.running_var[1] = value
    return norm


WRONG: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "not a number": (
        lambda: with_weight(nn.Conv2d(4, 3, 3), 1, 2, 0, 1, value=float("nan")),
        "0: every weight must be finite, found nan at [1, 2, 0, 1] (1 such); train again or load "
        "other weights",
    ),
    "infinite": (
        lambda: nn.Sequential(nn.Flatten(), with_weight(nn.Linear(288, 2), 1, 2, value=-1e999)),
        "0.1: every weight must be finite, found -inf at [1, 2] (1 such); train again or load "
        "other weights",
    ),
    "variance": (
        lambda: with_variance(-1.0),
        "0: running variance + eps must be positive, found -1.0",
    ),
    "variance, infinite": (
        lambda: with_variance(float("inf")),
        "0: every running variance must be finite, found inf at [1] (1 such); train again or load "
        "other weights",
    ),
    "features": (
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(5, 3)),
        "0.1: a sample must have 5 features here, found 288; check the shape of the calibration "
        "data",
    ),
    "channels": (
        lambda: nn.Conv2d(3, 4, 1),
        "0: the layers' shapes must fit each other and the samples, found Given groups=1, weight "
        "of size [4, 3, 1, 1], expected input[2, 4, 9, 8] to have 3 channels, but got 4 channels "
        "instead",
    ),
    "kernel": (
        lambda: nn.MaxPool2d(10),
        "0: the layers' shapes must fit each other and the samples, found Given input size: "
        "(4x9x8). Calculated output size: (4x0x0). Output size is too small",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_numbers_that_are_refused(name: str) -> None:
    make, message = WRONG[name]
    with pytest.raises(ConfigurationError) as caught:
        import_module(nn.Sequential(make(), nn.ReLU()), MAP)
    assert str(caught.value) == message
