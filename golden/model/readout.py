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
    """The values [batch, n] at the end, int64: membranes, or net levels emitted."""
    return (state.v if readout.kind is ReadoutKind.MEMBRANE else state.s).long()


def decide(readout: Readout, values: Tensor, positions: int) -> Tensor | None:
    """What is made of values [batch, n]; None for ``raw``.

    The label [batch] of every sample, or [batch, positions] where there are several.
    """
    if readout.decision is not Decision.ARGMAX:
        return None
    labels = first_largest(values.view(len(values), -1, positions))
    return labels.squeeze(1) if positions == 1 else labels


def first_largest(values: Tensor) -> Tensor:
    """The lowest index [batch, positions] of the largest of values [batch, channels, positions].

    torch's argmax leaves ties to the device.
    """
    channels = values.shape[1]
    index = torch.arange(channels, device=values.device).view(-1, 1)
    largest = values == values.amax(dim=1, keepdim=True)
    return torch.where(largest, index, channels).amin(dim=1)
