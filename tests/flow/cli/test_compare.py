"""``spikewright compare``, from a file of the user's."""

import numpy as np
import pytest

from support.cli import spikewright

SOURCE = """
import torch
from torch import nn

def make():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
"""


@pytest.fixture
def files(tmp_path):
    (tmp_path / "net.py").write_text(SOURCE)
    rng = np.random.default_rng(0)
    x = rng.random((50, 4), dtype=np.float32)
    np.savez(tmp_path / "x.npz", x=x, y=(x[:, 0] > x[:, 1]).astype(np.int64))
    return tmp_path


def test_every_method_and_again(files):
    options = ("--steps", "1,4", "--epochs", 1, "--tune-epochs", 1, "--batch", 8, "--lanes", 2)
    command = ("compare", "net.py:make", "--data", "x.npz", "--out", "c", *options)
    said = spikewright(*command, "--methods", "rate-max,hybrid,ttfs", cwd=files)
    assert all(name in said.stdout for name in ("rate-max", "hybrid", "ttfs", "In floating point"))
    assert {each.name for each in (files / "c").iterdir()} == {
        "comparison.json", "comparison.csv", "comparison.png", "rate-max", "hybrid", "ttfs",
    }  # fmt: skip
    again = spikewright(*command, "--methods", "hybrid", cwd=files)
    assert "hybrid ..." not in again.stderr and "hybrid" in again.stdout


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--methods", "best", "--batch", 8), "methods must be among rate-max"),
        (("--steps", "0", "--batch", 8), "--steps"),
        (("--levels", "best=3", "--batch", 8), "levels must be of methods"),
        (("--levels", "rate=300", "--batch", 8), "--levels: must be 1 to 255, found 300"),
        (("--board", "none", "--batch", 8), "none"),
        ((), "there must be at least a batch of samples to train on, 128, found 40"),
    ],
)
def test_what_cannot_be_compared_leaves_nothing(files, options, text):
    found = spikewright(
        "compare", "net.py:make", "--data", "x.npz", "--out", "c", *options, cwd=files, ok=False
    )
    assert found.returncode == 2 and text in found.stderr
    assert not (files / "c").exists()


def test_a_few_samples_are_not_split(files):
    np.savez(files / "few.npz", x=np.ones((9, 4), np.float32), y=np.zeros(9, np.int64))
    found = spikewright(
        "compare", "net.py:make", "--data", "few.npz", "--out", "c", cwd=files, ok=False
    )
    assert "there must be at least 10 samples to hold some out, found 9" in found.stderr


def test_a_label_is_named_by_its_place_in_the_file(files):
    y = np.zeros(50, np.int64)
    y[[0, 23]] = 1, 2
    np.savez(files / "bad.npz", x=np.ones((50, 4), np.float32), y=y)
    found = spikewright(
        "compare", "net.py:make", "--data", "bad.npz", "--out", "c", cwd=files, ok=False
    )
    assert "labels must lie in 0..1, one for each output, found 2 at sample 23" in found.stderr


def test_refusals_are_whole_lines_and_names_count_once(files):
    """On 50 samples there are too few activations for a percentile."""
    command = ("compare", "net.py:make", "--data", "x.npz", "--out", "c", "--steps", "4")
    trains = ("--epochs", 0, "--tune-epochs", 0)
    said = spikewright(*command, *trains, "--methods", "rate, rate-max, rate", cwd=files)
    shown = " ".join(said.stdout.split())
    assert shown.count("rate was refused: layer_0: there must be at least 1,000 activations") == 1
    assert "T = 4" in shown and "warning" not in said.stderr
    alone = spikewright(*command, *trains, "--methods", "rate", cwd=files, ok=False)
    assert alone.returncode == 3
    assert "net.py:make: a network and its data must suit one of the methods" in alone.stderr
    assert "was refused" in alone.stdout and "accuracy" not in alone.stdout
    assert "warning" not in alone.stderr
