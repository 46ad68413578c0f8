"""Random legal networks that hardware can run: any feed-forward graph, windows, skips, deltas.

Structure comes from a chooser, so that hypothesis can shrink it; the numbers of a weight array
come from one seed each, because a drawn number an entry would exhaust hypothesis.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import gcd, prod

import numpy as np

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import (
    BiasWhen,
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
from support.changing import changing
from support.random_networks import Chooser, random_readout

__all__ = ["random_graph"]

Shape = tuple[int, ...]
_MOST_NEURONS = 60
_MOST_STEPS = 6


@dataclass
class _Growing:
    """A network while it grows: what was made, and which of it nobody reads yet."""

    chooser: Chooser
    settles: bool
    constant: bool = False
    inputs: list[Input] = field(default_factory=list)
    populations: list[Population] = field(default_factory=list)
    connections: list[Connection] = field(default_factory=list)

    def pick(self, low: int, high: int) -> int:
        return self.chooser.integer(low, high)

    def one_in(self, n: int) -> bool:
        """True once in n; false is what shrinking goes for."""
        return self.chooser.integer(1, n) == n

    def numbers(self, shape: Shape, low: int, high: int) -> np.ndarray:
        rng = np.random.default_rng(self.chooser.integer(0, 2**16))
        return rng.integers(low, high + 1, shape)

    def vector(self, shape: Shape, low: int, high: int) -> np.ndarray:
        """A parameter per population, per channel or per neuron."""
        size = (1, shape[0], prod(shape))[self.pick(0, 2)]
        return self.numbers((size,), low, high)

    @property
    def firing(self) -> list[Input | Population]:
        """What a connection may read."""
        return [*self.inputs, *(p for p in self.populations if p.soma.fire is not Fire.NONE)]

    @property
    def unread(self) -> list[Input | Population]:
        """What must still be read by somebody."""
        read = {name for connection in self.connections for name in connection.reads}
        return [part for part in self.firing if part.name not in read]


def random_graph(chooser: Chooser) -> Network:
    """A network of 1 or 2 inputs and 1 to 4 populations; every other one has all three modes,
    or two where it sends changes.
    """
    growing = _Growing(chooser=chooser, settles=chooser.integer(0, 1) == 0)
    growing.constant = not growing.settles and growing.one_in(4)
    for k in range(1 + int(growing.one_in(4))):
        growing.inputs.append(_input(growing, f"in{k}"))
    hidden = growing.pick(0, 3)
    for k in range(hidden):
        _grow(growing, f"p{k}")
    silent = growing.settles or growing.one_in(2)
    _grow(growing, "out", fires=not silent)
    for _ in range(growing.pick(0, 3)):
        _late(growing)
    if growing.one_in(4):
        _all_late(growing)
    decision = (Decision.ARGMAX, Decision.RAW)[growing.pick(0, 1)]
    readout = Readout(population="out", kind=ReadoutKind.MEMBRANE, decision=decision)
    if not growing.settles:
        readout = random_readout(chooser, "out", fires=not silent)
    network = Network(
        name="random",
        inputs=tuple(growing.inputs),
        populations=tuple(growing.populations),
        connections=tuple(growing.connections),
        readout=readout,
        modes=tuple(Mode) if growing.settles else (Mode.STEPWISE,),
        max_steps=_MOST_STEPS,
    )
    return changing(network) if growing.settles and growing.one_in(4) else network


def _shape(growing: _Growing) -> Shape:
    rank = growing.pick(1, 3)
    if rank == 1:
        return (growing.pick(1, 9),)
    if rank == 2:
        return (growing.pick(1, 4), growing.pick(1, 7))
    return (growing.pick(1, 4), growing.pick(1, 5), growing.pick(1, 5))


def _input(growing: _Growing, name: str) -> Input:
    kinds = [(Payload.UNIT, 0, 1), (Payload.SIGN, -1, 1), (Payload.GRADED, 0, 5)]
    kinds += [(Payload.GRADED, -4, 3), (Payload.GRADED, 2, 4)]
    payload, low, high = kinds[growing.pick(0, len(kinds) - 1)]
    others = [Encoding.CHANGE, *[Encoding.CONSTANT, Encoding.RATE] * growing.settles]
    encodings = [each for each in Encoding if each not in others]
    if growing.constant:  # every input, or it is not replayed
        encodings = [Encoding.CONSTANT]
    encoding = encodings[growing.pick(0, len(encodings) - 1)]
    if encoding in (Encoding.RATE, Encoding.PHASE, Encoding.LATENCY):
        low, high = 0, growing.pick(1, 6)
        payload = Payload.SHIFT if encoding is Encoding.PHASE else Payload.UNIT
    return Input(
        name=name,
        shape=_shape(growing),
        payload=payload,
        low=low,
        high=high,
        encoding=encoding,
        threshold=growing.pick(low - 1, high + 1) if encoding is Encoding.THRESHOLD else None,
        seed=growing.pick(1, 2**32 - 1) if encoding is Encoding.RATE else None,
    )


def _grow(growing: _Growing, name: str, *, fires: bool | None = None) -> None:
    """One more population: a first connection decides its shape, others join.

    ``fires`` is of the one that is read.
    """
    unread = growing.unread
    source = unread[-1] if unread else growing.firing[growing.pick(0, len(growing.firing) - 1)]
    operator, shape = _first(growing, source)
    if fires is not None and prod(shape) < 2 and growing.one_in(2):
        operator, shape = _dense(growing, source.n, (3,)), (3,)
    wires = [(source, operator)]
    rest = [part for part in unread if part is not source] if fires is not None else []
    others = [growing.firing[growing.pick(0, len(growing.firing) - 1)]] if growing.one_in(2) else []
    for part in (*rest, *others):
        wires.append((part, _joining(growing, part, shape)))
    fire = Fire.NONE if fires is False else None
    soma = _settling_soma(growing, shape, fire) if growing.settles else _soma(growing, shape, fire)
    payload = _payload(growing, soma)
    growing.populations.append(Population(name=name, shape=shape, soma=soma, payload=payload))
    growing.connections += [
        Connection(source=part.name, target=name, operator=operator) for part, operator in wires
    ]


def _late(growing: _Growing) -> None:
    """One more connection, which reads the step before: anywhere, also back, also to itself."""
    source = growing.firing[growing.pick(0, len(growing.firing) - 1)]
    target = growing.populations[growing.pick(0, len(growing.populations) - 1)]
    operator = _joining(growing, source, target.shape)
    growing.connections.append(
        Connection(source=source.name, target=target.name, operator=operator, delay=1)
    )


def _all_late(growing: _Growing) -> None:
    """One population hears nothing but the step before."""
    target = growing.populations[growing.pick(0, len(growing.populations) - 1)].name
    growing.connections = [
        replace(each, delay=1) if each.target == target else each for each in growing.connections
    ]


def _settling_soma(growing: _Growing, shape: Shape, fire: Fire | None) -> Soma:
    if fire is Fire.NONE:
        return Soma(
            fire=Fire.NONE,
            initial_v=growing.vector(shape, -6, 6),
            bias=growing.vector(shape, -5, 5),
            bias_when=BiasWhen.FIRST,
        )
    bounds = [(0, 3), (0, 1), (-1, 1), (-3, 5), (0, 6)][growing.pick(0, 4)]
    return Soma(
        fire=Fire.TERNARY,
        threshold=growing.vector(shape, 1, 9),
        threshold_negative=np.array([1]),
        initial_v=growing.vector(shape, -6, 12),
        bias=growing.vector(shape, -5, 5),
        bias_when=BiasWhen.FIRST,
        s_min=bounds[0],
        s_max=bounds[1],
    )


def _leak(growing: _Growing, one_in: int) -> Leak | None:
    if not growing.one_in(one_in):
        return None
    shift = growing.pick(1, 4)
    return Leak(multiplier=2 * growing.pick(0, 2 ** (shift - 1) - 1) + 1, shift=shift)


def _soma(growing: _Growing, shape: Shape, fire: Fire | None) -> Soma:
    if fire is None:
        fire = list(Fire)[1 + growing.pick(0, 4)]
    if fire is Fire.PATTERN:
        return _pattern(growing, shape)
    fires, burst, onehot = fire is not Fire.NONE, fire is Fire.BURST, fire is Fire.ONEHOT
    reset = list(Reset)[growing.pick(0, 2)] if fires and not burst else Reset.SUBTRACT
    subtracts = fires and reset is Reset.SUBTRACT
    signed = fire is Fire.TERNARY or (burst and growing.one_in(2))
    current = growing.one_in(4)
    delay = subtracts and not burst and growing.one_in(3)
    amount = None
    if subtracts and growing.one_in(3):
        amount = growing.vector(shape, 1, 4 if burst else 9)
    phases = None
    if growing.one_in(3 if current else 6) and (fires or current):
        phases = _phases(growing, shape, fires=fires, current=current)
    # a burst takes no more than its threshold
    threshold = growing.vector(shape, 4 if burst else 1, 9) if fires else np.array([1])
    negative = growing.vector(shape, 1, 9) if signed else None
    toggles = fire is Fire.TERNARY and reset is Reset.NONE and growing.one_in(2)
    highest = growing.pick(1, 3) if fires and not onehot and growing.one_in(3) else None
    return Soma(
        fire=fire,
        threshold=threshold,
        threshold_negative=1 - threshold + growing.pick(0, 2) if toggles else negative,
        initial_v=growing.vector(shape, -6, 6),
        bias=growing.vector(shape, -3, 3),
        bias_when=list(BiasWhen)[growing.pick(0, 1)],
        reset=reset,
        reset_amount=amount,
        reset_value=growing.pick(-3, 3) if reset is Reset.VALUE else 0,
        reset_delay=delay,
        leak_v=_leak(growing, 3),
        leak_order=list(LeakOrder)[growing.pick(0, 1)],
        current=current,
        leak_i=_leak(growing, 2) if current else None,
        v_min=-growing.pick(1, 9) if growing.one_in(6) else None,
        v_max=growing.pick(1, 30) if growing.one_in(6) else None,
        s_min=0 if toggles else -growing.pick(0, 2) if signed and growing.one_in(3) else None,
        s_max=1 if toggles else highest,
        max_level=growing.pick(1, 6) if burst else 1 << growing.pick(0, 3) if onehot else 1,
        refractory=growing.pick(1, 3) if fires and not delay and growing.one_in(5) else 0,
        phases=phases,
    )


def _phases(growing: _Growing, shape: Shape, *, fires: bool, current: bool) -> Phases:
    return Phases(
        receive=growing.pick(0, 3),
        fire=growing.pick(1, 3) if fires and growing.one_in(2) else None,
        slope=growing.vector(shape, -1, 5) if current else None,
    )


def _pattern(growing: _Growing, shape: Shape) -> Soma:
    """Neurons that send the bits of their level in a window of steps."""
    bits, current = growing.pick(1, 4), growing.one_in(3)
    return Soma(
        fire=Fire.PATTERN,
        threshold=growing.vector(shape, 1, 5),
        initial_v=growing.vector(shape, -6, 20),
        bias=growing.vector(shape, -3, 3),
        bias_when=BiasWhen.FIRST if growing.one_in(2) else BiasWhen.EVERY,
        leak_v=_leak(growing, 4),
        current=current,
        max_level=1 << (bits - 1),
        phases=Phases(
            receive=growing.pick(0, 3),
            fire=bits,
            slope=growing.vector(shape, -1, 5) if current else None,
        ),
    )


def _payload(growing: _Growing, soma: Soma) -> Payload:
    """A kind that carries every level: the cheapest, or another."""
    low, high = soma.levels
    able = [Payload.UNIT] * (low == 0 and high <= 1) + [Payload.SIGN] * (high <= 1)
    able += [Payload.SHIFT] * soma.fires_powers + [Payload.GRADED]
    return able[growing.pick(0, len(able) - 1) if growing.one_in(4) else 0]


def _first(growing: _Growing, source: Input | Population) -> tuple[Operator, Shape]:
    """A connection that decides its target's shape."""
    makers: list[Callable[[], tuple[Operator, Shape] | None]] = [lambda: _to_dense(growing, source)]
    if len(source.shape) in (2, 3):
        makers += [lambda: _to_window(growing, source.shape)] * 3
        makers += [lambda: _to_maximum(growing, source.shape)]
    makers += [lambda: _to_identity(growing, source.shape), lambda: _to_function(growing, source)]
    if not growing.settles:
        makers += [lambda: _to_product(growing, source)]
    made = makers[growing.pick(0, len(makers) - 1)]()
    return made if made is not None else _to_dense(growing, source)


