"""What a network is made of: inputs, populations, connections and the readout."""

import enum
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec.normalise import (
    IntArray,
    choice,
    integer,
    integers,
    member,
    optional_integer,
    positive_real,
    put,
    text,
)
from spikewright.golden.spec.operators import Delta, Dense, Identity, Operator, Product, Window
from spikewright.golden.spec.soma import Payload, Soma

__all__ = [
    "Biquad",
    "Connection",
    "Decision",
    "Encoding",
    "Input",
    "Mode",
    "Population",
    "Readout",
    "ReadoutKind",
]


class Mode(enum.StrEnum):
    """How a network is run."""

    STEPWISE = "stepwise"
    SETTLE = "settle"
    COLLAPSED = "collapsed"


class Encoding(enum.StrEnum):
    """How the integer value x of an input neuron becomes payloads over T steps.

    ``once``: x in step 0. ``spread``: floor(x(t+1)/T) - floor(xt/T) in step t (total x).
    ``constant``: x in every step. ``events``: payloads are given per step. A payload of 0 is no
    spike. With b the bits of ``high``:

    ``threshold``: 1 in step 0 where x >= the input's threshold. ``rate``: 1 in a step where the
    next draw is below x, of mean x / 2**b; the draws are the upper b bits of Marsaglia's xorshift
    (Journal of Statistical Software 2003; shifts 13, 17, 5; 32 bits), begun anew from ``seed`` in
    every sample, one for each neuron whose x is not 0, in the order of their addresses. ``phase``:
    2**(b - 1 - t) in step t < b where x has that bit. ``latency``: 1 in step high - x where x >= 1,
    the time to the first spike.

    ``change``: in step 0 what x exceeds that of the sample before by, if its END kept it; else x.
    Such a network keeps all state at END(keep), as ``stepwise`` does: see ``Network.keeps_state``.
    """

    ONCE = "once"
    SPREAD = "spread"
    CONSTANT = "constant"
    EVENTS = "events"
    THRESHOLD = "threshold"
    RATE = "rate"
    PHASE = "phase"
    LATENCY = "latency"
    CHANGE = "change"

    @property
    def repeats(self) -> bool:
        """Whether spikes come in every step alike."""
        return self in (Encoding.EVENTS, Encoding.CONSTANT, Encoding.RATE)


class ReadoutKind(enum.StrEnum):
    """What is read of each neuron, at END.

    ``membrane``: v. ``count``: S, the net level emitted. ``first_spike``: how many steps before the
    end it fired first, that one counted; 0 if never, so that the earliest is the largest.
    ``maximum``: the largest v that any step ended with. ``stream``: not at END but in every step
    the level that it fires, or v of a population that never fires.
    """

    MEMBRANE = "membrane"
    COUNT = "count"
    FIRST_SPIKE = "first_spike"
    MAXIMUM = "maximum"
    STREAM = "stream"


class Decision(enum.StrEnum):
    """What is made of the values read.

    ``argmax``: the lowest index of the largest; of a population with more than one position, shape
    (channels, *space), the lowest channel of the largest at each position, in C order. ``raw``:
    nothing. ``filter``: a cascade of biquads over the steps of a stream.
    """

    ARGMAX = "argmax"
    RAW = "raw"
    FILTER = "filter"


def _shape(value: object, where: str) -> tuple[int, ...]:
    shape = integers(value, "shape", where, 1)
    if not shape:
        raise ConfigurationError("shape must have at least one dimension", found="()", where=where)
    return shape


