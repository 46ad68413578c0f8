"""Runs the golden model and hands its trace over as numpy arrays; the only part with torch."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from spikewright.golden.model import Model
from spikewright.golden.spec import Mode, Network
from spikewright.hdl.replay import replayed_inputs

from .streams import Golden, TokenStream, concatenate, expected_streams

__all__ = ["golden_streams"]

Values = torch.Tensor | npt.NDArray[Any]

_CHUNK = 64


def golden_streams(
    network: Network,
    mode: Mode,
    inputs: Values | Mapping[str, Values],
    steps: int | None,
    progress: Callable[[int], None] | None = None,
    *,
    keep: Sequence[bool] | None = None,
    replayed: Collection[str] | None = None,
) -> dict[str, TokenStream]:
    """Expected tokens of all samples; traces are taken in pieces, for they are large.

    A stream, where ``keep`` says which samples' END keeps the state, is one piece. ``replayed`` :
    inputs that send their spikes in the first step only, as a manifest says it; by default those
    that hardware of this version replays.
    """
    model = Model(network)
    by_name = inputs if isinstance(inputs, Mapping) else {network.inputs[0].name: inputs}
    total = len(next(iter(by_name.values())))
    if replayed is None:
        replayed = replayed_inputs(network, mode)
    flags = None if keep is None else np.array(keep, dtype=np.int64)
    parts: dict[str, list[TokenStream]] = {}
    size = _CHUNK if keep is None else total
    for start in range(0, total, size):
        piece = {name: values[start : start + size] for name, values in by_name.items()}
        result = model.run(piece, mode=mode, steps=steps, trace=True, keep=keep)
        assert result.trace is not None  # it was asked for
        golden = Golden(
            spikes={name: spikes.cpu().numpy() for name, spikes in result.trace.spikes.items()},
            steps={name: count.cpu().numpy() for name, count in result.trace.steps.items()},
            values=result.values.cpu().numpy(),
            labels=None if result.labels is None else result.labels.cpu().numpy(),
            membranes=result.trace.membranes[network.readout.population].cpu().numpy(),
        )
        made = expected_streams(network, mode, golden, flags, replayed=replayed)
        for name, stream in made.items():
            parts.setdefault(name, []).append(stream)
        if progress is not None:
            progress(min(start + size, total))
    return {name: concatenate(streams) for name, streams in parts.items()}
