"""A spiking recipe goes the whole way; its integers do what the trained network did."""

import json
import re
from dataclasses import replace

import pytest
import torch

from spikewright.flow.bench import BENCHMARKS
from spikewright.flow.convert import TrainConfig
from spikewright.flow.datasets import Dataset
from spikewright.flow.progress import silent
from spikewright.flow.results.table import page
from spikewright.flow.samples import Samples
from spikewright.flow.spiking import Layer, Output, recipe
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
    assert 0.9 < summary["accuracy"]["stepwise"]["10"] == summary["accuracy"]["as_trained"]
    # Its weights were rounded from the start: nothing here was measured in floating point.
    assert "float" not in summary["accuracy"]
    assert summary["accuracy"]["samples"] == len(project.samples) == 40
    assert (summary["cosim"]["samples"], summary["cosim"]["mismatches"]) == (5, 0)
    assert {"train", "convert", "cosim_stepwise", "build"} <= set(summary["seconds"])
    assert summary["golden"]["steps"] == 10
    assert "| accuracy, quantised | - |" in page({"p": summary})
    assert re.search(r"\| accuracy, as trained \| \d", page({"p": summary}))
    assert "| accuracy, float | - |" in page({"p": summary})
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
    for each in (MNIST_ROWS, SPOKEN_DIGITS):
        assert BENCHMARKS[each.name].recipe is each
        assert BENCHMARKS[each.name].target.mode is Mode.STEPWISE
        assert each.output.classes == 10
        assert each.training.image == each.shape


def test_agreement_is_measured_on_samples_of_every_class(monkeypatch, tmp_path):
    """Also where they are sorted: the first 256 would be of the first class alone."""
    data = halves(700)
    order = torch.argsort(data.y_train, stable=True)
    data = replace(data, x_train=data.x_train[order], y_train=data.y_train[order])
    seen = []

    def stage(out, source, rule, samples, **options):
        seen.append(samples.x)
        raise StopIteration

    monkeypatch.setattr(recipe, "convert_nir_stage", stage)
    short = replace(RECIPE, training=replace(RECIPE.training, epochs=1))
    with pytest.raises(StopIteration):
        short.project(tmp_path / "p", data, seed=0, working=silent)
    (x,) = seen
    busy = x[:, 5:, :4].mean(dim=(1, 2)) > x[:, 5:, 4:].mean(dim=(1, 2))
    assert len(x) == 256
    assert 0.4 < float(busy.double().mean()) < 0.6
