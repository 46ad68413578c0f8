"""Accuracies and spikes of networks on all test samples."""

from dataclasses import dataclass

import torch

from spikewright.flow.convert import encode_input
from spikewright.flow.datasets import Dataset
from spikewright.golden.model import Model
from spikewright.golden.spec import Fire, Mode, Network

__all__ = ["Measured", "equal_logits", "measure", "steps_needed"]

BATCH = 1000


@dataclass(frozen=True, kw_only=True)
class Measured:
    """``accuracy`` in percent; ``spikes`` of a hidden neuron, a sample; ``values`` read [N, n]."""

    accuracy: float
    spikes: float
    values: torch.Tensor


def measure(
    network: Network, data: Dataset, mode: Mode = Mode.STEPWISE, steps: int | None = None
) -> Measured:
    """The golden model on all test samples."""
    model = Model(network)
    values = encode_input(network.inputs[0], data.x_test)
    hidden = [each for each in network.populations if each.soma.fire is not Fire.NONE]
    right = spikes = 0
    read = []
    for part, labels in zip(
        torch.split(values, BATCH), torch.split(data.y_test, BATCH), strict=True
    ):
        found = model.run(part, mode=mode, steps=steps)
        assert found.labels is not None  # a converted network decides
        right += int((found.labels.reshape(labels.shape) == labels).sum())
        spikes += sum(int(found.events[each.name].sum()) for each in hidden)
        read.append(found.values)
    neurons = max(1, sum(each.n for each in hidden))
    return Measured(
        accuracy=100 * right / data.y_test.numel(),
        spikes=spikes / len(values) / neurons,
        values=torch.cat(read),
    )


def steps_needed(curve: dict[int, float], accuracy: float) -> int | None:
    """The fewest steps from which on a curve {T: accuracy} stays at ``accuracy`` or above."""
    needed = None
    for steps in sorted(curve, reverse=True):
        if curve[steps] < accuracy:
            break
        needed = steps
    return needed


def equal_logits(one: torch.Tensor, other: torch.Tensor) -> int:
    """Samples whose values are the same, all of them."""
    return int((one == other).all(1).sum())
