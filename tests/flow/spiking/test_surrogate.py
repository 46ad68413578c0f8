"""The gradient through all steps equals what autograd finds step by step."""

from dataclasses import replace

import pytest
import torch

from spikewright.flow.spiking.surrogate import Steps, run_steps

STEPS = Steps(left_v=0.75, left_i=None, gain=1.0, threshold=1.5, subtract=True, slope=4.0)


class Fire(torch.autograd.Function):
    """A spike with the derivative that the formula states."""

    @staticmethod
    def forward(ctx, u, threshold, slope):
        ctx.save_for_backward(u)
        ctx.numbers = threshold, slope
        return (u >= threshold).to(u.dtype)

    @staticmethod
    def backward(ctx, above):
        (u,) = ctx.saved_tensors
        threshold, slope = ctx.numbers
        return above / (1 + slope * (u / threshold - 1).abs()) ** 2 / threshold, None, None


def step_by_step(x, recurrent, steps):
    v = i = s = torch.zeros_like(x[0])
    found = []
    for each in x:
        charge = each if recurrent is None else each + s @ recurrent
        if steps.left_i is not None:
            i = steps.left_i * i + charge
            charge = i
        u = steps.left_v * v + steps.gain * charge
        s = Fire.apply(u, steps.threshold, steps.slope)
        off = s.detach()
        v = u - steps.threshold * off if steps.subtract else u * (1 - off)
        found.append(s)
    return torch.stack(found)


@pytest.mark.parametrize("recurrent", [True, False])
@pytest.mark.parametrize(
    "changes", [{}, {"subtract": False}, {"left_i": 0.5}, {"left_i": 0.5, "gain": 0.875}]
)
def test_forward_and_gradient(changes, recurrent):
    steps = replace(STEPS, **changes)
    draws = torch.Generator().manual_seed(0)
    x = torch.randn(11, 4, 6, generator=draws, dtype=torch.float64).add(0.4).requires_grad_()
    w = torch.randn(6, 6, generator=draws, dtype=torch.float64).requires_grad_()
    above = torch.randn(11, 4, 6, generator=draws, dtype=torch.float64)
    results = []
    for run in (run_steps, step_by_step):
        spikes = run(x, w if recurrent else None, steps)
        inputs = (x, w) if recurrent else (x,)
        results.append((spikes, torch.autograd.grad((spikes * above).sum(), inputs)))
    (ours, our_grads), (theirs, their_grads) = results
    assert torch.equal(ours, theirs)
    assert 0.1 < float(ours.detach().mean()) < 0.9
    for a, b in zip(our_grads, their_grads, strict=True):
        assert torch.allclose(a, b, rtol=1e-10, atol=1e-12)
        assert bool(b.any())
