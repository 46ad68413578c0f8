"""Random legal networks of everything that the golden model runs, and inputs for them.

Branches, skips, concatenations and several inputs come by chance: a population is fed by one or
more of those before it (and, with a delay, of those behind).

The same builder draws from hypothesis (which shrinks what fails) or from a seeded generator
(which gives the same networks every time).
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import gcd
from typing import Protocol, TypeVar

import numpy as np
from hypothesis import strategies as st

from spikewright.golden.spec import (
    BiasWhen,
    Biquad,
    Connection,
    Decision,
    Delta,
    DeltaFunction,
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
    Phases,
    Population,
    Product,
    Readout,
    ReadoutKind,
    Reset,
    Soma,
    Window,
    WindowKind,
)

__all__ = [
    "Chooser",
    "Drawn",
    "Seeded",
    "random_inputs",
    "random_readout",
    "random_window",
    "settling_network",
    "stepwise_network",
]

T = TypeVar("T")
Part = Input | Population
Shape = tuple[int, ...]
STEPS = 8  # max_steps of every network
LARGEST = 60  # neurons of a population


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
    if size > 24:  # entry by entry would take hypothesis too long
        return np.random.default_rng(chooser.integer(0, 2**20)).integers(low, high + 1, shape)
    return np.array([chooser.integer(low, high) for _ in range(size)]).reshape(shape)


def _vector(chooser: Chooser, shape: tuple[int, ...], low: int, high: int) -> np.ndarray:
    """A parameter per population, per channel or per neuron."""
    size = _choice(chooser, (1, shape[0], int(np.prod(shape))))
    return _array(chooser, (size,), low, high)


def _shape(chooser: Chooser) -> Shape:
    match chooser.integer(0, 3):
        case 0:
            return (chooser.integer(1, 3), chooser.integer(1, 5))
        case 1:
            return (chooser.integer(1, 2), chooser.integer(1, 4), chooser.integer(1, 4))
        case _:
            return (chooser.integer(1, 3),)


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
    encoding = _choice(chooser, encodings)
    if encoding in (Encoding.RATE, Encoding.PHASE, Encoding.LATENCY):
        low, high = 0, chooser.integer(1, 9)
        payload = Payload.SHIFT if encoding is Encoding.PHASE else Payload.UNIT
    return Input(
        name=name,
        shape=_shape(chooser),
        payload=payload,
        low=low,
        high=high,
        encoding=encoding,
        threshold=chooser.integer(low - 1, high + 1) if encoding is Encoding.THRESHOLD else None,
        seed=chooser.integer(1, 2**32 - 1) if encoding is Encoding.RATE else None,
    )


def _soma(chooser: Chooser, shape: tuple[int, ...], fire: Fire) -> Soma:
    if fire is Fire.PATTERN:
        return _pattern(chooser, shape)
    fires, burst, onehot = fire is not Fire.NONE, fire is Fire.BURST, fire is Fire.ONEHOT
    reset = _choice(chooser, list(Reset)) if fires and not burst else Reset.SUBTRACT
    subtracts = reset is Reset.SUBTRACT
    current = _maybe(chooser, 3)
    signed = fire is Fire.TERNARY or (burst and _maybe(chooser))
    amount = None
    if fires and subtracts and _maybe(chooser):
        amount = _vector(chooser, shape, 1, 5 if burst else 9)
    delay = fires and subtracts and not burst and _maybe(chooser, 3)
    phases = None
    if _maybe(chooser, 3 if current else 6) and (fires or current):
        phases = _phases(chooser, shape, fires=fires, current=current)
    # a burst takes no more than its threshold
    threshold = _vector(chooser, shape, 5 if burst else 1, 9) if fires else np.array([1])
    negative = _vector(chooser, shape, 1, 9) if signed else None
    toggles = fire is Fire.TERNARY and reset is Reset.NONE and _maybe(chooser)
    highest = chooser.integer(1, 3) if fires and not onehot and _maybe(chooser) else None
    return Soma(
        fire=fire,
        threshold=threshold,
        threshold_negative=1 - threshold + chooser.integer(0, 2) if toggles else negative,
        initial_v=_vector(chooser, shape, -6, 6),
        bias=_vector(chooser, shape, -3, 3),
        bias_when=_choice(chooser, list(BiasWhen)),
        reset=reset,
        reset_amount=amount,
        reset_value=chooser.integer(-3, 3) if reset is Reset.VALUE else 0,
        reset_delay=delay,
        leak_v=_leak(chooser),
        leak_order=_choice(chooser, list(LeakOrder)),
        current=current,
        leak_i=_leak(chooser) if current else None,
        v_min=chooser.integer(-12, -2) if _maybe(chooser, 4) else None,
        v_max=chooser.integer(2, 40) if _maybe(chooser, 4) else None,
        s_min=0 if toggles else chooser.integer(-2, 0) if signed and _maybe(chooser) else None,
        s_max=1 if toggles else highest,
        max_level=(1, 1 << chooser.integer(0, 4), chooser.integer(1, 9))[onehot + 2 * burst],
        refractory=chooser.integer(1, 3) if fires and not delay and _maybe(chooser, 4) else 0,
        phases=phases,
    )


def _phases(chooser: Chooser, shape: Shape, *, fires: bool, current: bool) -> Phases:
    return Phases(
        receive=chooser.integer(0, 4),
        fire=chooser.integer(1, 4) if fires and _maybe(chooser) else None,
        slope=_vector(chooser, shape, -1, 5) if current else None,
    )


def _pattern(chooser: Chooser, shape: tuple[int, ...]) -> Soma:
    """Neurons that send the bits of their level in a window of steps."""
    bits, current = chooser.integer(1, 4), _maybe(chooser, 3)
    return Soma(
        fire=Fire.PATTERN,
        threshold=_vector(chooser, shape, 1, 5),
        initial_v=_vector(chooser, shape, -6, 20),
        bias=_vector(chooser, shape, -3, 3),
        bias_when=BiasWhen.FIRST if _maybe(chooser) else BiasWhen.EVERY,
        leak_v=_leak(chooser),
        current=current,
        max_level=1 << (bits - 1),
        phases=Phases(
            receive=chooser.integer(0, 3),
            fire=bits,
            slope=_vector(chooser, shape, -1, 5) if current else None,
        ),
    )


def _payload(chooser: Chooser, soma: Soma) -> Payload:
    """A kind that carries every level: the cheapest, or another."""
    low, high = soma.levels
    able = [Payload.UNIT] * (low == 0 and high <= 1) + [Payload.SIGN] * (high <= 1)
    able += [Payload.SHIFT] * soma.fires_powers + [Payload.GRADED]
    return able[chooser.integer(0, len(able) - 1) if _maybe(chooser, 3) else 0]


def _operator(chooser: Chooser, source: Part, target: Shape) -> Operator:
    """Any operator for two shapes that are given."""
    n_source, n_target = source.n, int(np.prod(target))
    kind = chooser.integer(0, 4)
    if kind == 0 and n_source <= n_target:
        return Identity(
            offset=chooser.integer(0, n_target - n_source),
            shift=chooser.integer(0, 2),
            negative=_maybe(chooser),
        )
    if kind == 1 and n_source == n_target:
        return _pointwise(chooser, source)
    blocks = gcd(n_source, n_target)
    shape: tuple[int, ...] = (n_source, n_target)
    if kind == 2 and blocks > 1:
        shape = (blocks, n_source // blocks, n_target // blocks)
    bits, low, high = _width(chooser)
    return Dense(weights=_array(chooser, shape, low, high), weight_bits=bits, shift=_shift(chooser))


def _width(chooser: Chooser) -> tuple[int, int, int]:
    """Bits of a weight, and what they hold."""
    bits = chooser.integer(2, 5)
    return bits, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1


def _shift(chooser: Chooser) -> int:
    return chooser.integer(0, 2) if _maybe(chooser, 4) else 0


def _pointwise(chooser: Chooser, source: Part) -> Delta:
    """A clip, or a table of all that a source can add up to in the steps there are."""
    if _maybe(chooser):
        return Delta(
            function=DeltaFunction.CLIP, low=chooser.integer(-3, 0), high=chooser.integer(0, 3)
        )
    low, high = (source.low, source.high) if isinstance(source, Input) else source.soma.levels
    most = STEPS * max(-low, high)
    table = _array(chooser, (2 * most + 1,), -4, 4)
    return Delta(function=DeltaFunction.TABLE, table=table, low=-most)


def _geometry(chooser: Chooser, source: Shape, kind: WindowKind) -> dict[str, tuple[int, ...]]:
    """Kernel, stride, padding and dilation of a window that has an output."""
    entries = []
    for size in source[1:]:
        kernel, dilation = chooser.integer(1, 3), chooser.integer(1, 2)
        stride, padding = chooser.integer(1, 3), chooser.integer(0, 2)
        reach = dilation * (kernel - 1) + 1
        if kind is not WindowKind.TRANSPOSED:
            padding = max(padding, (reach - size + 1) // 2)
        elif (size - 1) * stride + reach - 2 * padding < 1:
            padding = 0
        entries.append((kernel, stride, padding, dilation))
    names = ("kernel", "stride", "padding", "dilation")
    return dict(zip(names, zip(*entries, strict=True), strict=True))


def _pool(chooser: Chooser, source: Shape) -> Window:
    return Window(
        kind=WindowKind.SUM_POOL,
        **_geometry(chooser, source, WindowKind.SUM_POOL),
        output_padding=(0,) * (len(source) - 1),
    )


def random_window(chooser: Chooser, source: Shape) -> Window:
    """Any window for a source of shape [channels, *space]."""
    kind = _choice(chooser, list(WindowKind))
    extra = (0,) * (len(source) - 1)
    if kind is WindowKind.SUM_POOL:
        geometry = _geometry(chooser, source, kind)
        return Window(kind=kind, **geometry, output_padding=extra, shift=_shift(chooser))
    pool = _pool(chooser, source) if _maybe(chooser, 3) else None
    seen = source if pool is None else pool.output_shape(source)
    geometry = _geometry(chooser, seen, kind)
    groups = _choice(chooser, [g for g in range(1, seen[0] + 1) if seen[0] % g == 0])
    outs = chooser.integer(1, 2)
    shape: Shape = (groups * outs, seen[0] // groups, *geometry["kernel"])
    if kind is WindowKind.TRANSPOSED:
        shape = (seen[0], outs, *geometry["kernel"])
        extra = tuple(
            chooser.integer(0, max(s, d) - 1)
            for s, d in zip(geometry["stride"], geometry["dilation"], strict=True)
        )
    bits, low, high = _width(chooser)
    return Window(
        kind=kind,
        **geometry,
        output_padding=extra,
        groups=groups,
        weights=_array(chooser, shape, low, high),
        weight_bits=bits,
        shift=_shift(chooser),
        pool=pool,
    )


def _maximum(chooser: Chooser, source: Shape) -> Delta:
    """A maximum each of whose windows holds a neuron."""
    window = _pool(chooser, source)
    target = window.output_shape(source)
    for axis, size in enumerate(source[1:]):
        taps = [
            [
                0
                <= o * window.stride[axis] - window.padding[axis] + t * window.dilation[axis]
                < size
                for t in range(window.kernel[axis])
            ]
            for o in range(target[axis + 1])
        ]
        if not all(map(any, taps)):
            ones, zeros = (1,) * (len(source) - 1), (0,) * (len(source) - 1)
            kernel = tuple(chooser.integer(1, min(3, n)) for n in source[1:])
            window = replace(window, kernel=kernel, padding=zeros, dilation=ones)
            break
    return Delta(function=DeltaFunction.MAX, window=window)


def _product(chooser: Chooser, source: Part, parts: Sequence[Part]) -> tuple[Shape, Product]:
    """A product of any keys and values that fit a query."""
    keys = _choice(chooser, [each for each in parts if each.shape[0] == source.shape[0]])
    values = _choice(chooser, [each for each in parts if each.shape[1:] == keys.shape[1:]])
    heads = gcd(source.shape[0], values.shape[0])
    operator = Product(
        keys=keys.name,
        values=values.name,
        heads=_choice(chooser, [n for n in range(1, heads + 1) if heads % n == 0]),
        shift=_shift(chooser),
    )
    return (values.shape[0], *source.shape[1:]), operator


def _feed(
    chooser: Chooser, source: Part, parts: Sequence[Part], *, steps: bool
) -> tuple[Shape, Operator]:
    """A shape for a population, and how the first of its sources feeds it."""
    if steps and _maybe(chooser, 5):
        return _product(chooser, source, parts)
    kind = chooser.integer(0, 5)
    if kind <= 2 and len(source.shape) > 1:
        operator: Operator = random_window(chooser, source.shape)
        shape = operator.output_shape(source.shape)
        if np.prod(shape) <= LARGEST:
            return shape, operator
    if kind == 3 and len(source.shape) > 1:
        operator = _maximum(chooser, source.shape)
        return operator.window.output_shape(source.shape), operator
    shape = source.shape if kind >= 4 else _shape(chooser)
    return shape, _operator(chooser, source, shape)


def _populations(
    chooser: Chooser,
    inputs: list[Input],
    make: Sequence[Callable[[int, Shape], Population]],
    *,
    delays: bool,
    steps: bool,
) -> tuple[list[Population], tuple[Connection, ...]]:
    """Every population is fed, every input and spiking population is read; delay 1 may go back.

    ``make`` builds each population from its number and shape; all but the last may be read. Where
    networks only run in ``steps`` there are products.
    """
    parts: list[Part] = list(inputs)
    populations: list[Population] = []
    wires: list[tuple[Part, Population, Operator, int]] = []
    for k, build in enumerate(make):
        source = _choice(chooser, parts)
        shape, operator = _feed(chooser, source, parts, steps=steps)
        population = build(k, shape)
        wires.append((source, population, operator, int(delays and _maybe(chooser, 4))))
        for _ in range(chooser.integer(0, 2)):
            source = _choice(chooser, parts)
            delay = int(delays and _maybe(chooser, 3))
            wires.append((source, population, _operator(chooser, source, shape), delay))
        populations.append(population)
        if population.soma.fire is not Fire.NONE:
            parts.append(population)
    for population in populations:
        if delays and _maybe(chooser, 3):
            source = _choice(chooser, parts)
            wires.append((source, population, _operator(chooser, source, population.shape), 1))
    last = populations[-1]
    for part in parts:
        if part is not last and not any(_reads(part, source, wire) for source, _, wire, _ in wires):
            wires.append((part, last, _operator(chooser, part, last.shape), 0))
    return populations, tuple(
        Connection(source=source.name, target=target.name, operator=operator, delay=delay)
        for source, target, operator, delay in wires
    )


def _reads(part: Part, source: Part, operator: Operator) -> bool:
    """Whether a connection reads a part."""
    others = (operator.keys, operator.values) if isinstance(operator, Product) else ()
    return source is part or part.name in others


def stepwise_network(chooser: Chooser) -> Network:
    """Any soma, any wiring that the golden model offers."""
    encodings = [each for each in Encoding if each is not Encoding.CHANGE]
    inputs = [_input(chooser, f"in{k}", encodings) for k in range(chooser.integer(1, 2))]
    silent_last = _maybe(chooser)
    count = chooser.integer(1, 4)

    def build(k: int, shape: Shape) -> Population:
        silent = k == count - 1 and silent_last
        fire = Fire.NONE if silent else _choice(chooser, list(Fire)[1:])
        soma = _soma(chooser, shape, fire)
        payload = _payload(chooser, soma)
        return Population(name=f"p{k}", shape=shape, soma=soma, payload=payload)

    populations, connections = _populations(
        chooser, inputs, [build] * count, delays=True, steps=True
    )
    return Network(
        name="random",
        inputs=tuple(inputs),
        populations=tuple(populations),
        connections=connections,
        readout=random_readout(chooser, populations[-1].name, fires=not silent_last),
        modes=(Mode.STEPWISE,),
        max_steps=STEPS,
    )


def random_readout(chooser: Chooser, population: str, *, fires: bool) -> Readout:
    """Any readout of a population that fires, or of one that does not."""
    kinds = [ReadoutKind.MEMBRANE, ReadoutKind.MAXIMUM]
    if fires:
        kinds = [ReadoutKind.COUNT, ReadoutKind.FIRST_SPIKE]
    kind = _choice(chooser, [*kinds, ReadoutKind.STREAM])
    if kind is not ReadoutKind.STREAM:
        decision = _choice(chooser, (Decision.ARGMAX, Decision.RAW))
        return Readout(population=population, kind=kind, decision=decision)
    biquads = tuple(random_biquad(chooser) for _ in range(chooser.integer(0, 2)))
    return Readout(
        population=population,
        kind=kind,
        decision=Decision.FILTER if biquads else Decision.RAW,
        biquads=biquads,
        fraction=chooser.integer(0, 3) if biquads else 0,
        block=chooser.integer(2, 5) if biquads and _maybe(chooser) else None,
    )


def random_biquad(chooser: Chooser) -> Biquad:
    """A stable one whose input's coefficient is an integer."""
    shift = chooser.integer(3, 8)
    one = 1 << shift
    a2 = chooser.integer(3 - one, one - 3)
    a1 = chooser.integer(1 - one - a2, one + a2 - 1)
    a1 -= (one + a1 + a2) % 4  # so that 4 divides the sum
    return Biquad(a1=a1 + (4 if a1 <= -one - a2 else 0), a2=a2, shift=shift)


