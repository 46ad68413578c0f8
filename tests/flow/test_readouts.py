"""A network that is there already, read in another way."""

import numpy as np
import pytest
import torch

from spikewright.flow.importers import import_module
from spikewright.flow.original import Original
from spikewright.flow.plan import default_plan
from spikewright.flow.project import Project
from spikewright.flow.readouts import with_readout
from spikewright.flow.samples import Samples
from spikewright.flow.stages import cosim_stage, evaluate_stage, generate_stage
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.model import Model
from spikewright.golden.spec import Decision, Mode, ReadoutKind
from support.chains import bounded_chain, counting_chain, inputs_for
from support.cli import spikewright

SILENT, FIRING = bounded_chain((6, 8, 3), seed=3), counting_chain((6, 8, 3), seed=3)


@pytest.mark.parametrize(
    ("network", "kind"),
    [
        (SILENT, "maximum"),
        (SILENT, "stream"),
        (SILENT, "membrane"),
        (FIRING, "first_spike"),
        (FIRING, "stream"),
        (FIRING, "count"),
    ],
)
def test_only_the_readout_changes(network, kind):
    found = with_readout(network, ReadoutKind(kind))
    assert found.readout.kind is ReadoutKind(kind)
    assert found.readout.decision is (Decision.RAW if kind == "stream" else Decision.ARGMAX)
    assert found.modes == (network.modes if kind == "membrane" else (Mode.STEPWISE,))
    assert found.connections == network.connections
    x = inputs_for(network, 4)
    steps = None if x.ndim == 3 else 4
    both = (network, found)
    runs = [Model(each).run(x, mode="stepwise", steps=steps, trace=True) for each in both]
    for name, spikes in runs[0].trace.spikes.items():
        assert torch.equal(runs[1].trace.spikes[name], spikes)
    membranes = runs[0].trace.membranes[network.readout.population]
    if kind == "maximum":
        assert torch.equal(runs[1].values, membranes.amax(0))
    if kind == "stream" and network is SILENT:
        assert torch.equal(runs[1].values, membranes.transpose(0, 1))


def test_a_low_pass_comes_to_rest_at_the_value_itself():
    found = with_readout(SILENT, ReadoutKind.STREAM, low_pass=(2, 0.4), fraction=3)
    assert len(found.readout.biquads) == 1
    x = inputs_for(SILENT, 2)
    values = Model(found).run(x, mode="stepwise", steps=found.max_steps).values
    wanted = Model(SILENT).run(x, mode="stepwise", steps=found.max_steps, trace=True)
    membranes = wanted.trace.membranes["out"].transpose(0, 1)
    assert values.shape == membranes.shape
    assert not torch.equal(values, membranes << 3)
    still = (membranes[:, -6:] == membranes[:, -1:]).all(1)
    assert still.any()
    assert ((values[:, -1] - (membranes[:, -1] << 3)).abs() <= 8)[still].all()


@pytest.mark.parametrize(
    ("network", "kind", "options", "message"),
    [
        (SILENT, "count", {}, "must read a population that fires, found fire none; take one"),
        (FIRING, "maximum", {}, "that never fires, found fire binary; take one of count, first"),
        (SILENT, "maximum", {"low_pass": (2, 0.2)}, "a filter must come with a stream, found read"),
        (SILENT, "stream", {"block": 4}, "shift, fraction and block must come with a filter"),
        (SILENT, "stream", {"shift": 14}, "shift, fraction and block must come with a filter"),
        (SILENT, "stream", {"low_pass": (3, 0.2)}, "the order must be even, from 2, found 3"),
        (SILENT, "stream", {"low_pass": (2, 1.2)}, "the cut-off must be between 0 and 1, half the"),
    ],
)
def test_what_does_not_go_together(network, kind, options, message):
    with pytest.raises(ConfigurationError, match=message):
        with_readout(network, ReadoutKind(kind), **options)


def project(root):
    """One whose original does not matter here."""
    x = torch.from_numpy(inputs_for(SILENT, 12)).float()
    y = torch.from_numpy(np.arange(12) % 3)
    original = Original(import_module(torch.nn.Sequential(torch.nn.Linear(6, 3)), (6,)))
    return Project.create(root, SILENT, original, Samples(x=x, y=y))


@pytest.mark.filterwarnings("always", "ignore::amaranth.hdl.UnusedElaboratable")
def test_the_command_and_the_hardware_that_follows(tmp_path):
    made = project(tmp_path / "p")
    generate_stage(made, default_plan(SILENT, Mode.COLLAPSED, lanes=4))
    options = ("--low-pass", "2,0.3", "--fraction", "2", "--block", "4")
    result = spikewright("readout", "p", "--kind", "stream", *options, cwd=tmp_path)
    assert "warning: p: generated/collapsed of the network before" in result.stderr
    made = Project(tmp_path / "p")
    assert made.summary["network"]["readout"] == "stream, filter"
    assert "hardware" not in made.summary
    assert not (made.root / "generated").exists()
    generate_stage(made, default_plan(made.network, Mode.STEPWISE, lanes=4))
    cosim_stage(made, Mode.STEPWISE, made.samples.first(3), steps=6, simulator="icarus")
    assert made.summary["cosim"]["mismatches"] == 0
    with pytest.raises(ConfigurationError, match=r"accuracy must be that of a readout that decid"):
        evaluate_stage(made, made.samples, steps=(2,))
    result = spikewright(
        "readout", "p", "--kind", "stream", "--low-pass", "4", cwd=tmp_path, ok=False
    )
    assert "--low-pass: must be an order and a cut-off, as 4,0.05, found '4'" in result.stderr
