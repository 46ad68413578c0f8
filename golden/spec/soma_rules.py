"""Which soma options go together, and what a population's payload must be able to carry."""

import numpy as np

from spikewright.golden.errors import ConfigurationError, RangeError
from spikewright.golden.spec.limits import LIMITS
from spikewright.golden.spec.normalise import IntArray
from spikewright.golden.spec.parts import Encoding, Input, Population
from spikewright.golden.spec.soma import Fire, Payload, Phases, Reset, Soma

__all__ = ["check_input", "check_population"]

REGISTER_MAX = (1 << (LIMITS.register - 1)) - 1
PAYLOAD_MAX = (1 << (LIMITS.payload - 1)) - 1
NUMBERS = ("reset_value", "v_min", "v_max", "s_min", "s_max")
VECTORS = ("threshold", "threshold_negative", "initial_v", "bias", "reset_amount")


def check_input(source: Input) -> None:
    """Refuse bounds that are empty or that the payload kind cannot carry."""
    where = f"input {source.name!r}"
    if source.low > source.high:
        raise ConfigurationError(
            "low must not be above high", found=f"{source.low} > {source.high}", where=where
        )
    for name in ("low", "high"):
        _check_width(name, getattr(source, name), PAYLOAD_MAX, where)
    _check_encoding(source, where)
    # Event payloads are checked one by one as powers of two; other encodings pass any value.
    low, high = source.payloads
    exact = source.encoding in (Encoding.EVENTS, Encoding.PHASE)
    _check_payload(source.payload, low, high, exact or (low >= -2 and high <= 2), where)


def _check_encoding(source: Input, where: str) -> None:
    encoding = source.encoding
    for name, wanted in (("threshold", Encoding.THRESHOLD), ("seed", Encoding.RATE)):
        value = getattr(source, name)
        if (value is None) == (encoding is wanted):
            raise ConfigurationError(
                f"encoding {encoding} must come {'with' if value is None else 'without'} {name}",
                found=str(value),
                where=where,
            )
    if source.seed is not None and not 0 < source.seed < 1 << 32:
        raise ConfigurationError(
            f"seed must be from 1 to {(1 << 32) - 1}", found=str(source.seed), where=where
        )
    coded = encoding in (Encoding.RATE, Encoding.PHASE, Encoding.LATENCY)
    if coded and not (source.low == 0 and source.high > 0):
        raise ConfigurationError(
            f"encoding {encoding} must have low 0 and high from 1",
            found=f"low {source.low}, high {source.high}",
            where=where,
        )


def check_population(population: Population) -> None:
    """Refuse soma options that contradict each other."""
    where = f"population {population.name!r}"
    soma = population.soma
    _check_vectors(population, where)
    for name in NUMBERS:
        _check_width(name, getattr(soma, name), REGISTER_MAX, where)
    _check_fire(soma, where)
    _check_tracer(soma, where)
    _check_reset(population, where)
    if soma.leak_i is not None and not soma.current:
        raise ConfigurationError(
            "leak_i must come with current", found="current False", where=where
        )
    if soma.phases is not None:
        _check_phases(soma.phases, soma, where)
    if soma.fire is Fire.PATTERN:
        _check_pattern(soma, where)
    if soma.v_min is not None and soma.v_max is not None and soma.v_min > soma.v_max:
        raise ConfigurationError(
            "v_min must not be above v_max", found=f"{soma.v_min} > {soma.v_max}", where=where
        )
    low, high = soma.levels
    _check_payload(population.payload, low, high, soma.fires_powers, where)


def _check_vectors(population: Population, where: str) -> None:
    sizes = sorted({1, population.channels, population.n})
    vectors: dict[str, IntArray | None] = {n: getattr(population.soma, n) for n in VECTORS}
    if population.soma.phases is not None:
        vectors["slope"] = population.soma.phases.slope
    for name, values in vectors.items():
        if values is None:
            continue
        if values.size not in sizes:
            options = ", ".join(map(str, sizes))
            raise ConfigurationError(
                f"{name} must have one of {options} entries", found=str(values.size), where=where
            )
        largest = int(np.argmax(np.abs(values)))
        _check_width(name, int(values[largest]), REGISTER_MAX, where)
        if name in ("initial_v", "bias", "slope"):
            continue
        if name == "threshold_negative" and _toggles(population.soma):
            _check_toggle(population, where)
            continue
        index = int(np.argmin(values))
        if values[index] < 1:
            raise ConfigurationError(
                f"{name} must be at least 1", found=f"{values[index]} at index {index}", where=where
            )


def _toggles(soma: Soma) -> bool:
    """Whether the negative threshold may be below 1: with a reset a step could end anywhere."""
    return soma.fire is Fire.TERNARY and soma.reset is Reset.NONE


def _check_toggle(population: Population, where: str) -> None:
    """No membrane may be one that fires both ways."""
    soma = population.soma
    assert soma.threshold_negative is not None
    sums = population.per_neuron(soma.threshold_negative) + population.per_neuron(soma.threshold)
    index = int(np.argmin(sums))
    if sums[index] < 1:
        raise ConfigurationError(
            "threshold_negative must be above -threshold",
            found=f"a sum of {sums[index]} at neuron {index}",
            where=where,
            action="1 - threshold fires where v falls below the threshold",
        )


def _check_width(name: str, value: int | None, most: int, where: str) -> None:
    if value is not None and not -most - 1 <= value <= most:
        raise RangeError(
            f"{name} must be from {-most - 1} to {most}", found=str(value), where=where
        )


