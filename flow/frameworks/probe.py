"""Inputs on which a module is held against what was read of it."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from spikewright.flow.nir.discretisation import Start
from spikewright.flow.nir.dynamics import dynamics_of

from .neuron import Neuron, Shape

__all__ = ["SAMPLES", "STRONGER", "charges", "further", "networks", "repeated"]

SAMPLES, STEPS, LONGER, LONGEST = 11, 7, 29, 101  # primes: hardly taken for other dimensions
AMPLITUDES = (1.0, 1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 12.0, 50.0)  # so that deep layers fire
FURTHER = ((LONGER, 1.0), (LONGER, 2.0**5), (LONGEST, 2.0**10))
STRONGER = (2.0**3, -1.0, 2.0**7, -1.0, 2.0**10, 2.0**10)  # one after the other
LEVELS = (-1.0, -0.5, 0.0, 0.0, 0.25, 0.5, 0.75, 1.0, 1.0, 1.5, 2.0, 3.0)  # of the threshold


def networks(shape: Shape, steps: int | None) -> Sequence[Tensor]:
    """Spikes, and then fractions of both signs, [steps, samples, *shape] in float64.

    ``steps``: where the module takes no other number.
    """
    steps = steps or STEPS
    draws = torch.Generator().manual_seed(0)
    spikes = torch.rand((steps, SAMPLES, *shape), generator=draws, dtype=torch.float64).lt(0.5)
    return spikes.double() * _amplitudes(shape), _fractions(steps, shape, 1.0)


def further(shape: Shape, steps: int | None) -> Sequence[Tensor]:
    """Stronger ones, and longer where that may be, for layers that have not fired yet."""
    return [_fractions(steps or longer, shape, scale) for longer, scale in FURTHER]


def repeated(samples: Tensor) -> Tensor:
    """The first of [N, steps, *shape], as often as it takes, as [steps, samples, *shape]."""
    chosen = samples[torch.arange(SAMPLES) % len(samples)]
    return chosen.detach().double().cpu().transpose(0, 1)


def charges(neuron: Neuron, shape: Shape, where: str) -> Tensor:
    """What brings the membranes of a layer to its threshold, and above and below it.

    From rest the first step does so exactly: a neuron that fires at its threshold is told from one
    that fires above it, whatever weights lead to it.
    """
    dynamics = dynamics_of(neuron.node, neuron.rule, where)
    draws = torch.Generator().manual_seed(1)
    pick = torch.randint(len(LEVELS), (LONGER, SAMPLES, dynamics.gain.size), generator=draws)
    levels = torch.tensor(LEVELS, dtype=torch.float64)[pick]
    levels[0, 0], levels[0, 1] = 1.0, 2.0
    # Where doubles round, a sample says nothing behind a threshold that is met: not in all samples.
    levels[:, SAMPLES // 2 :] += 3 / 16
    threshold = np.ones(()) if dynamics.threshold is None else dynamics.threshold
    start = dynamics.reset_value if neuron.rule.start is Start.RESET else np.zeros(())
    offset = dynamics.drift + dynamics.left_v * start
    wanted = levels * torch.from_numpy(np.asarray(threshold)) - torch.from_numpy(offset)
    return (wanted / torch.from_numpy(dynamics.gain)).reshape(LONGER, SAMPLES, *shape)


def _fractions(steps: int, shape: Shape, scale: float) -> Tensor:
    """Quarters, a few of which are negative in every other sample; half of all are 0."""
    draws = torch.Generator().manual_seed(steps)
    size = (steps, SAMPLES, *shape)
    values = torch.randint(-2, 9, size, generator=draws).double() / 4
    values[:, ::2] = values[:, ::2].abs()
    kept = torch.rand(size, generator=draws, dtype=torch.float64).lt(0.5)
    return values * kept * _amplitudes(shape) * scale


def _amplitudes(shape: Shape) -> Tensor:
    return torch.tensor(AMPLITUDES, dtype=torch.float64).reshape(1, SAMPLES, *[1] * len(shape))
