"""Two networks that others trained and published as NIR go the whole way, spike for spike.

They lie in the folder ``nir`` of DATA, which make says; without it these tests are left out.
"""

import os
from pathlib import Path

import nir
import numpy as np
import pytest
import torch

from spikewright.flow.nir import PRESETS
from spikewright.flow.nir.graph import read_graph
from spikewright.flow.nir.reference import Reference
from spikewright.flow.project import Project
from support.cli import spikewright

DATA = Path(os.environ.get("DATA", "none")).absolute() / "nir"
LIF, BRAILLE = DATA / "lif_norse.nir", DATA / "braille_noDelay_noBias_subtract.nir"

pytestmark = pytest.mark.skipif(not LIF.is_file(), reason="DATA has no published NIR networks")


def converted(tmp_path, path, x, *options):
    np.savez(tmp_path / "x.npz", x=x)
    steps = ("--max-steps", 2 * x.shape[1])
    data = ("--calibrate", "x.npz")
    spikewright("convert", path, *options, *data, *steps, "--out", "p", cwd=tmp_path)
    spikewright("generate", "p", "--lanes", "8", cwd=tmp_path)
    for extra in ((), ("--reset-every", "2")) if x.shape[1] < 100 else ((),):
        spikewright("cosim", "p", "--samples", "4", "--simulator", "icarus", *extra, cwd=tmp_path)
        report = Project(tmp_path / "p").summary["cosim"]
        assert report["mismatches"] == 0
        assert report["spikes_compared"] > 20
    return Project(tmp_path / "p").summary["nir"]["agreement"]


def test_a_single_lif_of_norse(tmp_path):
    x = (np.random.default_rng(0).random((16, 120, 1)) < 0.3).astype(np.float32)
    found = converted(tmp_path, LIF, x, "--preset", "norse")
    assert found["spikes"] == {"1": 1.0}
    assert found["labels"] == 1.0


def test_its_membrane_follows_the_continuous_solution():
    """tau v' = v_leak - v + r (w + b) from 0, below the threshold; a quarter of the step, less."""
    graph = read_graph(LIF)
    node, linear = graph.nodes["1"], nir.read(LIF, type_check=False).nodes["0"]
    tau, r, weight, bias = (
        float(np.ravel(each)[0]) for each in (node.tau, node.r, linear.weight, linear.bias)
    )
    node.v_threshold = np.full(1, 1e9)
    errors = []
    for dt in (1e-4, 2.5e-5):
        steps = round(3 * tau / dt)
        reference = Reference(graph, PRESETS["norse"].everywhere(dt=dt))
        found = reference.run({"input": torch.ones(1, steps, 1)}).membranes["1"].flatten()
        t = dt * torch.arange(1, steps + 1).double()
        wanted = r * (weight + bias) * (1 - torch.exp(-t / tau))
        errors.append(float((found - wanted).abs().max() / wanted.abs().max()))
    assert 0 < errors[1] < 0.3 * errors[0] < 0.3 * 0.03


def test_a_recurrent_braille_reader_of_snntorch(tmp_path):
    x = (np.random.default_rng(1).random((12, 40, 12)) < 0.15).astype(np.float32)
    options = ("--preset", "snntorch", "--reset", "subtract", "--agreement", "0.9")
    found = converted(tmp_path, BRAILLE, x, *options, "--weight-bits", "12")
    assert min(found["spikes"].values()) >= 0.9
    assert found["labels"] >= 0.9
