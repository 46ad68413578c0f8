"""Legendre memory units: in spikes alone (L2MU), and with a linear memory of levels.

A memory of order d sees its input u over a sliding window of theta steps by d coefficients of
Legendre polynomials (Voelker, Kajic and Eliasmith, NeurIPS 2019)::

    m[t] = A m[t - 1] + B u[t]

with the Pade approximants of a delay of theta, held for a step (zero-order hold).

**L2MU** (Fra, Leto, Pignata, Macii and Urgese, ICANN 2024; Leto, Urgese, Macii and Fra, NICE 2025)
makes every part a population of leaky neurons, here as in the authors' published code
(neuromorphic-polito/L2MU-Braille), where S are spikes::

    u: v = leak(v) + E_x S_x[t] + E_h S_h[t - 1] + E_m S_m[t - 1] - th * S_u[t - 1]
    m: v = leak(v) + A S_m[t - 1] + B S_u[t] - th * S_m[t - 1]
    h: v = leak(v) + W_x S_x[t] + W_h S_h[t - 1] + W_m S_m[t] - th * S_h[t - 1]
    o: v = leak(v) + W_o S_h[t] - th * S_o[t - 1]

and the class is that of the most spikes of o. A and B, the same for all memories, stay; weights,
thresholds and leaks are trained. The comparison is v >= th, theirs v > th: between reals that is
the same. Their reset, that of snnTorch, comes a step late, too. Their code multiplies by the
transpose of A; here it is A, as in the equation. The first of the papers has an input module in
front, which makes spikes of raw signals; here what comes in are spikes already, or levels.

**Linear memory.** What leaves a neuron are spikes, so a linear m must send its value: as levels,
m = th * level, of which each step sends anew what v holds of whole th's and keeps the rest::

    v = v + A' level[t - 1] + B' u[t];  level = floor(v / th);  v -= th * level

with A' = round(A th). That is the recurrence above but for the rest, which is not lost: it is in
the next step, so that errors of rounding do not add up. v0 = th / 2 makes floor the nearest.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.linalg

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import (
    Connection,
    Decision,
    Dense,
    Encoding,
    Fire,
    Input,
    IntArray,
    Leak,
    Mode,
    Network,
    Payload,
    Population,
    Readout,
    ReadoutKind,
    Soma,
)

__all__ = ["FROZEN", "LegendreConfig", "l2mu", "legendre", "linear_memory"]

FloatArray = npt.NDArray[np.float64]
FROZEN = (("u", "m"), ("m", "m"), ("in", "m"))
"""Connections of both kinds of networks that hold A and B, and are not trained."""

LEVELS = 127
UNIT = 32  # levels of a linear memory that an input is worth
THRESHOLD = 256
WIDE = 2.5  # standard deviations that weights are drawn within
MEMORY_THRESHOLD = 0.2  # half of what the authors found for Braille letters: it is trained


def legendre(order: int, theta: float) -> tuple[FloatArray, FloatArray]:
    """A [order, order] and B [order] of a window of ``theta`` steps.

    ``order``, ``theta``: at least 1. The continuous A_ij is (2i + 1) / theta times -1 where i < j,
    else (-1)^(i - j + 1), and B_i is (2i + 1) (-1)^i / theta.
    """
    if order < 1 or not theta >= 1:
        raise ConfigurationError(
            "order and theta must be at least 1", found=f"{order}, {theta}", where="legendre"
        )
    i, j = np.arange(order)[:, None], np.arange(order)[None]
    signs = np.where(i < j, -1.0, (-1.0) ** (i - j + 1))
    whole = np.zeros((order + 1, order + 1))
    whole[:order, :order] = signs * (2 * i + 1) / theta
    whole[:order, order] = ((-1.0) ** i * (2 * i + 1) / theta)[:, 0]
    held = scipy.linalg.expm(whole)
    return held[:order, :order], held[:order, order]


@dataclass(frozen=True, kw_only=True)
class LegendreConfig:
    """Sizes and numbers of a network with Legendre memories.

    Parameters
    ----------
    name : of the network. inputs, hidden, classes : neurons.
    high : inputs are events from 0 to this. steps : of a sample.
    memories, order, theta : how many memories, of which order, over how many steps. A linear memory
        hears one input each, and there are as many as inputs.
    weight_bits : of all weights but those of the memories, which have ``memory_bits``.
    leaks : what a step leaves to begin with, of u, m, h and the output, as m / 2**k.

    Raises
    ------
    ConfigurationError
        If a number is not legal.
    """

    name: str
    inputs: int
    hidden: int
    classes: int
    steps: int
    memories: int
    order: int
    theta: float
    high: int = 1
    weight_bits: int = 6
    memory_bits: int = 8
    leaks: Sequence[Leak] = (Leak(), Leak(), Leak(), Leak(multiplier=7, shift=3))

    def __post_init__(self) -> None:
        for key in ("inputs", "hidden", "classes", "steps", "memories", "order", "high"):
            value = getattr(self, key)
            if type(value) is not int or value < 1:
                raise ConfigurationError(
                    "must be an integer of at least 1", found=repr(value), where=key
                )
        if len(self.leaks) != 4:
            raise ConfigurationError(
                "leaks must be those of u, m, h and the output",
                found=f"{len(self.leaks)} leaks",
                where="leaks",
            )

    @property
    def source(self) -> Input:
        """What comes in."""
        return Input(
            name="in",
            shape=(self.inputs,),
            payload=Payload.UNIT if self.high == 1 else Payload.GRADED,
            low=0,
            high=self.high,
            encoding=Encoding.EVENTS,
        )


def l2mu(config: LegendreConfig, seed: int = 0) -> Network:
    """An untrained L2MU; weights are drawn by ``seed``."""
    draw = _Draw(seed, config.weight_bits)
    a, b = legendre(config.order, config.theta)
    most = (1 << (config.memory_bits - 1)) - 1
    scale = most / max(np.abs(a).max(), np.abs(b).max())
    n = config.memories * config.order
    sizes = {"u": config.memories, "m": n, "h": config.hidden, "out": config.classes}
    thresholds = dict.fromkeys(sizes, THRESHOLD) | {"m": max(1, round(MEMORY_THRESHOLD * scale))}

    def memory(weights: FloatArray) -> Dense:
        codes = np.rint(weights * scale).astype(np.int64)
        return Dense(
            weights=np.broadcast_to(codes, (config.memories, *codes.shape)),
            weight_bits=config.memory_bits,
        )

    into, back, on = (
        gain / size**0.5
        for gain, size in ((2 / config.high, config.inputs), (1, config.hidden), (3, config.hidden))
    )
    wires: list[tuple[str, str, Dense, int]] = [
        ("in", "u", draw.dense(config.inputs, config.memories, into), 0),
        ("h", "u", draw.dense(config.hidden, config.memories, back), 1),
        ("m", "u", draw.dense(n, config.memories, 0.1 / n**0.5), 1),
        ("m", "m", memory(a.T), 1),
        ("u", "m", memory(b[None]), 0),
        ("in", "h", draw.dense(config.inputs, config.hidden, into), 0),
        ("h", "h", draw.dense(config.hidden, config.hidden, back), 1),
        ("m", "h", draw.dense(n, config.hidden, 2 / n**0.5), 0),
        ("h", "out", draw.dense(config.hidden, config.classes, on), 0),
    ]
    return Network(
        name=config.name,
        inputs=(config.source,),
        populations=tuple(
            Population(
                name=name,
                shape=(size,),
                soma=Soma(
                    fire=Fire.BINARY,
                    threshold=np.array([thresholds[name]]),
                    reset_delay=True,
                    leak_v=leak,
                ),
                payload=Payload.UNIT,
            )
            for (name, size), leak in zip(sizes.items(), config.leaks, strict=True)
        ),
        connections=_connections(wires),
        readout=Readout(population="out", kind=ReadoutKind.COUNT, decision=Decision.ARGMAX),
        modes=(Mode.STEPWISE,),
        max_steps=config.steps,
    )


def linear_memory(config: LegendreConfig, seed: int = 0) -> Network:
    """An untrained network of linear memories of each input, leaky neurons, and a membrane.

    Of ``leaks`` those of h and the output are taken; the output never fires.
    """
    if config.memories != config.inputs:
        raise ConfigurationError(
            "there must be a linear memory for each input",
            found=f"{config.memories} memories of {config.inputs} inputs",
            where="memories",
        )
    draw = _Draw(seed, config.weight_bits)
    a, b = legendre(config.order, config.theta)
    most = (1 << (config.memory_bits - 1)) - 1
    # Codes of A are as fine as their bits allow; those of B are shifted until an input of 1 is
    # worth UNIT levels, or as near as a power of two comes.
    threshold = int(most / np.abs(a).max())
    fine = 2.0 ** np.floor(np.log2(most / (np.abs(b).max() * threshold)))
    shift = max(0, round(np.log2(UNIT / config.high / fine)))
    unit = fine * 2**shift
    n = config.inputs * config.order

    def memory(weights: FloatArray, scale: float, shift: int = 0) -> Dense:
        codes = np.rint(weights * scale).astype(np.int64)
        return Dense(
            weights=np.broadcast_to(codes, (config.inputs, *codes.shape)),
            weight_bits=config.memory_bits,
            shift=shift,
        )

    memories = Soma(
        fire=Fire.BURST,
        threshold=np.array([threshold]),
        threshold_negative=np.array([1]),
        initial_v=np.array([threshold // 2]),
        max_level=LEVELS,
    )
    wires = [
        ("m", "m", memory(a.T, threshold), 1),
        ("in", "m", memory(b[None], fine * threshold, shift), 0),
        ("m", "h", draw.dense(n, config.hidden, 3 / (n**0.5 * unit * config.high)), 0),
        ("h", "out", draw.dense(config.hidden, config.classes, 1 / config.hidden**0.5), 0),
    ]
    return Network(
        name=config.name,
        inputs=(config.source,),
        populations=(
            Population(name="m", shape=(n,), soma=memories, payload=Payload.GRADED),
            Population(
                name="h",
                shape=(config.hidden,),
                soma=Soma(
                    fire=Fire.BINARY, threshold=np.array([THRESHOLD]), leak_v=config.leaks[2]
                ),
                payload=Payload.UNIT,
            ),
            Population(
                name="out",
                shape=(config.classes,),
                soma=Soma(fire=Fire.NONE, leak_v=config.leaks[3]),
                payload=Payload.UNIT,
            ),
        ),
        connections=_connections(wires),
        readout=Readout(population="out", kind=ReadoutKind.MEMBRANE, decision=Decision.ARGMAX),
        modes=(Mode.STEPWISE,),
        max_steps=config.steps,
    )


class _Draw:
    """Weights in units of a threshold, by a seed."""

    def __init__(self, seed: int, bits: int) -> None:
        self.rng, self.bits = np.random.default_rng(seed), bits

    def dense(self, pre: int, post: int, spread: float) -> Dense:
        """Normal weights of that standard deviation, in thresholds, as codes and a shift."""
        most = (1 << (self.bits - 1)) - 1
        wide = WIDE * spread * THRESHOLD
        shift = max(0, int(np.ceil(np.log2(wide / most))))
        codes = np.rint(self.rng.standard_normal((pre, post)) * spread * THRESHOLD / 2**shift)
        weights: IntArray = codes.clip(-most, most).astype(np.int64)
        return Dense(weights=weights, weight_bits=self.bits, shift=shift)


def _connections(wires: Sequence[tuple[str, str, Dense, int]]) -> tuple[Connection, ...]:
    return tuple(
        Connection(source=source, target=target, operator=operator, delay=delay)
        for source, target, operator, delay in wires
    )
