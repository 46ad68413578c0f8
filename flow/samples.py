"""Samples in npz files: ``x`` [N, ...] and, where they are known, labels ``y`` [N] or [N, ...]."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch

from spikewright.flow.sample_file import check_labels, read_samples
from spikewright.golden.errors import ConfigurationError

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
        check_labels(self.y.numpy(), n_classes, self.source)
        return self.y


def save_samples(samples: Samples, path: Path | BinaryIO) -> None:
    """Write a compressed npz."""
    if samples.y is None:
        np.savez_compressed(path, x=samples.x.numpy())
    else:
        np.savez_compressed(path, x=samples.x.numpy(), y=samples.y.numpy())


def load_samples(path: Path, *, source: str | None = None) -> Samples:
    """Read and check an npz file, as ``read_samples``.

    ``source`` : what errors name instead of the path, of a file that is nobody's.
    """
    where = str(path) if source is None else source
    x, y = read_samples(path, where)
    labels = None if y is None else torch.from_numpy(y)
    return Samples(x=torch.from_numpy(x), y=labels, source=where)
