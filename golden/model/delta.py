"""Functions of a running sum: X += payload; y = f(X); the charge is the change of y."""

import torch
from torch import Tensor

from spikewright.golden.model.arithmetic import FLOAT32_END
from spikewright.golden.model.window import Plane, fold, pair
from spikewright.golden.spec import Delta, Interval

__all__ = ["DeltaSynapses"]


class DeltaSynapses:
    """What a delta connection computes; ``begin`` gives one that remembers a batch's X and y.

    Parameters
    ----------
    operator : the function.
    shape : of the source.
    total : what X can be.
    dtype : of the charge.
    device : where the table lives.
    """

    def __init__(
        self,
        operator: Delta,
        shape: tuple[int, ...],
        total: Interval,
        *,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        small = max(-total.low, total.high) < FLOAT32_END
        self.sum_dtype = torch.float32 if small else torch.float64
        self.dtype = dtype
        self.low, self.high = operator.low, operator.high
        self.shape = (shape[0], *pair(shape[1:], 1)) if operator.window is not None else ()
        self.plane = None if operator.window is None else Plane.of(operator.window)
        self.table: Tensor | None = None
        if operator.table is not None:  # less f(0), which no change of y holds
            table = torch.tensor(operator.table, device=device)
            self.table = (table - table[-self.low]).to(dtype)

    def begin(self) -> "RunningDelta":
        """One whose X and y are those of a sample's start."""
        return RunningDelta(self)

    def function(self, x: Tensor) -> Tensor:
        """f(X) - f(0), [batch, n_post], for X [batch, n_pre]."""
        if self.plane is not None:
            planes = x.view(-1, *self.shape)
            found = fold(planes, self.plane, torch.maximum, -torch.inf).flatten(1)
        elif self.table is not None:
            found = self.table[x.long() - self.low]
        else:
            found = x.clamp(self.low, self.high)
        return found.to(self.dtype)

    def __call__(self, spikes: Tensor) -> Tensor:
        """The charge [batch, n_post] of the only levels [batch, n_pre] of a sample."""
        return self.begin()(spikes)


class RunningDelta:
    """A delta connection of one batch.

    Parameters
    ----------
    rule : what it computes.
    """

    def __init__(self, rule: DeltaSynapses) -> None:
        self.rule = rule
        self.x: Tensor | None = None
        self.y: Tensor | None = None

    def begin(self) -> "RunningDelta":
        """Another one, which remembers nothing."""
        return RunningDelta(self.rule)

    def __call__(self, spikes: Tensor) -> Tensor:
        """The charge [batch, n_post] of the next levels [batch, n_pre]."""
        levels = spikes.to(self.rule.sum_dtype)
        self.x = levels if self.x is None else self.x + levels
        before, self.y = self.y, self.rule.function(self.x)
        return self.y if before is None else self.y - before
