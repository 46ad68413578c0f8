"""What rows of methods that train share: how much, and what is compared."""

import torch

from spikewright.flow.apply_method import apply_method
from spikewright.flow.convert import (
    Conversion,
    ConvertConfig,
    TrainConfig,
)
from spikewright.flow.datasets import Dataset
from spikewright.flow.importers import Graph

from .row import Context

__all__ = ["TRAINING", "TUNING", "by_method", "in_common", "quantised_labels"]

TRAINING = TrainConfig(epochs=10, batch=128, learning_rate=2e-3)
TUNING = TrainConfig(epochs=3, batch=128, learning_rate=5e-4)


def by_method(
    context: Context,
    graph: Graph,
    data: Dataset,
    config: ConvertConfig,
    *,
    training: TrainConfig | None = TRAINING,
    tuning: TrainConfig | None = None,
) -> Conversion:
    """The graph by the method of ``config``, with so much training and tuning."""
    epochs = sum(each.epochs for each in (training, tuning) if each is not None)
    with context.working(f"{config.method}, {config.name}") as advance:
        return apply_method(
            graph,
            data.x_train,
            config,
            y=data.y_train,
            training=training,
            tuning=tuning,
            seed=context.seed,
            progress=context.progress(advance, epochs),
        )


@torch.no_grad()
def quantised_labels(conversion: Conversion, data: Dataset) -> torch.Tensor:
    """Of the network in floating point that was converted, on all test samples."""
    parts = torch.split(data.x_test, 1000)
    return torch.cat([conversion.quantised(part).argmax(1) for part in parts])


def in_common(found: torch.Tensor, wanted: torch.Tensor) -> float:
    """Percent of the labels."""
    return 100 * int((found == wanted).sum()) / len(wanted)
