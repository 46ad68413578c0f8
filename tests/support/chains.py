"""Random chains of dense populations, small enough to simulate at once."""

import numpy as np

from spikewright.golden.spec import (
    BiasWhen,
    Connection,
    Decision,
    Dense,
    Encoding,
    Fire,
    Input,
    Mode,
    Network,
    Payload,
    Population,
    Readout,
    ReadoutKind,
    Reset,
    Soma,
)

__all__ = ["bounded_chain", "counting_chain", "inputs_for"]


def _dense(rng: np.random.Generator, pre: int, post: int, bits: int) -> Dense:
    limit = 1 << (bits - 1)
    return Dense(weights=rng.integers(-limit, limit, (pre, post)), weight_bits=bits)


def bounded_chain(
    sizes: tuple[int, ...],
    *,
    seed: int,
    bits: int = 4,
    levels: int = 3,
    high: int = 3,
    encoding: Encoding = Encoding.ONCE,
    max_steps: int = 8,
    decision: Decision = Decision.ARGMAX,
) -> Network:
    """A converted network's shape: ternary with bounds, a membrane read; it runs in every mode."""
    rng = np.random.default_rng(seed)
    names = ["x", *(f"h{k}" for k in range(len(sizes) - 2)), "out"]
    populations, connections = [], []
    for k in range(1, len(sizes)):
        n = sizes[k]
        if k == len(sizes) - 1:
            soma = Soma(fire=Fire.NONE, bias=rng.integers(-9, 10, n), bias_when=BiasWhen.FIRST)
        else:
            threshold = rng.integers(3, 10, n)
            soma = Soma(
                fire=Fire.TERNARY,
                threshold=threshold,
                threshold_negative=1,
                initial_v=threshold // 2,
                bias=rng.integers(-4, 12, n),
                bias_when=BiasWhen.FIRST,
                reset=Reset.SUBTRACT,
                s_min=0,
                s_max=levels,
            )
        populations.append(Population(name=names[k], shape=(n,), soma=soma, payload=Payload.SIGN))
        connections.append(
            Connection(
                source=names[k - 1], target=names[k], operator=_dense(rng, sizes[k - 1], n, bits)
            )
        )
    payload = Payload.UNIT if high == 1 else Payload.GRADED
    return Network(
        name=f"chain-{seed}",
        inputs=(
            Input(
                name="x", shape=(sizes[0],), payload=payload, low=0, high=high, encoding=encoding
            ),
        ),
        populations=tuple(populations),
        connections=tuple(connections),
        readout=Readout(population="out", kind=ReadoutKind.MEMBRANE, decision=decision),
        modes=(Mode.STEPWISE, Mode.SETTLE, Mode.COLLAPSED),
        max_steps=max_steps,
    )


def counting_chain(sizes: tuple[int, ...], *, seed: int, max_steps: int = 6) -> Network:
    """Binary neurons whose spikes are counted; stepwise only."""
    rng = np.random.default_rng(seed)
    names = ["x", *(f"h{k}" for k in range(len(sizes) - 2)), "out"]
    populations, connections = [], []
    for k in range(1, len(sizes)):
        n = sizes[k]
        soma = Soma(fire=Fire.BINARY, threshold=rng.integers(2, 9, n), bias=rng.integers(-1, 2, n))
        populations.append(Population(name=names[k], shape=(n,), soma=soma, payload=Payload.UNIT))
        connections.append(
            Connection(
                source=names[k - 1], target=names[k], operator=_dense(rng, sizes[k - 1], n, 4)
            )
        )
    return Network(
        name=f"count-{seed}",
        inputs=(
            Input(
                name="x", shape=(sizes[0],), payload=Payload.UNIT, low=0, high=1,
                encoding=Encoding.EVENTS,
            ),
        ),
        populations=tuple(populations),
        connections=tuple(connections),
        readout=Readout(population="out", kind=ReadoutKind.COUNT, decision=Decision.ARGMAX),
        modes=(Mode.STEPWISE,),
        max_steps=max_steps,
    )  # fmt: skip


def inputs_for(network: Network, samples: int, *, seed: int = 0) -> np.ndarray:
    """Random inputs; the first is all zero, the second fires everywhere."""
    rng = np.random.default_rng(seed)
    source = network.inputs[0]
    shape: tuple[int, ...] = (samples, source.n)
    if source.encoding is Encoding.EVENTS:
        shape = (samples, network.max_steps, source.n)
    values = rng.integers(source.low, source.high + 1, shape) * (rng.random(shape) < 0.5)
    values[:1] = 0
    values[1:2] = source.high
    return values
