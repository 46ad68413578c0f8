"""A population with rows and columns, a connection into it, and a readout."""

import numpy as np

from spikewright.golden.spec import (
    Connection,
    Decision,
    Dense,
    Encoding,
    Fire,
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

__all__ = ["convolution", "map_network"]


def map_network(
    shape: tuple[int, ...], operator: Operator, source: tuple[int, ...] = (4, 8, 8)
) -> Network:
    """One population of a shape, and what reads it."""
    rng = np.random.default_rng(0)
    soma = Soma(fire=Fire.BINARY, threshold=4)
    n = int(np.prod(shape))
    return Network(
        name="map",
        inputs=(
            Input(
                name="x", shape=source, payload=Payload.UNIT, low=0, high=1, encoding=Encoding.ONCE
            ),
        ),
        populations=(
            Population(name="map", shape=shape, soma=soma, payload=Payload.UNIT),
            Population(name="out", shape=(5,), soma=Soma(fire=Fire.NONE), payload=Payload.UNIT),
        ),
        connections=(
            Connection(source="x", target="map", operator=operator),
            Connection(
                source="map",
                target="out",
                operator=Dense(weights=rng.integers(-3, 4, (n, 5)), weight_bits=3),
            ),
        ),
        readout=Readout(population="out", kind=ReadoutKind.MEMBRANE, decision=Decision.ARGMAX),
        modes=(Mode.STEPWISE,),
        max_steps=4,
    )


def convolution(
    weights: tuple[int, ...],
    *,
    stride: int = 1,
    padding: int = 1,
    dilation: int = 1,
    groups: int = 1,
) -> Window:
    """A convolution whose weights [out, in // groups, *kernel] are all 1."""
    n = len(weights) - 2
    return Window(
        kind=WindowKind.CONVOLUTION,
        kernel=weights[2:],
        stride=(stride,) * n,
        padding=(padding,) * n,
        dilation=(dilation,) * n,
        output_padding=(0,) * n,
        groups=groups,
        weights=np.ones(weights, dtype=np.int64),
        weight_bits=2,
    )
