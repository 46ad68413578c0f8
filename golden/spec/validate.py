"""Refuse a network that is not legal, naming the place and what must hold."""

import re
from typing import TYPE_CHECKING

import numpy as np

from spikewright.golden.errors import ConfigurationError, RangeError, UnsupportedError
from spikewright.golden.spec.limits import LIMITS
from spikewright.golden.spec.normalise import IntArray
from spikewright.golden.spec.operators import Dense, Identity, Product, Window
from spikewright.golden.spec.parts import (
    Connection,
    Encoding,
    Input,
    Mode,
    Population,
    ReadoutKind,
)
from spikewright.golden.spec.settle import settle_obstacle
from spikewright.golden.spec.soma import Fire
from spikewright.golden.spec.soma_rules import check_input, check_population

if TYPE_CHECKING:
    from spikewright.golden.spec.network import Network

__all__ = ["ordered", "validate"]

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
TITLE = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
MAX_STEPS = 1 << 16
MOST_DIMENSIONS = 3  # channels, rows and columns
_TOKENS = (
    "give q and k the same channels, v and the target; q and the target the same tokens, k and v"
)


def validate(network: "Network") -> None:
    """Check a network whole, from its names to its modes."""
    _check_names(network)
    for source in network.inputs:
        check_input(source)
    for population in network.populations:
        check_population(population)
    nodes = {part.name: part for part in _nodes(network)}
    for connection in network.connections:
        check_connection(connection, nodes)
    _check_graph(network)
    _check_readout(network)
    _check_modes(network)


def _nodes(network: "Network") -> tuple[Input | Population, ...]:
    return (*network.inputs, *network.populations)


def _check_names(network: "Network") -> None:
    if not TITLE.fullmatch(network.name):
        raise ConfigurationError(
            "the network's name must be a letter, then letters, digits, - or _",
            found=repr(network.name),
        )
    for what, parts in (("input", network.inputs), ("population", network.populations)):
        if not parts:
            raise ConfigurationError(f"a network must have at least one {what}", found="none")
    seen: set[str] = set()
    for part in _nodes(network):
        kind = "input" if isinstance(part, Input) else "population"
        where = f"{kind} {part.name!r}"
        if not NAME.fullmatch(part.name):
            raise ConfigurationError(
                "a name must be a letter, then letters, digits or _",
                found=repr(part.name),
                where=where,
            )
        if part.name in seen:
            raise ConfigurationError(
                "names of inputs and populations must differ", found="a second one", where=where
            )
        seen.add(part.name)


def check_connection(connection: Connection, nodes: dict[str, Input | Population]) -> None:
    """Refuse ends that do not exist, shapes that do not fit, weights outside their width."""
    where = f"connection {connection.source!r} -> {connection.target!r}"
    for name in connection.reads:
        part = nodes.get(name)
        if part is None:
            raise ConfigurationError(
                "what a connection reads must be an input or a population",
                found=repr(name),
                where=where,
            )
        if isinstance(part, Population) and part.soma.fire is Fire.NONE:
            raise UnsupportedError(
                "what a connection reads must fire", found=f"{name!r} with fire none", where=where
            )
    target = nodes.get(connection.target)
    if not isinstance(target, Population):
        raise ConfigurationError(
            "a connection's target must be a population", found=repr(connection.target), where=where
        )
    source = nodes[connection.source]
    operator = connection.operator
    if isinstance(operator, Dense):
        _check_weights(operator.weights, operator.weight_bits, where)
        _check_sizes("rows of weights", operator.sources, source.n, where)
        _check_sizes("columns of weights", operator.targets, target.n, where)
    elif isinstance(operator, Window):
        if operator.weights is not None:
            _check_weights(operator.weights, operator.weight_bits, where)
        _check_window(operator, source.shape, target.shape, where)
    elif isinstance(operator, Identity):
        if operator.offset + source.n > target.n:
            raise ConfigurationError(
                f"identity must end within its target of {target.n} neurons",
                found=f"offset {operator.offset} + {source.n} neurons",
                where=where,
            )
    elif isinstance(operator, Product):
        _check_product(operator, source.shape, target.shape, nodes, where)
    elif operator.window is not None:
        _check_window(operator.window, source.shape, target.shape, where)
        _check_maximum(operator.window, source.shape, target.shape, where)
    else:
        _check_sizes(f"neurons for {operator.function}", source.n, target.n, where)


def _check_sizes(what: str, found: int, wanted: int, where: str) -> None:
    if found != wanted:
        raise ConfigurationError(f"{what} must be {wanted}", found=str(found), where=where)


def _check_weights(weights: IntArray, bits: int, where: str) -> None:
    if not LIMITS.weight_low <= bits <= LIMITS.weight:
        raise RangeError(
            f"weight_bits must be from {LIMITS.weight_low} to {LIMITS.weight}",
            found=str(bits),
            where=where,
        )
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    outside = (weights < low) | (weights > high)
    if np.any(outside):
        index = tuple(int(axis) for axis in np.argwhere(outside)[0])
        raise RangeError(
            f"weights of {bits} bits must be from {low} to {high}",
            found=f"{weights[index]} at index {list(index)}",
            where=where,
        )


def _check_window(
    window: Window, source: tuple[int, ...], target: tuple[int, ...], where: str
) -> None:
    try:
        shape = window.output_shape(source)
    except ConfigurationError as error:
        raise ConfigurationError(
            error.must, found=error.found, where=where, action=error.action
        ) from None
    if shape != target:
        raise ConfigurationError(
            f"the target's shape must be {shape} for this window and source",
            found=str(target),
            where=where,
            action="give the target that shape, or change the window",
        )