def settling_network(chooser: Chooser, *, delays: bool = False) -> Network:
    """A network that has all three modes; with ``delays``, samples hear the ones before."""
    others = (Encoding.CONSTANT, Encoding.RATE, Encoding.CHANGE)
    encodings = [each for each in Encoding if each not in others]
    inputs = [_input(chooser, f"in{k}", encodings) for k in range(chooser.integer(1, 2))]
    count = chooser.integer(1, 4)

    def build(k: int, shape: Shape) -> Population:
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
        return Population(name=f"p{k}", shape=shape, soma=soma, payload=Payload.SIGN)

    def build_last(k: int, shape: Shape) -> Population:
        soma = Soma(
            fire=Fire.NONE,
            initial_v=_vector(chooser, shape, -6, 6),
            bias=_vector(chooser, shape, -5, 5),
            bias_when=BiasWhen.FIRST,
        )
        return Population(name="out", shape=shape, soma=soma, payload=Payload.UNIT)

    make = [*[build] * (count - 1), build_last] if count > 1 else [build, build_last]
    populations, connections = _populations(chooser, inputs, make, delays=delays, steps=False)
    return Network(
        name="settling",
        inputs=tuple(inputs),
        populations=tuple(populations),
        connections=connections,
        readout=Readout(population="out", kind=ReadoutKind.MEMBRANE, decision=Decision.ARGMAX),
        modes=tuple(Mode),
        max_steps=STEPS,
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
