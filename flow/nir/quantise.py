"""Integers for a network that a discretisation made definite."""

import json
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from spikewright.golden.errors import ConfigurationError, UnsupportedError
from spikewright.golden.spec import (
    Connection,
    Decision,
    Encoding,
    Fire,
    Identity,
    Input,
    Mode,
    Network,
    Payload,
    Population,
    Readout,
    ReadoutKind,
    Soma,
)
from spikewright.golden.spec.soma import MAX_LEVEL

from .names import free_name, names_of
from .precision import Precision
from .reference import Reference
from .soma import marks_of, soma_of, takes_old
from .wires import Wire, matrix_of, operator_of, unit_of, wire_of

__all__ = ["network_of"]

Floats = npt.NDArray[np.float64]


def network_of(
    reference: Reference,
    precision: Precision,
    *,
    name: str,
    max_steps: int,
    levels: Mapping[str, tuple[int, int, float | None]] | None = None,
) -> Network:
    """The integer network, in stepwise mode.

    Every population counts in a unit of its own, such that the weights of all that comes in are
    integers of it, times a power of two each; thresholds are what their gain makes of them.

    Parameters
    ----------
    reference : what is meant. precision : how finely. max_steps : T up to which widths are proven.
    levels : (low, high, step) of each input's payload, in units of ``step`` where it is not whole;
        by default spikes of 1.

    Raises
    ------
    ConfigurationError, UnsupportedError
        If a semantics has no equal among the contract's somas; RangeError if a register would need
        too many bits.
    """
    wires = [wire_of(reference, path) for path in reference.graph.paths]
    _refuse_endless_bursts(reference)
    for path, delay in reference.delays.items():
        if delay > max_steps:
            raise ConfigurationError(
                f"a delay must be at most {max_steps} steps, which a sample has",
                found=f"{delay} steps",
                where=f"{reference.where}: {path.source!r} -> {path.target!r}",
                action="give a larger dt, or more steps",
            )
    ends = [*reference.graph.outputs]
    if len(ends) != 1:
        raise UnsupportedError(
            "one population must be read",
            found=", ".join(ends) or "none: an output must follow a population directly",
            where=reference.where,
        )
    given = dict(levels or {})
    names = names_of(reference.graph)
    inputs = [
        _input(names[each], reference.shapes[each], given.get(each, (0, 1, None)))
        for each in reference.graph.inputs
    ]
    steps = {each.name: each.step or 1.0 for each in inputs}
    populations: list[Population] = []
    connections: list[Connection] = []
    relays: dict[tuple[str, int], str] = {}
    for target, dynamics in reference.dynamics.items():
        incoming = [wire for wire in wires if wire.path.target == target]
        incoming, shape = _met(reference, target, incoming)
        scaled = [(wire, wire.unit * steps.get(names[wire.path.source], 1.0)) for wire in incoming]
        bias = sum((wire.bias for wire in incoming), np.zeros(dynamics.gain.size))
        unit = unit_of(scaled, precision, marks_of(reference, target, bias))
        fraction = precision.fraction_bits
        soma = soma_of(reference, target, dynamics, bias, unit / 2**fraction, precision)
        populations.append(_population(names[target], shape, soma))
        for wire, size in scaled:
            # A current of the step before is one of inputs that come a step later.
            delay = reference.delays[wire.path] + takes_old(reference, target)
            source = names[wire.path.source]
            for k in range(1, delay):
                source = _relay(
                    reference,
                    wire.path.source,
                    names,
                    k,
                    given.get(wire.path.source, (0, 1, None))[:2],
                    relays,
                    populations,
                    connections,
                )
            connections.append(
                Connection(
                    source=source,
                    target=names[target],
                    operator=operator_of(wire, size, unit, precision, shape),
                    delay=min(delay, 1),
                )
            )
    read = names[ends[0]]
    fires = reference.dynamics[ends[0]].threshold is not None
    network = Network(
        name=name,
        inputs=tuple(inputs),
        populations=tuple(populations),
        connections=tuple(connections),
        readout=Readout(
            population=read,
            kind=ReadoutKind.COUNT if fires else ReadoutKind.MEMBRANE,
            decision=Decision.ARGMAX,
        ),
        modes=(Mode.STEPWISE,),
        max_steps=max_steps,
        provenance={"discretisation": json.dumps(reference.rule.as_dict())},
    )
    endless = {names[each] for each in _endless(reference)}
    endless |= {relay for (source, _), relay in relays.items() if names[source] in endless}
    return _with_what_fits(network, endless)


