"""Train a quantised network on with the spikes that it will send."""

import copy
import warnings
from math import isfinite

import torch

from spikewright.flow.convert.config import TrainConfig
from spikewright.flow.convert.layers import QatStage
from spikewright.flow.convert.qat import QatNetwork
from spikewright.flow.convert.train import Epoch, Progress, train, warn_of_divergence

__all__ = ["LAYERS_PHASE", "RATE_PHASE", "spiking_accuracy", "tune_layers", "tune_rates"]

LAYERS_PHASE, RATE_PHASE = "layer by layer", "spikes"
BATCH = 256
MOST_JUDGED = 2048  # samples on which a tuned layer must be no worse


def tune_rates(
    network: QatNetwork,
    x: torch.Tensor,
    y: torch.Tensor,
    config: TrainConfig,
    progress: Progress | None = None,
    *,
    seed: int = 0,
) -> tuple[Epoch, ...]:
    """Train in place: forward what T steps send, backward the mean of it (DSR).

    The network is left in the best state that it had. A run that diverges is stopped, and a warning
    says so.
    """
    network.spiking = True
    try:
        history = train(
            network, x, y, config, progress, seed=seed, phase=RATE_PHASE, keep_best=True
        )
    finally:
        network.spiking = False
    warn_of_divergence(history)
    return history


def tune_layers(
    network: QatNetwork,
    x: torch.Tensor,
    y: torch.Tensor,
    config: TrainConfig,
    progress: Progress | None = None,
    *,
    seed: int = 0,
) -> tuple[str, ...]:
    """Bring the hidden layers' mean spikes near their levels, one after the other, in place.

    All hidden layers but the first, in the order of the graph; steps stay as they are. A layer is
    kept as it was where its network gets no more of the samples right, spiking (Fast-SNN), and
    where its loss is no number any more, of which a warning tells.

    Returns
    -------
    The names of the layers that were changed.
    """
    teacher = copy.deepcopy(network).eval()
    changed = []
    judged = slice(0, MOST_JUDGED)
    network.eval()
    network.spiking = True
    try:
        best = spiking_accuracy(network, x[judged], y[judged])
        for stage in network.stages[1:-1]:
            before = copy.deepcopy(stage.state_dict())
            finite = _tune_layer(network, teacher, stage, x, config, progress, seed)
            found = spiking_accuracy(network, x[judged], y[judged])
            if not finite:
                warnings.warn(
                    f"tuning {stage.name} diverged and was stopped; it is kept as it was before",
                    stacklevel=2,
                )
            if finite and found > best:
                best = found
                changed.append(stage.name)
            else:
                stage.load_state_dict(before)
    finally:
        network.spiking = False
    return tuple(changed)


def _tune_layer(
    network: QatNetwork,
    teacher: QatNetwork,
    stage: QatStage,
    x: torch.Tensor,
    config: TrainConfig,
    progress: Progress | None,
    seed: int,
) -> bool:
    """Whether its loss stayed a number."""
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(stage.parameters(), lr=config.learning_rate)
    n_batches = max(1, len(x) // config.batch)
    for epoch in range(config.epochs):
        order = torch.randperm(len(x), generator=generator)
        total = 0.0
        for index in range(n_batches):
            part = x[order[index * config.batch : (index + 1) * config.batch]]
            with torch.no_grad():
                wanted = teacher.levels_of(part, stage.name)
            loss = torch.nn.functional.mse_loss(network.levels_of(part, stage.name), wanted)
            optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward([loss])
            optimiser.step()
            total += float(loss.detach())
        if not isfinite(total):
            return False
        if progress is not None:
            progress(
                Epoch(
                    phase=f"{LAYERS_PHASE}, {stage.name}",
                    epoch=epoch + 1,
                    epochs=config.epochs,
                    loss=total / n_batches,
                    accuracy=float("nan"),
                    activity=0.0,
                    seconds=0.0,
                )
            )
    return True


@torch.no_grad()
def spiking_accuracy(network: QatNetwork, x: torch.Tensor, y: torch.Tensor) -> float:
    """The share of samples, or of their positions, that ``network`` as it is gets right."""
    right = 0
    for part, labels in zip(torch.split(x, BATCH), torch.split(y, BATCH), strict=True):
        right += int((network(part).argmax(1).reshape(labels.shape) == labels).sum())
    return right / y.numel()
