"""A method from end to end: calibrate, train quantised, tune with spikes, convert."""

import torch

from spikewright.flow.convert.config import ConvertConfig, TrainConfig
from spikewright.flow.convert.method import Method, Tuning
from spikewright.flow.convert.pipeline import Conversion, convert
from spikewright.flow.convert.qat import prepare
from spikewright.flow.convert.train import Progress, train
from spikewright.flow.convert.tune import tune_layers, tune_rates
from spikewright.flow.importers import Graph
from spikewright.golden.errors import ConfigurationError

__all__ = ["apply_method", "check_training"]


def apply_method(
    module: torch.nn.Module | Graph,
    x: torch.Tensor,
    config: ConvertConfig,
    *,
    y: torch.Tensor | None = None,
    training: TrainConfig | None = None,
    tuning: TrainConfig | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Conversion:
    """Convert ``module``, a trained float one, by ``config.method``.

    Parameters
    ----------
    x, y : samples [N, ...], which calibrate, and their labels, which training needs.
    training : of the quantised network, in floating point; None leaves the weights as they are.
    tuning : of what spikes; None leaves it out.
    seed, progress : of both.

    Raises
    ------
    ConfigurationError
        If the method has no such training, or labels are missing.
    """
    check_training(config.chosen, training=training is not None, tuning=tuning is not None)
    prepared = prepare(module, x, config)
    if training is not None or tuning is not None:
        if y is None:
            raise ConfigurationError("training must have labels", found="none", where="y")
        samples = x.to(torch.float32)
        if training is not None:
            train(prepared, samples, y, training, progress, seed=seed, phase="quantised")
        if tuning is not None and config.chosen.tuning is Tuning.RATE:
            tune_rates(prepared, samples, y, tuning, progress, seed=seed + 1)
        if tuning is not None and config.chosen.tuning is Tuning.LAYERS:
            tune_layers(prepared, samples, y, tuning, progress, seed=seed + 1)
    return convert(prepared, x)


def check_training(method: Method, *, training: bool, tuning: bool) -> None:
    """Refuse a training that the method does not have."""
    if training and not method.trains:
        raise ConfigurationError(
            f"method {method.name} must come without training: it converts a network as it is",
            found="epochs of it",
            where="training",
            action="leave it out, or take a method that trains, such as qcfs or st-bif",
        )
    if tuning and method.tuning is None:
        raise ConfigurationError(
            f"method {method.name} must come without tuning: it has none",
            found="epochs of it",
            where="tuning",
        )
