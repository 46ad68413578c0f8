"""Runs the golden model and hands its trace over as numpy arrays; the only part with torch."""

from collections.abc import Callable
from typing import Any

import numpy.typing as npt
import torch

from spikewright.golden.model import Model
from spikewright.golden.spec import Mode, Network

from .streams import Golden, TokenStream, concatenate, expected_streams

__all__ = ["golden_streams"]

_CHUNK = 64


def golden_streams(
    network: Network,
    mode: Mode,
    inputs: torch.Tensor | npt.NDArray[Any],
    steps: int | None,
    progress: Callable[[int], None] | None = None,
) -> dict[str, TokenStream]:
    """Expected tokens of all samples; traces are taken in pieces, for they are large."""
    model = Model(network)
    parts: dict[str, list[TokenStream]] = {}
    for start in range(0, len(inputs), _CHUNK):
        result = model.run(inputs[start : start + _CHUNK], mode=mode, steps=steps, trace=True)
        assert result.trace is not None  # it was asked for
        golden = Golden(
            spikes={name: spikes.cpu().numpy() for name, spikes in result.trace.spikes.items()},
            steps={name: count.cpu().numpy() for name, count in result.trace.steps.items()},
            values=result.values.cpu().numpy(),
            labels=None if result.labels is None else result.labels.cpu().numpy(),
        )
        for name, stream in expected_streams(network, mode, golden).items():
            parts.setdefault(name, []).append(stream)
        if progress is not None:
            progress(min(start + _CHUNK, len(inputs)))
    return {name: concatenate(streams) for name, streams in parts.items()}
