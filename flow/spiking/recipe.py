"""Recipes of spiking networks: trained in time, and converted through their NIR graph."""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import nir
import torch

from spikewright.flow.conversions import convert_nir_stage, epochs
from spikewright.flow.convert import Progress, TrainConfig, train
from spikewright.flow.datasets import Dataset
from spikewright.flow.progress import Working
from spikewright.flow.project import Project
from spikewright.flow.samples import Samples
from spikewright.golden.spec import Reset

from .layers import Layer, Output
from .network import SpikingNetwork

__all__ = ["SpikingRecipe", "train_spiking"]

N_CALIBRATION = 256


@dataclass(frozen=True, kw_only=True)
class SpikingRecipe:
    """A spiking network and how it is trained.

    Parameters
    ----------
    name : of the network.
    shape : of a sample, [steps, *shape]; its values are events, 0 or 1, or whole numbers.
    layers, output, weight_bits, reset : of the network.
    training : all of it, quantised from the start.
    agreement : the least share of spikes and labels that the integers have in common with it.
    """

    name: str
    shape: tuple[int, ...]
    layers: tuple[Layer, ...]
    output: Output
    weight_bits: int
    training: TrainConfig
    reset: Reset = Reset.SUBTRACT
    agreement: float = 0.99

    def project(self, out: Path, data: Dataset, *, seed: int, working: Working) -> Project:
        """Train on ``data`` and convert, into a new project that keeps the held-out samples."""
        data = data.shaped(self.shape)
        with working("train") as advance:
            start = time.perf_counter()
            module = train_spiking(self, data, seed=seed, progress=epochs(advance))
            train_seconds = time.perf_counter() - start
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / f"{self.name}.nir"
            nir.write(source, module.graph())
            project = convert_nir_stage(
                out,
                source,
                module.rule,
                Samples(x=data.x_train).spread(N_CALIBRATION),
                name=self.name,
                weight_bits=self.weight_bits,
                agreement=self.agreement,
                max_steps=self.shape[0],
                held_out=Samples(x=data.x_test, y=data.y_test),
                working=working,
            )
        project.record({}, {"train": train_seconds})
        return project


def train_spiking(
    recipe: SpikingRecipe, data: Dataset, *, seed: int = 0, progress: Progress | None = None
) -> SpikingNetwork:
    """The trained network; the same seed gives the same one on the same machine."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = SpikingNetwork(
            recipe.shape[1:],
            recipe.layers,
            recipe.output,
            weight_bits=recipe.weight_bits,
            reset=recipe.reset,
        )
    train(module, data.x_train, data.y_train, recipe.training, progress, seed=seed)
    return module
