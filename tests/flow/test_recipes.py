"""The embedded recipe reaches its accuracy in integers, in seconds, the same way every time."""

from dataclasses import replace

import pytest

from spikewright.flow.accuracy import evaluate
from spikewright.flow.convert import convert
from spikewright.flow.datasets import digits
from spikewright.flow.recipes import DIGITS_MLP, MNIST_MLP, RECIPES, train_recipe
from spikewright.golden.errors import ConfigurationError


def test_digits() -> None:
    data = digits()
    trained = train_recipe(DIGITS_MLP, data)
    conversion = convert(trained.qat_module, trained.calibration)
    report = evaluate(
        conversion.network,
        conversion.reference,
        trained.float_module,
        data.x_test,
        data.y_test,
        steps=(8,),
        quantised_module=trained.qat_module,
    )
    assert report["quantised"] >= 0.96
    assert report["equal_logits"] == {"settle": 359, "collapsed": 359}
    assert report["label_agreement"] >= 0.98
    assert {record.phase for record in trained.history} == {"float", "quantised"}


def test_a_recipe_repeats() -> None:
    data = digits()
    short = replace(
        DIGITS_MLP,
        pretrain=replace(DIGITS_MLP.pretrain, epochs=2),
        finetune=replace(DIGITS_MLP.finetune, epochs=2),
    )
    hashes = []
    for seed in (1, 1, 2):
        trained = train_recipe(short, data, seed=seed)
        hashes.append(convert(trained.qat_module, trained.calibration).network.content_hash)
    assert hashes[0] == hashes[1] != hashes[2]


def test_recipes() -> None:
    assert set(RECIPES) == {"digits-mlp", "mnist-mlp"}
    assert MNIST_MLP.sizes == (784, 128, 10) and MNIST_MLP.convert.weight_bits == 4
    message = "^digits: mnist-mlp needs samples of 784 values, found 64$"
    with pytest.raises(ConfigurationError, match=message):
        train_recipe(MNIST_MLP, digits())
