"""Samples in npz files."""

import numpy as np
import pytest
import torch

from spikewright.flow.samples import Samples, load_samples, save_samples
from spikewright.golden.errors import ConfigurationError, FileError


def test_round_trip(tmp_path):
    path = tmp_path / "s.npz"
    x, y = torch.rand(5, 2, 3), torch.arange(5)
    save_samples(Samples(x=x, y=y), path)
    loaded = load_samples(path)
    assert torch.equal(loaded.x, x)
    assert torch.equal(loaded.labels(10), y)
    assert len(loaded.first(2)) == len(loaded.first(2).labels(10)) == 2
    assert len(loaded.first(None)) == 5


def test_samples_that_are_spread():
    samples = Samples(x=torch.arange(10.0).reshape(10, 1), y=torch.arange(10))
    assert samples.spread(4).x.flatten().tolist() == [0, 2, 5, 7]
    assert samples.spread(4).labels(10).tolist() == [0, 2, 5, 7]
    assert samples.spread(10) is samples
    assert Samples(x=samples.x).spread(3).y is None


def test_labels_may_be_absent(tmp_path):
    path = tmp_path / "s.npz"
    save_samples(Samples(x=torch.rand(5, 2)), path)
    loaded = load_samples(path)
    assert loaded.y is None
    with pytest.raises(
        ConfigurationError, match=r"s\.npz: the data must have labels, found no array y"
    ):
        loaded.labels(10)


@pytest.mark.parametrize(
    ("arrays", "error", "text"),
    [
        ({"y": np.arange(3)}, FileError, "must have the arrays x and"),
        ({"x": np.ones((3, 2)), "z": np.arange(3)}, FileError, "found x, z"),
        ({"x": np.ones((0, 2))}, ConfigurationError, r"of shape \[0, 2\]"),
        ({"x": np.ones(3)}, ConfigurationError, r"of shape \[3\]"),
        ({"x": np.array([["a", "b"]])}, ConfigurationError, "numbers"),
        ({"x": np.array([[0, 1], [0, np.nan]])}, ConfigurationError, "NaN or inf in sample 1"),
        ({"x": np.ones((3, 2)), "y": np.arange(2)}, ConfigurationError, "y must be 3 integers"),
        ({"x": np.ones((3, 2)), "y": np.ones(3)}, ConfigurationError, "found float64"),
    ],
)
def test_bad_arrays_are_refused(tmp_path, arrays, error, text):
    path = tmp_path / "s.npz"
    np.savez(path, **arrays)
    with pytest.raises(error, match=text):
        load_samples(path)


def test_objects_are_never_unpickled(tmp_path):
    path = tmp_path / "s.npz"
    np.savez(path, x=np.array([[object()]]))
    with pytest.raises(FileError, match="readable npz"):
        load_samples(path)


@pytest.mark.parametrize("content", [None, b"", b"not a zip file"])
def test_bad_files_are_refused(tmp_path, content):
    path = tmp_path / "s.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FileError, match="readable npz"):
        load_samples(path)


def test_truncated_file_is_refused(tmp_path):
    path = tmp_path / "s.npz"
    save_samples(Samples(x=torch.rand(50, 20)), path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(FileError, match="readable npz"):
        load_samples(path)


def test_a_single_array_is_refused(tmp_path):
    path = tmp_path / "s.npy"
    np.save(path, np.ones((3, 2)))
    with pytest.raises(FileError, match="one array, not an npz archive"):
        load_samples(path)


def test_labels_of_every_position(tmp_path):
    path = tmp_path / "s.npz"
    y = torch.arange(12).reshape(3, 2, 2) % 5
    save_samples(Samples(x=torch.rand(3, 2), y=y), path)
    loaded = load_samples(path)
    assert torch.equal(loaded.labels(5), y)
    with pytest.raises(ConfigurationError, match=r"found 4 at sample 1$"):
        loaded.labels(4)


@pytest.mark.parametrize("label", [-1, 3])
def test_labels_are_classes(label):
    samples = Samples(x=torch.rand(3, 2), y=torch.tensor([0, label, 2]), source="here")
    message = rf"^here: labels must lie in 0\.\.2, one for each output, found {label} at sample 1$"
    with pytest.raises(ConfigurationError, match=message):
        samples.labels(3)
