"""From a NIR file to an integer network, and how far the two agree."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from spikewright.golden.errors import ConfigurationError, RangeError
from spikewright.golden.model import Model
from spikewright.golden.model.readout import first_largest
from spikewright.golden.spec import Mode, Network
from spikewright.golden.spec.limits import LIMITS

from .names import names_of
from .precision import Precision
from .quantise import network_of
from .reference import Reference, Traces

__all__ = ["Agreement", "Conversion", "agreement_of", "convert_graph"]

FRACTIONS = (2, 4, 6, 8, 10, 12, 14)
LEAKS = (4, 6, 8, 10, 12)
AIM = 0.99
"""What is looked for at the least; what must be reached may be lower."""
ENOUGH = 16
"""Samples of which one half can choose and the other measure."""


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """What an integer network does beside its reference on the same input.

    Parameters
    ----------
    samples : on how many.
    spikes : by population, the share of spikes that both have in the same step: twice those in
        common, of all of both; 1 where neither fires.
    counts : by population, the mean difference of a neuron's number of spikes a sample.
    fired : by population, the spikes of the reference.
    labels : share of decisions that are the same.
    """

    samples: int
    spikes: Mapping[str, float]
    counts: Mapping[str, float]
    fired: Mapping[str, int]
    labels: float

    def least(self, *, decisions: bool = True) -> tuple[float, str]:
        """The least share in common, and what has it, in words.

        Labels are left out without ``decisions``, unless nothing fires.
        """
        shares = {f"spikes of {name!r}": share for name, share in self.spikes.items()}
        if decisions or not shares:
            shares["labels"] = self.labels
        worst = min(shares, key=lambda each: shares[each])
        return shares[worst], worst

    @property
    def silent(self) -> tuple[str, ...]:
        """Populations that could fire, and never do in the reference."""
        return tuple(name for name, count in self.fired.items() if not count)

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
    agreement: float = 0.9,
    levels: Mapping[str, tuple[int, int, float | None]] | None = None,
    decisions: bool = True,
) -> Conversion:
    """The coarsest fractions and leaks with 0.99 in common, or the best if they reach an agreement.

    Of 16 samples or more a half, drawn, chooses them, such that at most half of what may be missed
    is missed, and the other half measures.

    Parameters
    ----------
    reference : what is meant. inputs : integers [samples, steps, *shape] of each input, of which
        one counts ``step`` of ``levels``. max_steps : T up to which widths are proven.
    weight_bits : of a weight, 2 to 16. agreement : the least share of spikes and labels in common.
    decisions : whether labels count; those of random inputs are mostly ties.

    Raises
    ------
    ConfigurationError
        If the agreement is not reached, a parameter is not legal, or a population has no equal.
    RangeError
        If not even the coarsest fits the registers.
    """
    _check(weight_bits, agreement, max_steps)
    candidates = _networks(reference, weight_bits, name, max_steps, levels)
    first = next(candidates)  # before anything is run: what cannot be is said at once
    n = len(next(iter(inputs.values())))
    drawn = torch.randperm(n, generator=torch.Generator().manual_seed(0))
    parts = drawn.chunk(2) if n >= ENOUGH else (torch.arange(n),)
    steps = {key: each[2] or 1.0 for key, each in (levels or {}).items()}
    heard = [{key: x[part] for key, x in inputs.items()} for part in parts]
    wanted = [
        reference.run({key: x.double() * steps.get(key, 1.0) for key, x in each.items()})
        for each in heard
    ]
    enough = max(AIM, agreement if len(parts) == 1 else (1 + agreement) / 2)
    best: Conversion | None = None
    for precision, network in _with(first, candidates):
        found = agreement_of(network, reference, heard[0], wanted[0])
        share, _ = found.least(decisions=decisions)
        if best is None or share > best.agreement.least(decisions=decisions)[0]:
            best = Conversion(network=network, precision=precision, agreement=found)
        if share >= enough:
            break
    assert best is not None  # there is a first one
    measured = agreement_of(best.network, reference, heard[-1], wanted[-1])
    share, worst = measured.least(decisions=decisions)
    if share < agreement:
        raise ConfigurationError(
            f"the integers must have at least {agreement:g} of spikes and labels in common with "
            "the network in double precision",
            found=f"{share:.4g} of the {worst}, on {measured.samples} samples",
            where=reference.where,
            action=(f"give more --weight-bits than {weight_bits}, " * (weight_bits < LIMITS.weight))
            + "a lower --agreement, or typical samples with --calibrate",
        )
    return Conversion(network=best.network, precision=best.precision, agreement=measured)


def _check(weight_bits: int, agreement: float, max_steps: int) -> None:
    if not (math.isfinite(agreement) and 0 <= agreement <= 1):
        raise ConfigurationError("--agreement must be 0 to 1", found=f"{agreement:g}")
    if not LIMITS.weight_low <= weight_bits <= LIMITS.weight:
        raise ConfigurationError(
            f"--weight-bits must be {LIMITS.weight_low} to {LIMITS.weight}", found=str(weight_bits)
        )
    if max_steps < 1:
        raise ConfigurationError("--max-steps must be at least 1", found=str(max_steps))


def _with(
    first: tuple[Precision, Network], others: Iterator[tuple[Precision, Network]]
) -> Iterator[tuple[Precision, Network]]:
    yield first
    yield from others


def _networks(
    reference: Reference,
    weight_bits: int,
    name: str,
    max_steps: int,
    levels: Mapping[str, tuple[int, int, float | None]] | None,
) -> Iterator[tuple[Precision, Network]]:
    """Networks, the coarsest first; the last error where there is none.

    More fraction bits never make anything fit that did not, so that leaks that failed once are not
    tried again.
    """
    leaks = list(LEAKS if _leaks(reference) else LEAKS[:1])
    error: ConfigurationError | RangeError | None = None
    found = False
    for fraction in FRACTIONS:
        for leak_bits in list(leaks):
            precision = Precision(
                weight_bits=weight_bits, fraction_bits=fraction, leak_bits=leak_bits
            )
            try:
                network = network_of(
                    reference, precision, name=name, max_steps=max_steps, levels=levels
                )
            except (ConfigurationError, RangeError) as raised:
                error = raised
                leaks.remove(leak_bits)
                continue
            found = True
            yield precision, network
    if not found:
        assert error is not None  # there was no network
        raise error


def _leaks(reference: Reference) -> bool:
    return any(0 < d.left_v < 1 or d.left_i is not None for d in reference.dynamics.values())


def agreement_of(
    network: Network, reference: Reference, inputs: Mapping[str, Tensor], wanted: Traces
) -> Agreement:
    """Compare a run of the network with what the reference did on the same inputs."""
    names = names_of(reference.graph)
    values = {names[key]: x.flatten(2).long().numpy() for key, x in inputs.items()}
    found = Model(network).run(values, mode=Mode.STEPWISE, trace=True)
    assert found.trace is not None  # it was asked for
    common, counts, fired = {}, {}, {}
    for population, dynamics in reference.dynamics.items():
        if dynamics.threshold is None:
            continue
        ours, theirs = found.trace.spikes[names[population]].double(), wanted.spikes[population]
        both, all_ = float(torch.minimum(ours, theirs).sum()), float((ours + theirs).sum())
        common[population] = 2 * both / all_ if all_ else 1.0
        counts[population] = float((ours.sum(0) - theirs.sum(0)).abs().mean())
        fired[population] = int(theirs.sum())
    read = reference.graph.outputs[0]
    fires = reference.dynamics[read].threshold is not None
    meant = wanted.spikes[read].sum(0) if fires else wanted.membranes[read][-1]
    assert found.labels is not None  # argmax
    positions = network.population(network.readout.population).positions
    labels = first_largest(meant.reshape(len(meant), -1, positions))
    same = labels == found.labels.reshape(labels.shape)
    return Agreement(
        samples=len(meant),
        spikes=common,
        counts=counts,
        fired=fired,
        labels=float(same.double().mean()),
    )
