"""Random legal networks of dense and identity connections, and inputs for them.

The same builder draws from hypothesis (which shrinks what fails) or from a seeded generator
(which gives the same networks every time).
"""

import random
from collections.abc import Sequence
from math import gcd
from typing import Protocol, TypeVar

import numpy as np
from hypothesis import strategies as st

from spikewright.golden.spec import (
    BiasWhen,
    Connection,
    Decision,
    Dense,
    Encoding,
    Fire,
    Identity,
    Input,
    Leak,
    LeakOrder,
    Mode,
    Network,
    Operator,
    Payload,
    Population,
    Readout,
    ReadoutKind,
    Reset,
    Soma,
)

__all__ = ["Chooser", "Drawn", "Seeded", "random_inputs", "settling_network", "stepwise_network"]

T = TypeVar("T")


class Chooser(Protocol):
    """Where choices come from."""

    def integer(self, low: int, high: int) -> int: ...


class Drawn:
    """Choices of hypothesis."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def integer(self, low: int, high: int) -> int:
        return self._draw(st.integers(low, high))


class Seeded:
    """Choices of a seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def integer(self, low: int, high: int) -> int:
        return self._random.randint(low, high)


def _choice(chooser: Chooser, options: Sequence[T]) -> T:
    return options[chooser.integer(0, len(options) - 1)]


def _maybe(chooser: Chooser, one_in: int = 2) -> bool:
    return chooser.integer(1, one_in) == one_in


def _array(chooser: Chooser, shape: tuple[int, ...], low: int, high: int) -> np.ndarray:
    size = int(np.prod(shape))
    return np.array([chooser.integer(low, high) for _ in range(size)]).reshape(shape)


def _vector(chooser: Chooser, shape: tuple[int, ...], low: int, high: int) -> np.ndarray:
    """A parameter per population, per channel or per neuron."""
    size = _choice(chooser, (1, shape[0], int(np.prod(shape))))
    return _array(chooser, (size,), low, high)


def _shape(chooser: Chooser) -> tuple[int, ...]:
    shape: tuple[int, ...] = (chooser.integer(1, 3),)
    return (*shape, chooser.integer(1, 2)) if _maybe(chooser, 3) else shape


def _leak(chooser: Chooser) -> Leak | None:
    if _maybe(chooser):
        return None
    shift = chooser.integer(1, 4)
    return Leak(multiplier=2 * chooser.integer(0, 2 ** (shift - 1) - 1) + 1, shift=shift)


def _input(chooser: Chooser, name: str, encodings: Sequence[Encoding]) -> Input:
    payload, low, high = _choice(
        chooser,
        [
            (Payload.UNIT, 0, 1),
            (Payload.SIGN, -1, 1),
            (Payload.GRADED, 0, 7),
            (Payload.GRADED, -6, 5),
            (Payload.GRADED, 2, 4),
        ],
    )
    return Input(
        name=name,
        shape=_shape(chooser),
        payload=payload,
        low=low,
        high=high,
        encoding=_choice(chooser, encodings),
    )


def _soma(chooser: Chooser, shape: tuple[int, ...], fire: Fire) -> Soma:
    reset = _choice(chooser, list(Reset)) if fire is not Fire.NONE else Reset.SUBTRACT
    fires, subtracts = fire is not Fire.NONE, reset is Reset.SUBTRACT
    current = _maybe(chooser, 3)
    ternary = fire is Fire.TERNARY
    return Soma(
        fire=fire,
        threshold=_vector(chooser, shape, 1, 9) if fires else np.array([1]),
        threshold_negative=_vector(chooser, shape, 1, 9) if ternary else None,
        initial_v=_vector(chooser, shape, -6, 6),
        bias=_vector(chooser, shape, -3, 3),
        bias_when=_choice(chooser, list(BiasWhen)),
        reset=reset,
        reset_amount=_vector(chooser, shape, 1, 9)
        if fires and subtracts and _maybe(chooser)
        else None,
        reset_value=chooser.integer(-3, 3) if reset is Reset.VALUE else 0,
        reset_delay=fires and subtracts and _maybe(chooser, 3),
        leak_v=_leak(chooser),
        leak_order=_choice(chooser, list(LeakOrder)),
        current=current,
        leak_i=_leak(chooser) if current else None,
        v_min=chooser.integer(-12, -2) if _maybe(chooser, 4) else None,
        v_max=chooser.integer(2, 12) if _maybe(chooser, 4) else None,
        s_min=chooser.integer(-2, 0) if ternary and _maybe(chooser) else None,
        s_max=chooser.integer(1, 3) if fires and _maybe(chooser) else None,
    )


