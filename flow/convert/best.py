"""The best of all states that a module was in while it was trained."""

import copy
from math import inf

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
        self.least = self.loss()
        self.worst = max(DIVERGED * self.least, self.loss(of_zeros=True))
        self.epoch = 0
        self.state = copy.deepcopy(module.state_dict())

    @torch.no_grad()
    def loss(self, *, of_zeros: bool = False) -> float:
        """Of the module as it is, in evaluation mode; or of outputs that are 0."""
        was = self.module.training
        self.module.eval()
        total = 0.0
        for start in range(0, len(self.x), self.batch):
            x, y = self.x[start : start + self.batch], self.y[start : start + self.batch]
            outputs = self.module(x)
            outputs = torch.zeros_like(outputs) if of_zeros else outputs
            total += float(self.objective.loss(outputs, y)) * len(x)
        self.module.train(was)
        return total / len(self.x)

    def diverges(self, epoch: int, *, finite: bool) -> bool:
        """Judge it after an epoch, and keep it where no state was better.

        It diverges where a loss was not ``finite``, or the loss is above twice that of the start
        and above that of outputs that are 0.
        """
        loss = self.loss() if finite else inf
        if loss < self.least:
            self.least, self.epoch = loss, epoch
            self.state = copy.deepcopy(self.module.state_dict())
        return not loss <= self.worst

    def restore(self) -> None:
        """Put the module into the best state."""
        self.module.load_state_dict(self.state)
