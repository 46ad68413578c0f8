"""Files of event recordings, and the samples that are made of them."""

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from spikewright.flow.events import Binning, EventCount, Recording, bin_events
from spikewright.flow.files import atomic_files
from spikewright.flow.samples import Samples, save_samples
from spikewright.golden.errors import ConfigurationError, FileError

__all__ = ["read_recordings", "samples_of"]


def samples_of(
    paths: Sequence[Path], binning: Binning, out: Path, *, labels: Path | None = None
) -> tuple[Samples, EventCount]:
    """Write the samples of all recordings in ``paths``, with labels where they are given.

    Raises
    ------
    FileError
        If a file cannot be read or written.
    ConfigurationError, RangeError
        If a recording or the labels are not legal.
    """
    out = Path(out)
    if out.suffix != ".npz":
        raise FileError("samples must be written to a .npz file", found=out.name, where="--out")
    found = [each for path in paths for each in read_recordings(path)]
    names = [name for name, _ in found]
    y = None if labels is None else _labels(labels, len(found))
    x, count = bin_events([recording for _, recording in found], binning, names)
    samples = Samples(x=x, y=y)
    with atomic_files(out.parent) as scratch:
        save_samples(samples, scratch / out.name)
    return samples, count


def read_recordings(path: Path) -> list[tuple[str, Recording]]:
    """The recordings of a file and what to call each; of an npz in its order."""
    content = _read(Path(path))
    if isinstance(content, dict):
        return [(f"{path}: {name}", each) for name, each in content.items()]
    return [(str(path), content)]


def _labels(path: Path, n: int) -> torch.Tensor:
    y = _read(Path(path))
    if isinstance(y, dict) or y.dtype.kind not in "iu" or y.shape != (n,):
        kind = "an npz" if isinstance(y, dict) else f"{y.dtype} of shape {list(y.shape)}"
        raise ConfigurationError(
            f"labels must be {n} integers, one a recording", found=kind, where=str(path)
        )
    return torch.from_numpy(y.astype(np.int64))


def _read(path: Path) -> npt.NDArray[Any] | dict[str, npt.NDArray[Any]]:
    try:
        # numpy leaves a file open that it cannot read.
        with path.open("rb") as file:
            content = np.load(file, allow_pickle=False)
            if isinstance(content, np.lib.npyio.NpzFile):
                return {name: content[name] for name in content.files}
            return np.asarray(content)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        if "pickle" in reason:  # numpy's advice, which nobody should take
            reason = "no array of numbers"
        raise FileError(
            "the file must be a readable .npy or .npz", found=reason, where=str(path)
        ) from error
