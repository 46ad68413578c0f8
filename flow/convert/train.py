"""Train a module, float or quantised, on whole tensors in memory."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import cos, pi, prod
from typing import Protocol, runtime_checkable

import torch

from spikewright.flow.convert.augment import augmented
from spikewright.flow.convert.config import TrainConfig
from spikewright.golden.errors import ConfigurationError

__all__ = ["Active", "Epoch", "Progress", "train"]


@runtime_checkable
class Active(Protocol):
    """A module that says how much its hidden neurons did in the last batch."""

    def activity(self) -> torch.Tensor:
        """Mean level, a scalar."""


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One epoch done: mean loss, accuracy on the (augmented) training data, mean hidden level."""

    phase: str
    epoch: int
    epochs: int
    loss: float
    accuracy: float
    activity: float
    seconds: float


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
) -> tuple[Epoch, ...]:
    """Train ``module`` in place on samples ``x`` and labels ``y``; it is left in evaluation mode.

    ``y`` is [N] for logits [N, classes], or [N, ...] with a label for every position of logits
    [N, classes, *space].

    The same seed gives the same result on the same machine: threads are fixed, every random number
    is drawn after one seed, and the caller's generator is left as it was.
    """
    _check(x, y, config)
    history = []
    active = module if isinstance(module, Active) else None
    with _reproducible(seed, config.threads):
        optimiser = torch.optim.Adam(
            module.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        n_batches = max(1, len(x) // config.batch)
        module.train()
        for epoch in range(config.epochs):
            start = time.perf_counter()
            loss_sum = activity_sum = 0.0
            right = seen = 0
            order = torch.randperm(len(x))
            samples = augmented(x, config)
            for index in range(n_batches):
                done = (epoch * n_batches + index) / (config.epochs * n_batches)
                for group in optimiser.param_groups:
                    group["lr"] = config.learning_rate * 0.5 * (1 + cos(pi * done))
                chosen = order[index * config.batch : (index + 1) * config.batch]
                logits = module(samples[chosen])
                labels = _placed(y[chosen], logits)
                loss = torch.nn.functional.cross_entropy(
                    logits, labels, label_smoothing=config.smoothing
                )
                loss_sum += float(loss.detach())
                if active is not None:
                    activity = active.activity()
                    loss = loss + config.sparsity * activity
                    activity_sum += float(activity.detach())
                optimiser.zero_grad(set_to_none=True)
                torch.autograd.backward([loss])
                optimiser.step()
                right += int((logits.argmax(1) == labels).sum())
                seen += labels.numel()
            record = Epoch(
                phase=phase,
                epoch=epoch + 1,
                epochs=config.epochs,
                loss=loss_sum / n_batches,
                accuracy=right / seen,
                activity=activity_sum / n_batches,
                seconds=time.perf_counter() - start,
            )
            history.append(record)
            if progress is not None:
                progress(record)
        module.eval()
    return tuple(history)


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


def _placed(labels: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """Labels in the shape of the logits' positions."""
    if labels[0].numel() != logits[0, 0].numel():
        raise ConfigurationError(
            f"a sample must have {logits[0, 0].numel()} labels, one for each position",
            found=str(labels[0].numel()),
            where="training data",
        )
    return labels.reshape(len(labels), *logits.shape[2:])


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
