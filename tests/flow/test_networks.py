"""The recipes' float networks: what goes in and out, and what they are made of."""

import pytest
import torch
from torch import nn

from spikewright.flow.importers import import_module
from spikewright.flow.networks import EncoderDecoder, cnn, mlp, residual, separable


@pytest.mark.parametrize(
    ("network", "shape", "logits"),
    [
        (mlp((64, 32, 10), 0.1), (1, 8, 8), (10,)),
        (cnn((1, 28, 28), (4, 6), (16,), 10, padding=0, pool=nn.MaxPool2d), (1, 28, 28), (10,)),
        (cnn((3, 9, 12), (4,), (), 7, padding=1, pool=nn.AvgPool2d), (3, 9, 12), (7,)),
        (residual((4, 8), 10), (1, 8, 8), (10,)),
        (separable((4, 8, 6), 10), (1, 8, 8), (10,)),
        (EncoderDecoder((4, 6, 8), 11), (1, 8, 12), (11, 8, 12)),
    ],
    ids=["mlp", "cnn", "cnn-padded", "residual", "separable", "encoder-decoder"],
)
def test_logits(network: nn.Module, shape: tuple[int, ...], logits: tuple[int, ...]) -> None:
    assert network.eval()(torch.zeros(2, *shape)).shape == (2, *logits)
    assert import_module(network, shape).readout.shape == logits


def weights(network: nn.Module) -> list[tuple[int, ...]]:
    return [
        tuple(layer.weight.shape)
        for layer in network.modules()
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)
    ]


def test_cnn_is_what_its_name_says() -> None:
    network = cnn((1, 28, 28), (32, 32), (256,), 10, padding=0, pool=nn.MaxPool2d)
    assert weights(network) == [(32, 1, 3, 3), (32, 32, 3, 3), (256, 800), (10, 256)]
    stages = import_module(network, (1, 28, 28))
    assert [stage.name for stage in stages.stages[:4]] == ["conv1", "pool1", "conv2", "pool2"]


def test_residual_has_both_kinds_of_shortcut() -> None:
    first, second = residual((4, 8), 10)[2:4]
    assert weights(first) == [(4, 4, 3, 3)] * 2
    assert weights(second) == [(8, 4, 3, 3), (8, 8, 3, 3), (8, 4, 1, 1)]
    assert second.shortcut[0].stride == (2, 2)


def test_separable_alternates() -> None:
    assert weights(separable((4, 8, 6), 10))[1:-1] == [
        (4, 1, 3, 3), (8, 4, 1, 1), (8, 1, 3, 3), (6, 8, 1, 1),
    ]  # fmt: skip


def test_dropout_only_where_it_is_wanted() -> None:
    assert any(isinstance(layer, nn.Dropout) for layer in mlp((4, 3, 2), 0.1))
    assert not any(isinstance(layer, nn.Dropout) for layer in mlp((4, 3, 2), 0.0))
