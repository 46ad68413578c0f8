"""Recipes reach their accuracy in integers, exactly in every mode, the same way every time."""

from dataclasses import replace

import pytest
import torch

from spikewright.flow.accuracy import evaluate
from spikewright.flow.convert import convert
from spikewright.flow.datasets import Dataset, digits, digits_segmentation
from spikewright.flow.recipes import (
    DIGITS_MLP,
    MNIST_BEST,
    MNIST_CNN,
    MNIST_MLP,
    MNIST_SCENES,
    MNIST_SPARSE,
    RECIPES,
    Recipe,
    train_recipe,
)
from spikewright.flow.segmentation import digit_scenes
from spikewright.golden.errors import ConfigurationError


def short(recipe: Recipe, epochs: int) -> Recipe:
    return replace(
        recipe,
        pretrain=replace(recipe.pretrain, epochs=epochs),
        finetune=replace(recipe.finetune, epochs=epochs),
    )


def trained(recipe: Recipe, dataset: Dataset):
    data = dataset.shaped(recipe.shape)
    result = train_recipe(recipe, data)
    conversion = convert(result.qat_module, result.calibration)
    report = evaluate(
        conversion.network,
        conversion.reference,
        result.float_module,
        data.x_test,
        data.y_test,
        steps=(8,),
        quantised_module=result.qat_module,
    )
    assert report["equal_logits"] == {"settle": len(data.x_test), "collapsed": len(data.x_test)}
    assert report["quantised"] == report["settle"] == report["collapsed"]
    return result, report


def nearly_settled(report: dict) -> bool:
    """Whether 8 steps, more than there are levels, lose little."""
    return report["stepwise"]["8"] >= report["quantised"] - 0.05


def test_digits() -> None:
    result, report = trained(DIGITS_MLP, digits())
    assert report["quantised"] >= 0.96
    assert report["label_agreement"] >= 0.98
    assert nearly_settled(report)
    assert {record.phase for record in result.history} == {"float", "quantised"}


@pytest.mark.parametrize(
    ("name", "epochs", "least"),
    [
        ("digits-cnn", 8, 0.85),
        ("digits-resnet", 3, 0.85),
        ("digits-separable", 4, 0.75),
    ],
)
def test_digits_as_images(name: str, epochs: int, least: float) -> None:
    _, report = trained(short(RECIPES[name], epochs), digits())
    assert report["quantised"] >= least
    # So short a training leaves labels that hang on one rounding.
    assert report["label_agreement"] >= 0.9
    assert nearly_settled(report)


@pytest.mark.parametrize(("method", "levels"), [("one-hot", 1), ("one-hot", 7), ("ttfs", 3)])
def test_codes_of_one_spike_train(method: str, levels: int) -> None:
    data = digits()
    recipe = short(DIGITS_MLP, 15)
    recipe = replace(recipe, convert=replace(recipe.convert, method=method, levels=levels))
    result = train_recipe(recipe, data)
    conversion = convert(result.qat_module, result.calibration)
    steps = conversion.reference.steps
    assert steps == (1 if method == "one-hot" else 7 + 3)
    report = evaluate(
        conversion.network,
        conversion.reference,
        result.float_module,
        data.x_test,
        data.y_test,
        steps=(steps,),
        quantised_module=result.qat_module,
    )
    assert report["equal_logits"] == {"stepwise": len(data.x_test)}
    assert report["quantised"] == report["stepwise"][str(steps)] >= 0.93
    assert report["label_agreement"] >= 0.98
    assert 0 < report["spikes_per_neuron"][f"stepwise T={steps}"] < 0.6


def test_segmentation_names_every_pixel() -> None:
    _, report = trained(short(RECIPES["digits-segmentation"], 6), digits_segmentation())
    background = float((digits_segmentation().y_test == 10).float().mean())
    assert 0.6 < background < 0.7
    # More than half of what is left once the background is known.
    assert report["quantised"] > background + (1 - background) / 2
    assert nearly_settled(report)


def few_images() -> Dataset:
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(40) % 10
    x = (torch.rand(40, 784, generator=generator) < 0.1 + 0.05 * y[:, None]).float()
    return Dataset(name="noise", image=(28, 28), x_train=x, y_train=y, x_test=x[:6], y_test=y[:6])


def test_the_large_recipes_convert() -> None:
    for recipe in (MNIST_MLP, MNIST_SPARSE, MNIST_CNN, MNIST_BEST):
        small = short(replace(recipe, finetune=replace(recipe.finetune, batch=20)), 1)
        trained(replace(small, pretrain=replace(small.pretrain, batch=20)), few_images())


def test_scenes_of_digits_convert() -> None:
    _, report = trained(short(MNIST_SCENES, 1), digit_scenes(few_images(), train=32, test=4))
    assert set(report["mean_iou"]) >= {"float", "quantised", "settle", "collapsed"}


def test_a_recipe_repeats() -> None:
    data = digits()
    for recipe in (DIGITS_MLP, RECIPES["digits-cnn"]):
        hashes = []
        for seed in (1, 1, 2):
            result = train_recipe(short(recipe, 2), data, seed=seed)
            hashes.append(convert(result.qat_module, result.calibration).network.content_hash)
        assert hashes[0] == hashes[1] != hashes[2]


def test_recipes() -> None:
    assert set(RECIPES) == {
        "digits-mlp", "mnist-mlp", "mnist-onehot-1", "mnist-onehot-2", "mnist-onehot-3",
        "mnist-first-spike", "mnist-sparse", "mnist-cnn", "mnist-best", "digits-cnn",
        "digits-resnet",
        "digits-separable", "digits-segmentation", "mnist-scenes",
    }  # fmt: skip
    for name, recipe in RECIPES.items():
        assert recipe.name == recipe.convert.name == name
        assert recipe.convert.weight_bits == (8 if name == "mnist-scenes" else 4)
    message = r"^digits: samples must be of shape \[784\], 784 values, found 64 values$"
    with pytest.raises(ConfigurationError, match=message):
        train_recipe(MNIST_MLP, digits())
