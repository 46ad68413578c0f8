"""Pruning and sparse rows as a user meets them."""

import json

import numpy as np
import pytest

from support.cli import spikewright

SOURCE = """
import torch

def wide():
    torch.manual_seed(1)
    return torch.nn.Sequential(
        torch.nn.Linear(30, 24), torch.nn.ReLU(), torch.nn.Linear(24, 4)
    )
"""


@pytest.fixture
def pruned(tmp_path):
    (tmp_path / "network.py").write_text(SOURCE)
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "x.npz", x=rng.random((60, 30), dtype=np.float32), y=np.arange(60) % 4)
    shown = convert(tmp_path, "--prune", "0.75", "--prune-lanes", 4).stdout
    left = json.loads((tmp_path / "p" / "summary.json").read_text())["pruned"]["weights_left"]
    assert 100 < left <= 30 * 24 / 4 + 24 * 4 and f"weights left {left}" in " ".join(shown.split())
    return tmp_path / "p"


def convert(folder, *options, ok=True):
    return spikewright(
        "convert",
        "network.py:wide",
        "--calibrate",
        "x.npz",
        "--out",
        "p",
        *options,
        cwd=folder,
        ok=ok,
    )


def test_the_way_of_a_pruned_network(pruned):
    spikewright("generate", pruned, "--lanes", "4,4", "--rows", "sparse", cwd=pruned)
    made = json.loads((pruned / "summary.json").read_text())["hardware"]
    assert made["rows"] == ["sparse", "dense"]
    spikewright("cosim", pruned, "--simulator", "icarus", "--samples", 20, cwd=pruned)
    assert json.loads((pruned / "summary.json").read_text())["cosim"]["mismatches"] == 0
    # Its lanes are those that the weights were balanced for.
    shown = spikewright("break-even", pruned, "--plot", pruned / "even.svg", cwd=pruned).stdout
    assert "4 lanes, 6 groups" in shown and "break-even" in shown and "now, " in shown
    assert (pruned / "even.svg").exists()
    other = spikewright("break-even", pruned, "--lanes", 12, cwd=pruned).stdout
    assert "12 lanes, 2 groups" in other
    result = spikewright("break-even", pruned, "--plot", "none/e.svg", cwd=pruned, ok=False)
    assert "none/e.svg: the output must be writable" in result.stderr
    assert "break even" not in result.stderr, "told before the work"


def test_rows_of_another_kind_are_refused(pruned):
    result = spikewright("generate", pruned, "--rows", "thin", cwd=pruned, ok=False)
    assert result.returncode
    assert "--rows: must be one of dense, sparse, found 'thin'" in result.stderr


def test_lanes_without_pruning_are_refused(pruned):
    result = convert(pruned.parent, "--prune-lanes", 4, ok=False)
    assert result.returncode
    assert "--prune-lanes must come with --prune" in result.stderr
