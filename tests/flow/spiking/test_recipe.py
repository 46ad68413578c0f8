"""A spiking recipe goes the whole way; its integers do what the trained network did."""

import json
from dataclasses import replace

import pytest
import torch

from spikewright.flow.bench import BENCHMARKS
from spikewright.flow.convert import TrainConfig
from spikewright.flow.datasets import Dataset
from spikewright.flow.progress import silent
from spikewright.flow.results import table
from spikewright.flow.samples import Samples
from spikewright.flow.spiking import Layer, Output
from spikewright.flow.spiking.recipe import SpikingRecipe, train_spiking
from spikewright.flow.spiking.recipes import MNIST_ROWS, SPOKEN_DIGITS
from spikewright.flow.stages import evaluate_stage
from spikewright.flow.whole import Target, whole_way
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Mode

RECIPE = SpikingRecipe(
    name="halves",
    shape=(10, 8),
    layers=(Layer(neurons=12, leak=0.5, recurrent=True),),
    output=Output(classes=2),
    weight_bits=4,
    training=TrainConfig(epochs=8, batch=40, learning_rate=1e-2),
)


def halves(n=400):
    """Which half of the inputs is busy in the later steps."""
    y = torch.arange(n) % 2
    share = torch.full((n, 10, 8), 0.2)
    share[y == 0, 5:, :4] = share[y == 1, 5:, 4:] = 0.6
    x = (torch.rand(share.shape, generator=torch.Generator().manual_seed(0)) < share).float()
    return Dataset(
        name="halves", image=(10, 8), x_train=x[40:], y_train=y[40:], x_test=x[:40], y_test=y[:40]
    )


def test_the_whole_way(tmp_path):
    project = whole_way(
        tmp_path / "p",
        RECIPE,
        halves,
        Target(board="icebreaker", lanes=(2, 1), samples=5, mode=Mode.STEPWISE),
        seed=0,
        working=silent,
    )
    summary = json.loads((project.root / "summary.json").read_text())
    # Weights and the leak are integers already: nothing is lost.
    agreement = summary["nir"]["agreement"]
    assert agreement.pop("fired")["hidden1"] > 1000
    assert agreement == {
        "samples": 128, "spikes": {"hidden1": 1.0}, "counts": {"hidden1": 0.0}, "labels": 1.0,
    }  # fmt: skip
    assert 0.9 < summary["accuracy"]["stepwise"]["10"] == summary["accuracy"]["float"]
    assert summary["accuracy"]["samples"] == len(project.samples) == 40
    assert (summary["cosim"]["samples"], summary["cosim"]["mismatches"]) == (5, 0)
    assert {"train", "convert", "cosim_stepwise", "build"} <= set(summary["seconds"])
    assert summary["golden"]["steps"] == 10
    assert "| accuracy, quantised | - |" in table([summary])
    longer = Samples(x=torch.zeros(2, 11, 8), y=torch.zeros(2, dtype=torch.int64))
    with pytest.raises(ConfigurationError, match=r"^steps must lie in 1\.\.10, .+ found 11;"):
        evaluate_stage(project, longer, steps=(1,))


def test_a_recipe_repeats():
    short = replace(RECIPE, training=replace(RECIPE.training, epochs=1))
    weights = [train_spiking(short, halves(), seed=seed).forwards[0].tolist() for seed in (1, 1, 2)]
    assert weights[0] == weights[1] != weights[2]


def test_samples_must_fit():
    with pytest.raises(
        ConfigurationError, match=r"samples must be of shape \[28, 28\], 784 values"
    ):
        MNIST_ROWS.project(None, halves(), seed=0, working=silent)


def test_the_recipes_of_the_benchmarks():
    for recipe in (MNIST_ROWS, SPOKEN_DIGITS):
        assert BENCHMARKS[recipe.name].recipe is recipe
        assert BENCHMARKS[recipe.name].target.mode is Mode.STEPWISE
        assert recipe.output.classes == 10
        assert recipe.training.image == recipe.shape