def _check_maximum(
    window: Window, source: tuple[int, ...], target: tuple[int, ...], where: str
) -> None:
    """The maximum of nothing but padding has no value."""
    for axis, size in enumerate(source[1:]):
        starts = np.arange(target[axis + 1]) * window.stride[axis] - window.padding[axis]
        taps = np.arange(window.kernel[axis]) * window.dilation[axis]
        reached = starts[:, np.newaxis] + taps
        empty = ~np.any((reached >= 0) & (reached < size), axis=1)
        if empty.any():
            raise ConfigurationError(
                "every window of a maximum must hold a neuron of its source",
                found=f"padding alone at {int(np.argmax(empty))} along axis {axis + 1}",
                where=where,
                action="take less padding",
            )


def _check_product(
    product: Product,
    source: tuple[int, ...],
    target: tuple[int, ...],
    nodes: dict[str, Input | Population],
    where: str,
) -> None:
    keys, values = nodes[product.keys].shape, nodes[product.values].shape
    if not 1 <= len(source) <= MOST_DIMENSIONS:
        raise ConfigurationError(
            f"the source's shape must be (channels, *tokens), of 1 to {MOST_DIMENSIONS} dimensions",
            found=str(source),
            where=where,
        )
    for what, found, must in (
        (f"the shape of keys {product.keys!r}", keys, (source[0], *keys[1:])),
        (f"the shape of values {product.values!r}", values, (target[0], *keys[1:])),
        ("the target's shape", target, (target[0], *source[1:])),
    ):
        if found != must:
            raise ConfigurationError(
                f"{what} must be {must}", found=str(found), where=where, action=_TOKENS
            )
    if len(keys) > MOST_DIMENSIONS:
        raise ConfigurationError(
            f"the shape of keys {product.keys!r} must have at most {MOST_DIMENSIONS} dimensions",
            found=str(keys),
            where=where,
        )
    for what, channels in (("source", source[0]), ("target", target[0])):
        if channels % product.heads:
            raise ConfigurationError(
                f"channels of the {what} must be a multiple of {product.heads} heads",
                found=str(channels),
                where=where,
            )


def _check_graph(network: "Network") -> None:
    fed = {connection.target for connection in network.connections}
    read = {name for connection in network.connections for name in connection.reads}
    read.add(network.readout.population)
    for part in _nodes(network):
        kind = "input" if isinstance(part, Input) else "population"
        if isinstance(part, Population) and part.name not in fed:
            raise ConfigurationError(
                "a population must be the target of a connection",
                found="none",
                where=f"{kind} {part.name!r}",
                action="connect a source to it, or leave it out",
            )
        if part.name not in read:
            raise ConfigurationError(
                "an input or population must be read by a connection or the readout",
                found="neither",
                where=f"{kind} {part.name!r}",
                action="connect it to a population, or leave it out",
            )
    ordered(network)


def ordered(network: "Network") -> tuple[Population, ...]:
    """Populations such that each comes after all it reads without delay."""
    waiting = {population.name: population for population in network.populations}
    order: list[Population] = []
    while waiting:
        needs = {
            name: {
                read
                for connection in network.connections
                if connection.target == name and connection.delay == 0
                for read in connection.reads
                if read in waiting
            }
            for name in waiting
        }
        ready = [name for name, missing in needs.items() if not missing]
        if not ready:
            raise ConfigurationError(
                "connections without delay must form no cycle",
                found=f"one through {', '.join(map(repr, waiting))}",
                where="connections",
                action="give a connection of the cycle delay 1",
            )
        order += [waiting.pop(name) for name in ready]
    return tuple(order)


def _check_readout(network: "Network") -> None:
    readout = network.readout
    population = next((p for p in network.populations if p.name == readout.population), None)
    if population is None:
        raise ConfigurationError(
            "the readout must name a population", found=repr(readout.population), where="readout"
        )
    if readout.kind is ReadoutKind.STREAM:
        return
    silent = population.soma.fire is Fire.NONE
    needs_silent = readout.kind in (ReadoutKind.MEMBRANE, ReadoutKind.MAXIMUM)
    if silent != needs_silent:
        must = "fire none" if needs_silent else "a population that fires"
        raise ConfigurationError(
            f"readout {readout.kind} must read {must}",
            found=f"fire {population.soma.fire}",
            where=f"population {population.name!r}",
        )


def _check_modes(network: "Network") -> None:
    if not 1 <= network.max_steps <= MAX_STEPS:
        raise ConfigurationError(
            f"max_steps must be an integer from 1 to {MAX_STEPS}",
            found=str(network.max_steps),
            where="network",
        )
    if not network.modes or len(set(network.modes)) != len(network.modes):
        raise ConfigurationError(
            "modes must name at least one mode, each once",
            found=", ".join(network.modes) or "none",
            where="network",
        )
    _check_changes(network)
    for mode in network.modes:
        obstacle = None if mode is Mode.STEPWISE else settle_obstacle(network)
        if obstacle is not None:
            raise UnsupportedError(
                f"a network that runs in mode {mode} must not depend on the timing of spikes",
                found=obstacle,
                where="modes",
                action="leave the mode out",
            )


def _check_changes(network: "Network") -> None:
    """Changes add up to x only where everything that they are added to is kept."""
    if not network.keeps_state:
        return
    other = next((each for each in network.inputs if each.encoding is not Encoding.CHANGE), None)
    if other is not None:
        raise ConfigurationError(
            "where one input is encoded as change all must be",
            found=str(other.encoding),
            where=f"input {other.name!r}",
        )
    if Mode.STEPWISE in network.modes:
        raise ConfigurationError(
            "a network whose inputs are encoded as change must run in settle or collapsed",
            found=str(Mode.STEPWISE),
            where="modes",
            action="leave the mode out",
        )
