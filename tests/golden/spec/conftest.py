"""Networks for the tests of golden/spec: one that is plain, and any number of random ones."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

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
    int_vector,
    settle_obstacle,
)


def plain(**changes: Any) -> Network:
    """3 inputs, 2 ternary neurons, 2 readouts; any argument of Network can be replaced."""
    soma = Soma(
        fire=Fire.TERNARY,
        threshold=int_vector([4, 5]),
        threshold_negative=int_vector(1),
        initial_v=int_vector(2),
        bias=int_vector([1, -1]),
        bias_when=BiasWhen.FIRST,
        s_min=0,
        s_max=7,
    )
    arguments: dict[str, Any] = {
        "name": "plain",
        "inputs": (
            Input(
                name="x",
                shape=(3,),
                payload=Payload.GRADED,
                low=0,
                high=3,
                encoding=Encoding.ONCE,
                step=0.25,
            ),
        ),
        "populations": (
            Population(name="hidden", shape=(2,), soma=soma, payload=Payload.SIGN),
            Population(name="out", shape=(2,), soma=Soma(fire=Fire.NONE), payload=Payload.UNIT),
        ),
        "connections": (
            Connection(
                source="x",
                target="hidden",
                operator=Dense(weights=np.array([[7, -8], [3, 2], [-1, 5]]), weight_bits=4),
            ),
            Connection(
                source="hidden",
                target="out",
                operator=Dense(weights=np.array([[1, -2], [3, 0]]), weight_bits=3, shift=1),
            ),
        ),
        "readout": Readout(population="out", kind=ReadoutKind.MEMBRANE, decision=Decision.ARGMAX),
        "modes": tuple(Mode),
        "max_steps": 8,
        "provenance": {"made": "by hand"},
    }
    return Network(**{**arguments, **changes})


def _vector(rng: np.random.Generator, n: int, low: int, high: int) -> np.ndarray:
    return int_vector(rng.integers(low, high + 1, rng.choice([1, n])))


def _leak(rng: np.random.Generator) -> Leak:
    shift = int(rng.integers(1, 4))
    return Leak(multiplier=int(rng.integers(0, 1 << (shift - 1))) * 2 + 1, shift=shift)


def random_soma(rng: np.random.Generator, n: int, fire: Fire) -> Soma:
    """Any legal soma."""
    options: dict[str, Any] = {"fire": fire}
    options["threshold"] = _vector(rng, n, 1, 9)
    options["initial_v"] = _vector(rng, n, -6, 6)
    options["bias"] = _vector(rng, n, -4, 4)
    options["bias_when"] = rng.choice(list(BiasWhen))
    signed = fire is Fire.TERNARY or (fire is Fire.BURST and rng.random() < 0.5)
    if signed:
        options["threshold_negative"] = _vector(rng, n, 1, 5)
    if fire is Fire.PATTERN:
        return _pattern_soma(rng, n, options)
    if fire in (Fire.BINARY, Fire.TERNARY, Fire.BURST):
        if rng.random() < 0.5:
            options["s_max"] = int(rng.integers(1, 5))
        if signed and rng.random() < 0.5:
            options["s_min"] = -int(rng.integers(0, 4))
    if fire is Fire.ONEHOT:
        options["max_level"] = 1 << int(rng.integers(0, 4))
    if fire is Fire.BURST:
        options["max_level"] = int(rng.integers(1, 5))
        options["reset_amount"] = int_vector(
            rng.integers(1, options["threshold"].min() + 1, rng.choice([1, n]))
        )
    else:
        options["reset"] = Reset(rng.choice(list(Reset)))
        if options["reset"] is Reset.VALUE:
            options["reset_value"] = int(rng.integers(-5, 6))
        elif options["reset"] is Reset.SUBTRACT and fire is not Fire.NONE:
            options["reset_delay"] = bool(rng.random() < 0.4)
            if rng.random() < 0.4:
                options["reset_amount"] = _vector(rng, n, 1, 12)
    if rng.random() < 0.4:
        options["leak_v"] = _leak(rng)
        options["leak_order"] = rng.choice(list(LeakOrder))
    if rng.random() < 0.3:
        options["current"] = True
        if rng.random() < 0.7:
            options["leak_i"] = _leak(rng)
        if rng.random() < 0.4:
            longest = None if fire is Fire.NONE or rng.random() < 0.5 else int(rng.integers(1, 5))
            slope = _vector(rng, n, -2, 6)
            options["phases"] = Phases(receive=int(rng.integers(0, 5)), fire=longest, slope=slope)
    elif fire is not Fire.NONE and rng.random() < 0.2:
        options["phases"] = Phases(receive=int(rng.integers(0, 5)), fire=int(rng.integers(1, 5)))
    if fire is Fire.TERNARY and options["reset"] is Reset.NONE and rng.random() < 0.5:
        options["threshold_negative"] = int_vector(rng.integers(0, 3) + 1 - options["threshold"])
        options |= {"s_min": 0, "s_max": 1}
    if fire is not Fire.NONE and not options.get("reset_delay") and rng.random() < 0.3:
        options["refractory"] = int(rng.integers(1, 4))
    if rng.random() < 0.2:
        options["v_min"] = -int(rng.integers(0, 20))
    if rng.random() < 0.2:
        options["v_max"] = int(rng.integers(0, 20))
    return Soma(**options)


def _pattern_soma(rng: np.random.Generator, n: int, options: dict[str, Any]) -> Soma:
    """One that sends the bits of its level."""
    bits = int(rng.integers(1, 5))
    slope = None
    if rng.random() < 0.3:
        options["current"] = True
        slope = _vector(rng, n, -2, 6)
    if rng.random() < 0.2:
        options |= {"leak_v": _leak(rng), "leak_order": rng.choice(list(LeakOrder))}
    if rng.random() < 0.2:
        options |= {"v_min": -int(rng.integers(0, 20)), "v_max": int(rng.integers(0, 40))}
    phases = Phases(receive=int(rng.integers(0, 4)), fire=bits, slope=slope)
    return Soma(max_level=1 << (bits - 1), phases=phases, **options)


def _settling_soma(rng: np.random.Generator, n: int) -> Soma:
    return Soma(
        fire=Fire.TERNARY,
        threshold=_vector(rng, n, 1, 9),
        threshold_negative=int_vector(1),
        initial_v=_vector(rng, n, -6, 9),
        bias=_vector(rng, n, -4, 4),
        bias_when=BiasWhen.FIRST,
        s_min=-int(rng.integers(0, 3)),
        s_max=int(rng.integers(1, 6)),
    )


def _payload(rng: np.random.Generator, soma: Soma) -> Payload:
    low, high = soma.levels
    options = [Payload.GRADED]
    if soma.fires_powers:
        options.append(Payload.SHIFT)
    if high <= 1:
        options.append(Payload.SIGN)
        if low == 0:
            options.append(Payload.UNIT)
    return Payload(rng.choice(options))


def _dense(rng: np.random.Generator, pre: int, post: int) -> Dense:
    bits = int(rng.integers(2, 5))
    blocks = 2 if pre % 2 == 0 and post % 2 == 0 and rng.random() < 0.3 else 1
    shape = (pre, post) if blocks == 1 else (blocks, pre // blocks, post // blocks)
    weights = rng.integers(-(1 << (bits - 1)), 1 << (bits - 1), shape)
    return Dense(weights=weights, weight_bits=bits, shift=int(rng.integers(0, 3)))


def random_window(rng: np.random.Generator, source: tuple[int, ...]) -> Window:
    """A window that fits a source of shape [channels, *space]."""
    dims = len(source) - 1
    kind = WindowKind(rng.choice(list(WindowKind)))
    kernel = tuple(int(k) for k in rng.integers(1, 3, dims))
    groups = int(rng.choice([g for g in (1, 2) if source[0] % g == 0]))
    weights = None
    if kind is WindowKind.CONVOLUTION:
        shape = (groups * int(rng.integers(1, 3)), source[0] // groups, *kernel)
        weights = rng.integers(-4, 4, shape)
    elif kind is WindowKind.TRANSPOSED:
        weights = rng.integers(-4, 4, (source[0], int(rng.integers(1, 3)), *kernel))
    else:
        groups = 1
    stride = tuple(int(s) for s in rng.integers(1, 3, dims))
    extra = tuple(int(rng.integers(0, s)) for s in stride)
    transposed = kind is WindowKind.TRANSPOSED
    pool = None
    if kind is not WindowKind.SUM_POOL and rng.random() < 0.4:
        pool = random_pool(rng, source)
    padding = tuple(0 if transposed else int(rng.integers(0, k)) for k in kernel)
    return Window(
        kind=kind,
        kernel=kernel,
        stride=stride,
        padding=padding,
        dilation=tuple(int(d) for d in rng.integers(1, 3, dims)),
        output_padding=extra if transposed else (0,) * dims,
        groups=groups,
        weights=weights,
        weight_bits=3,
        shift=int(rng.integers(0, 2)),
        pool=pool,
    )


def random_pool(rng: np.random.Generator, source: tuple[int, ...]) -> Window:
    """A sum_pool geometry of a source; its windows may overlap or leave gaps."""
    kernel = tuple(int(rng.integers(1, min(2, size) + 1)) for size in source[1:])
    return Window(
        kind=WindowKind.SUM_POOL,
        kernel=kernel,
        stride=tuple(int(s) for s in rng.integers(1, 3, len(kernel))),
        padding=tuple(int(rng.integers(0, k)) for k in kernel),
        dilation=(1,) * len(kernel),
        output_padding=(0,) * len(kernel),
    )


def _input(rng: np.random.Generator, settling: bool) -> Input:
    others = [Encoding.CHANGE, *[Encoding.CONSTANT, Encoding.RATE] * settling]
    encodings = [each for each in Encoding if each not in others]
    encoding = encodings[rng.integers(len(encodings))]
    coded = encoding in (Encoding.RATE, Encoding.PHASE, Encoding.LATENCY)
    low = 0 if coded else int(rng.integers(-2, 2))
    shape = [(2,), (4,), (2, 4), (1, 3, 3)][rng.integers(4)]
    return Input(
        name="x",
        shape=shape,
        payload=Payload.GRADED,
        low=low,
        high=low + int(rng.integers(1, 6 if coded else 3)),
        encoding=encoding,
        threshold=int(rng.integers(-1, 3)) if encoding is Encoding.THRESHOLD else None,
        seed=int(rng.integers(1, 1 << 32)) if encoding is Encoding.RATE else None,
        step=None if rng.random() < 0.5 else float(rng.random()) + 0.01,
    )


def _into(
    rng: np.random.Generator, source: Input | Population, name: str, settling: bool
) -> tuple[tuple[int, ...], list[Connection]]:
    """A shape for a population, and connections from a source into it."""
    pick = rng.random()
    operator: Any
    if pick < 0.25 and len(source.shape) > 1:
        operator = random_window(rng, source.shape)
        try:
            shape = operator.output_shape(source.shape)
        except ConfigurationError:  # a dilated kernel may be too large: take another way
            return _into(rng, source, name, settling)
    elif pick < 0.35:
        shape = (source.n + int(rng.integers(0, 2)),)
        operator = Identity(
            offset=shape[0] - source.n,
            shift=int(rng.integers(0, 3)),
            negative=bool(rng.random() < 0.5),
        )
    elif pick < 0.42:
        shape = (source.n,)
        operator = Delta(function=DeltaFunction.CLIP, low=-1, high=int(rng.integers(0, 3)))
    elif pick < 0.49 and len(source.shape) > 1:
        ones = (1,) * (len(source.shape) - 1)
        window = Window(
            kind=WindowKind.SUM_POOL,
            kernel=tuple(min(2, size) for size in source.shape[1:]),
            stride=ones,
            padding=(0,) * len(ones),
            dilation=ones,
            output_padding=(0,) * len(ones),
        )
        operator = Delta(function=DeltaFunction.MAX, window=window)
        shape = window.output_shape(source.shape)
    elif pick < 0.55 and not settling:
        shape = source.shape
        heads = 2 if shape[0] % 2 == 0 else 1
        operator = Product(keys=source.name, values=source.name, heads=heads)
    else:
        shape = (int(rng.integers(1, 5)),)
        operator = _dense(rng, source.n, shape[0])
    return shape, [Connection(source=source.name, target=name, operator=operator)]


def random_network(seed: int) -> Network:
    """A small random network of any kind; every third one settles."""
    rng = np.random.default_rng(seed)
    settling = seed % 3 == 0
    source = _input(rng, settling)
    nodes: list[Any] = [source]
    connections: list[Connection] = []
    for index in range(int(rng.integers(1, 3))):
        name = f"p{index}"
        shape, incoming = _into(rng, nodes[-1], name, settling)
        n = int(np.prod(shape))
        fire = Fire(rng.choice([f for f in Fire if f is not Fire.NONE]))
        soma = _settling_soma(rng, n) if settling else random_soma(rng, n, fire)
        population = Population(name=name, shape=shape, soma=soma, payload=_payload(rng, soma))
        connections += incoming
        if len(nodes) > 1 and rng.random() < 0.3:
            operator = _dense(rng, source.n, n)
            delay = 0 if settling else int(rng.integers(0, 2))
            skip = Connection(source="x", target=name, operator=operator, delay=delay)
            connections.append(skip)
        if not settling and rng.random() < 0.4:
            connections.append(
                Connection(source=name, target=name, operator=_dense(rng, n, n), delay=1)
            )
        nodes.append(population)
    n_out = int(rng.integers(1, 4))
    kind = ReadoutKind.MEMBRANE if settling else ReadoutKind(rng.choice(list(ReadoutKind)))
    fires = kind in (ReadoutKind.COUNT, ReadoutKind.FIRST_SPIKE)
    if settling:
        soma = Soma(fire=Fire.NONE, bias=_vector(rng, n_out, -4, 4), bias_when=BiasWhen.FIRST)
    else:
        soma = random_soma(rng, n_out, Fire.BINARY if fires else Fire.NONE)
    nodes.append(Population(name="out", shape=(n_out,), soma=soma, payload=Payload.UNIT))
    operator = _dense(rng, nodes[-2].n, n_out)
    connections.append(Connection(source=nodes[-2].name, target="out", operator=operator))
    arguments: dict[str, Any] = {
        "name": f"random-{seed}",
        "inputs": (source,),
        "populations": tuple(nodes[1:]),
        "connections": tuple(connections),
        "readout": Readout(population="out", kind=kind, decision=Decision.RAW),
        "max_steps": int(rng.integers(1, 7)),
        "provenance": {"seed": str(seed)},
    }
    network = Network(**arguments, modes=(Mode.STEPWISE,))
    if settle_obstacle(network) is None:
        network = Network(**arguments, modes=tuple(Mode))
    return network


@pytest.fixture(scope="session")
def make_plain() -> Callable[..., Network]:
    """Maker of the plain network, with changes."""
    return plain


@pytest.fixture(scope="session")
def make_random() -> Callable[[int], Network]:
    """Maker of a random network from a seed."""
    return random_network
