"""Hold what was read against the module itself."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from spikewright.flow.nir.graph import graph_of
from spikewright.flow.nir.reference import Reference, Traces
from spikewright.golden.errors import UnsupportedError

from .trace import INPUT, Trace

if TYPE_CHECKING:
    from .read import Imported

__all__ = ["require_same_spikes"]

TIE = 1e-9  # of the threshold: both sides round their sums, each in an order of its own


def require_same_spikes(imported: "Imported", trace: Trace, x: Tensor, form: str) -> None:
    """Every spike of every layer of every step, on what the module was traced with.

    ``x`` [steps, samples, *shape]. A neuron within rounding of its threshold may differ; from there
    on its sample says nothing.

    Raises
    ------
    UnsupportedError
        If one differs, with layer, sample and step.
    """
    reference = reference_of(imported)
    wanted = reference.run({INPUT: x.transpose(0, 1)})
    steps, samples = x.shape[:2]
    alive = torch.ones(samples, dtype=torch.bool)
    theirs = {
        name: _stepwise(call.spikes, steps, samples, form) for name, call in trace.calls.items()
    }
    for step in range(steps):
        for name in reference.graph.populations:
            if name not in theirs:
                continue
            differ, tied = _differs(reference, wanted, theirs, name, step)
            bad = (differ & ~tied).any(dim=1) & alive
            if bad.any():
                sample = int(bad.nonzero()[0])
                neuron = int((differ & ~tied)[sample].nonzero()[0])
                raise UnsupportedError(
                    "what was read must do what the module does",
                    found=f"another spike of neuron {neuron} in step {step} of a random sample",
                    where=name,
                    action="keep to layers, sums and changes of shape in forward",
                )
            alive &= ~differ.any(dim=1)


def reference_of(imported: "Imported") -> Reference:
    """What was read, in double precision."""
    graph = graph_of(imported.graph, where=imported.framework)
    return Reference(graph, imported.rule, where=imported.framework)


def _differs(
    reference: Reference, wanted: Traces, theirs: Mapping[str, Tensor], name: str, step: int
) -> tuple[Tensor, Tensor]:
    """Where spikes differ, and where the membrane is as good as at its threshold."""
    threshold = reference.dynamics[name].threshold
    charged, found = wanted.charged[name][step], theirs[name][step]
    if threshold is None:
        # A layer that returns its membrane, or one whose spikes nobody sees.
        near = (charged - found).abs() <= TIE * charged.abs().clamp(min=1)
        silent = name not in {path.source for path in reference.graph.paths}
        spikes = bool(((found == 0) | (found == 1)).all())
        return (~near & ~torch.tensor(silent and spikes)), torch.zeros_like(near)
    level = torch.from_numpy(threshold)
    ratio = charged / level
    return wanted.spikes[name][step] != found, (ratio - ratio.round()).abs() <= TIE


def _stepwise(calls: list[Tensor], steps: int, samples: int, form: str) -> Tensor:
    """Spikes of the calls as [steps, samples, neurons]."""
    if len(calls) == steps and len(calls) > 1:
        return torch.stack(calls).double().flatten(2)
    (whole,) = calls
    if form == "flat":
        whole = whole.reshape(samples, steps, -1).transpose(0, 1)
    elif form == "batch":
        whole = whole.transpose(0, 1)
    return whole.reshape(steps, samples, -1).double()
