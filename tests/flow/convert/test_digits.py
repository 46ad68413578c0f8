"""Real data: networks of four families are trained, quantised, trained on and converted."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from spikewright.flow.accuracy import evaluate
from spikewright.flow.convert import (
    ConvertConfig,
    MaxPool,
    QatNetwork,
    TrainConfig,
    convert,
    prepare,
    train,
)
from spikewright.flow.datasets import digits
from spikewright.golden.errors import UnsupportedError
from spikewright.golden.spec import Mode

N_TEST = 150


def lenet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 12, 3),
        nn.BatchNorm2d(12),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(48, 24),
        nn.ReLU(),
        nn.Linear(24, 10),
    )


class Residual(nn.Module):
    """A stem, an identity block, a downsampling block, a global average."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8))
        self.a = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8))
        self.b = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8))
        self.c = nn.Sequential(nn.Conv2d(8, 16, 3, 2, padding=1, bias=False), nn.BatchNorm2d(16))
        self.skip = nn.Sequential(nn.Conv2d(8, 16, 1, 2, bias=False), nn.BatchNorm2d(16))
        self.head = nn.Linear(16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.stem(x))
        x = F.relu(self.b(F.relu(self.a(x))) + x)
        x = F.relu(self.c(x) + self.skip(x))
        return self.head(F.adaptive_avg_pool2d(x, 1).flatten(1))


def separable() -> nn.Module:
    layers: list[nn.Module] = [nn.Conv2d(1, 8, 3, padding=1), nn.ReLU()]
    for n_in, n_out, stride in ((8, 16, 2), (16, 16, 1)):
        layers += [nn.Conv2d(n_in, n_in, 3, stride, padding=1, groups=n_in, bias=False)]
        layers += [nn.BatchNorm2d(n_in), nn.ReLU()]
        layers += [nn.Conv2d(n_in, n_out, 1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU()]
    return nn.Sequential(*layers, nn.AvgPool2d(2), nn.Flatten(), nn.Linear(64, 10))


class Decoder(nn.Module):
    """Where there is ink, and whether of an even or an odd digit."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.b = nn.Sequential(nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU())
        self.c = nn.Sequential(nn.Conv2d(16, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU())
        self.d = nn.Sequential(nn.Conv2d(24, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.head = nn.Conv2d(8, 3, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a = self.a(x)
        low = self.c(F.max_pool2d(self.b(F.max_pool2d(a, 2)), 2))
        up = F.interpolate(F.interpolate(low, scale_factor=2), scale_factor=2)
        return self.head(self.d(torch.cat([a, up], 1)))


def samples(*, maps: bool) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Images and labels, to train and to test."""
    data = digits()
    sets = []
    for x, y in (
        (data.x_train, data.y_train),
        (data.x_test[:N_TEST], data.y_test[:N_TEST]),
    ):
        images = x.reshape(-1, 1, 8, 8).float()
        ink = (images[:, 0] > images.max() / 3).long()
        sets += [images, ink * (1 + y[:, None, None] % 2) if maps else y]
    return sets[0], sets[1], sets[2], sets[3]


NETWORKS: dict[str, tuple[Callable[[], nn.Module], float, bool]] = {
    "lenet": (lenet, 0.93, False),
    "residual": (Residual, 0.93, False),
    "separable": (separable, 0.90, False),
    "decoder": (Decoder, 0.90, True),
}


@cache
def trained(name: str) -> tuple[nn.Module, QatNetwork]:
    """The float network, and the quantised one that trained on."""
    make, _, maps = NETWORKS[name]
    x, y, _, _ = samples(maps=maps)
    torch.manual_seed(0)
    module = make()
    train(module, x, y, TrainConfig(epochs=12, batch=64, learning_rate=8e-3))
    config = ConvertConfig(weight_bits=4, levels=7, input_levels=7, max_steps=32)
    quantised = prepare(module, x[:256], config)
    train(quantised, x, y, TrainConfig(epochs=8, batch=64, learning_rate=4e-3))
    return module, quantised


@pytest.mark.parametrize("name", NETWORKS)
def test_trained_quantised_and_converted(name: str) -> None:
    _, least, maps = NETWORKS[name]
    x, _, x_test, y_test = samples(maps=maps)
    module, quantised = trained(name)
    conversion = convert(quantised, x)
    report = evaluate(
        conversion.network,
        conversion.reference,
        module,
        x_test,
        y_test,
        steps=(32,),
        quantised_module=quantised,
    )
    assert report["settle"] == report["collapsed"] == report["quantised"] >= least
    assert report["equal_logits"] == {"settle": N_TEST, "collapsed": N_TEST}
    assert report["quantised"] >= report["float"] - 0.03
    assert report["label_agreement"] >= 0.97


def test_or_pooling_runs_stepwise_only() -> None:
    """Of a network that was not trained with it, and whose neurons take no spike back."""
    x, _, x_test, y_test = samples(maps=False)
    _, quantised = trained("lenet")
    config = replace(quantised.config, max_pool=MaxPool.OR)
    conversion = convert(quantised, x, config)
    assert conversion.network.modes == (Mode.STEPWISE,)
    report = evaluate(conversion.network, None, None, x_test, y_test, steps=(32,))
    assert report["equal_logits"] == {} and "quantised" not in report
    assert report["stepwise"]["32"] >= 0.90
    with pytest.raises(UnsupportedError, match=r"convert with max_pool \"exact\"; nor have"):
        _ = conversion.reference
