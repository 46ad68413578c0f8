"""Data sets for tests and benchmarks: scikit-learn's digits, MNIST, and spoken digits."""

import gzip
import struct
import zipfile
import zlib
from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from spikewright.flow.sound import SoundEncoder
from spikewright.golden.errors import ConfigurationError, FileError, ToolError

__all__ = [
    "N_CLASSES",
    "Dataset",
    "digits",
    "digits_segmentation",
    "mnist",
    "mnist_rows",
    "spoken_digits",
]

IDX_BYTES = 0x08
N_CLASSES = 10
SPOKEN_FILE = "fsdd.npz"
SPOKEN_RATE_HZ = 8000
SPOKEN_TEST = 5
"""The Free Spoken Digit Dataset's own split: of each speaker and digit the first so many."""
SPOKEN_ARRAYS = {"audio": "int16", "offsets": "int64", "labels": "uint8", "index": "uint8"}
MNIST_FILES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Samples as float32 [N, ...] in [0, 1], or events; labels as int64 [N], or [N, height, width].

    ``image`` is how a sample is seen as one, of events [steps, addresses].
    """

    name: str
    image: tuple[int, int]
    x_train: torch.Tensor
    y_train: torch.Tensor
    x_test: torch.Tensor
    y_test: torch.Tensor

    def shaped(self, shape: tuple[int, ...]) -> "Dataset":
        """The same samples, each of ``shape``; raises ConfigurationError where they cannot be."""
        n = self.x_train[0].numel()
        if prod(shape) != n:
            raise ConfigurationError(
                f"samples must be of shape {list(shape)}, {prod(shape)} values",
                found=f"{n} values",
                where=self.name,
            )
        return replace(
            self, x_train=self.x_train.reshape(-1, *shape), x_test=self.x_test.reshape(-1, *shape)
        )


def digits(seed: int = 0, test_fraction: float = 0.2) -> Dataset:
    """The 1,797 digits of 8 x 8 pixels, split by ``seed`` with equal shares of every class."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ToolError(
            "the digits need scikit-learn", found="no such package", action="install scikit-learn"
        ) from error
    if not 0 < test_fraction < 1:
        raise ConfigurationError(
            "must be between 0 and 1", found=str(test_fraction), where="test_fraction"
        )
    raw = load_digits()
    x = np.asarray(raw.data, dtype=np.float32) / 16.0
    y = np.asarray(raw.target, dtype=np.int64)
    order = np.random.default_rng(seed).permutation(len(y))
    test: list[int] = []
    for label in range(N_CLASSES):
        members = order[y[order] == label]
        test.extend(members[: round(len(members) * test_fraction)].tolist())
    is_test = np.zeros(len(y), dtype=bool)
    is_test[test] = True
    return Dataset(
        name="digits",
        image=(8, 8),
        x_train=torch.from_numpy(x[~is_test]),
        y_train=torch.from_numpy(y[~is_test]),
        x_test=torch.from_numpy(x[is_test]),
        y_test=torch.from_numpy(y[is_test]),
    )


def digits_segmentation(seed: int = 0, test_fraction: float = 0.2) -> Dataset:
    """The digits with a label for every pixel: the digit where it is at least half dark, else 10.

    Labels are [N, 8, 8]; to name the class of one pixel, a network must have seen the others.
    """
    data = digits(seed, test_fraction)
    return replace(
        data,
        name="digits-segmentation",
        y_train=_by_pixel(data.x_train, data.y_train, data.image),
        y_test=_by_pixel(data.x_test, data.y_test, data.image),
    )


def _by_pixel(x: torch.Tensor, y: torch.Tensor, image: tuple[int, int]) -> torch.Tensor:
    dark = x.reshape(-1, *image) >= 0.5
    return torch.where(dark, y[:, None, None], N_CLASSES)


def mnist(folder: Path) -> Dataset:
    """The 60,000 and 10,000 images of the four IDX files in ``folder``, gzipped or plain."""
    folder = Path(folder)
    if not folder.is_dir():
        raise FileError("the MNIST folder must exist", found="no such folder", where=str(folder))
    arrays = {key: _read_idx(_find(folder, name)) for key, name in MNIST_FILES.items()}
    for part in ("train", "test"):
        images, labels = arrays[f"x_{part}"], arrays[f"y_{part}"]
        if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
            raise FileError(
                "images and labels must belong together",
                found=f"shapes {list(images.shape)} and {list(labels.shape)}",
                where=str(folder),
            )
    height, width = arrays["x_train"].shape[1:]
    return Dataset(
        name="mnist",
        image=(int(height), int(width)),
        x_train=_pixels(arrays["x_train"]),
        y_train=torch.from_numpy(arrays["y_train"].astype(np.int64)),
        x_test=_pixels(arrays["x_test"]),
        y_test=torch.from_numpy(arrays["y_test"].astype(np.int64)),
    )


