"""Rows beyond classes of samples: every pixel, and what to do."""

from spikewright.flow.control import control_stage
from spikewright.flow.datasets import Dataset, mnist
from spikewright.flow.recipes import MNIST_SCENES
from spikewright.flow.segmentation import digit_scenes
from spikewright.golden.spec import Mode

from .check import equal_in_hardware
from .projects import accuracies, project_of, trained_project
from .row import Context, Finding, Row

__all__ = ["TASK_ROWS"]

STEPS = 20
SCENES = (4000, 500)
EPISODES = 100


def scenes(context: Context) -> Finding:
    """Mean intersection over union, float and spiking."""

    def data() -> Dataset:
        train, test = SCENES
        return digit_scenes(mnist(context.data / "mnist"), train=train, test=test)

    project = trained_project(context, MNIST_SCENES, data)
    found = accuracies(context, project, steps=(8, STEPS))
    ious = {name: 100 * value for name, value in found["mean_iou"].items()}
    spiking = ious[f"stepwise T={STEPS}"]
    equal = equal_in_hardware(project.network, project.samples.x, Mode.COLLAPSED)
    told = ", ".join(f"{name} {value:.2f} %" for name, value in ious.items())
    return Finding(
        result=f"mean IoU {told}",
        met=spiking >= ious["float"] - 3,
        figures={"mean_iou": ious, "accuracy": found},
        **equal,
    )


def cart_pole(context: Context) -> Finding:
    """The return of a policy, float and spiking."""
    project = project_of(
        context,
        "cart-pole",
        lambda folder: control_stage(
            folder, episodes=EPISODES, seed=context.seed, working=context.working
        ),
    )
    figures = project.summary["control"]
    returns = {name: each["return"] for name, each in figures["modes"].items()}
    equal = equal_in_hardware(project.network, project.samples.x, Mode.COLLAPSED)
    told = ", ".join(
        f"{name} {each['return']:.1f} ({each['events_per_decision']:.1f} spikes a decision)"
        for name, each in figures["modes"].items()
    )
    return Finding(
        result=f"float {figures['float_return']:.1f}, {told}",
        met=all(value >= figures["float_return"] for value in returns.values()),
        figures=figures,
        **equal,
    )


TASK_ROWS = (
    Row(
        name="segmentation",
        paper="Kim, Chough, Panda, NCE 2022",
        claim="spiking networks name every pixel nearly as well",
        experiment="scenes of 32 x 32 pixels made of MNIST digits (synthetic), a fully "
        "convolutional network, 8-bit weights",
        target=f"mean IoU within 3 points of floating point at T = {STEPS}",
        run=scenes,
    ),
    Row(
        name="control",
        paper="Zanatta et al., Neurocomputing 2023",
        claim="a spiking policy acts as well",
        experiment=f"cart-pole (equations of our own), {EPISODES} episodes from the same places",
        target="the return of the float policy in every mode",
        run=cart_pole,
    ),
)
