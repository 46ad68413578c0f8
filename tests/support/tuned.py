"""Trainable networks against the golden model: every level, and what is read."""

from dataclasses import replace

import torch

from spikewright.flow.tuning import Trainable
from spikewright.golden.model import Model
from spikewright.golden.spec import Decision, Mode, Network

__all__ = ["check_against_golden", "shaken", "unfiltered"]


def unfiltered(network: Network) -> Network:
    """The network without the filter of what it reads."""
    if not network.readout.biquads:
        return network
    plain = replace(network.readout, biquads=(), decision=Decision.RAW, fraction=0, block=None)
    return replace(network, readout=plain)


def shaken(module: Trainable, seed: int, size: float = 0.3) -> Trainable:
    """The module with every real moved at random, as training does."""
    draws = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for real in module.parameters():
            real.add_(torch.randn(real.shape, generator=draws, dtype=real.dtype) * size)
    return module


def check_against_golden(module: Trainable, inputs, *, steps: int) -> int:
    """Fail where a level or a value differs from the golden model's; the SPIKEs there were."""
    ran = module.run(inputs)
    result = Model(module.network()).run(inputs, mode=Mode.STEPWISE, steps=steps, trace=True)
    assert torch.equal(ran.values.long(), result.values)
    assert ran.levels.keys() == result.trace.membranes.keys()
    for name, levels in ran.levels.items():
        assert torch.equal(levels.long(), result.trace.spikes[name]), name
    return sum(int((levels != 0).sum()) for levels in ran.levels.values())
