"""What hidden neurons of a network in training would send, step by step.

The integer network's neuron in floating point, with thresholds that are not rounded: only the
golden model says what is exact. It is what a layer's rate is trained with (Meng et al., CVPR 2022)
and tuned to (Hu et al., IEEE TPAMI 2023).
"""

import torch

from spikewright.flow.convert.code import Levels
from spikewright.flow.convert.method import Negative, Neuron
from spikewright.flow.importers import FloatArray

__all__ = ["mean_over_steps", "spike_trains"]


@torch.no_grad()
def spike_trains(
    drive: torch.Tensor, worth: torch.Tensor, levels: Levels, neuron: Neuron, initial: FloatArray
) -> torch.Tensor:
    """Levels [steps, N, C, H, W] that neurons send for what drives them in each step.

    Parameters
    ----------
    drive : [steps, N, C, H, W], of the unit of ``worth``.
    worth : of one spike, a scalar.
    levels : whose ``highest`` is that of a spike.
    neuron : how they begin, fire and leak.
    initial : of the membranes, in thresholds, [1] or [neurons].
    """
    decay = 0.0 if neuron.leak is None else 2.0**-neuron.leak
    begin = torch.tensor(initial, dtype=drive.dtype)
    if begin.numel() > 1:
        begin = begin.reshape(drive.shape[2:])
    v = torch.zeros_like(drive[0]) + begin * worth
    sent = torch.zeros_like(v)
    trains = torch.empty_like(drive)
    for step in range(len(drive)):
        v = v * (1 - decay) + drive[step]
        level = torch.floor(v / worth + (1 - neuron.fires_at)).clamp(0, levels.highest)
        if neuron.negative is not Negative.NEVER:
            below = -neuron.fires_at * worth if neuron.negative is Negative.THRESHOLD else 0.0
            back = (v < below) if neuron.negative is Negative.BELOW_ZERO else (v <= below)
            level = level - (back & (sent > 0)).to(v.dtype)
            sent = sent + level
        v = v - level * worth
        trains[step] = level
    return trains


def mean_over_steps(trains: torch.Tensor, neuron: Neuron) -> torch.Tensor:
    """The mean of [steps, ...]; of neurons that leak, late steps count more (DSR).

    Then step t of T has the weight (1 - 2**-leak)**(T - 1 - t), as in a membrane that leaks.
    """
    if neuron.leak is None:
        return trains.mean(0)
    ages = torch.arange(len(trains) - 1, -1, -1, dtype=trains.dtype)
    weights = (1 - 2.0**-neuron.leak) ** ages
    weighted: torch.Tensor = torch.tensordot(weights / weights.sum(), trains, dims=1)
    return weighted
