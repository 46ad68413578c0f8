"""Sequences: samples of several frames, which a network hears one after the other.

A frame is a sample of the network whose END keeps what the next one needs; that of the last one
resets. The label is the one that the last frame gives. Only a network that has connections with a
delay takes sequences, and a sample that is one frame is a sequence of one.
"""

import torch

from spikewright.flow.convert.reference import encode_input
from spikewright.golden.model import Model, Result
from spikewright.golden.spec import Encoding, Mode, Network

__all__ = ["encode_samples", "frames_of", "run_samples", "unrolled"]


def encode_samples(network: Network, x: torch.Tensor) -> torch.Tensor:
    """Integer levels of raw samples: [N, n], events [N, steps, n], sequences [N, frames, n].

    Raises
    ------
    ConfigurationError
        If a sample, a step or a frame has another number of values than the network's input.
    """
    source = network.inputs[0]
    late = any(connection.delay for connection in network.connections)
    if source.encoding is Encoding.EVENTS or not late:
        return encode_input(source, x)
    alone = x.ndim == 2 or tuple(x.shape[1:]) == source.shape
    frames = 1 if alone else x.shape[1]
    flat = encode_input(source, x if alone else x.flatten(0, 1))
    return flat.reshape(len(x), frames, source.n)


def frames_of(network: Network, values: torch.Tensor) -> int | None:
    """Frames of each sample of encoded values; None where each is one."""
    sequences = values.ndim == 3 and network.inputs[0].encoding is not Encoding.EVENTS
    return values.shape[1] if sequences and values.shape[1] > 1 else None


def unrolled(network: Network, values: torch.Tensor) -> tuple[torch.Tensor, list[bool] | None]:
    """Frames [N * frames, n] one after the other, and of each whether its END keeps the state.

    Events and samples of one frame keep nothing.
    """
    if values.ndim == 2 or network.inputs[0].encoding is Encoding.EVENTS:
        return values, None
    frames = values.shape[1]
    keep = ([True] * (frames - 1) + [False]) * len(values) if frames > 1 else None
    return values.flatten(0, 1), keep


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
