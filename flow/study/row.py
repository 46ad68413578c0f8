"""One experiment of the study: what is tried, what should come of it, and what came."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from spikewright.flow.conversions import counted
from spikewright.flow.convert import Progress, TrainConfig, train
from spikewright.flow.datasets import Dataset, digits, mnist
from spikewright.flow.files import atomic_folder
from spikewright.flow.importers import Graph, import_module
from spikewright.flow.networks import cnn, mlp
from spikewright.flow.original import Original
from spikewright.flow.progress import Working

__all__ = ["Context", "Finding", "Row"]

EPOCHS = TrainConfig(epochs=10, batch=128, learning_rate=2e-3)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What came of a row.

    ``result`` in words, made of ``figures``; ``met`` : whether the target was. ``compared`` :
    samples that were co-simulated, ``mismatches`` : spikes that differed (a difference ends a
    co-simulation, so that it is 0 or there is no finding), ``spikes`` : that were compared.
    """

    result: str
    met: bool
    figures: Mapping[str, Any] = field(default_factory=dict)
    compared: int = 0
    spikes: int = 0
    mismatches: int = 0
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {**asdict(self), "figures": dict(self.figures)}


@dataclass(frozen=True, kw_only=True)
class Row:
    """An experiment.

    ``paper`` and ``claim`` : whose, and which relation of it is to be reproduced; ``experiment`` :
    on what here; ``target`` : in words, as ``run`` judges it; ``missed`` : why it is missed, where
    that is known.
    """

    name: str
    paper: str
    claim: str
    experiment: str
    target: str
    run: Callable[["Context"], Finding]
    missed: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Context:
    """What rows share: data, a folder, the seed, and float networks that are trained once.

    Parameters
    ----------
    data : folder of the data sets. out : of everything that is made. seed : of all training.
    working : how long work tells how far it is.
    """

    data: Path
    out: Path
    seed: int
    working: Working

    @cached_property
    def mnist(self) -> Dataset:
        """60,000 and 10,000 images."""
        return mnist(self.data / "mnist")

    @cached_property
    def digits(self) -> Dataset:
        """scikit-learn's, which come along."""
        return digits()

    @cached_property
    def mnist_mlp(self) -> Graph:
        """784-128-10, ReLU, in floating point."""
        return self._float("mnist-mlp", (784,), lambda: mlp((784, 128, 10), 0.1), self.mnist)

    @cached_property
    def mnist_deep_mlp(self) -> Graph:
        """784-128-128-10: errors of one layer reach the next."""
        return self._float(
            "mnist-deep-mlp", (784,), lambda: mlp((784, 128, 128, 10), 0.1), self.mnist
        )

    @cached_property
    def mnist_wide_mlp(self) -> Graph:
        """784-340-10."""
        return self._float("mnist-wide-mlp", (784,), lambda: mlp((784, 340, 10), 0.1), self.mnist)

    @cached_property
    def mnist_cnn(self) -> Graph:
        """Two convolutions of 12 and 24 channels, means, 64 neurons."""

        def build() -> torch.nn.Module:
            return cnn((1, 28, 28), (12, 24), (64,), 10, padding=0, pool=torch.nn.AvgPool2d)

        return self._float("mnist-cnn", (1, 28, 28), build, self.mnist)

    @cached_property
    def digits_mlp(self) -> Graph:
        """64-32-32-10."""
        config = TrainConfig(epochs=60, batch=64, learning_rate=5e-3)
        return self._float(
            "digits-mlp", (64,), lambda: mlp((64, 32, 32, 10), 0.1), self.digits, config
        )

    @cached_property
    def digits_cnn(self) -> Graph:
        """Two convolutions of 8 and 16 channels, means, and a readout."""
        config = TrainConfig(epochs=60, batch=64, learning_rate=5e-3)

        def build() -> torch.nn.Module:
            return cnn((1, 8, 8), (8, 16), (), 10, padding=1, pool=torch.nn.AvgPool2d)

        return self._float("digits-cnn", (1, 8, 8), build, self.digits, config)

    def progress(self, advance: Any, epochs: int) -> Progress:
        """Epochs of any phases, of about so many, as progress."""
        return counted(advance, epochs)

    def _float(
        self,
        name: str,
        shape: tuple[int, ...],
        build: Callable[[], torch.nn.Module],
        data: Dataset,
        config: TrainConfig = EPOCHS,
    ) -> Graph:
        folder = self.out / "float" / name
        if not folder.is_dir():
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(self.seed)
                module = build()
            shaped = data.shaped(shape)
            with self.working(f"float {name}") as advance:
                tell = counted(advance, config.epochs)
                train(module, shaped.x_train, shaped.y_train, config, tell, seed=self.seed)
            graph = import_module(module, shape)
            folder.parent.mkdir(parents=True, exist_ok=True)
            with atomic_folder(folder) as scratch:
                Original(graph).save(scratch)
        return Original.load(folder).graph
