"""Rows of spiking attention: a transformer, and windows with a scan behind them."""

from spikewright.flow.datasets import mnist
from spikewright.flow.tuning.recipes import MNIST_SPIKFORMER
from spikewright.golden.spec import Mode

from .check import equal_in_hardware
from .projects import accuracies, trained_project
from .row import Context, Finding, Row

__all__ = ["ATTENTION_ROWS"]

TARGET = 97.0


def spikformer(context: Context) -> Finding:
    """Accuracy at T = 4, and every spike of 50 images in hardware."""
    recipe = MNIST_SPIKFORMER
    project = trained_project(context, recipe, lambda: mnist(context.data / "mnist"))
    steps = project.network.max_steps
    found = accuracies(context, project, steps=(steps,))
    right = 100 * found["stepwise"][str(steps)]
    equal = equal_in_hardware(project.network, project.samples.x, Mode.STEPWISE, steps=steps)
    return Finding(
        result=f"{right:.2f} % of {found['samples']:,} images at T = {steps}",
        met=right >= TARGET,
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
        run=spikformer,
    ),
)
