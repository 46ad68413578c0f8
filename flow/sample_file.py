"""Reads samples from npz files, into numpy: what needs no torch does not load it."""

import zipfile
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spikewright.golden.errors import ConfigurationError, FileError

__all__ = ["check_labels", "read_samples"]

Values = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


def read_samples(path: Path, where: str) -> tuple[Values, Labels | None]:
    """Samples [N, ...] and their labels [N] or [N, ...], None where the file has none.

    ``where`` : what errors name.

    Raises
    ------
    FileError, ConfigurationError
        If they are not numbers only, finite, not empty, and as many labels as samples.
    """
    path = Path(path)
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
    return x, _labels(arrays.get("y"), len(x), where)


def check_labels(y: Labels, n_classes: int, where: str) -> None:
    """Refuse labels [N] or [N, ...] of which one is no class. Raises ConfigurationError."""
    flat = y.reshape(len(y), -1)
    wrong = (flat < 0) | (flat >= n_classes)
    if wrong.any():
        at = int(wrong.any(axis=1).argmax())
        raise ConfigurationError(
            f"labels must lie in 0..{n_classes - 1}, one for each output",
            found=f"{flat[at][wrong[at]][0]} at sample {at}",
            where=where,
        )


def _labels(y: np.ndarray | None, n: int, where: str) -> Labels | None:
    if y is None:
        return None
    if y.dtype.kind not in "iu" or y.ndim < 1 or len(y) != n or y.size == 0:
        raise ConfigurationError(
            f"y must be {n} integers, or as many arrays of integers",
            found=f"{y.dtype} of shape {list(y.shape)}",
            where=where,
        )
    return y.astype(np.int64)
