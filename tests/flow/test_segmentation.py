"""Scenes of digits, and the mean intersection over union."""

from dataclasses import replace

import pytest
import torch

from spikewright.flow.accuracy import evaluate
from spikewright.flow.convert import ConvertConfig, convert
from spikewright.flow.datasets import N_CLASSES, Dataset
from spikewright.flow.networks import EncoderDecoder
from spikewright.flow.segmentation import DARK, MOST_DIGITS, SCENE, digit_scenes, mean_iou
from spikewright.golden.errors import ConfigurationError


def squares() -> Dataset:
    """Digit k is 28 x 28 pixels, all of them k / 20 + 0.45: what is placed can be seen."""
    y = torch.arange(40) % N_CLASSES
    x = (y / 20 + 0.45)[:, None].expand(-1, 784).float()
    half = {"x_train": x[:20], "y_train": y[:20], "x_test": x[20:], "y_test": y[20:]}
    return Dataset(name="squares", image=(28, 28), **half)


def test_every_pixel_has_the_class_of_its_digit() -> None:
    scenes = digit_scenes(squares(), train=60, test=5, seed=3)
    assert (scenes.name, scenes.image) == ("squares-scenes", (SCENE, SCENE))
    x, y = scenes.x_train.reshape(-1, SCENE, SCENE), scenes.y_train
    assert x.shape == y.shape == (60, SCENE, SCENE) and len(scenes.x_test) == 5
    wanted = torch.where(x >= DARK, ((x - 0.45) * 20).round().long(), N_CLASSES)
    assert torch.equal(y, wanted)
    digits = (y != N_CLASSES).sum((1, 2)) // 14**2
    assert set(digits.tolist()) == set(range(1, MOST_DIGITS + 1))
    back = x[y == N_CLASSES]
    assert 0 <= back.min() < 0.05 and 0.25 < back.max() <= 0.3


def test_the_same_seed_is_the_same_scene() -> None:
    one, same, other = (digit_scenes(squares(), train=4, test=1, seed=s) for s in (3, 3, 4))
    assert torch.equal(one.x_train, same.x_train) and torch.equal(one.y_test, same.y_test)
    assert not torch.equal(one.x_train, other.x_train)


def test_scenes_need_digits_of_that_size() -> None:
    message = "^squares: scenes must be made of digits of 28 x 28 pixels, .*found 8 x 8, 2 and 2"
    with pytest.raises(ConfigurationError, match=message):
        digit_scenes(replace(squares(), image=(8, 8)), train=2, test=2)
    with pytest.raises(ConfigurationError, match="found 28 x 28, 0 and 2 scenes"):
        digit_scenes(squares(), train=0, test=2)


def test_mean_iou_by_hand() -> None:
    """Class 0: 2 of 4, class 1: 1 of 3, class 2: found once and never there, class 3: neither."""
    labels = torch.tensor([[0, 0, 0], [1, 1, 3 - 3]])
    found = torch.tensor([[0, 0, 1], [1, 2, 2]])
    assert mean_iou(found, labels, 4) == pytest.approx((2 / 4 + 1 / 3 + 0 / 2) / 3)
    assert mean_iou(labels, labels, 4) == 1.0
    assert mean_iou(1 - labels, labels, 4) == 0.0


def test_it_is_told_of_maps_only_and_of_every_way_there_is() -> None:
    torch.manual_seed(0)
    x, y = torch.rand(6, 1, 8, 8), torch.randint(0, 3, (6, 8, 8))
    module = EncoderDecoder((2, 3, 4), 3, 1).eval()
    for each in module.parameters():
        each.data = torch.randn_like(each)  # so that pixels differ
    found = convert(module, x, ConvertConfig(levels=7))
    report = evaluate(found.network, found.reference, module, x, y, steps=(2, 20))
    ious = report["mean_iou"]
    assert [*ious] == ["float", "quantised", "stepwise T=2", "stepwise T=20", "settle", "collapsed"]
    assert ious["quantised"] == ious["settle"] == ious["collapsed"] != ious["stepwise T=2"]
    labels = found.reference.classify(x)
    assert ious["quantised"] == mean_iou(labels.reshape(-1), y.reshape(-1), 3)
    one = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3)).eval()
    found = convert(one, x, ConvertConfig())
    report = evaluate(found.network, found.reference, one, x, y[:, 0, 0], steps=())
    assert "mean_iou" not in report
