"""Benchmarks: a fixed network on fixed data and a fixed board, all the way."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from spikewright.flow.datasets import Dataset, digits, digits_segmentation, mnist
from spikewright.flow.progress import Working, silent
from spikewright.flow.project import Project
from spikewright.flow.recipes import (
    DIGITS_CNN,
    DIGITS_RESNET,
    DIGITS_SEGMENTATION,
    DIGITS_SEPARABLE,
    MNIST_CNN,
    MNIST_MLP,
    Recipe,
)
from spikewright.flow.whole import Target, whole_way
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Mode

__all__ = ["BENCHMARKS", "Benchmark", "run_bench"]

_OTHERS = (Mode.STEPWISE, Mode.SETTLE)


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """A recipe, what is made of its network, and its data.

    ``folder`` reads them from the user's folder; where it is None, ``embedded`` splits those that
    come along by a seed.
    """

    recipe: Recipe
    target: Target
    folder: Callable[[Path], Dataset] | None = None
    embedded: Callable[[int], Dataset] = digits


_ALL = (
    Benchmark(
        recipe=MNIST_MLP,
        folder=mnist,
        target=Target(
            board="ulx3s-85f", lanes=(128, 10), other_modes=_OTHERS, other_lanes=(16, 10)
        ),
    ),
    Benchmark(
        recipe=MNIST_CNN,
        folder=mnist,
        # In the order conv1, conv2, hidden, classes: a mean is part of the layer behind it.
        target=Target(
            board="ulx3s-85f",
            clock_mhz=90,
            lanes=(32, 96, 32, 10),
            samples=200,
            other_modes=_OTHERS,
        ),
    ),
    Benchmark(
        recipe=DIGITS_CNN,
        target=Target(board="icebreaker", lanes=(4, 8, 5), other_modes=_OTHERS),
    ),
    Benchmark(
        recipe=DIGITS_RESNET,
        target=Target(board="ulx3s-85f", lanes=16, other_modes=_OTHERS),
    ),
    Benchmark(
        recipe=DIGITS_SEPARABLE,
        target=Target(board="ulx3s-85f", lanes=16, other_modes=_OTHERS),
    ),
    Benchmark(
        recipe=DIGITS_SEGMENTATION,
        embedded=digits_segmentation,
        target=Target(board="ulx3s-85f", lanes=16, other_modes=_OTHERS),
    ),
)

BENCHMARKS: dict[str, Benchmark] = {each.recipe.name: each for each in _ALL}


def run_bench(
    name: str,
    data: Path | None,
    out: Path,
    *,
    samples: int | None = None,
    seed: int = 0,
    working: Working = silent,
) -> Project:
    """Run one benchmark.

    Parameters
    ----------
    data : the folder of its data; None where they come along.
    samples : held-out samples to co-simulate in each mode; by default as many as the benchmark
        says.

    Raises
    ------
    ConfigurationError
        If there is no such benchmark, or it needs another ``data``.
    """
    if name not in BENCHMARKS:
        raise ConfigurationError(
            f"the benchmark must be one of {', '.join(BENCHMARKS)}", found=repr(name)
        )
    benchmark = BENCHMARKS[name]
    target = benchmark.target
    if samples is not None:
        target = replace(target, samples=samples)
    return whole_way(
        out, benchmark.recipe, _dataset(benchmark, data, seed), target, seed=seed, working=working
    )


def _dataset(benchmark: Benchmark, data: Path | None, seed: int) -> Callable[[], Dataset]:
    name, folder, embedded = benchmark.recipe.name, benchmark.folder, benchmark.embedded
    if folder is None:
        if data is not None:
            raise ConfigurationError(
                f"{name} has data of its own", found=f"the folder {data}", action="leave --data out"
            )
        return lambda: embedded(seed)
    if data is None:
        raise ConfigurationError(
            f"{name} needs a folder of data", found="none", action="name it with --data"
        )
    return lambda: folder(data)
