"""Train a module, float or quantised, on whole tensors in memory."""

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import cos, isfinite, pi, prod
from typing import Protocol, runtime_checkable

import torch

from spikewright.flow.convert.augment import augmented
from spikewright.flow.convert.best import Best
from spikewright.flow.convert.config import TrainConfig
from spikewright.flow.convert.objective import CrossEntropy, Objective
from spikewright.golden.errors import ConfigurationError

__all__ = ["Active", "Epoch", "Progress", "train", "warn_of_divergence"]


@runtime_checkable
class Active(Protocol):
    """A module that says how much its hidden neurons did in the last batch."""

    def activity(self) -> torch.Tensor:
        """Mean level, a scalar."""


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One epoch done: mean loss, accuracy on the (augmented) training data, mean hidden level.

    ``accuracy`` is the objective's score: of values R2. Where the best state is kept, ``best`` is
    the epoch after which it was found so far, 0 before the first; ``diverged``: training ended here
    because the loss was no number any more, or more than twice that before training and than that
    of outputs that are 0.
    """

    phase: str
    epoch: int
    epochs: int
    loss: float
    accuracy: float
    activity: float
    seconds: float
    best: int | None = None
    diverged: bool = False


Progress = Callable[[Epoch], None]


def train(
    module: torch.nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    config: TrainConfig,
    progress: Progress | None = None,
    *,
    seed: int = 0,
    phase: str = "training",
    objective: Objective | None = None,
    keep_best: bool = False,
) -> tuple[Epoch, ...]:
    """Train ``module`` in place on samples ``x`` and labels ``y``; it is left in evaluation mode.

    ``y`` is what the ``objective`` takes: without one [N] for logits [N, classes], or [N, ...] with
    a label for every position of logits [N, classes, *space]. With ``keep_best`` the module is left
    as it was, before or after an epoch, when its loss on samples spread over ``x`` was least, and
    training ends where it diverges.

    The same seed gives the same result on the same machine: threads are fixed, every random number
    is drawn after one seed, and the caller's generator is left as it was.
    """
    _check(x, y, config)
    history = []
    active = module if isinstance(module, Active) else None
    objective = CrossEntropy(smoothing=config.smoothing) if objective is None else objective
    with _reproducible(seed, config.threads):
        optimiser = torch.optim.Adam(
            module.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        n_batches = max(1, len(x) // config.batch)
        module.train()
        best = Best(module, objective, x, y, batch=config.batch) if keep_best else None
        for epoch in range(config.epochs):
            start = time.perf_counter()
            loss_sum = activity_sum = right = seen = 0.0
            order = torch.randperm(len(x))
            samples = augmented(x, config)
            for index in range(n_batches):
                done = (epoch * n_batches + index) / (config.epochs * n_batches)
                for group in optimiser.param_groups:
                    group["lr"] = config.learning_rate * 0.5 * (1 + cos(pi * done))
                chosen = order[index * config.batch : (index + 1) * config.batch]
                outputs = module(samples[chosen])
                loss = objective.loss(outputs, y[chosen])
                loss_sum += float(loss.detach())
                if best is not None and not isfinite(loss_sum):
                    break
                if active is not None:
                    activity = active.activity()
                    loss = loss + config.sparsity * activity
                    activity_sum += float(activity.detach())
                optimiser.zero_grad(set_to_none=True)
                torch.autograd.backward([loss])
                optimiser.step()
                reached = objective.score(outputs.detach(), y[chosen])
                right, seen = right + reached[0], seen + reached[1]
            diverged = best is not None and best.diverges(epoch + 1, finite=isfinite(loss_sum))
            record = Epoch(
                phase=phase,
                epoch=epoch + 1,
                epochs=config.epochs,
                loss=loss_sum / n_batches,
                accuracy=right / seen if seen else 0.0,
                activity=activity_sum / n_batches,
                seconds=time.perf_counter() - start,
                best=None if best is None else best.epoch,
                diverged=diverged,
            )
            history.append(record)
            if progress is not None:
                progress(record)
            if diverged:
                break
        if best is not None:
            best.restore()
        module.eval()
    return tuple(history)


def warn_of_divergence(history: Sequence[Epoch]) -> None:
    """Say so where the run of that history, which kept the best state, ended for diverging."""
    last = history[-1]
    if not last.diverged:
        return
    kept = f"of epoch {last.best}" if last.best else "as it was before"
    warnings.warn(
        f"training diverged in epoch {last.epoch} of {last.epochs}, with a loss of "
        f"{last.loss:.3g}, and was stopped; the network {kept} is kept",
        stacklevel=3,
    )


@contextmanager
def _reproducible(seed: int, threads: int) -> Iterator[None]:
    before = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.set_num_threads(threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def _check(x: torch.Tensor, y: torch.Tensor, config: TrainConfig) -> None:
    if len(x) == 0 or len(x) != len(y):
        raise ConfigurationError(
            "training needs as many labels as samples, and at least one",
            found=f"{len(x)} samples and {len(y)} labels",
            where="training data",
        )
    if not bool(torch.isfinite(x).all()):
        raise ConfigurationError("must be finite", found="NaN or inf", where="training data")
    if config.augments and y.dim() > 1:
        raise ConfigurationError(
            "must be 0 where every position has a label, which does not move with the sample",
            found=f"{config.shift}, {config.turn}, {config.stretch}",
            where="shift, turn, stretch",
        )
    if config.augments and config.image is not None and x[0].numel() % prod(config.image):
        raise ConfigurationError(
            f"a sample must be whole images of {prod(config.image)} values",
            found=str(x[0].numel()),
            where="image",
        )
