"""The soma: what one neuron does once per step."""

import enum
from dataclasses import dataclass, field
from types import NoneType

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec.normalise import (
    IntArray,
    boolean,
    choice,
    int_vector,
    integer,
    member,
    optional_integer,
    put,
)

__all__ = ["BiasWhen", "Fire", "Leak", "LeakOrder", "Payload", "Phases", "Reset", "Soma"]

MAX_LEAK_SHIFT = 16
MAX_LEVEL = (1 << 15) - 1  # a payload has at most 16 bits, sign included
MAX_REFRACTORY = 255


class Fire(enum.StrEnum):
    """How a membrane becomes a spike level; the comparison is always ``>=``.

    ``none``: never (readouts, linear memories). ``binary``: 1 if v >= th, and S < s_max where it
    is given. ``ternary``: +1 if v >= th and S < s_max, else -1 if v <= -th_n and S > s_min.
    ``onehot``: 2**floor(log2(v / th)) if v >= th, capped at ``max_level``. ``burst``: binary or
    (with ``threshold_negative``) ternary, repeated up to ``max_level`` times in the step.
    ``pattern``: ``max_level`` >> k in step k of those in which ``phases`` lets it fire, where v is
    at least th times as much: the bits of floor(v / th), the highest first.
    """

    NONE = "none"
    BINARY = "binary"
    TERNARY = "ternary"
    ONEHOT = "onehot"
    BURST = "burst"
    PATTERN = "pattern"


class Payload(enum.StrEnum):
    """What a spike carries, cheapest first; a property of the population that emits it."""

    UNIT = "unit"
    SIGN = "sign"
    SHIFT = "shift"
    GRADED = "graded"


class Reset(enum.StrEnum):
    """What firing does to the membrane."""

    NONE = "none"
    SUBTRACT = "subtract"
    VALUE = "value"


class BiasWhen(enum.StrEnum):
    """Whether the bias enters on every step, or on the first step after a reset only."""

    EVERY = "every"
    FIRST = "first"


