"""Rows of networks that hear sequences: recurrence that settles, and memories."""

from dataclasses import replace
from functools import partial
from pathlib import Path

from spikewright.flow.datasets import mnist, mnist_rows
from spikewright.flow.project import Project
from spikewright.flow.recurrent import RecurrentNetwork
from spikewright.flow.recurrent.config import Form
from spikewright.flow.recurrent.recipe import RecurrentRecipe
from spikewright.flow.recurrent.recipes import (
    MNIST_PERMUTED,
    MNIST_PIXELS_14,
    MNIST_RNN,
    MNIST_SEQUENTIAL,
)
from spikewright.flow.samples import Samples
from spikewright.golden.spec import Mode

from .check import equal_in_hardware
from .projects import accuracies, project_of, trained_project
from .row import Context, Finding, Row

__all__ = ["SEQUENCE_ROWS"]


def rows_of_pixels(context: Context) -> Finding:
    """Row by row: all states equal, and the two forms beside each other."""
    fresh = trained_project(context, MNIST_RNN, lambda: mnist_rows(context.data / "mnist"))
    module = fresh.original
    assert isinstance(module, RecurrentNetwork)  # as the recipe makes it

    def make(folder: Path) -> None:
        delta = RecurrentNetwork(replace(module.config, form=Form.DELTA, name="mnist_rnn_delta"))
        delta.load_state_dict(module.state_dict())
        samples = Samples(x=fresh.samples.x, y=fresh.samples.y)
        Project.create(folder, delta.eval().network(), delta, samples)

    delta = project_of(context, "mnist-rnn-delta", make)
    found = {"fresh": accuracies(context, fresh), "delta": accuracies(context, delta)}
    states, equal_states = _states(*found.values())
    events = {name: _events(each) for name, each in found.items()}
    equal = equal_in_hardware(fresh.network, fresh.samples.x, Mode.SETTLE)
    more = equal_in_hardware(delta.network, delta.samples.x, Mode.SETTLE)
    right = 100 * found["fresh"]["settle"]
    return Finding(
        result=f"{right:.2f} %; {equal_states:,} of {states:,} states and all logits of "
        f"{_equal_logits(*found.values())} equal, both forms, settled and collapsed; spikes of a "
        f"sample {events['fresh']:,.0f} fresh, {events['delta']:,.0f} delta",
        met=right >= 97 and equal_states == states,
        figures={"accuracy": found, "events": events},
        compared=equal["compared"] + more["compared"],
        spikes=equal["spikes"] + more["spikes"],
    )


def pixels(context: Context, recipe: RecurrentRecipe, target: float) -> Finding:
    """Pixel by pixel."""
    project = trained_project(context, recipe, lambda: mnist(context.data / "mnist"))
    found = accuracies(context, project)
    states, equal_states = _states(found)
    equal = equal_in_hardware(project.network, project.samples.x, Mode.COLLAPSED)
    right = 100 * found["collapsed"]
    return Finding(
        result=f"{right:.2f} %; {equal_states:,} of {states:,} states equal, logits of "
        f"{_equal_logits(found)} samples",
        met=right >= target and equal_states == states,
        figures={"accuracy": found},
        **equal,
    )


def _states(*found: dict[str, object]) -> tuple[int, int]:
    """States of all modes, and how many of them equal the quantised network's."""
    all_states = equal = 0
    for each in found:
        of_modes = each["equal_states"]
        assert isinstance(of_modes, dict)
        all_states += int(str(each["states"])) * len(of_modes)
        equal += sum(of_modes.values())
    return all_states, equal


def _equal_logits(*found: dict[str, object]) -> str:
    counts = []
    for each in found:
        of_modes = each["equal_logits"]
        assert isinstance(of_modes, dict)
        counts += list(of_modes.values())
    return f"{min(counts):,}" if len(set(counts)) == 1 else ", ".join(map(str, counts))


def _events(found: dict[str, object]) -> float:
    """Spikes of a sample that settles, all populations and the input."""
    events = found["events"]
    assert isinstance(events, dict)
    return float(sum(events["settle"].values()))


SEQUENCE_ROWS = (
    Row(
        name="crnn-morph-rows",
        paper="Su et al., arXiv 2408.09403 (CRNN-Morph)",
        claim="a quantised recurrent network and its spiking form are the same",
        experiment="MNIST row by row, 28 steps; QRNN of 128 neurons, fresh and delta form",
        target="all states and logits equal, at least 97 %",
        run=rows_of_pixels,
    ),
    Row(
        name="crnn-morph-pixels-14",
        paper="Su et al., arXiv 2408.09403 (CRNN-Morph)",
        claim="a quantised recurrent network and its spiking form are the same",
        experiment="MNIST of 14 x 14 pixels, pixel by pixel, 196 steps",
        target="all states equal, at least 97 %",
        run=partial(pixels, recipe=MNIST_PIXELS_14, target=97.0),
    ),
    Row(
        name="crnn-morph-sequential",
        paper="Su et al., arXiv 2408.09403 (CRNN-Morph): 99.16 % (abstract)",
        claim="long sequences lose nothing in spikes",
        experiment="sequential MNIST, 784 steps of one pixel",
        target="all states equal; the published 99.16 %",
        run=partial(pixels, recipe=MNIST_SEQUENTIAL, target=99.16),
    ),
    Row(
        name="crnn-morph-permuted",
        paper="Su et al., arXiv 2408.09403 (CRNN-Morph): 94.95 % (abstract)",
        claim="long sequences lose nothing in spikes",
        experiment="permuted sequential MNIST, 784 steps of one pixel",
        target="all states equal; the published 94.95 %",
        run=partial(pixels, recipe=MNIST_PERMUTED, target=94.95),
    ),
)
