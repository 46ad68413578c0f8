"""Which state of a module is kept, and when a run has diverged."""

import pytest
import torch

from spikewright.flow.convert.best import Best


class Level(torch.nn.Module):
    """Gives its one number for every sample."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = torch.nn.Parameter(torch.tensor(value))

    def set(self, value: float) -> None:
        with torch.no_grad():
            self.value.fill_(value)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.value.expand(len(x), 1)


class Distance:
    """The loss is how far outputs are from the labels."""

    def loss(self, outputs: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return (outputs - y).abs().mean()

    def score(self, outputs: torch.Tensor, y: torch.Tensor) -> tuple[float, float]:
        return 0.0, float(len(y))


def best_of(module: Level, label: float) -> Best:
    y = torch.full((5, 1), label)
    return Best(module, Distance(), torch.zeros(5, 2), y, batch=2)


def test_the_least_loss_is_restored() -> None:
    module = Level(1.0)
    best = best_of(module, 0.0)
    for epoch, value in enumerate((0.6, 0.5, 0.9, 0.5), start=1):
        module.set(value)
        assert not best.diverges(epoch, finite=True)
    assert (best.epoch, best.least) == (2, pytest.approx(0.5))
    best.restore()
    assert module.value.item() == 0.5


def test_twice_the_loss_of_the_start_has_diverged() -> None:
    module = Level(1.0)
    best = best_of(module, 0.0)  # outputs of 0 lose nothing: the start decides
    module.set(1.99)
    assert not best.diverges(1, finite=True)
    module.set(2.01)
    assert best.diverges(2, finite=True)
    module.set(0.1)
    assert best.diverges(3, finite=False)
    best.restore()
    assert module.value.item() == 1.0 and best.epoch == 0


def test_nothing_that_is_better_than_zeros_has_diverged() -> None:
    module = Level(1.0)
    best = best_of(module, 1.5)  # the start loses 1/2, outputs of 0 lose 3/2
    module.set(2.9)
    assert not best.diverges(1, finite=True)
    module.set(3.1)
    assert best.diverges(2, finite=True)
