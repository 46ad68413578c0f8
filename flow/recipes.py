"""Recipes: networks that this project trains itself, from nothing, the same way every time."""

from dataclasses import dataclass, field
from itertools import pairwise

import torch

from spikewright.flow.convert import (
    ConvertConfig,
    Epoch,
    Progress,
    QatNetwork,
    TrainConfig,
    prepare,
    train,
)
from spikewright.flow.datasets import Dataset
from spikewright.golden.errors import ConfigurationError

__all__ = ["DIGITS_MLP", "MNIST_MLP", "RECIPES", "Recipe", "Trained", "build_mlp", "train_recipe"]

N_CALIBRATION = 2048


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A fully connected network, how it is quantised, and how it is trained before and after.

    ``sizes`` are the layers from the input on; hidden layers are Linear, BatchNorm1d, ReLU and
    Dropout. ``pretrain`` trains in floating point, ``finetune`` quantised.
    """

    name: str
    sizes: tuple[int, ...]
    dropout: float
    convert: ConvertConfig
    pretrain: TrainConfig
    finetune: TrainConfig


@dataclass(frozen=True, kw_only=True, eq=False)
class Trained:
    """Both trained modules, in evaluation mode, and every epoch of both phases."""

    float_module: torch.nn.Sequential
    qat_module: QatNetwork
    calibration: torch.Tensor
    history: tuple[Epoch, ...] = field(repr=False)


DIGITS_MLP = Recipe(
    name="digits-mlp",
    sizes=(64, 32, 10),
    dropout=0.1,
    convert=ConvertConfig(name="digits-mlp", weight_bits=4, levels=7, input_levels=7),
    pretrain=TrainConfig(epochs=80, batch=64, learning_rate=5e-3, smoothing=0.1),
    finetune=TrainConfig(epochs=80, batch=64, learning_rate=2e-3, smoothing=0.1, sparsity=0.01),
)

MNIST_MLP = Recipe(
    name="mnist-mlp",
    sizes=(784, 128, 10),
    dropout=0.1,
    # Binary pixels need no multiplier, and 3 levels settle in a few steps.
    convert=ConvertConfig(name="mnist-mlp", weight_bits=4, levels=3, input_levels=1),
    pretrain=TrainConfig(epochs=12, batch=256, learning_rate=4e-3, image=(28, 28), shift=1),
    finetune=TrainConfig(
        epochs=45, batch=256, learning_rate=2e-3, image=(28, 28), shift=1, sparsity=0.05
    ),
)

RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in (DIGITS_MLP, MNIST_MLP)}


def build_mlp(sizes: tuple[int, ...], dropout: float, *, seed: int) -> torch.nn.Sequential:
    """The untrained float network of a recipe."""
    layers: list[torch.nn.Module] = [torch.nn.Flatten()]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for n_in, n_out in pairwise(sizes[:-1]):
            layers += [
                torch.nn.Linear(n_in, n_out, bias=False),
                torch.nn.BatchNorm1d(n_out),
                torch.nn.ReLU(),
            ]
            if dropout > 0:
                layers.append(torch.nn.Dropout(dropout))
        layers.append(torch.nn.Linear(sizes[-2], sizes[-1]))
    return torch.nn.Sequential(*layers)


def train_recipe(
    recipe: Recipe, dataset: Dataset, *, seed: int = 0, progress: Progress | None = None
) -> Trained:
    """Train ``recipe`` on ``dataset``: float first, then quantised with learned steps."""
    x, y = dataset.x_train, dataset.y_train
    n_features = x.flatten(1).shape[1]
    if n_features != recipe.sizes[0]:
        raise ConfigurationError(
            f"{recipe.name} needs samples of {recipe.sizes[0]} values",
            found=str(n_features),
            where=dataset.name,
        )
    module = build_mlp(recipe.sizes, recipe.dropout, seed=seed)
    history = train(module, x, y, recipe.pretrain, progress, seed=seed, phase="float")
    calibration = x[:N_CALIBRATION]
    quantised = prepare(module, calibration, recipe.convert)
    history += train(quantised, x, y, recipe.finetune, progress, seed=seed + 1, phase="quantised")
    return Trained(
        float_module=module, qat_module=quantised, calibration=calibration, history=history
    )
