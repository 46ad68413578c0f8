"""Augmentation moves, turns and stretches whole images, and repeats with its seed."""

import pytest
import torch

from spikewright.flow.convert import TrainConfig
from spikewright.flow.convert.augment import augmented


def test_shifts_move_whole_images() -> None:
    x = torch.zeros(400, 9)
    x[:, 4] = 1.0
    torch.manual_seed(0)
    moved = augmented(x, TrainConfig(image=(3, 3), shift=1))
    assert moved.sum(1).tolist() == [1.0] * 400
    assert set(moved.argmax(1).tolist()) == set(range(9))
    assert x[:, 4].all()


def test_nothing_wanted_is_nothing_done() -> None:
    x = torch.rand(3, 9)
    assert augmented(x, TrainConfig(image=(3, 3))) is x


def bar(n: int) -> torch.Tensor:
    """A bar of 2 x 8 pixels, flat, in the middle of 12 x 12."""
    image = torch.zeros(1, 12, 12)
    image[:, 5:7, 2:10] = 1.0
    return image.expand(n, 1, 12, 12)


@pytest.mark.parametrize(
    ("change", "tall", "wide"),
    [
        ({"turn": 45.0}, (2, 8), (5, 8)),
        ({"stretch": 0.2}, (2, 4), (6, 10)),
    ],
)
def test_warps(change, tall, wide) -> None:
    torch.manual_seed(0)
    x = bar(500)
    warped = augmented(x, TrainConfig(image=(12, 12), **change))
    assert warped.shape == x.shape and warped.dtype == x.dtype
    assert float(warped.min()) >= 0 and float(warped.max()) <= 1 + 1e-6
    dark = warped[:, 0] > 0.5
    heights, widths = dark.any(2).sum(1), dark.any(1).sum(1)
    assert tall[0] - 1 <= int(heights.min()) and int(heights.max()) <= tall[1]
    assert wide[0] <= int(widths.min()) and int(widths.max()) <= wide[1]
    assert len(heights.unique()) > 1 or len(widths.unique()) > 1
    # Neither moves the middle of an image.
    places = torch.arange(12.0)
    for axis, mass in ((1, warped.sum(3)), (2, warped.sum(2))):
        middle = (mass[:, 0] * places).sum(1) / mass[:, 0].sum(1)
        assert float((middle - 5.5).abs().max()) < 0.05, axis


def test_warps_move_too_and_repeat() -> None:
    config = TrainConfig(image=(12, 12), shift=2, turn=1.0)
    results = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        results.append(augmented(bar(200), config))
    assert torch.equal(results[0], results[1]) and not torch.equal(results[0], results[2])
    rows = results[0][:, 0].sum(2)
    middle = (rows * torch.arange(12.0)).sum(1) / rows.sum(1)
    assert 3.4 < float(middle.min()) < 4.0 and 7.0 < float(middle.max()) < 7.6
