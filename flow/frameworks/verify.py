"""Hold what was read against the module itself."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from spikewright.flow.nir.graph import graph_of
from spikewright.flow.nir.reference import Reference, Traces
from spikewright.golden.errors import UnsupportedError

from .assemble import Imported, Read
from .exact import exact_steps
from .output import match_output
from .trace import Trace
from .values import INPUT, Returned

__all__ = ["Proof", "reference_of", "verify"]

ROUNDING = 1e-9
"""Of what membranes of a sample reached: both sides round their sums, in orders of their own."""


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What inputs have shown.

    Parameters
    ----------
    silent : layers that have not fired. like : what else the returned values could be as well.
    read : the population that is read. most : steps and size of the inputs, at most.
    """

    silent: frozenset[str]
    like: frozenset[str]
    read: str
    most: tuple[int, float]

    @property
    def missing(self) -> bool:
        """Whether other inputs may show more."""
        return bool(self.silent or self.like)

    def joined(self, other: "Proof") -> "Proof":
        """What either has shown."""
        steps, size = (max(each) for each in zip(self.most, other.most, strict=True))
        return Proof(
            silent=self.silent & other.silent,
            like=self.like & other.like,
            read=self.read,
            most=(int(steps), size),
        )

    def require(self) -> None:
        """Raise UnsupportedError where nothing was shown of a layer, or of what is returned."""
        tried = f"inputs of up to {self.most[0]} steps and {self.most[1]:g}, nor with more weight"
        if self.silent:
            raise UnsupportedError(
                "every layer must fire on some input, or nothing can be held against it",
                found=f"no spike on {tried}",
                where=min(self.silent),
                action="give samples on which it fires, or look at its weights and its threshold",
            )
        if self.like:
            raise UnsupportedError(
                "what is returned must be told from what else it could be",
                found=f"the same as {min(self.like)} on {tried}",
                where=self.read,
                action="give samples on which they differ, or return the spikes of every step",
            )


def verify(
    imported: Imported,
    read: Read,
    trace: Trace,
    returned: Sequence[Sequence[Returned]],
    x: Tensor,
    form: str,
) -> Proof:
    """Spikes of every step, membranes, and what is returned, on what the module was traced with.

    ``x`` [steps, samples, *shape]. Where doubles hold all numbers on the way, everything must be
    equal. Elsewhere a neuron that rounding may bring to either side of its threshold may differ;
    from there on its sample says nothing.

    Raises
    ------
    UnsupportedError
        If something differs, with layer, neuron and step.
    """
    reference = reference_of(imported)
    wanted = reference.run({INPUT: x.transpose(0, 1)})
    exact = exact_steps(reference, wanted, {INPUT: x.numpy()})
    steps, samples = x.shape[:2]
    alive = torch.ones(samples, dtype=torch.bool)
    fired: set[str] = set()
    layers = [
        _Layer(reference, wanted, trace, name, (steps, samples, form), exact[name])
        for name in reference.graph.populations
        if name in trace.calls
    ]
    for step in range(steps):
        for layer in layers:
            differ = layer.compare(step, alive)
            alive &= ~differ.any(dim=1)
            layer.compare_membranes(step, alive)
            if layer.has_fired(step, alive):
                fired.add(layer.name)
    like = match_output(reference, wanted, read, returned, alive)
    silent = {layer.name for layer in layers if layer.threshold is not None} - fired
    return Proof(
        silent=frozenset(silent),
        like=frozenset(like),
        read=read.name,
        most=(steps, float(x.abs().max())),
    )


def reference_of(imported: Imported) -> Reference:
    """What was read, in double precision."""
    graph = graph_of(imported.graph, where=imported.framework)
    return Reference(graph, imported.rule, where=imported.framework)


class _Layer:
    """A layer of neurons on both sides; tensors are [steps, samples, neurons]."""

    def __init__(
        self,
        reference: Reference,
        wanted: Traces,
        trace: Trace,
        name: str,
        size: tuple[int, int, str],
        exact: Sequence[bool],
    ) -> None:
        self.name, self.exact = name, exact
        call, dynamics = trace.calls[name], reference.dynamics[name]
        self.threshold = None
        if dynamics.threshold is not None:
            self.threshold = torch.from_numpy(dynamics.threshold)
        self.bursts = reference.rules[name].bursts
        self.spikes, self.charged = wanted.spikes[name], wanted.charged[name]
        self.theirs = stepwise(call.spikes, *size)
        kept = self.charged if call.charged else wanted.membranes[name]
        # A call that takes all steps leaves the last membrane only.
        at = range(size[0]) if len(call.membranes) == size[0] else [size[0] - 1]
        pairs = zip(at, call.membranes, strict=True)
        self.membranes = {k: (kept[k], v.double().flatten(1)) for k, v in pairs}
        # The largest of a layer so far, as the measure of what was rounded.
        self.reached = self.charged.abs().amax(dim=2, keepdim=True).cummax(dim=0).values

    def slack(self, step: int) -> Tensor:
        """What rounding may have done to a membrane, [samples, 1]."""
        return self.reached[step] * (0.0 if self.exact[step] else ROUNDING)

    def compare(self, step: int, alive: Tensor) -> Tensor:
        """Where spikes differ, in samples that are alive."""
        if self.threshold is None:
            return torch.zeros_like(self.spikes[step], dtype=torch.bool)
        differ = self.spikes[step] != self.theirs[step]
        bad = differ & ~self.tied(step) & alive[:, None]
        if bad.any():
            neuron = int(bad.nonzero()[0][1])
            raise self.wrong(f"another spike of neuron {neuron} in step {step} of a random sample")
        return differ & alive[:, None]

    def tied(self, step: int) -> Tensor:
        """Where rounding may decide how many spikes there are."""
        assert self.threshold is not None
        v = self.charged[step]
        level = (v / self.threshold).round().clamp(1, self.bursts)
        slack = self.slack(step)
        return ((v - level * self.threshold).abs() <= slack) & (slack > 0)

    def compare_membranes(self, step: int, alive: Tensor) -> None:
        """Those that the layer kept, in samples that are alive."""
        if step not in self.membranes:
            return
        ours, theirs = self.membranes[step]
        bad = ((ours - theirs).abs() > self.slack(step)) & alive[:, None]
        if bad.any():
            sample, neuron = (int(each) for each in bad.nonzero()[0])
            raise self.wrong(
                f"a membrane of {float(theirs[sample, neuron]):.9g} and not "
                f"{float(ours[sample, neuron]):.9g}, neuron {neuron} after step {step} of a "
                "random sample"
            )

    def has_fired(self, step: int, alive: Tensor) -> bool:
        """Whether a spike that rounding did not decide was seen on both sides."""
        if self.threshold is None:
            return False
        fires = (self.spikes[step] > 0) & ~self.tied(step)
        return bool(fires[alive].any())

    def wrong(self, found: str) -> UnsupportedError:
        """What differs."""
        return UnsupportedError(
            "what was read must do what the module does",
            found=found,
            where=self.name,
            action="keep to layers, sums and changes of shape in forward",
        )


def stepwise(calls: Sequence[Tensor], steps: int, samples: int, form: str) -> Tensor:
    """Spikes of the calls as [steps, samples, neurons]."""
    if len(calls) == steps and len(calls) > 1:
        return torch.stack([*calls]).double().flatten(2)
    (whole,) = calls
    if form == "flat":
        whole = whole.reshape(samples, steps, -1).transpose(0, 1)
    elif form == "batch":
        whole = whole.transpose(0, 1)
    return whole.reshape(steps, samples, -1).double()
