"""A recipe of integers becomes a project that says how well it does."""

from dataclasses import replace
from functools import partial

import torch

from spikewright.flow.bench import BENCHMARKS
from spikewright.flow.convert import TrainConfig
from spikewright.flow.datasets import Dataset
from spikewright.flow.integers import Integers
from spikewright.flow.progress import silent
from spikewright.flow.project import Project
from spikewright.flow.stages import evaluate_stage
from spikewright.flow.tuning import Leaks, Trainable
from spikewright.flow.tuning.legendre import LegendreConfig, linear_memory
from spikewright.flow.tuning.recipe import TunedRecipe
from spikewright.flow.tuning.recipes import MNIST_L2MU, MNIST_LMU, SPOKEN_L2MU

CONFIG = LegendreConfig(
    name="order",
    inputs=4,
    hidden=12,
    classes=4,
    steps=8,
    memories=4,
    order=3,
    theta=8,
)
RECIPE = TunedRecipe(
    shape=(8, 4),
    build=partial(linear_memory, CONFIG),
    training=TrainConfig(epochs=6, batch=20, learning_rate=2e-2),
    biases=True,
    frozen=(("in", "m"), ("m", "m")),
)


def first_of_four(n: int = 300) -> Dataset:
    """Which input spoke first: by the end the others have spoken, too."""
    draws = torch.Generator().manual_seed(0)
    y = torch.randint(4, (n,), generator=draws)
    x = (torch.rand(n, 8, 4, generator=draws) < 0.3).float()
    x[:, :3] = 0
    x[torch.arange(n), 1, y] = x[torch.arange(n), 2, y] = 1
    x[:, 6] = 1
    return Dataset(
        name="first", image=(8, 4), x_train=x[60:], y_train=y[60:], x_test=x[:60], y_test=y[:60]
    )


def test_a_project(tmp_path):
    assert RECIPE.name == "order"
    made = RECIPE.project(tmp_path / "p", first_of_four(), seed=0, working=silent)
    project = Project(made.root)
    assert project.original == Integers(origin="trained as integers, 6 epochs")
    assert project.summary["seconds"]["train"] > 0
    evaluate_stage(project, project.samples, steps=(8,), working=silent)
    report = project.summary["accuracy"]
    assert report["stepwise"]["8"] > 0.8 and report["samples"] == 60
    assert "float" not in report and "quantised" not in report


def test_benchmarks():
    for recipe in (MNIST_L2MU, MNIST_LMU, SPOKEN_L2MU):
        assert BENCHMARKS[recipe.name].recipe is recipe
        network = recipe.build(0)
        assert (network.max_steps, network.inputs[0].n) == recipe.shape
        Trainable(network, frozen=recipe.frozen, biases=recipe.biases, leaks=recipe.leaks)
    assert replace(MNIST_L2MU, leaks=Leaks.FIXED).name == "mnist-l2mu"