@dataclass(frozen=True, kw_only=True)
class Input:
    """A source of spikes outside the network.

    ``low``/``high`` bound the integer value x of a neuron (for ``events``: each payload).
    ``step`` is the real value of one level, kept so that a host can encode raw data as
    x = clip(floor(value / step + 0.5), low, high); None where the data are integers already.
    ``threshold`` and ``seed`` (from 1 to 2**32 - 1) are those of the encodings that have one.
    """

    name: str
    shape: tuple[int, ...]
    payload: Payload
    low: int
    high: int
    encoding: Encoding
    step: float | None = None
    threshold: int | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        where = f"input {self.name!r}"
        put(
            self,
            name=text(self.name, "name", where),
            shape=_shape(self.shape, where),
            payload=choice(Payload, self.payload, "payload", where),
            low=integer(self.low, "low", where),
            high=integer(self.high, "high", where),
            encoding=choice(Encoding, self.encoding, "encoding", where),
            step=positive_real(self.step, "step", where),
            threshold=optional_integer(self.threshold, "threshold", where),
            seed=optional_integer(self.seed, "seed", where),
        )

    @cached_property
    def n(self) -> int:
        """Number of input neurons."""
        return prod(self.shape)

    @property
    def bits(self) -> int:
        """Bits of ``high``."""
        return max(self.high, 0).bit_length()

    @property
    def payloads(self) -> tuple[int, int]:
        """Lowest and highest payload; 0 is none."""
        if self.encoding in (Encoding.THRESHOLD, Encoding.RATE, Encoding.LATENCY):
            return 0, 1
        if self.encoding is Encoding.PHASE:
            return 0, 1 << max(0, self.bits - 1)
        if self.encoding is Encoding.CHANGE:
            span = self.high - self.low
            return min(self.low, -span), max(self.high, span)
        return self.low, self.high

    def least_steps(self) -> int:
        """Steps until the last spike of what is sent once, bit by bit or late; else 1."""
        if self.encoding is Encoding.PHASE:
            return max(1, self.bits)
        return max(1, self.high) if self.encoding is Encoding.LATENCY else 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Population:
    """Neurons of one soma configuration. ``payload`` is what its spikes carry step by step."""

    name: str
    shape: tuple[int, ...]
    soma: Soma
    payload: Payload

    def __post_init__(self) -> None:
        where = f"population {self.name!r}"
        member(self.soma, Soma, "soma", where)
        put(
            self,
            name=text(self.name, "name", where),
            shape=_shape(self.shape, where),
            payload=choice(Payload, self.payload, "payload", where),
        )

    @cached_property
    def n(self) -> int:
        """Number of neurons."""
        return prod(self.shape)

    @property
    def channels(self) -> int:
        """First dimension of the shape."""
        return self.shape[0]

    @property
    def positions(self) -> int:
        """Places that each channel has; 1 where the shape is (n,)."""
        return self.n // self.channels

    def per_neuron(self, values: IntArray) -> IntArray:
        """Spread a parameter vector of 1, ``channels`` or ``n`` entries over the n neurons."""
        if values.size == self.n:
            return values
        return np.repeat(values, self.n // values.size)


@dataclass(frozen=True, kw_only=True, eq=False)
class Connection:
    """``operator`` from ``source`` to ``target``.

    ``delay`` 1 reads the source's step before. Where steps do not count, in ``settle`` and
    ``collapsed``, it reads the sum of the spikes of the source's sample before, in the first step,
    if that sample's END kept it: a sample there is a step of the sequence that the network hears.
    """

    source: str
    target: str
    operator: Operator
    delay: int = 0

    def __post_init__(self) -> None:
        where = f"connection {self.source!r} -> {self.target!r}"
        member(self.operator, (Dense, Window, Identity, Product, Delta), "operator", where)
        put(
            self,
            source=text(self.source, "source", where),
            target=text(self.target, "target", where),
            delay=integer(self.delay, "delay", where, 0, 1),
        )

    @property
    def reads(self) -> tuple[str, ...]:
        """Every input or population whose spikes it needs, its source first."""
        if isinstance(self.operator, Product):
            return (self.source, self.operator.keys, self.operator.values)
        return (self.source,)


@dataclass(frozen=True, kw_only=True)
class Biquad:
    """A second-order low pass with error feedback, in direct form I.

    ::

        acc = b0 * (x + 2 * x1 + x2) - a1 * y1 - a2 * y2 + e
        y = acc >> shift;  e = acc - (y << shift)

    x1, x2, y1, y2 are x and y of the last two steps; they and e begin at 0. b0 follows from unit
    gain at rest; e carries what the shift cuts off, so that y comes to rest at x itself.
    """

    a1: int
    a2: int
    shift: int

    def __post_init__(self) -> None:
        shift = integer(self.shift, "shift", "biquad", 2, 30)
        a1 = integer(self.a1, "a1", "biquad")
        a2 = integer(self.a2, "a2", "biquad")
        one = 1 << shift
        if not (abs(a2) < one and abs(a1) < one + a2):
            raise ConfigurationError(
                f"a biquad must be stable: |a2| < {one} and |a1| < {one} + a2",
                found=f"a1 {a1}, a2 {a2}",
                where="biquad",
            )
        if (one + a1 + a2) % 4:
            raise ConfigurationError(
                "2**shift + a1 + a2 must be a multiple of 4, so that b0 is an integer",
                found=str(one + a1 + a2),
                where="biquad",
            )
        put(self, a1=a1, a2=a2, shift=shift)

    @property
    def b0(self) -> int:
        """The input's coefficient that makes the gain at rest exactly one."""
        return ((1 << self.shift) + self.a1 + self.a2) // 4


@dataclass(frozen=True, kw_only=True)
class Readout:
    """What is read of ``population``, and what is made of it.

    ``biquads`` filter a stream, each the output of the one before; what is read is first shifted
    left by ``fraction`` bits, which the values then have. With ``block`` each so many steps of a
    sample (fewer at its end) are filtered forwards, and the result backwards, both from rest.
    """

    population: str
    kind: ReadoutKind
    decision: Decision
    biquads: tuple[Biquad, ...] = ()
    fraction: int = 0
    block: int | None = None

    @property
    def every_step(self) -> bool:
        """Whether a population that never fires is read in every step, not at END."""
        return self.kind in (ReadoutKind.MAXIMUM, ReadoutKind.STREAM)

    def __post_init__(self) -> None:
        put(
            self,
            population=text(self.population, "population", "readout"),
            kind=choice(ReadoutKind, self.kind, "kind", "readout"),
            decision=choice(Decision, self.decision, "decision", "readout"),
            biquads=tuple(self.biquads),
            fraction=integer(self.fraction, "fraction", "readout", 0, 16),
            block=optional_integer(self.block, "block", "readout"),
        )
        for biquad in self.biquads:
            member(biquad, Biquad, "each biquad", "readout")
        if bool(self.biquads) != (self.decision is Decision.FILTER):
            raise ConfigurationError(
                "the decision filter, and no other, must have biquads",
                found=f"{len(self.biquads)} with decision {self.decision}",
                where="readout",
            )
        if not self.biquads and (self.fraction or self.block is not None):
            raise ConfigurationError(
                "fraction and block must come with biquads",
                found=f"fraction {self.fraction}, block {self.block}",
                where="readout",
            )
        if self.block is not None and self.block < 2:
            raise ConfigurationError(
                "a block must have at least 2 steps", found=str(self.block), where="readout"
            )
        streams = self.kind is ReadoutKind.STREAM
        able = (Decision.RAW, Decision.FILTER) if streams else (Decision.RAW, Decision.ARGMAX)
        if self.decision not in able:
            raise ConfigurationError(
                f"the decision about {self.kind} must be one of {', '.join(able)}",
                found=self.decision,
                where="readout",
            )
