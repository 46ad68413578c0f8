"""Data sets are read whole, or refused with the file's name."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from spikewright.flow.datasets import (
    MNIST_FILES,
    digits,
    digits_segmentation,
    mnist,
    mnist_rows,
    spoken_digits,
)
from spikewright.flow.sound import SoundEncoder
from spikewright.golden.errors import ConfigurationError, FileError


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    for key, name in MNIST_FILES.items():
        n = 6 if "train" in key else 4
        shape = (n, 28, 28) if key[0] == "x" else (n,)
        array = generator.integers(0, 10 if key[0] == "y" else 256, shape).astype(np.uint8)
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(idx(array)))
    return tmp_path


def test_digits_are_split_in_equal_shares() -> None:
    data = digits()
    assert data.x_train.shape == (1438, 64) and data.x_test.shape == (359, 64)
    assert float(data.x_train.min()) == 0.0 and float(data.x_train.max()) == 1.0
    shares = torch.bincount(data.y_test) / torch.bincount(torch.cat([data.y_train, data.y_test]))
    assert float((shares - 0.2).abs().max()) < 0.005
    assert torch.equal(data.x_test, digits().x_test)
    assert not torch.equal(data.x_test, digits(seed=1).x_test)
    every = torch.cat([data.x_train, data.x_test])
    assert float(every.sum()) == float(torch.cat([digits(1).x_train, digits(1).x_test]).sum())


def test_digits_need_a_fraction() -> None:
    with pytest.raises(ConfigurationError, match=r"^test_fraction: must be between 0 and 1, found"):
        digits(test_fraction=1.0)


def test_mnist_from_gzip_and_plain_files(folder: Path) -> None:
    data = mnist(folder)
    assert data.x_train.shape == (6, 784) and data.x_test.shape == (4, 784)
    assert data.image == (28, 28) and data.y_train.dtype == torch.int64
    assert float(data.x_train.max()) == 1.0
    packed = folder / f"{MNIST_FILES['x_test']}.gz"
    (folder / MNIST_FILES["x_test"]).write_bytes(gzip.decompress(packed.read_bytes()))
    packed.unlink()
    assert torch.equal(mnist(folder).x_test, data.x_test)


def test_mnist_refuses(folder: Path) -> None:
    def check(message: str) -> None:
        with pytest.raises(FileError, match=message):
            mnist(folder)

    with pytest.raises(FileError, match=r"the MNIST folder must exist, found no such folder$"):
        mnist(folder / "none")
    images = folder / f"{MNIST_FILES['x_train']}.gz"
    whole = images.read_bytes()
    images.write_bytes(whole[:100])
    check(r"train-images-idx3-ubyte.gz: the file must be readable gzip, found ")
    images.write_bytes(b"hello")
    check(r"train-images-idx3-ubyte.gz: the file must be readable gzip, found ")
    images.write_bytes(gzip.compress(b"\1\2\3\4\5"))
    check("the file must be IDX with unsigned bytes, found first bytes 01020304$")
    images.write_bytes(gzip.compress(gzip.decompress(whole)[:-1]))
    check("the file must have 4720 bytes, found 4719$")
    images.write_bytes(gzip.compress(idx(np.zeros((5, 28, 28), dtype=np.uint8))))
    check(r"images and labels must belong together, found shapes \[5, 28, 28\] and \[6\]$")
    images.unlink()
    check("the folder must hold train-images-idx3-ubyte.gz, found no such file; put the four IDX")


def test_samples_take_the_shape_that_is_asked_for() -> None:
    data = digits().shaped((1, 8, 8))
    assert data.x_train.shape == (1438, 1, 8, 8) and data.x_test.shape == (359, 1, 8, 8)
    assert torch.equal(data.shaped((64,)).x_test, digits().x_test)
    message = r"^digits: samples must be of shape \[1, 28, 28\], 784 values, found 64 values$"
    with pytest.raises(ConfigurationError, match=message):
        data.shaped((1, 28, 28))


def test_segmentation_labels_dark_pixels_with_the_digit() -> None:
    whole, data = digits(), digits_segmentation()
    assert data.y_train.shape == (1438, 8, 8) and data.y_test.shape == (359, 8, 8)
    assert torch.equal(data.x_test, whole.x_test) and data.y_test.dtype == torch.int64
    dark = whole.x_test.reshape(-1, 8, 8) * 16 >= 8
    for labels, digit, where in zip(data.y_test, whole.y_test, dark, strict=True):
        assert labels[where].unique().tolist() == [int(digit)]
        assert labels[~where].unique().tolist() == [10]


def test_mnist_a_row_a_step(folder: Path) -> None:
    rows, images = mnist_rows(folder), mnist(folder)
    assert rows.x_train.shape == (6, 28, 28) and rows.x_test.shape == (4, 28, 28)
    assert torch.equal(rows.x_train.flatten(1) == 1, images.x_train >= 128 / 255)
    assert set(rows.x_train.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(rows.y_test, images.y_test)


ENCODER = SoundEncoder(rate_hz=8000, steps=5, channels=4)


def spoken(**changes):
    """Four recordings of 100 to 400 samples, of which the second and the fourth are the test."""
    rng = np.random.default_rng(0)
    arrays = {
        "audio": rng.integers(-9000, 9000, 1000).astype(np.int16),
        "offsets": np.array([0, 100, 300, 600, 1000]),
        "labels": np.array([7, 0, 9, 2], np.uint8),
        "index": np.array([5, 4, 49, 0], np.uint8),
        "speakers": np.array(["theo"] * 4),
    }
    return arrays | changes


def test_spoken_digits_are_split_by_their_index(tmp_path: Path) -> None:
    arrays = spoken()
    np.savez(tmp_path / "fsdd.npz", **arrays)
    data = spoken_digits(tmp_path, ENCODER)
    assert data.y_train.tolist() == [7, 9] and data.y_test.tolist() == [0, 2]
    parts = [
        arrays["audio"][a:b] / 32768 for a, b in ((0, 100), (100, 300), (300, 600), (600, 1000))
    ]
    wanted = [ENCODER.encode(part).tolist() for part in parts]
    assert data.x_train.tolist() == [wanted[0], wanted[2]]
    assert data.x_test.tolist() == [wanted[1], wanted[3]]
    assert data.x_train.dtype == torch.float32 and data.image == (5, 4)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"audio": np.zeros(1000)}, r"audio must be int16 of one dimension, found float64"),
        (
            {"offsets": np.array([0, 100, 300, 1000])},
            "one offset more, found 4 labels, 4 indices, 4",
        ),
        ({"offsets": np.array([0, 100, 300, 300, 1000])}, "offsets must rise from 0 to the 1000"),
        ({"offsets": np.array([0, 100, 300, 600, 1001])}, "offsets must rise from 0 to the 1000"),
        ({"labels": np.array([7, 0, 10, 2], np.uint8)}, r"labels must lie in 0\.\.9, found 10"),
        ({"index": np.full(4, 5, np.uint8)}, "some but not all, found 0 of 4"),
        ({"labels": np.array([{}] * 4, object)}, "must be npz with the arrays audio, offsets"),
    ],
)
def test_damaged_spoken_digits_are_refused(changes, text, tmp_path: Path) -> None:
    np.savez(tmp_path / "fsdd.npz", **spoken(**changes))
    with pytest.raises(FileError, match=text):
        spoken_digits(tmp_path, ENCODER)


def test_files_that_are_no_spoken_digits(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"the folder must hold fsdd.npz, found no such file"):
        spoken_digits(tmp_path, ENCODER)
    (tmp_path / "fsdd.npz").write_bytes(b"PK\x03\x04")
    with pytest.raises(FileError, match=r"fsdd.npz: the file must be npz with the arrays"):
        spoken_digits(tmp_path, ENCODER)
    np.save(tmp_path / "one.npy", np.zeros(3))
    (tmp_path / "one.npy").rename(tmp_path / "fsdd.npz")
    with pytest.raises(FileError, match=r"fsdd.npz: the file must be npz with the arrays"):
        spoken_digits(tmp_path, ENCODER)
