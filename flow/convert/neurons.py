"""The populations of quantised stages: thresholds, biases, initial membranes, as integers.

Of levels that are sums, with acc the integer charge of a hidden neuron, it must reach
S = cut(floor((acc + c) / theta + offset)), where theta = spacing step / (scale |gain| unit), c
holds every constant, and spacing, offset and cut are those of its ``Levels``. With F fraction bits,
th = round(theta 2**F) and the constants are floor(c 2**F + offset th): exact for that th, since
floor((A + y) / th) = floor((A + floor(y)) / th) for integer A. A constant that meets zero padding
differs by position: then the bias is per neuron.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, log2

import numpy as np

from spikewright.flow.convert.config import MOST_AUTOMATIC_BITS
from spikewright.flow.convert.connect import Sender, constants, reach
from spikewright.flow.convert.method import Neuron
from spikewright.flow.convert.quantised import QuantisedStage, weight_limit
from spikewright.flow.importers import FloatArray, Shape
from spikewright.golden.errors import RangeError
from spikewright.golden.spec import (
    LIMITS,
    BiasWhen,
    Fire,
    IntArray,
    Leak,
    Payload,
    Population,
    Reset,
    Soma,
    int_vector,
)

__all__ = [
    "Neurons",
    "Wanted",
    "bias_vector",
    "check_register",
    "fraction_bits",
    "level_neurons",
    "readout_neurons",
    "real_values",
]

ROUNDING_LEVELS = 1 / 16
READOUT_RESOLUTION = 64
TOO_FINE = "convert with fewer fraction_bits"
TOO_LARGE = (
    "check the layer for a batch norm of almost no gain, and for a bias far above what its weights "
    "can add"
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Neurons:
    """A population, and what its connections need: fraction bits, and 1, -1 or 0 per channel."""

    population: Population
    fraction: int
    factor: IntArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Wanted:
    """What is asked of a population.

    ``shape`` : its own. ``given`` : fraction bits, None where they are chosen. ``most`` : of them,
    so that shifts fit. ``neuron`` : how it begins, fires and leaks. ``unsigned`` : nothing that was
    sent may be taken back.
    """

    shape: Shape
    given: int | None
    most: int
    neuron: Neuron
    unsigned: bool


def real_values(
    stage: QuantisedStage, senders: Mapping[str, Sender]
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Sign [channels], threshold [channels] and constant [channels, 1 or positions], in units."""
    assert stage.step is not None
    sign = np.where(stage.gain < 0, -1, 1)
    size = np.abs(stage.gain)
    constant = charge_constant(stage, senders)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        theta = stage.levels.spacing * stage.step / (stage.scale * size * stage.unit)
        c = sign[:, None] * constant + (stage.shift / (size * stage.unit))[:, None]
    return sign, theta, c


def charge_constant(stage: QuantisedStage, senders: Mapping[str, Sender]) -> FloatArray:
    """Every constant that comes before the norm, in units, [channels, 1 or positions]."""
    constant = stage.constant.reshape(len(stage.unit), -1) / stage.unit[:, None]
    for part in stage.branches:
        constant = constant + constants(part, senders[part.branch.source])
    return constant


def level_neurons(stage: QuantisedStage, senders: Mapping[str, Sender], wanted: Wanted) -> Neurons:
    """Hidden neurons whose level is the sum of what they send: exact in closed form."""
    sign, theta, c = real_values(stage, senders)
    fixed = _constant_levels(stage, senders, sign, theta, c)
    free = (fixed < 0).any(1)
    fraction = wanted.given
    if fraction is None:
        fraction = fraction_bits(theta[free], stage.levels.highest, wanted.most)
    threshold = np.full(len(sign), 2, dtype=np.int64)
    initial = np.ones(len(sign), dtype=np.int64)
    bias = 2 * fixed
    check_register(stage.name, fraction, theta[free], c[free])
    # A threshold below one half saturates at the first unit of charge: 1 does so too.
    threshold[free] = np.maximum(1, np.floor(theta[free] * 2.0**fraction + 0.5)).astype(np.int64)
    ahead = stage.levels.offset * threshold[free]
    initial[free] = np.floor(ahead).astype(np.int64)
    whole = np.floor(c[free] * 2.0**fraction + ahead[:, None]).astype(np.int64)
    bias[free] = whole - initial[free, None]
    leak = wanted.neuron.leak
    if stage.levels.powers:
        soma = Soma(
            fire=Fire.ONEHOT,
            threshold=int_vector(threshold),
            initial_v=int_vector(initial),
            bias=bias_vector(bias),
            bias_when=BiasWhen.FIRST,
            reset=Reset.NONE,  # the sample ends with the step
            max_level=stage.levels.highest,
        )
        payload = Payload.UNIT if stage.levels.highest == 1 else Payload.SHIFT
    else:
        payload = Payload.UNIT if wanted.unsigned else Payload.SIGN
        soma = Soma(
            fire=Fire.BINARY if wanted.unsigned else Fire.TERNARY,
            threshold=int_vector(threshold),
            threshold_negative=None if wanted.unsigned else int_vector(1),
            initial_v=int_vector(initial),
            bias=bias_vector(bias),
            bias_when=BiasWhen.FIRST,
            reset=Reset.SUBTRACT,
            leak_v=None if leak is None else Leak(multiplier=(1 << leak) - 1, shift=leak),
            s_min=None if wanted.unsigned else 0,
            s_max=stage.levels.highest,
        )
    population = Population(name=stage.name, shape=wanted.shape, soma=soma, payload=payload)
    return Neurons(population=population, fraction=fraction, factor=sign * free)