def _endless(reference: Reference) -> list[str]:
    """Populations that fire as often in a step as their threshold fits."""
    return [
        name
        for name, dynamics in reference.dynamics.items()
        if reference.rules[name].bursts is None and dynamics.threshold is not None
    ]


def _reached(reference: Reference, start: str) -> set[str]:
    """Populations that a population's spikes lead to, itself included."""
    reached, waiting = {start}, [start]
    while waiting:
        name = waiting.pop()
        after = {path.target for path in reference.graph.paths if path.source == name} - reached
        reached |= after
        waiting += after
    return reached


def _refuse_endless_bursts(reference: Reference) -> None:
    """In a loop spikes may bring forth more spikes without a bound."""
    for path in reference.graph.paths if _endless(reference) else ():
        if path.source in _reached(reference, path.target):
            raise UnsupportedError(
                "spikes of a step must be bounded where paths lead back",
                found=f"bursts none, and {path.source!r} -> {path.target!r}",
                where=reference.where,
                action="give bursts, the most spikes of a neuron in a step",
            )


def _with_what_fits(network: Network, names: set[str]) -> Network:
    """Most levels as the analysis of intervals proves them, which no legal input can exceed."""
    if not names:
        return network
    ranges = network.analyses[Mode.STEPWISE].ranges
    populations = []
    for each in network.populations:
        if each.name in names:
            high = max(1, ranges[each.name].emitted.high)
            fire = Fire.BURST if high > 1 else Fire.BINARY
            each = replace(
                each,
                soma=replace(each.soma, fire=fire, max_level=high),
                payload=Payload.GRADED if high > 1 else Payload.UNIT,
            )
        populations.append(each)
    return replace(network, populations=tuple(populations))


def _met(
    reference: Reference, target: str, wires: list[Wire]
) -> tuple[list[Wire], tuple[int, ...]]:
    """Wires that fit their target, and its shape.

    Behind a convolution that is flattened a population has the convolution's shape, unless it is
    read, where a shape would mean positions: then the convolution is a matrix.
    """
    shape = reference.dynamics[target].shape
    made = {each for wire in wires if (each := wire.window_shape()) is not None}
    if made <= {shape}:
        return wires, shape
    if len(made) == 1 and target not in reference.graph.outputs:
        return wires, made.pop()
    fit = [
        wire if wire.window_shape() in (None, shape) else matrix_of(reference, wire.path)
        for wire in wires
    ]
    return fit, shape


def _input(name: str, shape: tuple[int, ...], levels: tuple[int, int, float | None]) -> Input:
    low, high, step = levels
    payload = Payload.UNIT if (low, high) == (0, 1) else Payload.GRADED
    return Input(
        name=name,
        shape=shape,
        payload=Payload.SIGN if (low, high) == (-1, 1) else payload,
        low=low,
        high=high,
        encoding=Encoding.EVENTS,
        step=step,
    )


def _population(name: str, shape: tuple[int, ...], soma: Soma) -> Population:
    payload = Payload.GRADED if soma.fire is Fire.BURST else Payload.UNIT
    return Population(name=name, shape=shape, soma=soma, payload=payload)


def _relay(
    reference: Reference,
    source: str,
    names: Mapping[str, str],
    step: int,
    levels: tuple[int, int],
    relays: dict[tuple[str, int], str],
    populations: list[Population],
    connections: list[Connection],
) -> str:
    """A population that repeats what another one, or an input of these levels, sent a step ago."""
    key = (source, step)
    if key not in relays:
        taken = {*names.values(), *relays.values()}
        relays[key] = free_name(f"{names[source]}_later_{step}", taken)
        if source in reference.rules:
            bursts = reference.rules[source].bursts
            levels = (0, MAX_LEVEL if bursts is None else bursts)
        shape, (low, high) = reference.shapes[source], levels
        single = low >= 0 and high <= 1
        soma = Soma(fire=Fire.BINARY)
        if not single:  # as often as the level says, each time by 1
            soma = Soma(
                fire=Fire.BURST,
                threshold_negative=np.array([1]) if low < 0 else None,
                max_level=max(-low, high),
            )
        payload = Payload.UNIT if single else Payload.GRADED
        populations.append(Population(name=relays[key], shape=shape, soma=soma, payload=payload))
        before = names[source] if step == 1 else relays[source, step - 1]
        connections.append(
            Connection(source=before, target=relays[key], operator=Identity(), delay=1)
        )
    return relays[key]
