"""Recordings of events go the whole way: samples, conversion, accuracy, Verilog, bitstream."""

import json

import nir
import numpy as np
import pytest
import torch

from spikewright.flow.cli.main import main
from spikewright.flow.spiking import Layer, Output, SpikingNetwork

KIND = np.dtype([("x", np.int16), ("y", np.int16), ("t", np.int64), ("p", bool)])
SENSOR = ("--width", "8", "--height", "4", "--polarities", "2")


def recording(seed, label, n=120):
    """Bright events on the left half, or on the right one."""
    rng = np.random.default_rng(seed)
    events = np.zeros(n, KIND)
    events["t"] = np.sort(rng.integers(0, 20_000, n))
    events["x"] = rng.integers(0, 4, n) + 4 * label
    events["y"] = rng.integers(0, 4, n)
    events["p"] = rng.integers(0, 2, n)
    return events


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def call(*arguments, code=0):
        monkeypatch.setattr("sys.argv", ["spikewright", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        assert (end.value.code or 0) == code, err
        return out + err

    return call


@pytest.fixture
def files(tmp_path):
    labels = np.arange(8) % 2
    np.save(tmp_path / "first.npy", recording(0, 0))
    np.savez(tmp_path / "rest.npz", **{f"r{k}": recording(k, k % 2) for k in range(1, 8)})
    np.save(tmp_path / "labels.npy", labels)
    return tmp_path


def test_the_whole_way(run, files):
    shown = run(
        "events", "first.npy", "rest.npz", *SENSOR, "--step-us", 1000, "--steps", 18,
        "--downsample", 2, "--level", 3, "--labels", "labels.npy", "--out", "x.npz",
    )  # fmt: skip
    words = " ".join(shown.split())
    for said in ("samples 8 18 2 2 4", "recordings 8", "empty 0", "events 960", "late", "merged"):
        assert said in words
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = SpikingNetwork(
            (2, 2, 4), [Layer(neurons=6, leak=0.5, recurrent=True)], Output(classes=2),
            weight_bits=4,
        )  # fmt: skip
    nir.write(files / "net.nir", module.graph())
    (files / "rule.json").write_text(json.dumps(module.rule.as_dict()))
    run(
        "convert", "net.nir", "--discretisation", "rule.json", "--calibrate", "x.npz",
        "--weight-bits", 4, "--agreement", 1, "--out", "p",
    )  # fmt: skip
    run("evaluate", "p", "--data", "x.npz")
    run("generate", "p", "--lanes", 2)
    run("cosim", "p", "--data", "x.npz", "--simulator", "icarus")
    run("build", "p", "--board", "icebreaker", "--sample", 3)
    made = json.loads((files / "p" / "summary.json").read_text())
    assert made["nir"]["agreement"]["labels"] == 1.0
    assert made["network"]["input_levels"] == [[0, 3]]
    assert made["accuracy"]["stepwise"] == {"18": made["accuracy"]["as_trained"]}
    assert (made["cosim"]["samples"], made["cosim"]["mismatches"]) == (8, 0)
    assert made["cosim"]["spikes_compared"] > 100
    assert (files / "p" / made["build"]["bitstream"]).is_file()


def test_a_mistake_is_one_message(run, files):
    bad = recording(0, 0)
    bad["t"][5] = 0
    np.save(files / "bad.npy", bad)
    shown = run(
        "events", "first.npy", "bad.npy", *SENSOR, "--steps", 4, "--out", "x.npz", code=2
    )  # fmt: skip
    assert "error: bad.npy: time must not go backwards: event 5" in shown
    assert "Traceback" not in shown and not (files / "x.npz").exists()
    shown = run("events", "first.npy", "--width", 4, "--steps", 4, "--out", "x.npz", code=4)
    assert "error: first.npy: y of event" in shown


def test_samples_of_another_sensor(run, files):
    run("events", "first.npy", *SENSOR, "--steps", 5, "--order", "yxp", "--out", "x.npz")
    module = SpikingNetwork((2, 4, 7), [Layer(neurons=2, leak=0.5)], Output(classes=2))
    nir.write(files / "net.nir", module.graph())
    shown = run(
        "convert", "net.nir", "--preset", "lava", "--calibrate", "x.npz", "--out", "p", code=2
    )  # fmt: skip
    message = "x.npz: a step must have 56 values, as input 'input' of shape [2, 4, 7], found"
    assert f"{message} shape [4, 8, 2]" in shown
    assert not (files / "p").exists()


def test_help_teaches(run):
    shown = run("events", "--help")
    for word in ("--step-us", "--most-per-step", "spikewright events ear.npz", "microseconds"):
        assert word in shown
    assert "spikewright events" in run("--help")
