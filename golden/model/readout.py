"""Readouts: what is read at the end of a sample, and the label made of it."""

import torch
from torch import Tensor

from spikewright.golden.errors import UnsupportedError
from spikewright.golden.model.neuron import State
from spikewright.golden.spec import Decision, Readout, ReadoutKind

__all__ = ["check_readout", "decide", "first_largest", "read"]


def check_readout(readout: Readout) -> None:
    """Refuse what the golden model does not read."""
    where = f"readout of {readout.population!r}"
    if readout.kind not in (ReadoutKind.MEMBRANE, ReadoutKind.COUNT):
        raise UnsupportedError(
            "the golden model reads membrane and count", found=str(readout.kind), where=where
        )
    if readout.decision not in (Decision.ARGMAX, Decision.RAW):
        raise UnsupportedError(
            "the golden model decides by argmax and raw", found=str(readout.decision), where=where
        )


def read(readout: Readout, state: State) -> Tensor:
    """The values [batch, n] at the end: membranes, or net levels emitted."""
    return state.v if readout.kind is ReadoutKind.MEMBRANE else state.s


def decide(readout: Readout, values: Tensor) -> Tensor | None:
    """The label [batch] of every sample, None for ``raw``."""
    return first_largest(values) if readout.decision is Decision.ARGMAX else None


def first_largest(values: Tensor) -> Tensor:
    """The lowest index of the largest value; torch's argmax leaves ties to the device."""
    n = values.shape[1]
    index = torch.arange(n, device=values.device)
    largest = values == values.amax(dim=1, keepdim=True)
    return torch.where(largest, index, n).amin(dim=1)
