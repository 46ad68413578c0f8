"""What training makes small, and how far it came: labels, or values."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from spikewright.golden.errors import ConfigurationError

__all__ = ["CrossEntropy", "Objective", "SquaredError"]


class Objective(Protocol):
    """A loss, and a score of which training tells the share."""

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """A scalar to be made small, of a batch."""
        ...

    def score(self, outputs: Tensor, targets: Tensor) -> tuple[float, float]:
        """What was reached, and what there is to reach; of all batches the sums are divided."""
        ...


@dataclass(frozen=True, kw_only=True)
class CrossEntropy:
    """Of outputs [N, classes, *space] and labels [N], or [N, ...] one for every position.

    The score is the share of labels that are right. ``smoothing`` of labels; ``scale`` : outputs
    times it are the logits.
    """

    smoothing: float = 0.0
    scale: float = 1.0

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The mean over all labels."""
        logits = outputs if self.scale == 1.0 else outputs * self.scale
        labels = _placed(targets, outputs)
        return torch.nn.functional.cross_entropy(logits, labels, label_smoothing=self.smoothing)

    def score(self, outputs: Tensor, targets: Tensor) -> tuple[float, float]:
        """Labels that are right, and how many there are."""
        labels = _placed(targets, outputs)
        return int((outputs.argmax(1) == labels).sum()), labels.numel()


@dataclass(frozen=True, kw_only=True)
class SquaredError:
    """Of outputs and values of the same shape [N, ...]: a regression.

    The score is R2 within batches: 1 less squared errors over squared distances from the mean of a
    batch. ``scale`` : outputs times it are meant to be the values.
    """

    scale: float = 1.0

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The mean over all values."""
        if outputs.shape != targets.shape:
            raise ConfigurationError(
                f"values must be of the outputs' shape, {list(outputs.shape[1:])} a sample",
                found=str(list(targets.shape[1:])),
                where="training data",
            )
        return torch.nn.functional.mse_loss(outputs * self.scale, targets)

    def score(self, outputs: Tensor, targets: Tensor) -> tuple[float, float]:
        """Squares that are explained, and all."""
        values = targets.flatten(0, -2)
        there = float((values - values.mean(dim=0)).square().sum())
        return there - float((outputs * self.scale - targets).square().sum()), there


def _placed(labels: Tensor, logits: Tensor) -> Tensor:
    """Labels in the shape of the logits' positions."""
    if labels[0].numel() != logits[0, 0].numel():
        raise ConfigurationError(
            f"a sample must have {logits[0, 0].numel()} labels, one for each position",
            found=str(labels[0].numel()),
            where="training data",
        )
    return labels.reshape(len(labels), *logits.shape[2:])
