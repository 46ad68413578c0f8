"""Benchmarks: a fixed network on fixed data and a fixed board, all the way."""

from dataclasses import replace
from pathlib import Path

from spikewright.flow.datasets import mnist
from spikewright.flow.progress import Working, silent
from spikewright.flow.project import Project
from spikewright.flow.recipes import MNIST_CNN, MNIST_MLP, Recipe
from spikewright.flow.whole import Target, whole_way
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Mode

__all__ = ["BENCHMARKS", "run_bench"]

_OTHERS = (Mode.STEPWISE, Mode.SETTLE)

BENCHMARKS: dict[str, tuple[Recipe, Target]] = {
    "mnist-mlp": (
        MNIST_MLP,
        Target(board="ulx3s-85f", lanes=(128, 10), other_modes=_OTHERS, other_lanes=(16, 10)),
    ),
    "mnist-cnn": (
        MNIST_CNN,
        # In the order conv1, pool1, conv2, pool2, hidden, classes.
        Target(
            board="ulx3s-85f",
            lanes=(144, 32, 144, 32, 64, 10),
            samples=200,
            other_modes=_OTHERS,
            other_lanes=(32, 32, 32, 32, 32, 10),
        ),
    ),
}


def run_bench(
    name: str,
    data: Path,
    out: Path,
    *,
    samples: int | None = None,
    seed: int = 0,
    working: Working = silent,
) -> Project:
    """Run one benchmark on the data of a folder.

    ``samples`` are co-simulated in each mode; by default as many as the benchmark says.
    """
    if name not in BENCHMARKS:
        raise ConfigurationError(
            f"the benchmark must be one of {', '.join(BENCHMARKS)}", found=repr(name)
        )
    recipe, target = BENCHMARKS[name]
    if samples is not None:
        target = replace(target, samples=samples)
    return whole_way(out, recipe, lambda: mnist(data), target, seed=seed, working=working)
