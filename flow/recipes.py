"""Recipes: networks that this project trains itself, from nothing, the same way every time."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import torch

from spikewright.flow.conversions import epochs
from spikewright.flow.convert import (
    ConvertConfig,
    Epoch,
    Progress,
    QatNetwork,
    TrainConfig,
    convert,
    prepare,
    pruned_figures,
    train,
)
from spikewright.flow.datasets import N_CLASSES, Dataset
from spikewright.flow.importers import import_module
from spikewright.flow.networks import EncoderDecoder, cnn, mlp, residual, separable, strided
from spikewright.flow.original import Original
from spikewright.flow.progress import Working
from spikewright.flow.project import Project
from spikewright.flow.samples import Samples
from spikewright.flow.segmentation import SCENE

__all__ = [
    "DIGITS_CNN",
    "DIGITS_MLP",
    "DIGITS_RESNET",
    "DIGITS_SEGMENTATION",
    "DIGITS_SEPARABLE",
    "MNIST_BEST",
    "MNIST_CNN",
    "MNIST_FIRST_SPIKE",
    "MNIST_MLP",
    "MNIST_ONEHOT_1",
    "MNIST_ONEHOT_2",
    "MNIST_ONEHOT_3",
    "MNIST_SCENES",
    "MNIST_SPARSE",
    "RECIPES",
    "Recipe",
    "Trained",
    "train_recipe",
]

N_CALIBRATION = 2048


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A network, how it is quantised, and how it is trained before and after.

    ``build`` makes the untrained float module, which takes samples of ``shape``. ``pretrain``
    trains in floating point, ``finetune`` quantised.
    """

    name: str
    shape: tuple[int, ...]
    build: Callable[[], torch.nn.Module]
    convert: ConvertConfig
    pretrain: TrainConfig
    finetune: TrainConfig

    def project(self, out: Path, data: Dataset, *, seed: int, working: Working) -> Project:
        """Train on ``data`` and convert, into a new project that keeps the held-out samples."""
        data = data.shaped(self.shape)
        with working("train") as advance:
            start = time.perf_counter()
            n_float, n_all = self.pretrain.epochs, self.pretrain.epochs + self.finetune.epochs
            tell = epochs(advance, before={"quantised": n_float}, total=n_all)
            trained = train_recipe(self, data, seed=seed, progress=tell)
            train_seconds = time.perf_counter() - start
        with working("convert"):
            start = time.perf_counter()
            conversion = convert(trained.qat_module, trained.calibration)
            original = Original(import_module(trained.float_module, self.shape))
            held_out = Samples(x=data.x_test, y=data.y_test)
            project = Project.create(out, conversion.network, original, held_out)
        seconds = {"train": train_seconds, "convert": time.perf_counter() - start}
        project.record(pruned_figures(self.convert, conversion.network), seconds)
        return project


@dataclass(frozen=True, kw_only=True, eq=False)
class Trained:
    """Both trained modules, in evaluation mode, and every epoch of both phases."""

    float_module: torch.nn.Module
    qat_module: QatNetwork
    calibration: torch.Tensor
    history: tuple[Epoch, ...] = field(repr=False)


def _digits(epochs: int, learning_rate: float, *, sparsity: float = 0.0) -> TrainConfig:
    return TrainConfig(
        epochs=epochs,
        batch=64,
        learning_rate=learning_rate,
        smoothing=0.1,
        sparsity=sparsity,
        image=(8, 8),
        turn=10.0,
        stretch=0.1,
    )


def _warped_mnist(
    epochs: int,
    learning_rate: float,
    *,
    sparsity: float = 0.0,
    smoothing: float = 0.0,
    threads: int = 2,
) -> TrainConfig:
    return TrainConfig(
        epochs=epochs,
        batch=128,
        learning_rate=learning_rate,
        smoothing=smoothing,
        sparsity=sparsity,
        image=(28, 28),
        shift=2,
        turn=10.0,
        stretch=0.1,
        threads=threads,
    )


DIGITS_MLP = Recipe(
    name="digits-mlp",
    shape=(64,),
    build=partial(mlp, (64, 32, N_CLASSES), 0.1),
    convert=ConvertConfig(name="digits-mlp", weight_bits=4, levels=7, input_levels=7),
    pretrain=TrainConfig(epochs=80, batch=64, learning_rate=5e-3, smoothing=0.1),
    finetune=TrainConfig(epochs=80, batch=64, learning_rate=2e-3, smoothing=0.1, sparsity=0.01),
)

MNIST_MLP = Recipe(
    name="mnist-mlp",
    shape=(784,),
    build=partial(mlp, (784, 128, N_CLASSES), 0.1),
    # Binary pixels need no multiplier, and 3 levels settle in a few steps.
    convert=ConvertConfig(name="mnist-mlp", weight_bits=4, levels=3, input_levels=1),
    pretrain=TrainConfig(epochs=12, batch=256, learning_rate=4e-3, image=(28, 28), shift=1),
    finetune=TrainConfig(
        epochs=45, batch=256, learning_rate=2e-3, image=(28, 28), shift=1, sparsity=0.05
    ),
)


def _mnist_code(name: str, method: str, levels: int, finetune: TrainConfig) -> Recipe:
    """The network of ``MNIST_MLP``, of which each hidden neuron sends one spike at the most."""
    convert = ConvertConfig(name=name, weight_bits=4, levels=levels, input_levels=1, method=method)
    return replace(MNIST_MLP, name=name, convert=convert, finetune=finetune)


