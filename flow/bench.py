"""Benchmarks: a fixed network on fixed data and a fixed board, all the way."""

from pathlib import Path

from spikewright.flow.datasets import mnist
from spikewright.flow.progress import Working, silent
from spikewright.flow.project import Project
from spikewright.flow.recipes import MNIST_MLP
from spikewright.flow.whole import Target, whole_way
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Mode

__all__ = ["BENCHMARKS", "run_bench"]

BENCHMARKS = ("mnist-mlp",)


def run_bench(
    name: str,
    data: Path,
    out: Path,
    *,
    samples: int | None = None,
    seed: int = 0,
    working: Working = silent,
) -> Project:
    """Run one benchmark on the data of a folder; ``samples`` are co-simulated in each mode."""
    if name not in BENCHMARKS:
        raise ConfigurationError(
            f"the benchmark must be one of {', '.join(BENCHMARKS)}", found=repr(name)
        )
    target = Target(
        board="ulx3s-85f",
        lanes=(128, 10),
        samples=samples,
        other_modes=(Mode.STEPWISE, Mode.SETTLE),
        other_lanes=(16, 10),
    )
    return whole_way(out, MNIST_MLP, lambda: mnist(data), target, seed=seed, working=working)
