"""From a NIR file to an integer network, and how far the two agree."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spikewright.golden.errors import ConfigurationError, RangeError
from spikewright.golden.model import Model
from spikewright.golden.spec import Mode, Network

from .precision import Precision
from .quantise import network_of
from .reference import Reference

__all__ = ["Agreement", "Conversion", "agreement_of", "convert_graph"]

FRACTIONS = (2, 4, 6, 8, 10, 12, 14)
LEAKS = (4, 6, 8, 10, 12)


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """What an integer network does beside its reference on the same input.

    Parameters
    ----------
    spikes : by population, the share of spikes that both have in the same step: twice those in
        common, of all of both; 1 where neither fires.
    counts : by population, the mean difference of a neuron's number of spikes a sample.
    labels : share of samples with the same decision.
    """

    spikes: Mapping[str, float]
    counts: Mapping[str, float]
    labels: float

    @property
    def least(self) -> float:
        """The least share of spikes in common, or of labels."""
        return min([self.labels, *self.spikes.values()])

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True, eq=False)
class Conversion:
    """An integer network of a file, how finely it was quantised, and what that costs."""

    network: Network
    precision: Precision
    agreement: Agreement


def convert_graph(
    reference: Reference,
    inputs: Mapping[str, Tensor],
    *,
    name: str,
    max_steps: int,
    weight_bits: int = 8,
    agreement: float = 0.99,
    levels: Mapping[str, tuple[int, int, float | None]] | None = None,
) -> Conversion:
    """The coarsest fractions and leaks that reach an agreement, or the best there are.

    Parameters
    ----------
    reference : what is meant. inputs : integers [samples, steps, *shape] of each input, of which
        one counts ``step`` of ``levels``. max_steps : T up to which widths are proven.
    weight_bits : of a weight. agreement : the least share of spikes and labels in common.

    Raises
    ------
    RangeError
        If not even the coarsest fits the registers.
    """
    steps = {key: each[2] or 1.0 for key, each in (levels or {}).items()}
    wanted = reference.run({key: x.double() * steps.get(key, 1.0) for key, x in inputs.items()})
    best: Conversion | None = None
    for fraction in FRACTIONS:
        for leak_bits in LEAKS if _leaks(reference) else LEAKS[:1]:
            precision = Precision(
                weight_bits=weight_bits, fraction_bits=fraction, leak_bits=leak_bits
            )
            try:
                network = network_of(
                    reference, precision, name=name, max_steps=max_steps, levels=levels
                )
            except (RangeError, ConfigurationError):
                if best is None and (fraction, leak_bits) == (FRACTIONS[0], LEAKS[-1]):
                    raise
                continue
            found = agreement_of(network, reference, inputs, wanted.spikes, wanted.membranes)
            if best is None or found.least > best.agreement.least:
                best = Conversion(network=network, precision=precision, agreement=found)
            if found.least >= agreement:
                return best
    assert best is not None  # the first ones raise
    return best


def _leaks(reference: Reference) -> bool:
    return any(d.left_v < 1 or d.left_i is not None for d in reference.dynamics.values())


def agreement_of(
    network: Network,
    reference: Reference,
    inputs: Mapping[str, Tensor],
    spikes: Mapping[str, Tensor],
    membranes: Mapping[str, Tensor],
) -> Agreement:
    """Compare a run of the network with what the reference did, [steps, samples, neurons]."""
    names = dict(zip(reference.graph.populations, _populations(network, reference), strict=True))
    values = {
        each.name: inputs[key].flatten(2).long().numpy()
        for each, key in zip(network.inputs, reference.graph.inputs, strict=True)
    }
    found = Model(network).run(values, mode=Mode.STEPWISE, trace=True)
    assert found.trace is not None  # it was asked for
    common, counts = {}, {}
    for population, own in names.items():
        if reference.dynamics[population].threshold is None:
            continue
        ours, theirs = found.trace.spikes[own].double(), spikes[population]
        both, all_ = float(torch.minimum(ours, theirs).sum()), float((ours + theirs).sum())
        common[population] = 2 * both / all_ if all_ else 1.0
        counts[population] = float((ours.sum(0) - theirs.sum(0)).abs().mean())
    read = reference.graph.outputs[0]
    fires = reference.dynamics[read].threshold is not None
    meant = spikes[read].sum(0) if fires else membranes[read][-1]
    assert found.labels is not None  # argmax
    labels = torch.from_numpy(np.argmax(meant.numpy(), axis=1))
    return Agreement(
        spikes=common, counts=counts, labels=float((labels == found.labels).double().mean())
    )


def _populations(network: Network, reference: Reference) -> list[str]:
    """Names in the network of the file's populations, in their order; relays left out."""
    names = [p.name for p in network.populations if "_later_" not in p.name]
    assert len(names) == len(reference.graph.populations)
    return names