def mnist_rows(folder: Path) -> Dataset:
    """MNIST from above to below, a row a step: a pixel of at least one half is an event."""
    data = mnist(folder)
    steps, pixels = data.image
    x_train, x_test = ((x >= 0.5).float() for x in (data.x_train, data.x_test))
    shape = (-1, steps, pixels)
    return replace(
        data, name="mnist-rows", x_train=x_train.reshape(shape), x_test=x_test.reshape(shape)
    )


def _pixels(images: npt.NDArray[np.uint8]) -> torch.Tensor:
    flat = images.reshape(len(images), -1)
    return torch.from_numpy(flat.astype(np.float32) / np.float32(255.0))


def _find(folder: Path, name: str) -> Path:
    for candidate in (folder / f"{name}.gz", folder / name):
        if candidate.is_file():
            return candidate
    raise FileError(
        f"the folder must hold {name}.gz",
        found="no such file",
        where=str(folder),
        action="put the four IDX files of MNIST there under their usual names",
    )


def _read_idx(path: Path) -> npt.NDArray[np.uint8]:
    """An IDX file of bytes: two zeros, type, dimensions, sizes (big endian), data."""
    try:
        content = path.read_bytes()
        data = gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        raise FileError(
            "the file must be readable gzip", found=str(error), where=str(path)
        ) from error
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] != IDX_BYTES:
        raise FileError(
            "the file must be IDX with unsigned bytes",
            found=f"first bytes {data[:4].hex()}",
            where=str(path),
        )
    n_dimensions = data[3]
    header = 4 + 4 * n_dimensions
    sizes = struct.unpack(f">{n_dimensions}I", data[4:header]) if len(data) >= header else ()
    expected = header + int(np.prod(sizes, dtype=np.int64))
    if not sizes or len(data) != expected:
        raise FileError(
            f"the file must have {expected} bytes", found=str(len(data)), where=str(path)
        )
    return np.frombuffer(data, dtype=np.uint8, offset=header).reshape(sizes)


def spoken_digits(folder: Path, encoder: SoundEncoder) -> Dataset:
    """The recordings of fsdd.npz as levels [steps, channels]; those with index 0 to 4 are the test.

    The file holds ``audio`` (int16, all recordings end to end, 8 kHz), ``offsets`` (where each
    begins, and the end), ``labels`` and ``index`` (the number of a recording among those of its
    speaker and digit).
    """
    path = Path(folder) / SPOKEN_FILE
    arrays = _read_spoken(path)
    _check_spoken(arrays, str(path))
    starts = arrays["offsets"]
    levels = [
        encoder.encode(arrays["audio"][start:stop] / 32768)
        for start, stop in pairwise(starts.tolist())
    ]
    x = torch.from_numpy(np.stack(levels).astype(np.float32))
    y = torch.from_numpy(arrays["labels"].astype(np.int64))
    is_test = torch.from_numpy(arrays["index"] < SPOKEN_TEST)
    return Dataset(
        name="spoken-digits",
        image=(encoder.steps, encoder.channels),
        x_train=x[~is_test],
        y_train=y[~is_test],
        x_test=x[is_test],
        y_test=y[is_test],
    )


def _read_spoken(path: Path) -> dict[str, npt.NDArray[Any]]:
    try:
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            return {name: archive[name] for name in SPOKEN_ARRAYS}
    except FileNotFoundError as error:
        raise FileError(
            f"the folder must hold {SPOKEN_FILE}", found="no such file", where=str(path.parent)
        ) from error
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        IndexError,
        EOFError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise FileError(
            f"the file must be npz with the arrays {', '.join(SPOKEN_ARRAYS)}",
            found=f"{type(error).__name__}: {error}",
            where=str(path),
        ) from error


def _check_spoken(arrays: dict[str, npt.NDArray[Any]], where: str) -> None:
    for name, kind in SPOKEN_ARRAYS.items():
        if arrays[name].dtype != kind or arrays[name].ndim != 1:
            raise FileError(
                f"{name} must be {kind} of one dimension",
                found=f"{arrays[name].dtype} of shape {list(arrays[name].shape)}",
                where=where,
            )
    starts, n = arrays["offsets"], len(arrays["labels"])
    if len(starts) != n + 1 or len(arrays["index"]) != n or n == 0:
        raise FileError(
            "there must be a label and an index for each recording, and one offset more",
            found=f"{n} labels, {len(arrays['index'])} indices, {len(starts)} offsets",
            where=where,
        )
    if starts[0] != 0 or starts[-1] != len(arrays["audio"]) or (np.diff(starts) <= 0).any():
        raise FileError(
            f"offsets must rise from 0 to the {len(arrays['audio'])} samples of audio",
            found=f"{starts[0]} to {starts[-1]}, the shortest step {np.diff(starts).min()}",
            where=where,
        )
    if arrays["labels"].max() >= N_CLASSES:
        raise FileError(
            f"labels must lie in 0..{N_CLASSES - 1}", found=str(arrays["labels"].max()), where=where
        )
    in_test = int((arrays["index"] < SPOKEN_TEST).sum())
    if in_test in (0, n):
        raise FileError(
            f"recordings with an index below {SPOKEN_TEST} are the test set, which must be some "
            "but not all",
            found=f"{in_test} of {n}",
            where=where,
        )
