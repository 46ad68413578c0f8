"""Live modules of spiking frameworks through the command line."""

import json
import re

import numpy as np
import pytest
import torch

from spikewright.flow.importers import load_module
from spikewright.flow.nir import load_discretisation
from spikewright.flow.project import Project
from spikewright.golden.spec import Reset
from support.cli import spikewright
from support.frameworks import needs
from support.spiking import ran

needs("snntorch")

NETWORK = """
import torch
from torch import nn
import snntorch as snn

def make():
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Linear(12, 9), snn.Leaky(beta=0.75, init_hidden=True, threshold=0.5),
        nn.Linear(9, 4), snn.Leaky(beta=0.9, init_hidden=True, output=True, threshold=0.25,
                                   reset_mechanism="zero"))
"""


@pytest.fixture
def made(tmp_path):
    path = tmp_path / "net.py"
    path.write_text(NETWORK)
    rng = np.random.default_rng(0)
    x = (rng.random((24, 10, 12)) < 0.4).astype(np.float32)
    np.savez(tmp_path / "x.npz", x=x, y=rng.integers(0, 4, 24))
    return path, x


def convert(tmp_path, path, *more, ok=True):
    arguments = ("--calibrate", "x.npz", "--out", "p", "--weight-bits", 12, *more)
    return spikewright("convert", f"{path}:make", *arguments, cwd=tmp_path, ok=ok)


def test_a_module_becomes_a_project_that_needs_its_source_no_more(tmp_path, made):
    path, x = made
    shown = convert(tmp_path, path).stdout
    assert re.search(r"From NIR +reads +the spikes of 3, counted", shown)
    assert "silent" not in shown
    module = load_module(f"{path}:make")
    path.unlink()
    spikewright("evaluate", "p", "--data", "x.npz", cwd=tmp_path)
    summary = json.loads((tmp_path / "p" / "summary.json").read_text())
    assert summary["nir"]["framework"] == "snntorch"
    assert summary["nir"]["reads"] == "the spikes of 3, counted"
    assert summary["nir"]["silent"] == []
    assert min(summary["nir"]["agreement"]["spikes"].values()) > 0.9
    original = Project(tmp_path / "p").original
    spikes, _ = ran(module.double(), torch.from_numpy(x).transpose(0, 1), "step")
    assert original(torch.from_numpy(x)).tolist() == spikes["3"].sum(0).tolist()
    assert spikes["3"].sum() > 20


@pytest.mark.filterwarnings("always")
def test_a_layer_that_random_inputs_do_not_reach_is_named(tmp_path, made):
    path, _ = made
    path.write_text(NETWORK.replace("threshold=0.25", "threshold=99.0"))
    shown = convert(tmp_path, path)
    assert "warning: make: 3 never fired on the 12 samples" in " ".join(shown.stderr.split())
    assert re.search(r"silent +3\n", re.sub(r" +\n", "\n", shown.stdout))
    summary = json.loads((tmp_path / "p" / "summary.json").read_text())
    assert summary["nir"]["silent"] == ["3"]


def test_what_is_not_read_as_it_is_returned_is_refused(tmp_path, made):
    path, _ = made
    path.write_text(
        NETWORK
        + """
class Other(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = make()
    def forward(self, x):
        return -self.net(x)[0]

inner, make = make, Other
""".replace("self.net = make()", "self.net = inner()")
    )
    failed = convert(tmp_path, path, ok=False)
    assert "net.3: a module must return what its last layer brings" in failed.stderr
    assert "found the steps, negated" in failed.stderr
    assert not (tmp_path / "p").exists()


def test_weights_come_from_a_file(tmp_path, made):
    path, _ = made
    module = load_module(f"{path}:make")
    module[0].weight.data.fill_(0.25)
    torch.save(module.state_dict(), tmp_path / "w.pt")
    convert(tmp_path, path, "--weights", "w.pt")
    kept = Project(tmp_path / "p").original.reference.graph.nodes["0"]
    assert (kept.weight == 0.25).all()


