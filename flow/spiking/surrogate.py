"""All steps of a layer as one operation, and its gradient back through time.

Forward, in every step t, with x what comes in from outside::

    c = x[t] + s[t-1] @ recurrent
    i = left_i * i + c                         only with a current
    u = left_v * v + gain * i
    s[t] = 1 where u >= threshold, else 0
    v = u - threshold * s[t]    |    0 where s[t]

Backward, a spike's derivative, which is 0 nearly everywhere, is taken to be that of a fast sigmoid
of the membrane (SuperSpike: Zenke and Ganguli 2018; surrogate gradients: Neftci, Mostafa and Zenke
2019)::

    ds/du = 1 / (1 + slope * |u / threshold - 1|)**2 / threshold

What a reset takes off counts as a constant there.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

__all__ = ["Steps", "run_steps"]


@dataclass(frozen=True, kw_only=True)
class Steps:
    """The numbers above; ``subtract``: whether a reset subtracts the threshold, or goes to 0."""

    left_v: float
    left_i: float | None
    gain: float
    threshold: float
    subtract: bool
    slope: float


def run_steps(x: Tensor, recurrent: Tensor | None, steps: Steps) -> Tensor:
    """Spikes [steps, batch, neurons] of what comes in, of the same shape.

    ``recurrent`` is [neurons, neurons], from and to.
    """
    spikes: Tensor = _Run.apply(x, recurrent, steps)  # type: ignore[no-untyped-call]
    return spikes


class _Run(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, recurrent: Tensor | None, steps: Steps) -> Tensor:
        membranes, spikes = torch.empty_like(x), torch.empty_like(x)
        v = torch.zeros_like(x[0])
        i = torch.zeros_like(v)
        for t in range(len(x)):
            charge = x[t]
            if recurrent is not None and t > 0:
                charge = charge + spikes[t - 1] @ recurrent
            if steps.left_i is not None:
                i = steps.left_i * i + charge
                charge = i
            if steps.gain != 1.0:
                charge = steps.gain * charge
            u = membranes[t]
            torch.add(steps.left_v * v, charge, out=u)
            torch.ge(u, steps.threshold, out=spikes[t])
            if steps.subtract:
                v = u - steps.threshold * spikes[t]
            else:
                v = u * (1 - spikes[t])
        ctx.save_for_backward(membranes, spikes, recurrent)
        ctx.steps = steps
        return spikes

    @staticmethod
    def backward(ctx: Any, above: Tensor) -> tuple[Tensor | None, ...]:
        membranes, spikes, recurrent = ctx.saved_tensors
        steps: Steps = ctx.steps
        shape = (membranes * (steps.slope / steps.threshold) - steps.slope).abs_().add_(1)
        shape = shape.mul_(shape).reciprocal_().mul_(1 / steps.threshold)
        charge = torch.empty_like(membranes)
        later_u = torch.zeros_like(membranes[0])
        later_i = torch.zeros_like(later_u)
        for t in reversed(range(len(membranes))):
            of_spike = above[t]
            if recurrent is not None and t + 1 < len(membranes):
                of_spike = of_spike + charge[t + 1] @ recurrent.T
            of_v = steps.left_v * later_u
            if not steps.subtract:
                of_v = of_v * (1 - spikes[t])
            later_u = torch.addcmul(of_v, of_spike, shape[t])
            into = later_u if steps.gain == 1.0 else steps.gain * later_u
            if steps.left_i is not None:
                later_i = into + steps.left_i * later_i
                into = later_i
            charge[t] = into
        of_recurrent = None
        if recurrent is not None:
            of_recurrent = spikes[:-1].flatten(0, 1).T @ charge[1:].flatten(0, 1)
        return charge, of_recurrent, None