class LeakOrder(enum.StrEnum):
    """``before``: v = leak(v) + I. ``after``: v = leak(v + I)."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, kw_only=True)
class Leak:
    """leak(z) = (multiplier * z) >> shift, arithmetic shift (floor), multiplier odd.

    1 <= multiplier < 2**shift, so that a leak always shrinks.
    """

    multiplier: int = 1
    shift: int = 1

    def __post_init__(self) -> None:
        shift = integer(self.shift, "shift", "leak", 1, MAX_LEAK_SHIFT)
        multiplier = integer(self.multiplier, "multiplier", "leak", 1, (1 << shift) - 1)
        if multiplier % 2 == 0:
            raise ConfigurationError(
                "multiplier must be odd",
                found=str(multiplier),
                where="leak",
                action="halve it and take one off the shift",
            )
        put(self, multiplier=multiplier, shift=shift)


@dataclass(frozen=True, kw_only=True, eq=False)
class Phases:
    """First only receive, then fire, in a window of steps: codes in which time counts.

    In the first ``receive`` steps of a sample nothing fires. In the step after, the neuron may fire
    for ``fire`` steps (None: to the end of the sample), and a current, where it has one, is
    ``slope`` in place of what its leak leaves. ``slope`` is a vector as the threshold is, and None
    without ``current``.

    Time to the first spike: with ``current``, no leaks, ``s_max`` 1, threshold slope * (L + 1) and
    L steps to receive and to fire, a neuron that receives spikes x steps before the end of its
    phase (weight w, v0 the initial membrane) fires clip(floor((v0 + sum w * x) / slope), 0, L)
    steps before the end of its own: Stanojevic et al. (Nature Communications 2024), in integers.

    Bits: with ``Fire.PATTERN`` and b steps to fire, the spikes of a window add up to
    clip(floor((v0 + sum I) / th), 0, 2**b - 1): the temporal pattern code of Rueckauer's thesis.
    """

    receive: int
    fire: int | None = None
    slope: IntArray | None = None

    def __post_init__(self) -> None:
        put(
            self,
            receive=integer(self.receive, "receive", "phases", 0),
            fire=optional_integer(self.fire, "fire", "phases"),
        )
        if self.slope is not None:
            put(self, slope=int_vector(self.slope, "slope", "phases"))
        if self.fire is not None and self.fire < 1:
            raise ConfigurationError(
                "fire must be at least 1", found=str(self.fire), where="phases"
            )

    @property
    def last(self) -> int:
        """The first step from which all are alike."""
        return self.receive + (self.fire or 0)

    def may_fire(self, step: int) -> bool:
        """Whether a neuron may fire in that step of a sample, from 0."""
        return step >= self.receive and (self.fire is None or step < self.last)


@dataclass(frozen=True, kw_only=True, eq=False)
class Soma:
    """What a neuron does once per step, with I the step's accumulated input plus bias.

    ::

        i = leak_i(i) + I;  I = i                      only where ``current``
        v = leak_v(v) + I   |   leak_v(v + I)          ``leak_order``
        v -= level' * reset_amount                     ``reset_delay``: the reset of the step before
        v = clip(v, v_min, v_max)
        level = fire(v, S);  reset;  S += level

    With ``reset_delay`` the reset that step t earned is applied in step t + 1, after the leak and
    the input and before the clip; v as compared and read in step t is not yet reset.
    ``threshold_negative`` is th_n: a ternary neuron fires -1 where v <= -th_n (1 means v < 0).
    Without a reset th_n may be as low as 1 - th: with s_min 0 and s_max 1 such a neuron tells when
    its membrane crosses the threshold, +1 upwards and -1 downwards.
    ``reset_amount`` defaults to the threshold. ``reset_value`` is used by ``Reset.VALUE``.
    ``s_min``/``s_max`` bound the tracer S (net level emitted since the last reset of the state).
    ``refractory``: in so many steps after a spike the neuron fires nothing and v stays as it is,
    without leak or input; the current goes on (as of Lava's LIFRefractory).
    ``phases``: when it only receives, and when it fires.
    """

    fire: Fire
    threshold: IntArray = field(default_factory=lambda: int_vector(1))
    threshold_negative: IntArray | None = None
    initial_v: IntArray = field(default_factory=lambda: int_vector(0))
    bias: IntArray = field(default_factory=lambda: int_vector(0))
    bias_when: BiasWhen = BiasWhen.EVERY
    reset: Reset = Reset.SUBTRACT
    reset_amount: IntArray | None = None
    reset_value: int = 0
    reset_delay: bool = False
    leak_v: Leak | None = None
    leak_order: LeakOrder = LeakOrder.BEFORE
    current: bool = False
    leak_i: Leak | None = None
    v_min: int | None = None
    v_max: int | None = None
    s_min: int | None = None
    s_max: int | None = None
    max_level: int = 1
    refractory: int = 0
    phases: Phases | None = None

    def __post_init__(self) -> None:
        for name in ("threshold", "initial_v", "bias"):
            put(self, **{name: int_vector(getattr(self, name), name, "soma")})
        for name in ("threshold_negative", "reset_amount"):
            value = getattr(self, name)
            if value is not None:
                put(self, **{name: int_vector(value, name, "soma")})
        for name in ("v_min", "v_max", "s_min", "s_max"):
            put(self, **{name: optional_integer(getattr(self, name), name, "soma")})
        for name in ("leak_v", "leak_i"):
            member(getattr(self, name), (Leak, NoneType), name, "soma")
        member(self.phases, (Phases, NoneType), "phases", "soma")
        put(
            self,
            fire=choice(Fire, self.fire, "fire", "soma"),
            bias_when=choice(BiasWhen, self.bias_when, "bias_when", "soma"),
            reset=choice(Reset, self.reset, "reset", "soma"),
            leak_order=choice(LeakOrder, self.leak_order, "leak_order", "soma"),
            reset_value=integer(self.reset_value, "reset_value", "soma"),
            reset_delay=boolean(self.reset_delay, "reset_delay", "soma"),
            current=boolean(self.current, "current", "soma"),
            max_level=integer(self.max_level, "max_level", "soma", 1, MAX_LEVEL),
            refractory=integer(self.refractory, "refractory", "soma", 0, MAX_REFRACTORY),
        )

    @property
    def amount(self) -> IntArray:
        """What one level takes off the membrane: ``reset_amount``, or the threshold."""
        return self.threshold if self.reset_amount is None else self.reset_amount

    @property
    def changes_alone(self) -> bool:
        """Whether a step does more than add its input: a leak, a clip, or a bias every step."""
        return self.changes_still or (self.bias_when is BiasWhen.EVERY and bool(self.bias.any()))

    @property
    def changes_still(self) -> bool:
        """The same without a bias: a leak, or a clip."""
        leaks = self.leak_v is not None or self.current
        return leaks or self.v_min is not None or self.v_max is not None

    @property
    def traced(self) -> bool:
        """Whether a tracer register S is needed."""
        return self.s_min is not None or self.s_max is not None

    @property
    def levels(self) -> tuple[int, int]:
        """Lowest and highest level that one step can emit."""
        if self.fire is Fire.NONE:
            return 0, 0
        many = self.fire in (Fire.ONEHOT, Fire.BURST, Fire.PATTERN)
        high = self.max_level if many else 1
        return (-high if self.threshold_negative is not None else 0), high

    @property
    def fires_powers(self) -> bool:
        """Whether every level is a power of two, with its sign."""
        return self.fire in (Fire.ONEHOT, Fire.PATTERN) or self.levels[1] <= 2
