"""Files of recordings become a file of samples, or are refused and leave nothing."""

import numpy as np
import pytest

from spikewright.flow.events import Binning, bin_events
from spikewright.flow.recordings import read_recordings, samples_of
from spikewright.flow.samples import load_samples
from spikewright.golden.errors import ConfigurationError, FileError, RangeError

KIND = np.dtype([("x", np.int16), ("y", np.int16), ("t", np.int64), ("p", bool)])
BINNING = Binning(width=5, height=4, polarities=2, steps=6)


def recording(seed, n=40):
    rng = np.random.default_rng(seed)
    events = np.zeros(n, KIND)
    events["t"] = np.sort(rng.integers(0, 900, n))
    events["x"], events["y"] = rng.integers(0, 5, n), rng.integers(0, 4, n)
    events["p"] = rng.integers(0, 2, n)
    return events


@pytest.fixture
def folder(tmp_path):
    np.save(tmp_path / "one.npy", recording(0))
    np.savez(tmp_path / "more.npz", b=recording(1), a=recording(2, 0))
    np.save(tmp_path / "labels.npy", np.array([2, 0, 1]))
    return tmp_path


def test_npy_and_npz_in_their_order(folder):
    paths = [folder / "more.npz", folder / "one.npy"]
    samples, count = samples_of(
        paths, BINNING, folder / "new" / "x.npz", labels=folder / "labels.npy"
    )
    wanted, same = bin_events([recording(1), recording(2, 0), recording(0)], BINNING)
    assert samples.x.tolist() == wanted.tolist()
    assert count == same and count.empty == 1
    read = load_samples(folder / "new" / "x.npz")
    assert read.x.tolist() == wanted.tolist() and read.y.tolist() == [2, 0, 1]
    assert [name for name, _ in read_recordings(folder / "more.npz")] == [
        f"{folder / 'more.npz'}: b",
        f"{folder / 'more.npz'}: a",
    ]


def test_labels_may_be_unknown(folder):
    samples_of([folder / "one.npy"], BINNING, folder / "x.npz")
    assert load_samples(folder / "x.npz").y is None


@pytest.mark.parametrize(
    ("name", "content", "kind", "text"),
    [
        (
            "none.npy",
            None,
            FileError,
            r"none.npy: the file must be a readable .npy or .npz, found No",
        ),
        ("text.npy", b"x,y,t", FileError, r"text.npy: the file must be a readable .npy or .npz"),
        ("cut.npz", b"PK\x03\x04", FileError, r"cut.npz: the file must be a readable"),
        ("pickle.npy", np.array([{}], object), FileError, "found no array of numbers$"),
        ("plain.npy", np.zeros(4), ConfigurationError, "plain.npy: a recording must be a struct"),
        (
            "far.npy",
            np.array([(5, 0, 1, 0)], KIND),
            RangeError,
            r"far.npy: x of event 0 must lie in 0\.\.4, on the sensor, found 5$",
        ),
    ],
)
def test_what_is_refused(folder, name, content, kind, text):
    if isinstance(content, bytes):
        (folder / name).write_bytes(content)
    elif content is not None:
        np.save(folder / name, content, allow_pickle=True)
    before = sorted(folder.iterdir())
    with pytest.raises(kind, match=text):
        samples_of([folder / "one.npy", folder / name], BINNING, folder / "x.npz")
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("labels", [np.zeros(2, int), np.zeros(3), np.zeros((3, 1), int)])
def test_bad_labels(folder, labels):
    np.save(folder / "labels.npy", labels)
    with pytest.raises(ConfigurationError, match="labels must be 3 integers, one a recording"):
        samples_of(
            [folder / "one.npy", folder / "more.npz"],
            BINNING,
            folder / "x.npz",
            labels=folder / "labels.npy",
        )
    assert not (folder / "x.npz").exists()


def test_the_name_of_samples(folder):
    with pytest.raises(FileError, match="samples must be written to a .npz file, found x.npy"):
        samples_of([folder / "one.npy"], BINNING, folder / "x.npy")
