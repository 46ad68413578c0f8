"""The best of all states that a module was in while it was trained."""

import copy
from math import inf, isfinite

import torch
from torch import Tensor

from spikewright.flow.convert.objective import Objective

__all__ = ["Best"]

SAMPLES = 2048
DIVERGED = 2.0


class Best:
    """Judges a module, before training and after each epoch, by the loss of the same samples.

    Parameters
    ----------
    module, objective : what is trained, and for what.
    x, y : of these at most 2048 samples are taken, evenly spread.
    batch : how many go at once.
    """

    def __init__(
        self, module: torch.nn.Module, objective: Objective, x: Tensor, y: Tensor, *, batch: int
    ) -> None:
        count = min(len(x), SAMPLES)
        at = torch.arange(count) * len(x) // count
        self.module, self.objective = module, objective
        self.x, self.y, self.batch = x[at], y[at], batch
        self.start = self.loss()
        self.least = self.start if isfinite(self.start) else inf
        self.epoch = 0
        self.state = copy.deepcopy(module.state_dict())

    @torch.no_grad()
    def loss(self) -> float:
        """Of the module as it is, in evaluation mode."""
        was = self.module.training
        self.module.eval()
        total = 0.0
        for start in range(0, len(self.x), self.batch):
            x, y = self.x[start : start + self.batch], self.y[start : start + self.batch]
            total += float(self.objective.loss(self.module(x), y)) * len(x)
        self.module.train(was)
        return total / len(self.x)

    def diverges(self, epoch: int, *, finite: bool) -> bool:
        """Judge it after an epoch; whether a loss was not ``finite``, or twice that of the start.

        Where no state was better, it is kept.
        """
        loss = self.loss() if finite else inf
        if loss < self.least:
            self.least, self.epoch = loss, epoch
            self.state = copy.deepcopy(self.module.state_dict())
        return not isfinite(loss) or loss > DIVERGED * self.start

    def restore(self) -> None:
        """Put the module into the best state."""
        self.module.load_state_dict(self.state)
