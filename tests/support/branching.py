"""Small networks of windows and branches, of the shape of converted ones, with random weights."""

from collections.abc import Mapping, Sequence

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
    "branching",
    "convolution",
    "dense",
    "inputs_of",
    "max_pool",
    "residual",
    "sum_pool",
    "transposed",
]

Wires = Sequence[tuple[str, str, Operator]]


def convolution(
    rng: np.random.Generator,
    out_channels: int,
    in_channels: int,
    kernel: tuple[int, ...],
    *,
    stride: int = 1,
    padding: int = 0,
    groups: int = 1,
    bits: int = 3,
    shift: int = 0,
) -> Window:
    """A convolution with random weights."""
    limit = 1 << (bits - 1)
    shape = (out_channels, in_channels // groups, *kernel)
    return _window(
        WindowKind.CONVOLUTION,
        kernel,
        stride=stride,
        padding=padding,
        groups=groups,
        weights=rng.integers(-limit, limit, shape),
        weight_bits=bits,
        shift=shift,
    )


def transposed(
    rng: np.random.Generator,
    in_channels: int,
    out_channels: int,
    kernel: tuple[int, ...],
    *,
    stride: int = 2,
    bits: int = 3,
) -> Window:
    """A transposed convolution with random weights."""
    limit = 1 << (bits - 1)
    weights = rng.integers(-limit, limit, (in_channels, out_channels, *kernel))
    return _window(WindowKind.TRANSPOSED, kernel, stride=stride, weights=weights, weight_bits=bits)


def sum_pool(kernel: tuple[int, ...], *, stride: int, padding: int = 0) -> Window:
    """The sum over windows."""
    return _window(WindowKind.SUM_POOL, kernel, stride=stride, padding=padding)


def max_pool(kernel: tuple[int, ...], *, stride: int, padding: int = 0) -> Delta:
    """The maximum over windows."""
    window = sum_pool(kernel, stride=stride, padding=padding)
    return Delta(function=DeltaFunction.MAX, window=window)


def _window(
    kind: WindowKind, kernel: tuple[int, ...], *, stride: int, padding: int = 0, **options: object
) -> Window:
    n = len(kernel)
    return Window(
        kind=kind,
        kernel=kernel,
        stride=(stride,) * n,
        padding=(padding,) * n,
        dilation=(1,) * n,
        output_padding=(0,) * n,
        **options,
    )


def dense(rng: np.random.Generator, pre: int, post: int, *, bits: int = 3, shift: int = 0) -> Dense:
    """A dense connection with random weights."""
    limit = 1 << (bits - 1)
    weights = rng.integers(-limit, limit, (pre, post))
    return Dense(weights=weights, weight_bits=bits, shift=shift)


def branching(
    inputs: Mapping[str, tuple[int, ...]],
    populations: Mapping[str, tuple[int, ...]],
    wires: Wires,
    *,
    seed: int,
    high: int = 2,
    levels: int = 3,
    signed: bool = False,
    per: str = "channel",
    relays: Sequence[str] = (),
    counts: bool = False,
    decision: Decision = Decision.ARGMAX,
    modes: tuple[Mode, ...] = tuple(Mode),
) -> Network:
    """Ternary populations with bounds, and the last one read; every mode may run it.

    Parameters
    ----------
    inputs, populations : shapes by name. wires : (source, target, operator).
    high : of the inputs. levels : s_max; ``signed`` gives s_min = -levels too.
    per : "channel" or "neuron" parameters. relays : populations that pass values on, as behind a
    max pooling: threshold 1 and the levels of a source. counts : the last population fires, and its
    spikes are counted.
    """
    rng = np.random.default_rng(seed)
    made = []
    for index, (name, shape) in enumerate(populations.items()):
        last = index == len(populations) - 1
        size = shape[0] if per == "channel" else int(np.prod(shape))
        if last and not counts:
            soma = Soma(fire=Fire.NONE, bias=rng.integers(-9, 10, size), bias_when=BiasWhen.FIRST)
        else:
            relay = name in relays
            threshold = np.ones(1, int) if relay else rng.integers(3, 10, size)
            soma = Soma(
                fire=Fire.TERNARY,
                threshold=threshold,
                threshold_negative=1,
                initial_v=0 if relay else threshold // 2,
                bias=0 if relay else rng.integers(-4, 12, size),
                bias_when=BiasWhen.FIRST,
                s_min=-levels if signed else 0,
                s_max=max(levels, high) if relay else levels,
            )
        made.append(Population(name=name, shape=shape, soma=soma, payload=Payload.SIGN))
    return Network(
        name="branching",
        inputs=tuple(
            Input(
                name=name,
                shape=shape,
                payload=Payload.UNIT if high == 1 else Payload.GRADED,
                low=0,
                high=high,
                encoding=Encoding.ONCE,
            )
            for name, shape in inputs.items()
        ),
        populations=tuple(made),
        connections=tuple(
            Connection(source=source, target=target, operator=operator)
            for source, target, operator in wires
        ),
        readout=Readout(
            population=made[-1].name,
            kind=ReadoutKind.COUNT if counts else ReadoutKind.MEMBRANE,
            decision=decision,
        ),
        modes=(Mode.STEPWISE,) if counts else modes,
        max_steps=4,
    )


def inputs_of(network: Network, samples: int, *, seed: int) -> dict[str, np.ndarray]:
    """Random values [samples, n] of every input; the first sample is silent, the second full."""
    rng = np.random.default_rng(seed)
    values = {}
    for source in network.inputs:
        drawn = rng.integers(source.low, source.high + 1, (samples, source.n))
        drawn *= rng.random(drawn.shape) < 0.5
        drawn[:1] = 0
        drawn[1:2] = source.high
        values[source.name] = drawn
    return values


def residual(seed: int = 0, **options: object) -> Network:
    """Two convolutions and a skip around the second one, then a dense readout."""
    rng = np.random.default_rng(seed)
    shape = (4, 3, 4)
    wires = [
        ("x", "a", convolution(rng, 4, 1, (3, 3), padding=1)),
        ("a", "b", convolution(rng, 4, 4, (3, 3), padding=1)),
        ("a", "b2", Identity(shift=1)),
        ("b", "b2", convolution(rng, 4, 4, (3, 3), padding=1)),
        ("b2", "out", dense(rng, 48, 3)),
    ]
    populations = {"a": shape, "b": shape, "b2": shape, "out": (3,)}
    return branching({"x": (1, 3, 4)}, populations, wires, seed=seed, **options)
