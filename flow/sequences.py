"""Sequences: samples of several frames, which a network hears one after the other.

A frame is a sample of the network whose END keeps what the next one needs; that of the last one
resets. The label is the one that the last frame gives.
"""

import torch

from spikewright.golden.model import Model, Result
from spikewright.golden.spec import Encoding, Mode, Network

__all__ = ["frames_of", "run_samples", "unrolled"]


def frames_of(network: Network, values: torch.Tensor) -> int | None:
    """Frames of each sample of encoded values [N, frames, n]; None where they are no sequences."""
    events = network.inputs[0].encoding is Encoding.EVENTS
    return values.shape[1] if values.ndim == 3 and not events else None


def unrolled(network: Network, values: torch.Tensor) -> tuple[torch.Tensor, list[bool] | None]:
    """Frames [N * frames, n] one after the other, and of each whether its END keeps the state."""
    frames = frames_of(network, values)
    if frames is None:
        return values, None
    return values.flatten(0, 1), ([True] * (frames - 1) + [False]) * len(values)


def run_samples(
    model: Model, values: torch.Tensor, *, mode: Mode, steps: int | None = None, trace: bool = False
) -> Result:
    """Run samples, or sequences of them, in the golden model; events are those of all frames.

    A trace is that of every frame.
    """
    flat, keep = unrolled(model.network, values)
    found = model.run(flat, mode=mode, steps=steps, trace=trace, keep=keep)
    if keep is None:
        return found
    frames = values.shape[1]
    last = found.at(torch.arange(frames - 1, len(flat), frames, device=found.values.device))
    return Result(
        values=last.values,
        labels=last.labels,
        events={name: each.reshape(-1, frames).sum(1) for name, each in found.events.items()},
        trace=found.trace,
    )
