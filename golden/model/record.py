"""What is kept of a run: counts of events always, every spike and membrane on request."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from spikewright.golden.model.arithmetic import product
from spikewright.golden.model.neuron import State

__all__ = ["Record", "Result", "Trace"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Trace:
    """Everything that happened, by name.

    ``spikes``: levels [steps, batch, n] of populations and payloads of inputs. ``membranes``:
    [steps, batch, n] of populations, after the reset. ``steps``: STEPs [batch] that each emitted:
    T in ``stepwise``, its own number per sample in ``settle``, 0 in ``collapsed`` (whose spikes
    have one entry). A sample of fewer steps than others of its batch is filled up with no spikes
    and its last membrane.
    """

    spikes: dict[str, Tensor]
    membranes: dict[str, Tensor]
    steps: dict[str, Tensor]


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """What a batch gave; int64 tensors on the model's device.

    ``values`` [batch, n], of a stream [batch, steps, n]: what the readout reads. ``labels``: the
    decision, [batch] or, where the population has several positions, [batch, positions]; None
    where it is not one. ``events``: SPIKEs [batch] that each input and population emitted.
    ``trace``: on request.
    """

    values: Tensor
    labels: Tensor | None
    events: dict[str, Tensor]
    trace: Trace | None = None

    def at(self, index: Tensor) -> "Result":
        """Those samples of it, in that order."""
        trace = self.trace
        if trace is not None:
            trace = Trace(
                spikes={name: each[:, index] for name, each in trace.spikes.items()},
                membranes={name: each[:, index] for name, each in trace.membranes.items()},
                steps={name: each[index] for name, each in trace.steps.items()},
            )
        return Result(
            values=self.values[index],
            labels=None if self.labels is None else self.labels[index],
            events={name: each[index] for name, each in self.events.items()},
            trace=trace,
        )

    @staticmethod
    def join(parts: Sequence["Result"]) -> "Result":
        """The result of all samples from those of parts of the batch, in order."""
        first = parts[0]
        if len(parts) == 1:
            return first
        labels = [part.labels for part in parts if part.labels is not None]
        traces = [part.trace for part in parts if part.trace is not None]
        return Result(
            values=torch.cat([part.values for part in parts]),
            labels=torch.cat(labels) if labels else None,
            events=_join([part.events for part in parts]),
            trace=_join_traces(traces) if traces else None,
        )


class Record:
    """Collects a run while it goes on.

    Parameters
    ----------
    inputs : payloads [steps, batch, n] as they are sent, by name.
    full : whether to keep every spike and membrane.
    """

    def __init__(self, inputs: dict[str, Tensor], *, full: bool) -> None:
        self.full = full
        self.events: dict[str, Tensor] = {}
        self.spikes = {name: list(sent) for name, sent in inputs.items()} if full else {}
        self.membranes: dict[str, list[Tensor]] = {}
        self.steps: dict[str, Tensor] = {}

    def step(self, name: str, state: State) -> None:
        """A population has made a step."""
        if self.full:
            self.spikes.setdefault(name, []).append(state.level)
            self.membranes.setdefault(name, []).append(state.v.clone())

    def fired(self, name: str, levels: Tensor) -> Tensor:
        """An input or population has sent these levels: the SPIKEs [batch] they are.

        ``levels`` : [batch, n], or [steps, batch, n].
        """
        spikes = count(levels)
        if levels.ndim == 3:
            spikes = spikes.sum(dim=0)
        self.events[name] = self.events[name] + spikes if name in self.events else spikes
        return spikes

    def ended(self, name: str, steps: Tensor) -> None:
        """An input or population has emitted so many STEPs [batch]."""
        self.steps[name] = steps

    def trace(self) -> Trace | None:
        """All that was kept."""
        if not self.full:
            return None
        return Trace(
            spikes={name: torch.stack(each).long() for name, each in self.spikes.items()},
            membranes={name: torch.stack(each).long() for name, each in self.membranes.items()},
            steps=self.steps,
        )


def count(levels: Tensor) -> Tensor:
    """SPIKEs [...] among levels [..., n], of fewer than 2**24 neurons.

    A sum of squares of signs: torch's own count takes ten times as long.
    """
    signs = levels.clamp(-1, 1)
    if levels.dtype == torch.int8:
        ones = torch.ones(levels.shape[-1], 1, dtype=torch.int8)
        flat = product(signs.abs_().view(-1, levels.shape[-1]), ones)
        return flat.view(levels.shape[:-1]).long()
    spikes: Tensor = torch.linalg.vecdot(signs, signs)
    return spikes.long()


def _join(parts: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """[batch] tensors, end to end."""
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def _join_traces(traces: Sequence[Trace]) -> Trace:
    return Trace(
        spikes=_join_steps([trace.spikes for trace in traces], still=False),
        membranes=_join_steps([trace.membranes for trace in traces], still=True),
        steps=_join([trace.steps for trace in traces]),
    )


def _join_steps(parts: Sequence[dict[str, Tensor]], *, still: bool) -> dict[str, Tensor]:
    """[steps, batch, n] tensors side by side; shorter ones stay as they are, or end in zeros."""
    joined = {}
    for name in parts[0]:
        most = max(len(part[name]) for part in parts)
        filled = []
        for part in parts:
            tensor = part[name]
            tail = tensor[-1:] if still else torch.zeros_like(tensor[-1:])
            filled.append(torch.cat([tensor, tail.expand(most - len(tensor), -1, -1)]))
        joined[name] = torch.cat(filled, dim=1)
    return joined
