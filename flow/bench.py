"""Benchmarks: a fixed network on fixed data and a fixed board, all the way."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from spikewright.flow.datasets import (
    Dataset,
    digits,
    digits_segmentation,
    mnist,
    mnist_rows,
    spoken_digits,
)
from spikewright.flow.progress import Working, silent
from spikewright.flow.project import Project
from spikewright.flow.recipes import (
    DIGITS_CNN,
    DIGITS_RESNET,
    DIGITS_SEGMENTATION,
    DIGITS_SEPARABLE,
    MNIST_BEST,
    MNIST_CNN,
    MNIST_FIRST_SPIKE,
    MNIST_MLP,
    MNIST_ONEHOT_1,
    MNIST_ONEHOT_2,
    MNIST_ONEHOT_3,
    MNIST_SPARSE,
)
from spikewright.flow.recurrent.recipes import (
    MNIST_PERMUTED,
    MNIST_PIXELS_14,
    MNIST_RNN,
    MNIST_RNN_DELTA,
    MNIST_SEQUENTIAL,
)
from spikewright.flow.results.goal import Goal
from spikewright.flow.spiking.recipes import MNIST_ROWS, SPOKEN_DIGITS, SPOKEN_ENCODER
from spikewright.flow.tuning.recipes import MNIST_L2MU, MNIST_LMU, SPOKEN_L2MU
from spikewright.flow.whole import Maker, Target, whole_way
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Mode
from spikewright.hdl.plan import MembraneStore, ParameterStore, Rows, WeightStore

__all__ = ["BENCHMARKS", "Benchmark", "run_bench"]

_OTHERS = (Mode.STEPWISE, Mode.SETTLE)
# Of place and route: one is chance.
_SEEDS = (1, 2, 3)


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """A recipe, what is made of its network, its data, and what is to be reached.

    ``data`` gets the user's folder, None where nobody named one, and the seed of a split.
    ``name``: the recipe's, where it is left out.
    """

    recipe: Maker
    target: Target
    data: Callable[[Path | None, int], Dataset]
    goal: Goal | None = None
    name: str = ""

    def __post_init__(self) -> None:
        """Take the recipe's name."""
        object.__setattr__(self, "name", self.name or self.recipe.name)


def _from_folder(load: Callable[[Path], Dataset], folder: Path | None, seed: int) -> Dataset:
    """Data that the user has, with a split of their own."""
    if folder is None:
        raise ConfigurationError(
            "this benchmark needs the folder of its data", found="none", where="data"
        )
    return load(folder)


def _embedded(load: Callable[[int], Dataset], folder: Path | None, seed: int) -> Dataset:
    """Data that come with scikit-learn."""
    if folder is not None:
        raise ConfigurationError(
            "the data of this benchmark come along, and it takes no folder",
            found=str(folder),
            where="data",
        )
    return load(seed)


_ROWS = partial(_from_folder, mnist_rows)
_SPOKEN = partial(_from_folder, partial(spoken_digits, encoder=SPOKEN_ENCODER))
_MNIST = partial(_from_folder, mnist)
_DIGITS = partial(_embedded, digits)
_PIXELS = partial(_embedded, digits_segmentation)


