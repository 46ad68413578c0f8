"""Readouts: what is read of a sample, step by step and at its end, and the label made of it."""

import torch
from torch import Tensor

from spikewright.golden.model.neuron import State
from spikewright.golden.spec import Biquad, Decision, Fire, Population, Readout, ReadoutKind

__all__ = ["Filter", "Reading", "decide", "first_largest"]


class Reading:
    """What a readout remembers of the steps since the last reset.

    Parameters
    ----------
    readout : what to read.
    population : of whom.
    """

    def __init__(self, readout: Readout, population: Population) -> None:
        self.readout = readout
        self.fires = population.soma.fire is not Fire.NONE
        self.best: Tensor | None = None
        self.stream: list[Tensor] = []
        self.filters = [Filter(each) for each in readout.biquads]

    def begin(self) -> None:
        """Another sample, which goes on where the one before ended."""
        self.stream = []

    def step(self, state: State) -> None:
        """The population has made a step."""
        match self.readout.kind:
            case ReadoutKind.FIRST_SPIKE:
                # the step's number where it is the first one that fired, from 1; 0 where none was
                first = torch.zeros_like(state.level) if self.best is None else self.best
                news = (first == 0) & (state.level != 0)
                self.best = torch.where(news, state.steps, first)
            case ReadoutKind.MAXIMUM:
                v = state.v
                self.best = v.clone() if self.best is None else torch.maximum(self.best, v)
            case ReadoutKind.STREAM:
                value = (state.level if self.fires else state.v).long()
                if self.readout.block is None:
                    value = self._filtered(value)
                self.stream.append(value)

    def values(self, state: State) -> Tensor:
        """Int64 [batch, n], or [batch, steps, n] of a stream, once a sample has ended."""
        match self.readout.kind:
            case ReadoutKind.MEMBRANE:
                return state.v.long()
            case ReadoutKind.COUNT:
                return state.s.long()
            case ReadoutKind.MAXIMUM:
                assert self.best is not None  # a sample has a step
                return self.best.long()
            case ReadoutKind.FIRST_SPIKE:
                assert self.best is not None
                return torch.where(self.best > 0, state.steps + 1 - self.best, 0).long()
            case ReadoutKind.STREAM:
                if self.readout.block is not None:
                    return torch.stack(self._both_ways(self.stream, self.readout.block), dim=1)
                return torch.stack(self.stream, dim=1)

    def _filtered(self, value: Tensor) -> Tensor:
        value = value << self.readout.fraction
        for each in self.filters:
            value = each(value)
        return value

    def _both_ways(self, stream: list[Tensor], block: int) -> list[Tensor]:
        """Every block forwards and backwards, each time from rest."""
        found: list[Tensor] = []
        for start in range(0, len(stream), block):
            part = [value << self.readout.fraction for value in stream[start : start + block]]
            for _ in range(2):
                filters = [Filter(each) for each in self.readout.biquads]
                for k, value in enumerate(part):
                    for each in filters:
                        value = each(value)
                    part[k] = value
                part.reverse()
            found += part
        return found


class Filter:
    """A biquad at work, from rest.

    Parameters
    ----------
    rule : its coefficients.
    """

    def __init__(self, rule: Biquad) -> None:
        self.rule = rule
        self.past: tuple[Tensor, ...] | None = None  # x1, x2, y1, y2, e

    def __call__(self, x: Tensor) -> Tensor:
        """The next y, int64 as x."""
        rule = self.rule
        past = self.past if self.past is not None else (torch.zeros_like(x),) * 5
        x1, x2, y1, y2, e = past
        total = rule.b0 * (x + 2 * x1 + x2) - rule.a1 * y1 - rule.a2 * y2 + e
        y = total >> rule.shift
        self.past = (x, x1, y, y1, total - (y << rule.shift))
        return y


def decide(readout: Readout, values: Tensor, positions: int) -> Tensor | None:
    """What is made of values [batch, n]; None where it is not a label.

    The label [batch] of every sample, or [batch, positions] where there are several.
    """
    if readout.decision is not Decision.ARGMAX:
        return None
    labels = first_largest(values.view(len(values), -1, positions))
    return labels.squeeze(1) if positions == 1 else labels


def first_largest(values: Tensor) -> Tensor:
    """The lowest index [batch, positions] of the largest of values [batch, channels, positions].

    torch's argmax leaves ties to the device, and its amin of int64 is slow: the largest -index.
    """
    channels = values.shape[1]
    index = torch.arange(channels, device=values.device).view(-1, 1)
    largest = values == values.amax(dim=1, keepdim=True)
    return -torch.where(largest, -index, -channels).amax(dim=1)
