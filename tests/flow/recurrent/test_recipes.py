"""Recipes of recurrent networks: their frames, and one that goes all the way."""

from dataclasses import replace

import pytest
import torch

from spikewright.flow.bench import BENCHMARKS
from spikewright.flow.convert import TrainConfig
from spikewright.flow.datasets import digits
from spikewright.flow.progress import silent
from spikewright.flow.recurrent import Form, recipes
from spikewright.flow.recurrent.frames import PixelFrames, PixelsFirst
from spikewright.flow.recurrent.recipe import train_recurrent
from spikewright.flow.recurrent.recipes import MNIST_PIXELS_14, MNIST_RNN, MNIST_RNN_DELTA
from spikewright.flow.stages import evaluate_stage
from spikewright.golden.errors import ConfigurationError


def test_pixels_one_by_one():
    x = torch.arange(24.0).reshape(2, 12)
    assert PixelFrames(image=(3, 4)).of(x).tolist() == x[:, :, None].tolist()
    means = PixelFrames(image=(2, 6), pool=2)
    assert means.frames == 3
    # of rows 0..5 and 6..11: (0 + 1 + 6 + 7) / 4 ..
    assert means.of(x)[0].tolist() == [[3.5], [5.5], [7.5]]


def test_a_permutation_is_the_same_for_all_images():
    x = torch.arange(24.0).reshape(2, 3, 4)
    frames = PixelFrames(image=(3, 4), permuted=1)
    first, second = frames.of(x)[..., 0]
    assert torch.equal(second, first + 12)
    assert sorted(first.tolist()) == list(range(12)) != first.tolist()
    assert not torch.equal(PixelFrames(image=(3, 4), permuted=2).of(x)[0, :, 0], first)
    assert torch.equal(PixelsFirst(torch.nn.Flatten(), frames)(x)[1], second)


def test_images_that_no_pool_divides():
    message = "^pool: must divide an image of 28 x 28, found 3$"
    with pytest.raises(ConfigurationError, match=message):
        PixelFrames(image=(28, 28), pool=3)


def test_each_has_a_benchmark():
    for name in recipes.__all__:
        recipe = getattr(recipes, name)
        assert BENCHMARKS[recipe.name].recipe is recipe
        assert recipe.network.name == recipe.name
    assert replace(MNIST_RNN_DELTA.network, name="mnist-rnn", form=Form.FRESH) == MNIST_RNN.network


def test_a_memory_is_tuned_to_frames_as_to_images():
    """What a pixel adds is chosen alike, whether samples come as images or as their frames."""
    frames = PixelFrames(image=(8, 8))
    rotations = replace(MNIST_PIXELS_14.network.rotations, turns=range(16), frames=64)
    network = replace(MNIST_PIXELS_14.network, hidden=32, rotations=rotations)
    training = TrainConfig(epochs=1, batch=64, threads=1)
    images = replace(
        MNIST_PIXELS_14, shape=(8, 8), frames=frames, network=network, training=training
    )
    sequences = replace(images, shape=(64, 1), frames=None)
    few = digits()
    few = replace(few, x_train=few.x_train[:64], y_train=few.y_train[:64])
    gains = [
        train_recurrent(recipe, few.shaped(recipe.shape)).gains for recipe in (images, sequences)
    ]
    assert torch.equal(*gains)
    assert gains[0].max() > 1


def test_a_recipe_of_pixels_goes_all_the_way(tmp_path):
    """The digits, 64 frames of one pixel."""
    frames = PixelFrames(image=(8, 8))
    network = replace(
        MNIST_PIXELS_14.network,
        hidden=32,
        rotations=replace(MNIST_PIXELS_14.network.rotations, turns=range(16), frames=64),
    )
    training = TrainConfig(epochs=8, batch=64, learning_rate=5e-3, threads=1)
    recipe = replace(
        MNIST_PIXELS_14, shape=(8, 8), frames=frames, network=network, training=training
    )
    project = recipe.project(tmp_path / "p", digits(), seed=0, working=silent)
    evaluate_stage(project, project.samples, steps=())
    found = project.summary["accuracy"]
    assert found["quantised"] == found["collapsed"] > 0.85
    assert found["equal_states"]["collapsed"] == found["states"] == found["samples"] * 64 * 32
    again = recipe.project(tmp_path / "q", digits(), seed=0, working=silent)
    assert again.network.content_hash == project.network.content_hash