_ALL = (
    Benchmark(
        recipe=MNIST_MLP,
        data=_MNIST,
        target=Target(
            board="ulx3s-85f",
            clock_mhz=130,
            lanes=(128, 10),
            sweep_lanes=16,
            spikes=2,
            fanout=32,
            other_modes=_OTHERS,
            other_lanes=(16, 10),
        ),
        goal=Goal(
            accuracy=0.975,
            cycles=70,
            fmax_mhz=130,
            lut=12_000,
            # Above the best published of any kind, FINN's SFC-max with about 135,000.
            frames_per_s_per_klut=150_000,
        ),
    ),
    Benchmark(
        name="mnist-mlp-up5k",
        recipe=MNIST_MLP,
        data=_MNIST,
        target=Target(
            board="icebreaker",
            lanes=(16, 2),
            weights=WeightStore.SPRAM,
            queue_depth=4,
            samples=500,
        ),
        goal=Goal(accuracy=0.975, cycles=1300, fmax_mhz=40, sample_us=35),
    ),
    *(
        Benchmark(
            recipe=recipe,
            data=_MNIST,
            target=Target(
                board="ulx3s-85f",
                lanes=(128, 10),
                sweep_lanes=32,
                spikes=2,
                mode=Mode.STEPWISE,
                samples=200,
            ),
        )
        for recipe in (MNIST_ONEHOT_1, MNIST_ONEHOT_2, MNIST_ONEHOT_3, MNIST_FIRST_SPIKE)
    ),
    Benchmark(
        recipe=MNIST_SPARSE,
        data=_MNIST,
        # As many lanes as its weights were balanced for; 4 neurons a cycle have all decided before
        # the next image's rows are added.
        target=Target(
            board="ulx3s-85f", lanes=(16, 10), sweep_lanes=4, rows=Rows.SPARSE, samples=500
        ),
    ),
    Benchmark(
        recipe=MNIST_CNN,
        data=_MNIST,
        # In the order conv1, conv2, hidden, classes: a mean is part of the layer behind it.
        target=Target(
            board="ulx3s-85f",
            clock_mhz=110,
            lanes=(32, 96, 32, 10),
            # What writes to LUT RAM reaches every lane behind a gate; block RAM's is a register.
            membranes=MembraneStore.BLOCK,
            parameters=ParameterStore.REGISTERS,
            fanout=16,
            samples=500,
            other_modes=_OTHERS,
        ),
        goal=Goal(accuracy=0.992, efficiency=0.8, fmax_mhz=110, frames_per_s=30_000),
    ),
    Benchmark(
        recipe=MNIST_BEST,
        data=_MNIST,
        # In the order of the four convolutions, hidden, classes.
        target=Target(
            board="ulx3s-85f",
            clock_mhz=100,
            lanes=(16, 32, 96, 64, 64, 10),
            samples=100,
        ),
        # Above the best published of spiking networks, SyncNN's.
        goal=Goal(accuracy=0.996, frames_per_s=13_086),
    ),
    Benchmark(
        recipe=MNIST_RNN,
        data=_ROWS,
        target=Target(board="ulx3s-85f", lanes=(64, 10), samples=50, other_modes=(Mode.SETTLE,)),
    ),
    Benchmark(
        recipe=MNIST_RNN_DELTA,
        data=_ROWS,
        target=Target(
            board="ulx3s-85f",
            lanes=(64, 10),
            samples=50,
            mode=Mode.SETTLE,
            other_modes=(Mode.COLLAPSED,),
        ),
    ),
    *(
        Benchmark(
            recipe=recipe,
            data=_MNIST,
            # In the order memory, the two layers behind it, classes; a pixel is a frame.
            target=Target(board="ulx3s-85f", lanes=(16, 64, 32, 10), samples=4),
            # Above what Su et al. give for their own networks.
            goal=goal,
        )
        for recipe, goal in (
            (MNIST_SEQUENTIAL, Goal(accuracy=0.9916)),
            (MNIST_PERMUTED, Goal(accuracy=0.9495)),
            (MNIST_PIXELS_14, None),
        )
    ),
    Benchmark(
        recipe=MNIST_ROWS,
        data=_ROWS,
        target=Target(board="ulx3s-85f", lanes=(64, 10), samples=50, mode=Mode.STEPWISE),
    ),
    # In the order u, m, h, out; of linear memories m, h, out.
    Benchmark(
        recipe=MNIST_L2MU,
        data=_ROWS,
        target=Target(board="ulx3s-85f", lanes=(32, 32, 64, 10), samples=50, mode=Mode.STEPWISE),
    ),
    Benchmark(
        recipe=MNIST_LMU,
        data=_ROWS,
        target=Target(board="ulx3s-85f", lanes=(24, 32, 10), samples=50, mode=Mode.STEPWISE),
    ),
    Benchmark(
        recipe=SPOKEN_DIGITS,
        data=_SPOKEN,
        target=Target(board="icebreaker", lanes=(8, 2), samples=30, mode=Mode.STEPWISE),
    ),
    Benchmark(
        recipe=SPOKEN_L2MU,
        data=_SPOKEN,
        target=Target(board="ulx3s-85f", lanes=(16, 16, 48, 10), samples=30, mode=Mode.STEPWISE),
    ),
    Benchmark(
        recipe=DIGITS_CNN,
        data=_DIGITS,
        target=Target(board="icebreaker", lanes=(4, 8, 5), other_modes=_OTHERS),
    ),
    Benchmark(
        recipe=DIGITS_RESNET,
        data=_DIGITS,
        target=Target(board="ulx3s-85f", lanes=16, other_modes=_OTHERS),
    ),
    Benchmark(
        recipe=DIGITS_SEPARABLE,
        data=_DIGITS,
        target=Target(board="ulx3s-85f", lanes=16, other_modes=_OTHERS),
    ),
    Benchmark(
        recipe=DIGITS_SEGMENTATION,
        data=_PIXELS,
        target=Target(board="ulx3s-85f", lanes=16, other_modes=_OTHERS),
    ),
)

BENCHMARKS: dict[str, Benchmark] = {each.name: each for each in _ALL}


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
    target = replace(benchmark.target, seeds=_SEEDS)
    if samples is not None:
        target = replace(target, samples=samples)
    project = whole_way(
        out,
        benchmark.recipe,
        lambda: benchmark.data(data, seed),
        target,
        seed=seed,
        working=working,
    )
    goal = benchmark.goal.as_dict() if benchmark.goal else {}
    about = {"name": name, "seed": seed, "goal": goal}
    project.record({"benchmark": about})
    return project
