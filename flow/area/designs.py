"""The designs that the area model is calibrated on: small and large, of every kind of part."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spikewright.flow.plan import default_plan
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
    Population,
    Readout,
    ReadoutKind,
    Soma,
    Window,
    WindowKind,
)
from spikewright.hdl.plan import HardwarePlan, MembraneStore, Products, Sweeps

__all__ = ["DESIGNS", "Design", "FAMILIES", "design"]

FAMILIES = ("ecp5", "ice40")

_Wire = tuple[str, str, Operator] | tuple[str, str, Operator, int]
_Somas = Callable[[np.random.Generator, int], Soma]


@dataclass(frozen=True, kw_only=True)
class Design:
    """A network with random weights, and a plan for it.

    Parameters
    ----------
    name : what the records call it. network : makes it; always the same one.
    mode : of the plan. options : of ``default_plan``.
    """

    name: str
    network: Callable[[], Network]
    mode: Mode
    options: Mapping[str, Any]

    def made(self) -> tuple[Network, HardwarePlan]:
        """The network and the plan."""
        network = self.network()
        return network, default_plan(network, self.mode, **self.options)


def design(family: str, name: str) -> Design:
    """The design of that name; raises ConfigurationError."""
    for each in DESIGNS.get(family, ()):
        if each.name == name:
            return each
    raise ConfigurationError(f"a design of {family} must be in the list", found=repr(name))


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


def _binary(rng: np.random.Generator, n: int) -> Soma:
    return Soma(
        fire=Fire.BINARY, threshold=rng.integers(9, 40, n), bias=rng.integers(-3, 4, n), v_min=-127
    )


def _leaky(rng: np.random.Generator, n: int) -> Soma:
    return Soma(
        fire=Fire.BINARY,
        threshold=rng.integers(20, 60, n),
        leak_v=Leak(multiplier=7, shift=3),
        v_min=-255,
    )


def _current(rng: np.random.Generator, n: int) -> Soma:
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


def _onehot(rng: np.random.Generator, n: int) -> Soma:
    return Soma(
        fire=Fire.ONEHOT,
        threshold=rng.integers(8, 20, n),
        bias=rng.integers(-9, 10, n),
        bias_when=BiasWhen.FIRST,
        max_level=4,
    )


def _burst(rng: np.random.Generator, n: int) -> Soma:
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
    _onehot: Payload.SHIFT,
    _burst: Payload.GRADED,
}


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
                encoding=Encoding.ONCE if bounded or soma is _onehot else Encoding.EVENTS,
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
        max_steps=1 if soma is _onehot else steps,
    )


def _dense(rng: np.random.Generator, pre: int, post: int, bits: int) -> Dense:
    limit = 1 << (bits - 1)
    return Dense(weights=rng.integers(-limit, limit, (pre, post)), weight_bits=bits)


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


def _chain(
    sizes: Sequence[int], *, bits: int = 4, recurrent: bool = False, **options: Any
) -> Callable[[], Network]:
    """Dense populations, one behind the other; where ``recurrent`` the first hears itself too."""
    names = ["x", *(f"h{k}" for k in range(len(sizes) - 2)), "out"]

    def wires(rng: np.random.Generator) -> list[_Wire]:
        found: list[_Wire] = [
            (names[k], names[k + 1], _dense(rng, sizes[k], sizes[k + 1], bits))
            for k in range(len(sizes) - 1)
        ]
        if recurrent:
            found.append(("h0", "h0", _dense(rng, sizes[1], sizes[1], bits), 1))
        return found

    shapes = {name: (n,) for name, n in zip(names[1:], sizes[1:], strict=True)}
    return lambda: _network({"x": (sizes[0],)}, shapes, wires, **options)


def _maps(side: int, channels: tuple[int, int], *, stride: int = 2) -> Callable[[], Network]:
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


def _residual() -> Network:
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


def _pooled(function: DeltaFunction | None) -> Callable[[], Network]:
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


def _made(name: str, network: Callable[[], Network], mode: Mode, **options: Any) -> Design:
    return Design(name=name, network=network, mode=mode, options=options)


_S, _T, _C = Mode.STEPWISE, Mode.SETTLE, Mode.COLLAPSED
_BLOCK = MembraneStore.BLOCK
_SMALL, _MIDDLE, _LARGE = (64, 32, 10), (256, 64, 10), (784, 128, 10)

_ECP5 = (
    _made("small-collapsed", _chain(_SMALL), _C, lanes=8),
    _made("small-stepwise", _chain(_SMALL), _S, lanes=16),
    _made("small-settle", _chain(_SMALL, high=3), _T, lanes=(16, 10)),
    _made("middle-stepwise", _chain(_MIDDLE, bits=6), _S, lanes=32),
    _made("middle-collapsed-block", _chain(_MIDDLE), _C, lanes=4, membranes=_BLOCK),
    _made("middle-settle-wide", _chain(_MIDDLE), _T, lanes=(64, 10)),
    _made("middle-counts", _chain(_MIDDLE, soma=_binary, counts=True), _S, lanes=16),
    _made("middle-graded", _chain(_MIDDLE, high=15, bits=6), _C, lanes=8),
    _made("middle-serial", _chain(_MIDDLE, high=15), _C, lanes=16, products=Products.SERIAL),
    _made("leaky", _chain(_MIDDLE, soma=_leaky), _S, lanes=16),
    _made("current", _chain(_SMALL, soma=_current), _S, lanes=8),
    _made("onehot", _chain(_MIDDLE, soma=_onehot), _S, lanes=(32, 10)),
    _made("burst", _chain(_SMALL, soma=_burst), _S, lanes=8),
    _made("recurrent", _chain(_SMALL, soma=_leaky, recurrent=True), _S, lanes=16),
    _made("deep-shared", _chain((96, 32, 32, 32, 10)), _C, lanes=8, share=[("h0", "h1", "h2")]),
    _made("parts", _chain((96, 64, 10)), _S, lanes=8, partition={"h0": 2}),
    _made("large-collapsed", _chain(_LARGE), _C, lanes=(16, 10)),
    _made("large-wide", _chain(_LARGE), _C, lanes=(128, 10)),
    _made("maps-banked", _maps(14, (8, 16)), _C, lanes=(36, 72, 10)),
    _made("maps-serial", _maps(14, (8, 16)), _S, lanes=(8, 8, 10), banks=(1, 1)),
    _made("touched", _maps(14, (8, 16)), _C, lanes=(16, 8, 10), sweeps=Sweeps.TOUCHED),
    _made("residual", _residual, _C, lanes=16),
    _made("max-pool", _pooled(DeltaFunction.MAX), _C, lanes=16),
    _made("sum-pool", _pooled(None), _T, lanes=18),
    _made("overlap-small", _chain(_SMALL), _C, lanes=(32, 10), sweep_lanes=4),
    _made("overlap-middle-settle", _chain(_MIDDLE), _T, lanes=(64, 10), sweep_lanes=8),
    _made("overlap-middle-stepwise", _chain(_MIDDLE), _S, lanes=(64, 10), sweep_lanes=4),
    _made("overlap-middle-2", _chain(_MIDDLE), _C, lanes=(64, 10), sweep_lanes=4, spikes=2),
    _made("overlap-leaky", _chain(_MIDDLE, soma=_leaky), _S, lanes=(64, 10), sweep_lanes=8),
    _made("overlap-large", _chain(_LARGE), _C, lanes=(128, 10), sweep_lanes=8),
    _made("overlap-large-2", _chain(_LARGE), _C, lanes=(128, 10), sweep_lanes=16, spikes=2),
    _made("overlap-large-4", _chain(_LARGE), _C, lanes=(128, 10), sweep_lanes=8, spikes=4),
    _made(
        "overlap-onehot-2",
        _chain(_LARGE, soma=_onehot),
        _S,
        lanes=(128, 10),
        sweep_lanes=16,
        spikes=2,
    ),
)

_TINY = (48, 24, 10)
_ICE40 = (
    _made("tiny-collapsed", _chain(_TINY), _C, lanes=4, membranes=_BLOCK),
    _made("tiny-stepwise", _chain(_TINY), _S, lanes=8, membranes=_BLOCK),
    _made("tiny-settle", _chain(_TINY, high=3), _T, lanes=8, membranes=_BLOCK),
    _made("tiny-registers", _chain(_TINY), _C, lanes=(12, 10)),
    _made("tiny-counts", _chain(_TINY, soma=_binary, counts=True), _S, lanes=4, membranes=_BLOCK),
    _made("small-collapsed", _chain(_SMALL), _C, lanes=8, membranes=_BLOCK),
    _made("small-stepwise", _chain(_SMALL), _S, lanes=4, membranes=_BLOCK),
    _made("small-settle", _chain(_SMALL), _T, lanes=(16, 10), membranes=_BLOCK),
    _made("small-wide", _chain(_SMALL, bits=3), _S, lanes=(32, 10)),
    _made("leaky", _chain(_TINY, soma=_leaky), _S, lanes=4, membranes=_BLOCK),
    _made("current", _chain(_TINY, soma=_current), _S, lanes=2, membranes=_BLOCK),
    _made("onehot", _chain(_SMALL, soma=_onehot), _S, lanes=8, membranes=_BLOCK),
    _made("burst", _chain(_TINY, soma=_burst), _S, lanes=4, membranes=_BLOCK),
    _made("recurrent", _chain(_TINY, soma=_leaky, recurrent=True), _S, lanes=8, membranes=_BLOCK),
    _made(
        "serial",
        _chain(_TINY, high=15),
        _C,
        lanes=8,
        membranes=_BLOCK,
        products=Products.SERIAL,
    ),
    _made("graded", _chain(_TINY, high=7), _C, lanes=4, membranes=_BLOCK),
    _made("maps", _maps(8, (4, 8)), _C, lanes=(4, 8, 5), membranes=_BLOCK),
    _made("maps-banked", _maps(8, (4, 4)), _S, lanes=(9, 9, 5), membranes=_BLOCK),
    _made(
        "touched", _maps(8, (4, 4)), _S, lanes=(4, 4, 5), membranes=_BLOCK, sweeps=Sweeps.TOUCHED
    ),
    _made(
        "touched-collapsed",
        _maps(8, (4, 8)),
        _C,
        lanes=(4, 4, 5),
        membranes=_BLOCK,
        sweeps=Sweeps.TOUCHED,
    ),
    _made("sum-pool", _pooled(None), _C, lanes=(4, 8, 5), membranes=_BLOCK),
    _made("overlap-tiny", _chain(_TINY), _C, lanes=(24, 10), sweep_lanes=2, membranes=_BLOCK),
    _made(
        "overlap-tiny-settle", _chain(_TINY), _T, lanes=(24, 10), sweep_lanes=4, membranes=_BLOCK
    ),
    _made("overlap-small", _chain(_SMALL), _S, lanes=(32, 10), sweep_lanes=4, membranes=_BLOCK),
    _made(
        "overlap-small-2",
        _chain(_SMALL),
        _C,
        lanes=(32, 10),
        sweep_lanes=4,
        spikes=2,
        membranes=_BLOCK,
    ),
)

DESIGNS: Mapping[str, tuple[Design, ...]] = {"ecp5": _ECP5, "ice40": _ICE40}
