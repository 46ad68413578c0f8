"""Samples in npz files: ``x`` [N, ...] and, where they are known, labels ``y`` [N] or [N, ...]."""

import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch

from spikewright.golden.errors import ConfigurationError, FileError

__all__ = ["Samples", "load_samples", "save_samples"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Samples:
    """``x`` float32 [N, ...]; ``y`` int64 [N], or [N, ...] with a label for each position of a
    readout that has several, or None. ``source`` : the file, or what else errors name.
    """

    x: torch.Tensor
    y: torch.Tensor | None = None
    source: str = "samples"

    def __len__(self) -> int:
        return len(self.x)

    def first(self, n: int | None) -> "Samples":
        """The first n samples, or all of them."""
        return replace(self, x=self.x[:n], y=None if self.y is None else self.y[:n])

    def spread(self, n: int) -> "Samples":
        """At most n samples, evenly spread over all: where they are sorted, of every kind."""
        if len(self) <= n:
            return self
        at = torch.arange(n) * len(self) // n
        return replace(self, x=self.x[at], y=None if self.y is None else self.y[at])

    def labels(self, n_classes: int) -> torch.Tensor:
        """The labels; raises ConfigurationError where there are none, or one is no class."""
        if self.y is None:
            raise ConfigurationError(
                "the data must have labels",
                found="no array y",
                where=self.source,
                action="add y [N]",
            )
        flat = self.y.reshape(len(self.y), -1)
        wrong = (flat < 0) | (flat >= n_classes)
        if bool(wrong.any()):
            at = int(wrong.any(dim=1).to(torch.int64).argmax())
            raise ConfigurationError(
                f"labels must lie in 0..{n_classes - 1}, one for each output",
                found=f"{int(flat[at][wrong[at]][0])} at sample {at}",
                where=self.source,
            )
        return self.y


def save_samples(samples: Samples, path: Path | BinaryIO) -> None:
    """Write a compressed npz."""
    if samples.y is None:
        np.savez_compressed(path, x=samples.x.numpy())
    else:
        np.savez_compressed(path, x=samples.x.numpy(), y=samples.y.numpy())


def load_samples(path: Path, *, source: str | None = None) -> Samples:
    """Read and check an npz file: numbers only, finite, not empty, as many labels as samples.

    ``source`` : what errors name instead of the path, of a file that is nobody's.
    """
    path = Path(path)
    where = str(path) if source is None else source
    try:
        # numpy leaves a file open that it cannot read.
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError("one array, not an npz archive")
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        if "pickle" in reason:  # numpy's advice, which nobody should take
            reason = "no array of numbers"
        raise FileError(
            "the data must be a readable npz file", found=reason, where=where
        ) from error
    if "x" not in arrays or not set(arrays) <= {"x", "y"}:
        raise FileError(
            "the data must have the arrays x and, if labels are known, y",
            found=", ".join(sorted(arrays)) or "no array",
            where=where,
            action="write it with numpy.savez(path, x=x, y=y)",
        )
    x = arrays["x"]
    if x.dtype.kind not in "fiub" or x.ndim < 2 or len(x) == 0:
        raise ConfigurationError(
            "x must be numbers of shape [samples, ...], at least one sample",
            found=f"{x.dtype} of shape {list(x.shape)}",
            where=where,
        )
    x = x.astype(np.float32)
    if not np.isfinite(x).all():
        at = int(np.argmax(~np.isfinite(x.reshape(len(x), -1)).all(axis=1)))
        raise ConfigurationError(
            "every value of x must be finite", found=f"NaN or inf in sample {at}", where=where
        )
    return Samples(x=torch.from_numpy(x), y=_labels(arrays.get("y"), len(x), where), source=where)


def _labels(y: np.ndarray | None, n: int, where: str) -> torch.Tensor | None:
    if y is None:
        return None
    if y.dtype.kind not in "iu" or y.ndim < 1 or len(y) != n or y.size == 0:
        raise ConfigurationError(
            f"y must be {n} integers, or as many arrays of integers",
            found=f"{y.dtype} of shape {list(y.shape)}",
            where=where,
        )
    return torch.from_numpy(y.astype(np.int64))
