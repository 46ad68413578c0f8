"""The networks that the area model is calibrated on: random weights, always the same ones."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

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
    Population,
    Readout,
    ReadoutKind,
    Soma,
    Window,
    WindowKind,
)

__all__ = [
    "binary",
    "burst",
    "chain",
    "current",
    "leaky",
    "maps",
    "onehot",
    "onehot_unit",
    "onehot_wide",
    "pooled",
    "residual",
]

_Wire = tuple[str, str, Operator] | tuple[str, str, Operator, int]
_Somas = Callable[[np.random.Generator, int], Soma]


def _bounded(rng: np.random.Generator, n: int) -> Soma:
    """A converted neuron: 0 to 3 levels, in every mode."""
    threshold = rng.integers(12, 40, n)
    return Soma(
        fire=Fire.TERNARY,
        threshold=threshold,
        threshold_negative=np.ones(1, np.int64),
        initial_v=threshold // 2,
        bias=rng.integers(-9, 20, n),
        bias_when=BiasWhen.FIRST,
        s_min=0,
        s_max=3,
    )


def binary(rng: np.random.Generator, n: int) -> Soma:
    """Fires and clips, with a bias in every step."""
    return Soma(
        fire=Fire.BINARY, threshold=rng.integers(9, 40, n), bias=rng.integers(-3, 4, n), v_min=-127
    )


def leaky(rng: np.random.Generator, n: int) -> Soma:
    """Leaks by a product."""
    return Soma(
        fire=Fire.BINARY,
        threshold=rng.integers(20, 60, n),
        leak_v=Leak(multiplier=7, shift=3),
        v_min=-255,
    )


def current(rng: np.random.Generator, n: int) -> Soma:
    """A current of its own, and steps without firing."""
    return Soma(
        fire=Fire.BINARY,
        threshold=rng.integers(40, 90, n),
        bias=rng.integers(-3, 4, n),
        leak_v=Leak(multiplier=15, shift=4),
        leak_order=LeakOrder.AFTER,
        current=True,
        leak_i=Leak(multiplier=3, shift=2),
        refractory=2,
    )


def onehot(rng: np.random.Generator, n: int) -> Soma:
    """Fires powers of two."""
    return Soma(
        fire=Fire.ONEHOT,
        threshold=rng.integers(8, 20, n),
        bias=rng.integers(-9, 10, n),
        bias_when=BiasWhen.FIRST,
        max_level=4,
    )


def onehot_unit(rng: np.random.Generator, n: int) -> Soma:
    """Fires once or not at all, at thresholds and biases as training leaves them."""
    return _trained_onehot(rng, n, level=1)


def onehot_wide(rng: np.random.Generator, n: int) -> Soma:
    """Fires powers of two, at thresholds and biases as training leaves them."""
    return _trained_onehot(rng, n, level=4)


def _trained_onehot(rng: np.random.Generator, n: int, *, level: int) -> Soma:
    unit = 15 * level
    return Soma(
        fire=Fire.ONEHOT,
        threshold=rng.integers(unit, 2 * unit, n),
        bias=rng.integers(-3 * unit, 3 * unit, n),
        bias_when=BiasWhen.FIRST,
        max_level=level,
    )


def burst(rng: np.random.Generator, n: int) -> Soma:
    """Fires several times in a step."""
    return Soma(
        fire=Fire.BURST,
        threshold=rng.integers(12, 30, n),
        bias=rng.integers(-3, 4, n),
        max_level=7,
    )


def _last(rng: np.random.Generator, n: int) -> Soma:
    return Soma(fire=Fire.NONE, bias=rng.integers(-9, 10, n), bias_when=BiasWhen.FIRST)


_PAYLOADS: Mapping[_Somas, Payload] = {
    _bounded: Payload.SIGN,
    onehot: Payload.SHIFT,
    onehot_wide: Payload.SHIFT,
    burst: Payload.GRADED,
}
_ONE_STEP = (onehot, onehot_unit, onehot_wide)


def _network(
    inputs: Mapping[str, tuple[int, ...]],
    shapes: Mapping[str, tuple[int, ...]],
    wires: Callable[[np.random.Generator], Sequence[_Wire]],
    *,
    soma: _Somas = _bounded,
    high: int = 1,
    counts: bool = False,
    steps: int = 4,
    seed: int = 1,
) -> Network:
    """Populations of one kind of soma; the last one is read, its spikes counted or its membrane."""
    rng = np.random.default_rng(seed)
    bounded = soma is _bounded
    names = list(shapes)
    populations = tuple(
        Population(
            name=name,
            shape=shape,
            soma=_last(rng, shape[0]) if name == names[-1] and not counts else soma(rng, shape[0]),
            payload=_PAYLOADS.get(soma, Payload.UNIT),
        )
        for name, shape in shapes.items()
    )
    return Network(
        name="calibration",
        inputs=tuple(
            Input(
                name=name,
                shape=shape,
                payload=Payload.UNIT if high == 1 else Payload.GRADED,
                low=0,
                high=high,
                encoding=Encoding.ONCE if bounded or soma in _ONE_STEP else Encoding.EVENTS,
            )
            for name, shape in inputs.items()
        ),
        populations=populations,
        connections=tuple(
            Connection(
                source=wire[0],
                target=wire[1],
                operator=wire[2],
                delay=wire[3] if len(wire) == 4 else 0,
            )
            for wire in wires(rng)
        ),
        readout=Readout(
            population=names[-1],
            kind=ReadoutKind.COUNT if counts else ReadoutKind.MEMBRANE,
            decision=Decision.ARGMAX,
        ),
        modes=tuple(Mode) if bounded and not counts else (Mode.STEPWISE,),
        max_steps=1 if soma in _ONE_STEP else steps,
    )


def _dense(rng: np.random.Generator, pre: int, post: int, bits: int) -> Dense:
    limit = 1 << (bits - 1)
    return Dense(weights=rng.integers(-limit, limit, (pre, post)), weight_bits=bits)


def _pruned(rng: np.random.Generator, dense: Dense, kept: tuple[int, int]) -> Dense:
    """With so many weights of each input left for each of so many lanes."""
    most, lanes = kept
    pre, post = dense.weights.shape
    if post <= lanes:
        return dense
    drawn = rng.random((pre, -(-post // lanes), lanes))
    stays = np.argsort(np.argsort(drawn, axis=1), axis=1) < most
    weights = np.where(stays.reshape(pre, -1)[:, :post], dense.weights, 0)
    return Dense(weights=weights, weight_bits=dense.weight_bits)


def _window(
    rng: np.random.Generator, pre: int, post: int, *, stride: int = 1, padding: int = 1
) -> Window:
    """A convolution of 3 x 3 with weights of 4 bits."""
    return Window(
        kind=WindowKind.CONVOLUTION,
        kernel=(3, 3),
        stride=(stride, stride),
        padding=(padding, padding),
        dilation=(1, 1),
        output_padding=(0, 0),
        weights=rng.integers(-8, 8, (post, pre, 3, 3)),
        weight_bits=4,
    )


def _pool(size: int) -> Window:
    return Window(
        kind=WindowKind.SUM_POOL,
        kernel=(size, size),
        stride=(size, size),
        padding=(0, 0),
        dilation=(1, 1),
        output_padding=(0, 0),
    )


def chain(
    sizes: Sequence[int],
    *,
    bits: int = 4,
    recurrent: bool = False,
    kept: tuple[int, int] | None = None,
    **options: Any,
) -> Callable[[], Network]:
    """Dense populations, one behind the other; where ``recurrent`` the first hears itself too.

    ``kept`` : weights that each input has in a lane, and lanes; all by default.
    """
    names = ["x", *(f"h{k}" for k in range(len(sizes) - 2)), "out"]

    def wires(rng: np.random.Generator) -> list[_Wire]:
        found: list[_Wire] = []
        for k in range(len(sizes) - 1):
            dense = _dense(rng, sizes[k], sizes[k + 1], bits)
            dense = dense if kept is None else _pruned(rng, dense, kept)
            found.append((names[k], names[k + 1], dense))
        if recurrent:
            found.append(("h0", "h0", _dense(rng, sizes[1], sizes[1], bits), 1))
        return found

    shapes = {name: (n,) for name, n in zip(names[1:], sizes[1:], strict=True)}
    return lambda: _network({"x": (sizes[0],)}, shapes, wires, **options)


def maps(side: int, channels: tuple[int, int], *, stride: int = 2) -> Callable[[], Network]:
    """Two convolutions and a dense readout."""
    half = -(-side // stride)

    def wires(rng: np.random.Generator) -> list[_Wire]:
        first, second = channels
        return [
            ("x", "a", _window(rng, 1, first, stride=stride)),
            ("a", "b", _window(rng, first, second)),
            ("b", "out", _dense(rng, second * half * half, 10, 4)),
        ]

    shapes = {"a": (channels[0], half, half), "b": (channels[1], half, half), "out": (10,)}
    return lambda: _network({"x": (1, side, side)}, shapes, wires)


def residual() -> Network:
    """A skip around a convolution."""

    def wires(rng: np.random.Generator) -> list[_Wire]:
        return [
            ("x", "a", _window(rng, 1, 8)),
            ("a", "b", _window(rng, 8, 8)),
            ("a", "c", Identity(shift=2)),
            ("b", "c", _window(rng, 8, 8)),
            ("c", "out", _dense(rng, 8 * 64, 10, 4)),
        ]

    maps = (8, 8, 8)
    shapes = {"a": maps, "b": maps, "c": maps, "out": (10,)}
    return _network({"x": (1, 8, 8)}, shapes, wires)


def pooled(function: DeltaFunction | None) -> Callable[[], Network]:
    """A convolution and a pooling of 2 x 2, by sums or the maximum."""

    def wires(rng: np.random.Generator) -> list[_Wire]:
        pool: Operator = _pool(2)
        if function is not None:
            pool = Delta(function=function, window=_pool(2))
        return [
            ("x", "a", _window(rng, 1, 8)),
            ("a", "b", pool),
            ("b", "out", _dense(rng, 8 * 16, 10, 4)),
        ]

    shapes = {"a": (8, 8, 8), "b": (8, 4, 4), "out": (10,)}
    return lambda: _network({"x": (1, 8, 8)}, shapes, wires)