def _to_dense(growing: _Growing, source: Input | Population) -> tuple[Operator, Shape]:
    shape = _shape(growing)
    return _dense(growing, source.n, shape), shape


def _dense(growing: _Growing, n_source: int, shape: Shape) -> Dense:
    bits = growing.pick(2, 5)
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    size: Shape = (n_source, prod(shape))
    if n_source % 2 == 0 and prod(shape) % 2 == 0 and growing.one_in(4):
        size = (2, n_source // 2, prod(shape) // 2)
    return Dense(weights=growing.numbers(size, low, high), weight_bits=bits, shift=_shift(growing))


def _to_product(growing: _Growing, source: Input | Population) -> tuple[Operator, Shape]:
    """Of any keys and values that fit, into no more neurons than others have, where that can be."""
    able = [each for each in growing.firing if each.shape[0] == source.shape[0]]
    keys = able[growing.pick(0, len(able) - 1)]
    able = [each for each in growing.firing if each.shape[1:] == keys.shape[1:]]
    able = [each for each in able if each.shape[0] * source.n <= _MOST_NEURONS * source.shape[0]]
    values = able[growing.pick(0, len(able) - 1)] if able else keys
    heads = gcd(source.shape[0], values.shape[0])
    most = [n for n in range(1, heads + 1) if heads % n == 0]
    product = Product(
        keys=keys.name,
        values=values.name,
        heads=most[growing.pick(0, len(most) - 1)],
        shift=_shift(growing),
    )
    return product, (values.shape[0], *source.shape[1:])


def _shift(growing: _Growing) -> int:
    return growing.pick(0, 2) if growing.one_in(4) else 0


def _each(growing: _Growing, n: int, low: int, high: int) -> Shape:
    return tuple(growing.pick(low, high) for _ in range(n))


def _geometry(growing: _Growing, n: int) -> dict[str, Shape]:
    plain = growing.one_in(2)
    return {
        "kernel": _each(growing, n, 1, 3),
        "stride": (1,) * n if plain else _each(growing, n, 1, 3),
        "padding": _each(growing, n, 0, 1) if plain else _each(growing, n, 0, 2),
        "dilation": (1,) * n if plain else _each(growing, n, 1, 2),
        "output_padding": (0,) * n,
    }


def _to_window(growing: _Growing, source: Shape) -> tuple[Operator, Shape] | None:
    n = len(source) - 1
    kind = (WindowKind.CONVOLUTION, WindowKind.TRANSPOSED, WindowKind.SUM_POOL)[growing.pick(0, 2)]
    pool = None
    if kind is not WindowKind.SUM_POOL and growing.one_in(4):
        pool = Window(kind=WindowKind.SUM_POOL, **_geometry(growing, n))
    window = _window(growing, kind, source[0], _geometry(growing, n), pool)
    return _fitted(window, source)


def _window(
    growing: _Growing,
    kind: WindowKind,
    channels: int,
    geometry: dict[str, Shape],
    pool: Window | None,
    n_out: int | None = None,
) -> Window:
    if kind is WindowKind.SUM_POOL:
        return Window(kind=kind, shift=_shift(growing), **geometry)
    divisors = [n for n in range(1, channels + 1) if channels % n == 0]
    groups = divisors[growing.pick(0, len(divisors) - 1)] if n_out is None else 1
    per_group = n_out or growing.pick(1, 3)
    transposed = kind is WindowKind.TRANSPOSED
    outer = (channels, per_group) if transposed else (per_group * groups, channels // groups)
    bits = growing.pick(2, 5)
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    return Window(
        kind=kind,
        groups=groups,
        weights=growing.numbers((*outer, *geometry["kernel"]), low, high),
        weight_bits=bits,
        shift=_shift(growing),
        pool=pool,
        **geometry,
    )


def _fitted(window: Window, source: Shape) -> tuple[Window, Shape] | None:
    """The window and its output, unless it does not fit or yields too many neurons."""
    try:
        shape = window.output_shape(source)
    except ConfigurationError:
        return None
    return (window, shape) if prod(shape) <= _MOST_NEURONS else None


def _to_maximum(growing: _Growing, source: Shape) -> tuple[Operator, Shape] | None:
    geometry = _geometry(growing, len(source) - 1)
    pairs = zip(geometry["padding"], geometry["kernel"], strict=True)
    geometry["padding"] = tuple(min(padding, kernel // 2) for padding, kernel in pairs)
    fitted = _fitted(Window(kind=WindowKind.SUM_POOL, **geometry), source)
    if fitted is None:
        return None
    window, shape = fitted
    return Delta(function=DeltaFunction.MAX, window=window), shape


def _to_identity(growing: _Growing, source: Shape) -> tuple[Operator, Shape]:
    shape = (source[0] + growing.pick(0, 2), *source[1:])
    return _identity(growing, source, shape), shape


def _identity(growing: _Growing, source: Shape, target: Shape) -> Identity:
    room = prod(target) - prod(source)
    offset = growing.pick(0, room)
    if source[1:] == target[1:] and not growing.one_in(4):
        offset -= offset % prod(source[1:])  # a concatenation of channels
    return Identity(offset=offset, shift=_shift(growing), negative=growing.one_in(3))


def _to_function(growing: _Growing, source: Input | Population) -> tuple[Operator, Shape] | None:
    """A table, where X is known to stay within it, or a clip."""
    bounds = _total(source)
    if bounds is None or growing.one_in(2):
        low, high = -growing.pick(0, 3), growing.pick(1, 3)
        return Delta(function=DeltaFunction.CLIP, low=low, high=high), source.shape
    low, high = min(0, bounds[0]), max(0, bounds[1])
    table = growing.numbers((high - low + 1,), -4, 4)
    return Delta(function=DeltaFunction.TABLE, table=table, low=low), source.shape


def _total(source: Input | Population) -> tuple[int, int] | None:
    """What the net sum of a source over a sample stays within, where that is short."""
    if isinstance(source, Population):
        soma = source.soma
        return None if soma.s_min is None or soma.s_max is None else (soma.s_min, soma.s_max)
    times = _MOST_STEPS if source.encoding.repeats else 1
    if source.encoding is Encoding.PHASE:
        return (0, source.high)
    return (times * source.payloads[0], times * source.payloads[1])


def _joining(growing: _Growing, source: Input | Population, shape: Shape) -> Operator:
    """A further connection, into a population whose shape is known."""
    options: list[Callable[[], Operator]] = [lambda: _dense(growing, source.n, shape)]
    if source.n <= prod(shape):
        options.append(lambda: _identity(growing, source.shape, shape))
    if len(shape) > 1 and source.shape[1:] == shape[1:]:
        options += [lambda: _same(growing, source.shape, shape[0])] * 2
    if source.shape == shape:
        options.append(
            lambda: Delta(
                function=DeltaFunction.CLIP, low=-growing.pick(0, 2), high=growing.pick(1, 2)
            )
        )
    return options[growing.pick(0, len(options) - 1)]()


def _same(growing: _Growing, source: Shape, n_out: int) -> Window:
    """A convolution that keeps the plane."""
    n = len(source) - 1
    reach: Sequence[int] = _each(growing, n, 0, 1)
    geometry = {
        "kernel": tuple(2 * r + 1 for r in reach),
        "stride": (1,) * n,
        "padding": tuple(reach),
        "dilation": (1,) * n,
        "output_padding": (0,) * n,
    }
    return _window(growing, WindowKind.CONVOLUTION, source[0], geometry, None, n_out)