def _check_fire(soma: Soma, where: str) -> None:
    negative = soma.threshold_negative is not None
    if soma.fire is Fire.TERNARY and not negative:
        raise ConfigurationError(
            "fire ternary must have threshold_negative",
            found="None",
            where=where,
            action="1 fires where v < 0",
        )
    if negative and soma.fire not in (Fire.TERNARY, Fire.BURST):
        raise ConfigurationError(
            f"fire {soma.fire} must have no threshold_negative", found="one", where=where
        )
    if soma.max_level != 1 and soma.fire not in (Fire.ONEHOT, Fire.BURST, Fire.PATTERN):
        raise ConfigurationError(
            f"max_level of fire {soma.fire} must be 1", found=str(soma.max_level), where=where
        )
    powers = soma.fire in (Fire.ONEHOT, Fire.PATTERN)
    if powers and soma.max_level & (soma.max_level - 1):
        raise ConfigurationError(
            f"max_level of fire {soma.fire} must be a power of two",
            found=str(soma.max_level),
            where=where,
        )


def _check_tracer(soma: Soma, where: str) -> None:
    if not soma.traced:
        return
    if soma.fire in (Fire.NONE, Fire.ONEHOT, Fire.PATTERN):
        raise ConfigurationError(
            f"fire {soma.fire} must have neither s_min nor s_max",
            found=f"s_min {soma.s_min}, s_max {soma.s_max}",
            where=where,
        )
    if soma.s_min is not None and soma.threshold_negative is None:
        raise ConfigurationError(
            "s_min must come with threshold_negative", found=f"s_min {soma.s_min}", where=where
        )
    low = soma.s_min if soma.s_min is not None else 0
    high = soma.s_max if soma.s_max is not None else 1
    if not low <= 0 <= high or low == high:
        raise ConfigurationError(
            "the tracer must start within its bounds: s_min <= 0 <= s_max, s_min < s_max",
            found=f"s_min {soma.s_min}, s_max {soma.s_max}",
            where=where,
        )


def _check_reset(population: Population, where: str) -> None:
    soma = population.soma
    if soma.reset_amount is not None and soma.reset is not Reset.SUBTRACT:
        raise ConfigurationError(
            "reset_amount must come with reset subtract", found=f"reset {soma.reset}", where=where
        )
    if soma.reset_value != 0 and soma.reset is not Reset.VALUE:
        raise ConfigurationError(
            "reset_value must come with reset value", found=f"reset {soma.reset}", where=where
        )
    if soma.reset_delay and (soma.reset is not Reset.SUBTRACT or soma.fire is Fire.NONE):
        raise ConfigurationError(
            "reset_delay must come with reset subtract of a neuron that fires",
            found=f"reset {soma.reset}, fire {soma.fire}",
            where=where,
        )
    if soma.refractory and (soma.reset_delay or soma.fire is Fire.NONE):
        raise ConfigurationError(
            "refractory must come with a neuron that fires, without reset_delay",
            found=f"fire {soma.fire}, reset_delay {soma.reset_delay}",
            where=where,
        )
    if soma.fire is not Fire.BURST:
        return
    if soma.reset is not Reset.SUBTRACT or soma.reset_delay:
        raise ConfigurationError(
            "fire burst must have reset subtract without reset_delay",
            found=f"reset {soma.reset}, reset_delay {soma.reset_delay}",
            where=where,
        )
    # A larger amount could carry v across both thresholds within one step.
    excess = population.per_neuron(soma.amount) - population.per_neuron(soma.threshold)
    index = int(np.argmax(excess))
    if excess[index] > 0:
        raise ConfigurationError(
            "reset_amount of fire burst must not be above the threshold",
            found=f"an excess of {excess[index]} at neuron {index}",
            where=where,
        )


def _check_phases(phases: Phases, soma: Soma, where: str) -> None:
    if (phases.slope is not None) != soma.current:
        raise ConfigurationError(
            f"phases {'with' if soma.current else 'without'} current must have "
            f"{'a slope' if soma.current else 'no slope'}",
            found="none" if phases.slope is None else "one",
            where=where,
        )
    if soma.fire is not Fire.NONE:
        return
    if phases.fire is not None:
        raise ConfigurationError(
            "phases of fire none must not say how long it fires",
            found=f"fire {phases.fire}",
            where=where,
        )
    if not soma.current:
        raise ConfigurationError(
            "phases of fire none must come with current", found="current False", where=where
        )


def _check_pattern(soma: Soma, where: str) -> None:
    """A window of so many steps as there are bits, each of which is taken off at once."""
    bits = soma.max_level.bit_length()
    if soma.phases is None or soma.phases.fire != bits:
        raise ConfigurationError(
            f"fire pattern of max_level {soma.max_level} must have phases with {bits} steps to "
            "fire",
            found="no phases" if soma.phases is None else f"fire {soma.phases.fire}",
            where=where,
        )
    if soma.reset is not Reset.SUBTRACT or soma.reset_delay or soma.refractory:
        raise ConfigurationError(
            "fire pattern must have reset subtract, without reset_delay and refractory",
            found=f"reset {soma.reset}, reset_delay {soma.reset_delay}, refractory "
            f"{soma.refractory}",
            where=where,
        )
    if soma.reset_amount is not None:
        raise ConfigurationError(
            "fire pattern must take the threshold off, without reset_amount",
            found="one",
            where=where,
        )


def _check_payload(payload: Payload, low: int, high: int, powers: bool, where: str) -> None:
    fits = {
        Payload.UNIT: low >= 0 and high <= 1,
        Payload.SIGN: low >= -1 and high <= 1,
        Payload.SHIFT: powers,
        Payload.GRADED: True,
    }
    if not fits[payload]:
        able = ", ".join(kind for kind in Payload if fits[kind])
        raise ConfigurationError(
            f"payload must carry {low}..{high} ({able})", found=str(payload), where=where
        )
