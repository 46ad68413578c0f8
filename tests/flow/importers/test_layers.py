"""The quantised activation rounds as the neuron does, and learns its step."""

import pytest
import torch

from spikewright.flow.importers import QuantisedReLU, round_half_up
from spikewright.golden.errors import ConfigurationError


def test_rounds_half_up_and_passes_the_gradient() -> None:
    x = torch.tensor([-1.5, -0.5, 0.5, 1.5, 2.49], requires_grad=True)
    y = round_half_up(x)
    assert y.tolist() == [-1.0, 0.0, 1.0, 2.0, 2.0]
    y.sum().backward()
    assert x.grad is not None and x.grad.tolist() == [1.0] * 5


def test_quantises_and_learns() -> None:
    layer = QuantisedReLU(levels=3, step=0.5)
    assert layer(torch.tensor([-1.0, 0.24, 0.25, 1.2, 9.0])).tolist() == [0.0, 0.0, 0.5, 1.0, 1.5]
    layer(torch.tensor([9.0])).sum().backward()
    assert layer.step.grad is not None and float(layer.step.grad) == 3.0


@pytest.mark.parametrize(
    ("levels", "step", "message"),
    [
        (0, 1.0, "^levels must be at least 1, found 0$"),
        (3, 0.0, "^step must be positive, found 0.0$"),
        (3, float("nan"), "^step must be positive, found nan$"),
    ],
)
def test_refuses(levels: int, step: float, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        QuantisedReLU(levels, step)