def _constant_levels(
    stage: QuantisedStage,
    senders: Mapping[str, Sender],
    sign: IntArray,
    theta: FloatArray,
    c: FloatArray,
) -> IntArray:
    """The level of each neuron that no legal input can change, -1 for all others.

    Channels of nothing else (dead, or with a gain of zero) need no synapse, and their threshold
    may be out of any range.
    """
    lowest = highest = np.zeros(len(sign), dtype=np.int64)
    for part in stage.branches:
        least, most = reach(part, senders[part.branch.source], sign)
        lowest, highest = lowest + least, highest + most
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        low, high = (
            stage.levels.cut(np.floor((acc[:, None] + c) / theta[:, None] + stage.levels.offset))
            for acc in (lowest, highest)
        )
    assert stage.step is not None
    still = stage.scale * stage.shift / (stage.levels.spacing * stage.step)
    still = stage.levels.cut(np.floor(still + stage.levels.offset))
    no_gain = (stage.gain == 0) | (stage.scale == 0)
    result = np.where(low == high, low, -1)
    return np.where(no_gain[:, None], still[:, None], result).astype(np.int64)


def readout_neurons(
    stage: QuantisedStage,
    senders: Mapping[str, Sender],
    *,
    shape: Shape,
    given: int | None,
    bias_when: BiasWhen = BiasWhen.FIRST,
    leak: int | None = None,
) -> Neurons:
    """Membranes that add up what they hear; with ``leak`` k they lose a 2**k-th in each step."""
    constant = charge_constant(stage, senders)
    fraction = given
    if fraction is None:
        largest = max(
            senders[part.branch.source].high
            * (weight_limit(stage.weight_bits) if part.codes is not None else 1 << part.exponent)
            for part in stage.branches
        )
        fraction = max(0, ceil(log2(READOUT_RESOLUTION / largest)))
    check_register(stage.name, fraction, constant)
    soma = Soma(
        fire=Fire.NONE,
        bias=bias_vector(np.floor(constant * 2.0**fraction + 0.5).astype(np.int64)),
        bias_when=bias_when,
        reset=Reset.NONE,
        leak_v=None if leak is None else Leak(multiplier=(1 << leak) - 1, shift=leak),
    )
    population = Population(name=stage.name, shape=shape, soma=soma, payload=Payload.GRADED)
    ones = np.ones(len(stage.unit), dtype=np.int64)
    return Neurons(population=population, fraction=fraction, factor=ones)


def bias_vector(values: IntArray) -> IntArray:
    """A bias [channels, 1 or positions], per channel where positions do not differ."""
    if (values == values[:, :1]).all():
        return int_vector(values[:, 0])
    return int_vector(values.reshape(-1))


def fraction_bits(theta: FloatArray, levels: int, most: int) -> int:
    """The fewest bits that keep half a unit of threshold, S times over, below 1/16 level."""
    if theta.size == 0:
        return 0
    needed = levels / 2 / ROUNDING_LEVELS / float(theta.min())
    return int(np.clip(ceil(log2(needed)), 0, min(MOST_AUTOMATIC_BITS, most)))


def check_register(name: str, fraction: int, *values: FloatArray) -> None:
    """Thresholds and biases, in units, fit a register with ``fraction`` bits more."""
    limit = 2.0 ** (LIMITS.register - 1)
    magnitudes = np.abs(np.concatenate([array.reshape(-1) for array in values]))
    largest = float(magnitudes.max(initial=0.0))
    if not largest * 2.0**fraction < limit:
        raise RangeError(
            f"thresholds and biases must fit {LIMITS.register} bits",
            found=f"{largest * 2.0**fraction:.3g}",
            where=name,
            action=TOO_FINE if largest < limit else TOO_LARGE,
        )
