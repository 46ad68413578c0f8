"""Rows of spiking attention: a transformer, and windows with a scan behind them."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from spikewright.flow.datasets import Dataset, mnist, mnist_rows
from spikewright.flow.tuning.recipe import TunedRecipe
from spikewright.flow.tuning.recipes import MNIST_SPIKFORMER, MNIST_SPIKMAMBA
from spikewright.golden.spec import Mode

from .check import equal_in_hardware
from .projects import accuracies, trained_project
from .row import Context, Finding, Row

__all__ = ["ATTENTION_ROWS"]


def attention(
    context: Context,
    recipe: TunedRecipe,
    data: Callable[[Path], Dataset],
    target: float | None,
) -> Finding:
    """Accuracy, ``target`` in percent if any, and every spike of 50 samples in hardware."""
    project = trained_project(context, recipe, lambda: data(context.data / "mnist"))
    steps = project.network.max_steps
    found = accuracies(context, project, steps=(steps,))
    right = 100 * found["stepwise"][str(steps)]
    equal = equal_in_hardware(project.network, project.samples.x, Mode.STEPWISE, steps=steps)
    return Finding(
        result=f"{right:.2f} % of {found['samples']:,} samples at T = {steps}",
        met=target is None or right >= target,
        figures={"accuracy": found},
        **equal,
    )


ATTENTION_ROWS = (
    Row(
        name="spikformer",
        paper="Zhou et al., arXiv 2401.02020 (Spikformer V2)",
        claim="self-attention of spikes alone, without a softmax, sees",
        experiment="MNIST, patches of 7 x 7 pixels, one block of 32 channels and 2 heads, T = 4, "
        "6-bit weights; no batch norm, no training by reconstruction",
        target="at least 97 %, every spike equal",
        run=partial(attention, recipe=MNIST_SPIKFORMER, data=mnist, target=97.0),
    ),
    Row(
        name="spikmamba-like",
        paper="Chen et al., ACM Multimedia Asia 2024 (SpikMamba)",
        claim="linear attention within windows and a scan over steps make sense of frames",
        experiment="MNIST row by row, a row a frame of 7 tokens, 28 steps; what of the paper is "
        "not of spikes is left out (gates, norms, rotary positions, selective scan)",
        target="every spike equal; the accuracy is told",
        run=partial(attention, recipe=MNIST_SPIKMAMBA, data=mnist_rows, target=None),
    ),
)