@pytest.mark.parametrize(
    ("old", "new", "code", "text"),
    [
        ("import torch", "import not_here", 2, "the source file must run without an error"),
        (
            "import torch",
            "raise ModuleNotFoundError(name='sinabs')",
            7,
            "sinabs must be installed, whose neurons the network has, found no such package; run: "
            "pip install --no-deps 'sinabs>=3.1,<4' pbr nirtorch",
        ),
        (
            "import torch",
            "raise ModuleNotFoundError(name='spikingjelly')",
            7,
            "found no such package; run: pip install 'spikewright[spikingjelly]'",
        ),
        ("snn.Leaky(beta=0.9", "snn.Alpha(alpha=0.95, beta=0.9", 3, "3: a neuron of snntorch must"),
        ("nn.Linear(9, 4)", "nn.Linear(8, 4)", 3, "the module must take steps [batch, 12]"),
        ("nn.Linear(9, 4)", "nn.Linear(9, 4), nn.ReLU()", 3, "found what 3 (ReLU) makes"),
    ],
)
def test_what_cannot_be_read_is_one_message(tmp_path, made, old, new, code, text):
    path, _ = made
    path.write_text(NETWORK.replace(old, new, 1))
    result = convert(tmp_path, path, ok=False)
    said = " ".join(result.stderr.split())
    assert result.returncode == code, said
    assert text in said
    assert "Traceback" not in said
    assert not (tmp_path / "p").exists()


def test_samples_have_steps(tmp_path, made):
    path, x = made
    np.savez(tmp_path / "x.npz", x=x[:, 0])
    result = convert(tmp_path, path, ok=False)
    assert result.returncode == 2
    assert "must have the shape [N, steps, ...], found [24, 12]" in " ".join(result.stderr.split())


def test_no_training_of_spiking_networks(tmp_path, made):
    result = convert(tmp_path, made[0], "--qat-epochs", 2, ok=False)
    assert result.returncode == 2
    assert "--qat-epochs must be 0 for a spiking network" in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (("--levels", 3, "--method", "rate"), "--levels, --method"),
        (("--preset", "snntorch", "--dt", 1), "--dt, --preset"),
        (("--seed", 3), "--seed"),
    ],
)
def test_options_that_do_nothing(tmp_path, made, options, names):
    result = convert(tmp_path, made[0], *options, ok=False)
    assert result.returncode == 2
    said = " ".join(result.stderr.split())
    text = f"a spiking module must come without options that do nothing there, found {names}; leave"
    assert text in said
    assert not (tmp_path / "p").exists()


def test_levels_of_inputs(tmp_path, made):
    np.savez(tmp_path / "x.npz", x=3 * made[1])
    convert(tmp_path, made[0], "--input-levels", 1)
    assert Project(tmp_path / "p").network.inputs[0].high == 1


def test_a_project_goes_out_with_a_rule_for_each_layer(tmp_path, made):
    convert(tmp_path, made[0])
    done = spikewright("export", "p", "--out", "out.nir", cwd=tmp_path)
    assert done.stdout.split() == ["Written:", "out.nir", "and", "out.json"]
    done = spikewright("export", "p", "--out", "a[red]b.nir", cwd=tmp_path)
    assert "a[red]b.json" in done.stdout
    rule = load_discretisation(tmp_path / "out.json")
    assert rule.of("n1").reset_delay
    assert rule.of("n3").reset is Reset.VALUE
    again = ("--discretisation", "out.json", "--weight-bits", 12, "--calibrate", "x.npz")
    spikewright("convert", "out.nir", *again, "--out", "q", cwd=tmp_path)
    first, second = (Project(tmp_path / name) for name in "pq")
    assert second.summary["nir"]["agreement"]["labels"] == 1
    for one, other in zip(first.network.connections, second.network.connections, strict=True):
        assert (one.operator.weights == other.operator.weights).all()
