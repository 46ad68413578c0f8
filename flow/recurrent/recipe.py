"""Recipes of quantised recurrent networks."""

import time
from dataclasses import dataclass
from pathlib import Path

import torch

from spikewright.flow.conversions import epochs
from spikewright.flow.convert import Progress, TrainConfig, train
from spikewright.flow.datasets import Dataset
from spikewright.flow.progress import Working
from spikewright.flow.project import Project
from spikewright.flow.samples import Samples

from .config import RecurrentConfig
from .frames import PixelFrames, PixelsFirst
from .module import RecurrentNetwork

__all__ = ["RecurrentRecipe", "train_recurrent"]

N_TUNED = 2048


@dataclass(frozen=True, kw_only=True)
class RecurrentRecipe:
    """A quantised recurrent network, trained as such on samples of ``shape``.

    They are frames, inputs; or images, of which it sees ``frames``. Images are augmented as such,
    before their pixels become frames.
    """

    name: str
    shape: tuple[int, ...]
    network: RecurrentConfig
    training: TrainConfig
    frames: PixelFrames | None = None

    def project(self, out: Path, data: Dataset, *, seed: int, working: Working) -> Project:
        """Train on ``data`` and convert, into a new project that keeps the held-out samples."""
        data = data.shaped(self.shape)
        with working("train") as advance:
            start = time.perf_counter()
            module = train_recurrent(self, data, seed=seed, progress=epochs(advance))
            train_seconds = time.perf_counter() - start
        x = data.x_test if self.frames is None else self.frames.of(data.x_test)
        project = Project.create(out, module.network(), module, Samples(x=x, y=data.y_test))
        project.record({}, {"train": train_seconds})
        return project


def train_recurrent(
    recipe: RecurrentRecipe, data: Dataset, *, seed: int = 0, progress: Progress | None = None
) -> RecurrentNetwork:
    """The trained network; the same seed gives the same one on the same machine."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = RecurrentNetwork(recipe.network)
    trained: torch.nn.Module = module
    x, frames = data.x_train, recipe.frames
    if frames is not None:
        trained = PixelsFirst(module, frames)
    module.tune(x[:N_TUNED] if frames is None else frames.of(x[:N_TUNED]))
    train(trained, x, data.y_train, recipe.training, progress, seed=seed)
    return module
