"""Recipes of networks that are built as integers, and trained as such from the start."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from spikewright.flow.conversions import epochs
from spikewright.flow.convert import TrainConfig, encode_input
from spikewright.flow.datasets import Dataset
from spikewright.flow.integers import Integers
from spikewright.flow.progress import Working
from spikewright.flow.project import Project
from spikewright.flow.samples import Samples
from spikewright.flow.tuning.module import SLOPE, Trainable, fast_sigmoid
from spikewright.flow.tuning.shadows import Leaks
from spikewright.flow.tuning.tune import tune
from spikewright.golden.spec import Network

__all__ = ["TunedRecipe"]


@dataclass(frozen=True, kw_only=True)
class TunedRecipe:
    """An integer network and how it is trained.

    Parameters
    ----------
    shape : of a sample, [steps, inputs] of whole numbers, or that of an image.
    build : makes the untrained network by a seed.
    training : all of it.
    thresholds, biases, leaks, frozen, still : what of it is trained, as in ``Trainable``.
    slope : of the fast sigmoid that is the surrogate.
    """

    shape: tuple[int, ...]
    build: Callable[[int], Network]
    training: TrainConfig
    thresholds: bool = False
    biases: bool = False
    leaks: Leaks = Leaks.FIXED
    frozen: tuple[tuple[str, str], ...] = ()
    still: tuple[str, ...] = ()
    slope: float = SLOPE

    @property
    def name(self) -> str:
        """Of the network."""
        return self.build(0).name

    def project(self, out: Path, data: Dataset, *, seed: int, working: Working) -> Project:
        """Train on ``data``, into a new project that keeps the held-out samples."""
        data = data.shaped(self.shape)
        with working("train") as advance:
            start = time.perf_counter()
            network = self.build(seed)
            module = Trainable(
                network,
                surrogate=fast_sigmoid(self.slope),
                thresholds=self.thresholds,
                biases=self.biases,
                leaks=self.leaks,
                frozen=self.frozen,
                still=self.still,
            )
            tell = epochs(advance)
            x = encode_input(network.inputs[0], data.x_train).float()
            tuned = tune(module, x, data.y_train, self.training, tell, seed=seed)
            train_seconds = time.perf_counter() - start
        original = Integers(origin=f"trained as integers, {self.training.epochs} epochs")
        held_out = Samples(x=data.x_test, y=data.y_test)
        project = Project.create(out, tuned.network, original, held_out)
        project.record({}, {"train": train_seconds})
        return project
