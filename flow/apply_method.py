"""A method from end to end: calibrate, train quantised, tune with spikes, convert."""

from dataclasses import replace

import torch

from spikewright.flow.convert import (
    Conversion,
    ConvertConfig,
    Method,
    Progress,
    TrainConfig,
    Tuning,
    convert,
    encode_input,
    prepare,
    train,
    tune_layers,
    tune_rates,
    warn_of_divergence,
)
from spikewright.flow.importers import Graph
from spikewright.flow.tuning import Leaks, Trainable, tune
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Network

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

    Whatever trains is left in the best state that it had; a run that diverges is stopped, and a
    warning says so.

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
    method = config.chosen
    check_training(method, training=training is not None, tuning=tuning is not None)
    prepared = prepare(module, x, config)
    if training is None and tuning is None:
        return convert(prepared, x)
    if y is None:
        raise ConfigurationError("training must have labels", found="none", where="y")
    samples = x.to(torch.float32)
    if training is not None:
        history = train(
            prepared,
            samples,
            y,
            training,
            progress,
            seed=seed,
            phase="quantised",
            keep_best=True,
        )
        warn_of_divergence(history)
    if tuning is not None and method.tuning is Tuning.RATE:
        tune_rates(prepared, samples, y, tuning, progress, seed=seed + 1)
    if tuning is not None and method.tuning is Tuning.LAYERS:
        tune_layers(prepared, samples, y, tuning, progress, seed=seed + 1)
    conversion = convert(prepared, x)
    if tuning is not None and method.tuning is Tuning.SURROGATE:
        network = _through_time(conversion.network, x, y, config, tuning, seed + 1, progress)
        conversion = replace(conversion, network=network)
    return conversion


def _through_time(
    network: Network,
    x: torch.Tensor,
    y: torch.Tensor,
    config: ConvertConfig,
    tuning: TrainConfig,
    seed: int,
    progress: Progress | None,
) -> Network:
    """The network tuned in the steps that it is made for; a pruned one in ever fewer after that.

    Epochs are shared out, the last of them having more; each number of steps has one at least.
    """
    values = encode_input(network.inputs[0], x).to(torch.float32)
    last = 1 if config.chosen.pruned else config.steps
    for steps in range(config.steps, last - 1, -1):
        share, left = divmod(tuning.epochs, config.steps - last + 1)
        each = replace(tuning, epochs=max(1, share + (steps - last < left)))
        module = Trainable(
            network,
            thresholds=True,
            biases=True,
            initial=True,
            leaks=Leaks.MULTIPLIER,
            steps=steps,
        )
        phase = f"through {steps} steps"
        network = tune(module, values, y, each, progress, seed=seed, phase=phase).network
    return network


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
