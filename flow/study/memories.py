"""Rows of networks that remember: Legendre memories, and the decoding of movement."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy.signal
import torch

from spikewright.flow.conversions import counted
from spikewright.flow.convert import SquaredError, TrainConfig
from spikewright.flow.datasets import Dataset, mnist_rows, spoken_digits
from spikewright.flow.integers import Integers
from spikewright.flow.project import Project
from spikewright.flow.readouts import with_readout
from spikewright.flow.samples import Samples
from spikewright.flow.spiking.recipes import SPOKEN_ENCODER
from spikewright.flow.tuning import Leaks, Trainable, tune
from spikewright.flow.tuning.decoding import (
    Cortex,
    decoder,
    filter_operations,
    fitted,
    r_squared,
)
from spikewright.flow.tuning.recipe import TunedRecipe
from spikewright.flow.tuning.recipes import MNIST_L2MU, MNIST_LMU, SPOKEN_L2MU
from spikewright.golden.model import Model
from spikewright.golden.spec import Dense, Mode, Network, ReadoutKind

from .check import equal_in_hardware
from .projects import accuracies, project_of, trained_project
from .row import Context, Finding, Row

__all__ = ["MEMORY_ROWS"]

FloatArray = npt.NDArray[np.float64]
STEPS = 256
WINDOWS = 256
ORDER = 2
CUTOFFS = (0.02, 0.03, 0.05, 0.08)
FRACTION = 4
TRAINING = TrainConfig(epochs=12, batch=16, learning_rate=1e-2)
SPREAD = 0.3
"""How far untrained membranes spread, in units of how far velocities do."""


def rows(context: Context) -> Dataset:
    """MNIST, row by row."""
    return mnist_rows(context.data / "mnist")


def spoken(context: Context) -> Dataset:
    """Spoken digits, in events."""
    return spoken_digits(context.data / "fsdd", SPOKEN_ENCODER)


def memory(
    context: Context,
    recipe: TunedRecipe,
    data: Callable[[Context], Dataset],
    target: float | None,
) -> Finding:
    """Trained as integers: accuracy, and every spike in hardware. ``target`` in percent, if any."""
    project = trained_project(context, recipe, lambda: data(context))
    steps = project.network.max_steps
    found = accuracies(context, project, steps=(steps,))
    right = 100 * found["stepwise"][str(steps)]
    equal = equal_in_hardware(project.network, project.samples.x, Mode.STEPWISE)
    return Finding(
        result=f"{right:.2f} % of {found['samples']:,} samples",
        met=target is None or right >= target,
        figures={"accuracy": found},
        **equal,
    )


def decoding(context: Context) -> Finding:
    """R2 of membranes and of what a filter makes of them, whose integers are held against floats.

    The cut-off is the one that is best on the windows of the training.
    """
    cortex = Cortex(seed=context.seed)
    seen, wanted_seen = cortex.record(WINDOWS, STEPS, recording=0)
    x, wanted = cortex.record(WINDOWS, STEPS, recording=1)
    network = _decoder(context, cortex, seen, wanted_seen).network
    before = _read(network, seen)
    factors = fitted(before, wanted_seen)

    def smooth(cutoff: float) -> Network:
        return with_readout(
            network,
            ReadoutKind.STREAM,
            low_pass=(ORDER, cutoff),
            fraction=FRACTION,
            block=STEPS,
        )

    def score_seen(cutoff: float) -> float:
        found = _read(smooth(cutoff), seen)
        return r_squared(found * fitted(found, wanted_seen), wanted_seen)

    cutoff = max(CUTOFFS, key=score_seen)
    filtered = smooth(cutoff)
    raw, low = _read(network, x), _read(filtered, x)
    plain = r_squared(raw * factors, wanted)
    better = r_squared(low * fitted(_read(filtered, seen), wanted_seen), wanted)
    same = r_squared(low, _floating(raw, cutoff))
    weights = sum(
        each.operator.weights.size
        for each in network.connections
        if isinstance(each.operator, Dense)
    )
    more = 100 * 2 * filter_operations(ORDER) / weights  # forwards and backwards
    equal = equal_in_hardware(filtered, torch.tensor(x), Mode.STEPWISE)
    return Finding(
        result=f"R2 {plain:.4f}, filtered {better:.4f} (order {ORDER}, cut-off {cutoff:g}, blocks "
        f"of {STEPS} steps both ways), for {more:.2f} % more operations than there are weights; "
        f"the filter of integers against floating point {same:.6f}",
        met=better >= plain + 0.03 and more < 1 and same > 0.9999,
        figures={
            "r2": plain,
            "r2_filtered": better,
            "cutoff": cutoff,
            "operations_percent": more,
            "r2_integers": same,
        },
        **equal,
    )


def _decoder(
    context: Context,
    cortex: Cortex,
    x: npt.NDArray[np.int8],
    wanted: npt.NDArray[np.float32],
) -> Project:
    """Trained on the windows, once."""

    def make(folder: Path) -> None:
        module = Trainable(
            decoder(cortex.channels, STEPS, seed=context.seed),
            thresholds=True,
            leaks=Leaks.MULTIPLIER,
        )
        spikes, velocities = torch.tensor(x), torch.tensor(wanted)
        with torch.no_grad():
            scale = SPREAD * float(velocities.std() / module(spikes[: TRAINING.batch]).std())
        with context.working("decoder: train") as advance:
            tuned = tune(
                module,
                spikes,
                velocities,
                TRAINING,
                counted(advance, TRAINING.epochs),
                seed=context.seed,
                objective=SquaredError(scale=scale),
            )
        original = Integers(origin=f"trained as integers, {TRAINING.epochs} epochs")
        Project.create(folder, tuned.network, original, Samples(x=spikes.float()))

    return project_of(context, "decoder", make)


def _read(network: Network, x: npt.NDArray[np.int8]) -> npt.NDArray[np.int64]:
    found: npt.NDArray[np.int64] = Model(network).run(x, mode=Mode.STEPWISE).values.numpy()
    return found


def _floating(x: npt.NDArray[np.int64], cutoff: float) -> FloatArray:
    """The filter as scipy designs it, in floating point: [N, steps, n] forwards and backwards."""
    design = scipy.signal.bessel(ORDER, cutoff, output="sos")
    forwards = scipy.signal.sosfilt(design, x * 2.0**FRACTION, axis=1)
    backwards = scipy.signal.sosfilt(design, forwards[:, ::-1], axis=1)
    found: FloatArray = backwards[:, ::-1]
    return found


_L2MU = "Fra et al., ICANN 2024 (L2MU)"

MEMORY_ROWS = (
    Row(
        name="l2mu-rows",
        paper=_L2MU,
        claim="a Legendre memory of spiking neurons alone tells sequences apart",
        experiment="MNIST row by row, 28 steps; 32 memories of order 4, 128 neurons, 6-bit weights",
        target="at least 95 %",
        run=partial(memory, recipe=MNIST_L2MU, data=rows, target=95.0),
    ),
    Row(
        name="l2mu-spoken",
        paper=_L2MU,
        claim="a Legendre memory of spiking neurons alone tells sequences apart",
        experiment="spoken digits, of speakers that were heard in training; 16 memories of order "
        "4, 96 neurons, 6-bit weights",
        target="every spike equal; the accuracy is told",
        run=partial(memory, recipe=SPOKEN_L2MU, data=spoken, target=None),
    ),
    Row(
        name="lmu-rows",
        paper="Voelker, Kajic and Eliasmith, NeurIPS 2019 (LMU)",
        claim="a linear memory of few numbers holds what a sequence was",
        experiment="MNIST row by row, 28 steps; memories of order 6 in levels, 128 neurons, 6-bit "
        "weights",
        target="at least 95 %",
        run=partial(memory, recipe=MNIST_LMU, data=rows, target=95.0),
    ),
    Row(
        name="decoding",
        paper="Zhou, Sun and Basu, arXiv 2312.15889: gains of about 5 % and 8 % (abstract)",
        claim="a Bessel filter behind a small network decodes movement better, for hardly anything",
        experiment=f"synthetic spikes of 96 channels, tuned to cosines; {WINDOWS} windows of "
        f"{STEPS} steps to learn from, as many others to judge by",
        target="R2 gains at least 0.03 for less than 1 % more operations than there are weights; "
        "R2 of the integer filter against floating point above 0.9999",
        run=decoding,
    ),
)