def _operator(chooser: Chooser, n_source: int, n_target: int) -> Operator:
    kind = chooser.integer(0, 3)
    if kind == 0 and n_source <= n_target:
        return Identity(
            offset=chooser.integer(0, n_target - n_source),
            shift=chooser.integer(0, 2),
            negative=_maybe(chooser),
        )
    blocks = gcd(n_source, n_target)
    shape: tuple[int, ...] = (n_source, n_target)
    if kind == 1 and blocks > 1:
        shape = (blocks, n_source // blocks, n_target // blocks)
    bits = chooser.integer(2, 5)
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    shift = chooser.integer(0, 2) if _maybe(chooser, 4) else 0
    return Dense(weights=_array(chooser, shape, low, high), weight_bits=bits, shift=shift)


def _connections(
    chooser: Chooser,
    inputs: list[Input],
    populations: list[Population],
    *,
    delays: bool,
) -> tuple[Connection, ...]:
    """Every population is fed, every input and spiking population is read; delay 1 may go back."""
    parts: list[Input | Population] = [*inputs, *populations]
    firing = [part for part in parts if isinstance(part, Input) or part.soma.fire is not Fire.NONE]
    wires: list[tuple[Input | Population, Population, int]] = []
    for population in populations:
        earlier = [part for part in parts[: parts.index(population)] if part in firing]
        for _ in range(chooser.integer(1, 2)):
            source = _choice(chooser, earlier)
            wires.append((source, population, int(delays and _maybe(chooser, 3))))
        if delays and _maybe(chooser, 3):
            wires.append((_choice(chooser, firing), population, 1))
    last = populations[-1]
    for part in parts[:-1]:
        if part in firing and all(source is not part for source, _, _ in wires):
            wires.append((part, last, 0))
    return tuple(
        Connection(
            source=source.name,
            target=target.name,
            operator=_operator(chooser, source.n, target.n),
            delay=delay,
        )
        for source, target, delay in wires
    )


def stepwise_network(chooser: Chooser) -> Network:
    """Any soma, any wiring that the golden model offers."""
    inputs = [_input(chooser, f"in{k}", list(Encoding)) for k in range(chooser.integer(1, 2))]
    populations = []
    kind = _choice(chooser, (ReadoutKind.MEMBRANE, ReadoutKind.COUNT))
    count = chooser.integer(1, 3)
    for k in range(count):
        last = k == count - 1
        silent = last and kind is ReadoutKind.MEMBRANE
        fire = Fire.NONE if silent else _choice(chooser, (Fire.BINARY, Fire.TERNARY))
        shape = _shape(chooser)
        populations.append(
            Population(
                name=f"p{k}",
                shape=shape,
                soma=_soma(chooser, shape, fire),
                payload=Payload.UNIT if fire is Fire.BINARY else Payload.SIGN,
            )
        )
    return Network(
        name="random",
        inputs=tuple(inputs),
        populations=tuple(populations),
        connections=_connections(chooser, inputs, populations, delays=True),
        readout=Readout(population=populations[-1].name, kind=kind, decision=Decision.ARGMAX),
        modes=(Mode.STEPWISE,),
        max_steps=8,
    )


def settling_network(chooser: Chooser) -> Network:
    """A network that has all three modes."""
    encodings = [Encoding.ONCE, Encoding.SPREAD, Encoding.EVENTS]
    inputs = [_input(chooser, f"in{k}", encodings) for k in range(chooser.integer(1, 2))]
    populations = []
    for k in range(chooser.integer(1, 3)):
        shape = _shape(chooser)
        soma = Soma(
            fire=Fire.TERNARY,
            threshold=_vector(chooser, shape, 1, 9),
            threshold_negative=np.array([1]),
            initial_v=_vector(chooser, shape, -6, 12),
            bias=_vector(chooser, shape, -5, 5),
            bias_when=BiasWhen.FIRST,
            s_min=chooser.integer(-3, 0),
            s_max=chooser.integer(1, 5),
        )
        populations.append(Population(name=f"p{k}", shape=shape, soma=soma, payload=Payload.SIGN))
    shape = _shape(chooser)
    soma = Soma(
        fire=Fire.NONE,
        initial_v=_vector(chooser, shape, -6, 6),
        bias=_vector(chooser, shape, -5, 5),
        bias_when=BiasWhen.FIRST,
    )
    populations.append(Population(name="out", shape=shape, soma=soma, payload=Payload.UNIT))
    return Network(
        name="settling",
        inputs=tuple(inputs),
        populations=tuple(populations),
        connections=_connections(chooser, inputs, populations, delays=False),
        readout=Readout(population="out", kind=ReadoutKind.MEMBRANE, decision=Decision.ARGMAX),
        modes=tuple(Mode),
        max_steps=8,
    )


def random_inputs(network: Network, *, batch: int, steps: int, seed: int) -> dict[str, np.ndarray]:
    """Values by name, all legal; a share of the neurons is silent."""
    rng = np.random.default_rng(seed)
    values = {}
    for source in network.inputs:
        events = source.encoding is Encoding.EVENTS
        shape = (batch, steps, source.n) if events else (batch, source.n)
        drawn = rng.integers(source.low, source.high + 1, shape)
        if source.low <= 0 <= source.high:
            drawn *= rng.random(shape) < rng.uniform(0.3, 1)
        values[source.name] = drawn
    return values
