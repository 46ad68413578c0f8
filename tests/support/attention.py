"""A block of spiking self-attention, of dyadic LIF neurons, and single products."""

from collections.abc import Sequence

import numpy as np

from spikewright.golden.spec import (
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
    Payload,
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
    "ATTENTION_THRESHOLD",
    "attention_block",
    "attention_inputs",
    "events_of",
    "lif",
    "product_network",
]

RANGES = {
    "unit": (Payload.UNIT, 0, 1),
    "sign": (Payload.SIGN, -1, 1),
    "graded": (Payload.GRADED, -3, 5),
    "count": (Payload.GRADED, 0, 3),
}

# u = 8 v makes v = (v + y / 8) / 2 >= 1/2 an integer rule, of a scale of 0.125.
ATTENTION_THRESHOLD = 4


def lif(threshold: int) -> Soma:
    """v = (v + x) >> 1, fires at the threshold and begins anew at 0."""
    return Soma(
        fire=Fire.BINARY,
        threshold=threshold,
        reset=Reset.VALUE,
        reset_value=0,
        leak_v=Leak(multiplier=1, shift=1),
        leak_order=LeakOrder.AFTER,
    )


def attention_block(
    channels: int,
    tokens: tuple[int, ...],
    *,
    heads: int,
    seed: int,
    bits: int = 3,
    threshold: int = 2,
    classes: int = 3,
    max_steps: int = 8,
) -> Network:
    """x -> q, k, v -> a = q (k^T v) -> p, and p with x beside it -> out.

    Every linear map over channels is a window of kernel 1, so that all tokens share its weights.
    """
    rng = np.random.default_rng(seed)
    shape, ones, none = (channels, *tokens), (1,) * len(tokens), (0,) * len(tokens)
    limit = 1 << (bits - 1)

    def linear() -> Window:
        weights = rng.integers(-limit // 2, limit, (channels, channels, *ones))
        return Window(
            kind=WindowKind.CONVOLUTION,
            kernel=ones,
            stride=ones,
            padding=none,
            dilation=ones,
            output_padding=none,
            weights=weights,
            weight_bits=bits,
        )

    def spiking(name: str, least: int) -> Population:
        return Population(name=name, shape=shape, soma=lif(least), payload=Payload.UNIT)

    def read(n: int) -> Dense:
        return Dense(weights=rng.integers(-limit, limit, (n, classes)), weight_bits=bits)

    n = channels * int(np.prod(tokens))
    product = Product(keys="k", values="v", heads=heads)
    out = Population(name="out", shape=(classes,), soma=Soma(fire=Fire.NONE), payload=Payload.UNIT)
    return Network(
        name="attention",
        inputs=(
            Input(
                name="x", shape=shape, payload=Payload.UNIT, low=0, high=1, encoding=Encoding.EVENTS
            ),
        ),
        populations=(
            *(spiking(name, threshold) for name in "qkv"),
            spiking("a", ATTENTION_THRESHOLD),
            spiking("p", threshold),
            out,
        ),
        connections=(
            *(Connection(source="x", target=name, operator=linear()) for name in "qkv"),
            Connection(source="q", target="a", operator=product),
            Connection(source="a", target="p", operator=linear()),
            Connection(source="x", target="p", operator=Identity()),
            Connection(source="p", target="out", operator=read(n)),
        ),
        readout=Readout(population="out", kind=ReadoutKind.MEMBRANE, decision=Decision.ARGMAX),
        modes=(Mode.STEPWISE,),
        max_steps=max_steps,
    )


def events_of(
    network: Network, *, batch: int, steps: int, seed: int, share: float = 0.4
) -> dict[str, np.ndarray]:
    """Events [batch, steps, n] of every input, a ``share`` of them not silent."""
    rng = np.random.default_rng(seed)
    return {
        each.name: rng.integers(each.low, each.high + 1, (batch, steps, each.n))
        * (rng.random((batch, steps, each.n)) < share)
        for each in network.inputs
    }


def attention_inputs(
    network: Network, *, batch: int, steps: int, seed: int, share: float = 0.4
) -> dict[str, np.ndarray]:
    """Spikes of x, [batch, steps, n]."""
    rng = np.random.default_rng(seed)
    n = network.inputs[0].n
    return {"x": (rng.random((batch, steps, n)) < share).astype(np.int64)}


def product_network(
    kinds: Sequence[str],
    *,
    heads: int = 2,
    features: tuple[int, int] = (2, 2),
    space: tuple[int, ...] = (5,),
    keys: tuple[int, ...] | None = None,
    shift: int = 0,
    delay: int = 0,
    beside: bool = True,
) -> Network:
    """q, k and v from outside, of payloads ``kinds``; their product, and q itself ``beside`` it."""
    query, value = heads * features[0], heads * features[1]
    keys = space if keys is None else keys
    shapes = ((query, *space), (query, *keys), (value, *keys))
    inputs = tuple(
        Input(
            name=name,
            shape=shape,
            payload=RANGES[kind][0],
            low=RANGES[kind][1],
            high=RANGES[kind][2],
            encoding="events",
        )
        for name, shape, kind in zip("qkv", shapes, kinds, strict=True)
    )
    target = (value, *space)
    soma = Soma(fire=Fire.TERNARY, threshold=2, threshold_negative=3)
    operator = Product(keys="k", values="v", heads=heads, shift=shift)
    connections = [Connection(source="q", target="a", operator=operator, delay=delay)]
    if beside:
        connections.append(Connection(source="q", target="a", operator=Identity()))
    return Network(
        name="single",
        inputs=inputs,
        populations=(Population(name="a", shape=target, soma=soma, payload=Payload.SIGN),),
        connections=tuple(connections),
        readout=Readout(population="a", kind="count", decision="raw"),
        modes=(Mode.STEPWISE,),
        max_steps=8,
    )