# The bits of the levels are the powers of two that a spike may carry.
_ONEHOT = replace(MNIST_MLP.finetune, sparsity=0.0)
MNIST_ONEHOT_1 = _mnist_code("mnist-onehot-1", "one-hot", 1, _ONEHOT)
MNIST_ONEHOT_2 = _mnist_code("mnist-onehot-2", "one-hot", 3, _ONEHOT)
MNIST_ONEHOT_3 = _mnist_code("mnist-onehot-3", "one-hot", 7, _ONEHOT)
MNIST_FIRST_SPIKE = _mnist_code("mnist-first-spike", "ttfs", 3, MNIST_MLP.finetune)

# A fifth of the first layer's weights, as many in each of 16 lanes; they need the longer training.
MNIST_SPARSE = replace(
    MNIST_MLP,
    name="mnist-sparse",
    convert=replace(MNIST_MLP.convert, name="mnist-sparse", prune=0.8, prune_lanes=16),
)

MNIST_CNN = Recipe(
    name="mnist-cnn",
    shape=(1, 28, 28),
    build=partial(
        cnn, (1, 28, 28), (32, 32), (256,), N_CLASSES, padding=0, pool=torch.nn.AvgPool2d
    ),
    convert=ConvertConfig(name="mnist-cnn", weight_bits=4, levels=3, input_levels=1),
    pretrain=_warped_mnist(4, 4e-3),
    # Every spike costs rows: fewer of them are more samples a second.
    finetune=_warped_mnist(16, 4e-3, sparsity=0.2),
)

MNIST_BEST = Recipe(
    name="mnist-best",
    shape=(1, 28, 28),
    # A stride in place of a pooling: a spike reaches fewer neurons.
    build=partial(
        strided, (1, 28, 28), ((16, 1), (32, 2), (64, 1), (64, 2)), (128,), N_CLASSES, 0.3
    ),
    convert=ConvertConfig(name="mnist-best", weight_bits=4, levels=7, input_levels=15),
    # Dropout and soft labels are worth more than as many epochs again.
    pretrain=_warped_mnist(20, 4e-3, smoothing=0.1, threads=1),
    finetune=_warped_mnist(20, 2e-3, sparsity=0.03, smoothing=0.1, threads=1),
)

DIGITS_CNN = Recipe(
    name="digits-cnn",
    shape=(1, 8, 8),
    # Small enough for an iCE40UP5K: means are part of the next layer and need no hardware.
    build=partial(cnn, (1, 8, 8), (8, 16), (), N_CLASSES, padding=1, pool=torch.nn.AvgPool2d),
    convert=ConvertConfig(name="digits-cnn", weight_bits=4, levels=3, input_levels=3),
    pretrain=_digits(80, 5e-3),
    finetune=_digits(80, 3e-3, sparsity=0.02),
)

DIGITS_RESNET = Recipe(
    name="digits-resnet",
    shape=(1, 8, 8),
    build=partial(residual, (8, 16), N_CLASSES),
    convert=ConvertConfig(name="digits-resnet", weight_bits=4, levels=7, input_levels=7),
    pretrain=_digits(60, 5e-3),
    finetune=_digits(60, 5e-3, sparsity=0.02),
)

DIGITS_SEPARABLE = Recipe(
    name="digits-separable",
    shape=(1, 8, 8),
    build=partial(separable, (16, 32, 64), N_CLASSES),
    convert=ConvertConfig(name="digits-separable", weight_bits=4, levels=3, input_levels=3),
    pretrain=_digits(60, 5e-3),
    finetune=_digits(60, 5e-3, sparsity=0.05),
)

DIGITS_SEGMENTATION = Recipe(
    name="digits-segmentation",
    shape=(1, 8, 8),
    build=partial(EncoderDecoder, (8, 16, 32), N_CLASSES + 1),
    convert=ConvertConfig(name="digits-segmentation", weight_bits=4, levels=7, input_levels=7),
    pretrain=TrainConfig(epochs=80, batch=64, learning_rate=1e-2, smoothing=0.05),
    finetune=TrainConfig(epochs=80, batch=64, learning_rate=1e-2, smoothing=0.05, sparsity=0.02),
)

# Of half-size digits before a texture; a pixel is told by what lies up to 12 pixels away.
MNIST_SCENES = Recipe(
    name="mnist-scenes",
    shape=(1, SCENE, SCENE),
    build=partial(EncoderDecoder, (8, 24, 48), N_CLASSES + 1, 2),
    convert=ConvertConfig(name="mnist-scenes", weight_bits=8, levels=15, input_levels=15),
    pretrain=TrainConfig(epochs=16, batch=16, learning_rate=4e-3),
    finetune=TrainConfig(epochs=8, batch=16, learning_rate=2e-3),
)

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        DIGITS_MLP,
        MNIST_MLP,
        MNIST_ONEHOT_1,
        MNIST_ONEHOT_2,
        MNIST_ONEHOT_3,
        MNIST_FIRST_SPIKE,
        MNIST_SPARSE,
        MNIST_CNN,
        MNIST_BEST,
        DIGITS_CNN,
        DIGITS_RESNET,
        DIGITS_SEPARABLE,
        DIGITS_SEGMENTATION,
        MNIST_SCENES,
    )
}


def train_recipe(
    recipe: Recipe, dataset: Dataset, *, seed: int = 0, progress: Progress | None = None
) -> Trained:
    """Train ``recipe`` on ``dataset``: float first, then quantised with learned steps."""
    data = dataset.shaped(recipe.shape)
    x, y = data.x_train, data.y_train
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = recipe.build()
    history = train(module, x, y, recipe.pretrain, progress, seed=seed, phase="float")
    calibration = x[:N_CALIBRATION]
    quantised = prepare(module, calibration, recipe.convert)
    history += train(quantised, x, y, recipe.finetune, progress, seed=seed + 1, phase="quantised")
    return Trained(
        float_module=module, qat_module=quantised, calibration=calibration, history=history
    )
