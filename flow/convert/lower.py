"""Quantised layers become one integer network: thresholds, biases, initial membranes.

With acc the integer sum of codes times payloads, a hidden neuron must reach
S = clip(floor((acc + c) / theta + 1/2), 0, levels), where theta = step / (scale |gain| weight_step
p) and c holds every constant. With F fraction bits, th = round(theta 2**F) and the constants are
floor(c 2**F + th / 2): exact for that th, since floor((A + y) / th) = floor((A + floor(y)) / th)
for integer A.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log2, prod

import numpy as np

from spikewright.flow.convert.calibrate import InputRange
from spikewright.flow.convert.config import ConvertConfig
from spikewright.flow.convert.layers import QuantisedLayer, weight_limit
from spikewright.flow.importers import FloatArray
from spikewright.golden.errors import RangeError
from spikewright.golden.spec import (
    BiasWhen,
    Connection,
    Decision,
    Dense,
    Fire,
    Input,
    IntArray,
    Mode,
    Network,
    Payload,
    Population,
    Readout,
    ReadoutKind,
    Reset,
    Soma,
    int_vector,
)

__all__ = ["Lowered", "lower"]

MOST_AUTOMATIC_BITS = 8
ROUNDING_LEVELS = 1 / 16
READOUT_RESOLUTION = 64
INT_LIMIT = float(2**62)


@dataclass(frozen=True, kw_only=True, eq=False)
class Lowered:
    """The network, and the real value of one unit of its readout."""

    network: Network
    logit_step: float


@dataclass(frozen=True, kw_only=True, eq=False)
class _Source:
    """Who sends: payloads within low..high for each of its neurons, each worth ``step``."""

    name: str
    low: int
    high: int
    step: float


def lower(
    layers: Sequence[QuantisedLayer],
    *,
    shape: tuple[int, ...],
    input_range: InputRange,
    config: ConvertConfig,
    provenance: dict[str, str],
) -> Lowered:
    """Integers for ``layers``; the last is the readout."""
    spikes = Input(
        name="input",
        shape=(prod(shape),),
        payload=_input_payload(input_range, config),
        low=input_range.low,
        high=input_range.high,
        encoding=config.encoding,
        step=input_range.step,
    )
    source = _Source(
        name="input", low=input_range.low, high=input_range.high, step=input_range.step
    )
    populations, connections = [], []
    for index, layer in enumerate(layers[:-1], start=1):
        name = f"hidden{index}"
        population, connection = _hidden(name, layer, source, config)
        populations.append(population)
        connections.append(connection)
        assert layer.step is not None
        source = _Source(name=name, low=0, high=layer.levels, step=layer.step)
    population, connection, logit_step = _readout(layers[-1], source, config)
    network = Network(
        name=config.name,
        inputs=(spikes,),
        populations=(*populations, population),
        connections=(*connections, connection),
        readout=Readout(population="readout", kind=ReadoutKind.MEMBRANE, decision=Decision.ARGMAX),
        modes=(Mode.STEPWISE, Mode.SETTLE, Mode.COLLAPSED),
        max_steps=config.max_steps,
        provenance=provenance,
    )
    return Lowered(network=network, logit_step=logit_step)


def _input_payload(levels: InputRange, config: ConvertConfig) -> Payload:
    if levels.high > 1:
        return Payload.GRADED
    return Payload.SIGN if levels.low < 0 else Payload.UNIT


def _hidden(
    name: str, layer: QuantisedLayer, source: _Source, config: ConvertConfig
) -> tuple[Population, Connection]:
    assert layer.step is not None
    sign = np.where(layer.gain < 0, -1, 1)
    codes = layer.codes * sign[:, None] * layer.source_sign
    size = np.abs(layer.gain)
    unit = layer.weight_step * source.step
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        theta = layer.step / (layer.scale * size * unit)
        c = (sign * layer.constant + layer.shift / size) / unit
    fixed = _constant_levels(layer, codes, source, theta, c)
    free = fixed < 0
    codes[~free] = 0
    fraction = _fraction_bits(theta[free], layer.levels, config.fraction_bits)
    threshold = np.full(len(codes), 2, dtype=np.int64)
    initial = np.ones(len(codes), dtype=np.int64)
    bias = 2 * fixed
    _check_int(layer.name, theta[free] * 2.0**fraction, c[free] * 2.0**fraction)
    # A threshold below one half saturates at the first unit of charge: 1 does so too.
    threshold[free] = np.maximum(1, np.floor(theta[free] * 2.0**fraction + 0.5)).astype(np.int64)
    initial[free] = threshold[free] // 2
    constants = np.floor(c[free] * 2.0**fraction + threshold[free] / 2).astype(np.int64)
    bias[free] = constants - initial[free]
    soma = Soma(
        fire=Fire.TERNARY,
        threshold=int_vector(threshold),
        threshold_negative=int_vector(1),
        initial_v=int_vector(initial),
        bias=int_vector(bias),
        bias_when=BiasWhen.FIRST,
        reset=Reset.SUBTRACT,
        s_min=0,
        s_max=layer.levels,
    )
    population = Population(name=name, shape=(len(codes),), soma=soma, payload=Payload.SIGN)
    return population, _connection(source.name, name, codes, layer.weight_bits, fraction)


def _constant_levels(
    layer: QuantisedLayer, codes: IntArray, source: _Source, theta: FloatArray, c: FloatArray
) -> IntArray:
    """The level of each channel that no legal input can change, -1 for all others.

    Such channels (dead, or with a gain of zero) need no synapse, and their threshold may be out of
    any range.
    """
    highest = np.where(codes > 0, codes * source.high, codes * source.low).sum(1)
    lowest = np.where(codes > 0, codes * source.low, codes * source.high).sum(1)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        low, high = (
            np.clip(np.floor((acc + c) / theta + 0.5), 0, layer.levels) for acc in (lowest, highest)
        )
    assert layer.step is not None
    still = np.clip(np.floor(layer.scale * layer.shift / layer.step + 0.5), 0, layer.levels)
    no_gain = (layer.gain == 0) | (layer.scale == 0)
    result = np.where(low == high, low, -1)
    return np.where(no_gain, still, result).astype(np.int64)


def _readout(
    layer: QuantisedLayer, source: _Source, config: ConvertConfig
) -> tuple[Population, Connection, float]:
    codes = layer.codes * layer.source_sign
    fraction = config.fraction_bits
    if fraction is None:
        largest = source.high * weight_limit(layer.weight_bits)
        fraction = max(0, ceil(log2(READOUT_RESOLUTION / largest)))
    unit = layer.weight_step * source.step
    exact = layer.constant / unit * 2.0**fraction
    _check_int(layer.name, exact)
    soma = Soma(
        fire=Fire.NONE,
        bias=int_vector(np.floor(exact + 0.5).astype(np.int64)),
        bias_when=BiasWhen.FIRST,
        reset=Reset.NONE,
    )
    population = Population(name="readout", shape=(len(codes),), soma=soma, payload=Payload.GRADED)
    connection = _connection(source.name, "readout", codes, layer.weight_bits, fraction)
    return population, connection, float(unit[0]) / 2.0**fraction


def _connection(source: str, target: str, codes: IntArray, bits: int, shift: int) -> Connection:
    weights = np.ascontiguousarray(codes.T)
    weights.setflags(write=False)
    return Connection(
        source=source,
        target=target,
        operator=Dense(weights=weights, weight_bits=bits, shift=shift),
    )


def _fraction_bits(theta: FloatArray, levels: int, given: int | None) -> int:
    """The fewest bits that keep half a unit of threshold, S times over, below 1/16 level."""
    if given is not None:
        return given
    if theta.size == 0:
        return 0
    needed = levels / 2 / ROUNDING_LEVELS / float(theta.min())
    return int(np.clip(ceil(log2(needed)), 0, MOST_AUTOMATIC_BITS))


def _check_int(name: str, *values: FloatArray) -> None:
    for array in values:
        if array.size and not float(np.abs(array).max()) < INT_LIMIT:
            raise RangeError(
                "thresholds and biases must fit 62 bits",
                found=f"{float(np.abs(array).max()):.3g}",
                where=name,
                action="check the layer's batch norm for channels of almost no gain",
            )
