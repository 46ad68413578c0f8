"""Train an integer network on in time, and say how it went."""

from dataclasses import dataclass

import torch
from torch import Tensor

from spikewright.flow.convert import (
    CrossEntropy,
    Epoch,
    Objective,
    Progress,
    TrainConfig,
    train,
    warn_of_divergence,
)
from spikewright.flow.tuning.module import Trainable
from spikewright.golden.spec import Network

__all__ = ["Tuned", "fitting_scale", "tune"]

SPREADS = (1.0, 2.0, 4.0, 8.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Tuned:
    """The network that training left, and how it came to it.

    ``history`` : an entry for each epoch. ``best`` : the epoch after which the network was best, 0
    before the first. ``diverged`` : whether training ended early for that.
    """

    network: Network
    history: tuple[Epoch, ...]
    best: int
    diverged: bool


def tune(
    module: Trainable,
    x: Tensor,
    y: Tensor,
    config: TrainConfig,
    progress: Progress | None = None,
    *,
    seed: int = 0,
    objective: Objective | None = None,
    phase: str = "tuning",
) -> Tuned:
    """Train ``module`` in place on integers ``x``; it is left in the best state that it had.

    A run that diverges is stopped, and a warning says so and which state is kept: the loss is no
    number any more, or more than twice that at the start and than that of outputs that are 0.

    Parameters
    ----------
    module : what is trained.
    x : [N, ...], integers as the network's only input takes them.
    y : labels [N], or what the ``objective`` takes.
    config : epochs, batch, learning rate, augmentation by whole pixels.
    objective : without one cross entropy of what is read, times the scale that fits it best.

    Raises
    ------
    ConfigurationError
        If samples and labels do not fit each other or the network.
    RangeError
        If a register of what was trained would need more than hardware offers.
    """
    if objective is None:
        scale = fitting_scale(module, x[: config.batch], y[: config.batch])
        objective = CrossEntropy(smoothing=config.smoothing, scale=scale)
    history = train(
        module,
        x,
        y,
        config,
        progress,
        seed=seed,
        phase=phase,
        objective=objective,
        keep_best=True,
    )
    last = history[-1]
    assert last.best is not None  # it was asked for
    warn_of_divergence(history)
    return Tuned(network=module.network(), history=history, best=last.best, diverged=last.diverged)


@torch.no_grad()
def fitting_scale(module: Trainable, x: Tensor, y: Tensor) -> float:
    """What to multiply outputs by for cross entropy: of some scales that of the least loss.

    With them the outputs of a sample spread by 1, 2, 4 or 8 on average; but 1 is the most, so that
    outputs that hardly differ yet are not blown up.
    """
    outputs = module(x)
    spread = float(outputs.std(dim=1).mean())
    scales = [min(1.0, each / max(spread, 1e-9)) for each in SPREADS]
    return min(scales, key=lambda scale: float(CrossEntropy(scale=scale).loss(outputs, y)))
