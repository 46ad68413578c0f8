"""Soma options that contradict each other, and payloads that cannot carry what is emitted."""

import re
from typing import Any

import pytest

from spikewright.golden.errors import ConfigurationError, RangeError
from spikewright.golden.spec import Input, Leak, Phases, Population, Soma
from spikewright.golden.spec.soma_rules import check_input, check_population

TERNARY = {"fire": "ternary", "threshold_negative": 1}
PATTERN = {"fire": "pattern", "max_level": 2, "phases": Phases(receive=1, fire=2)}


def exact(text: str) -> str:
    return f"^{re.escape(text)}$"


def population(payload: str = "graded", shape: tuple[int, ...] = (2, 3), **soma: Any) -> Population:
    return Population(name="p", shape=shape, soma=Soma(**soma), payload=payload)


@pytest.mark.parametrize(
    ("soma", "text"),
    [
        (
            {"fire": "binary", "threshold": [1, 2, 3]},
            "threshold must have one of 1, 2, 6 entries, found 3",
        ),
        (
            {"fire": "binary", "threshold": [1, 0]},
            "threshold must be at least 1, found 0 at index 1",
        ),
        (
            {"fire": "ternary", "threshold_negative": -2},
            "threshold_negative must be at least 1, found -2 at index 0",
        ),
        (
            {"fire": "ternary", "reset": "none", "threshold": 2, "threshold_negative": [-1, -2]},
            "threshold_negative must be above -threshold, found a sum of 0 at neuron 3; 1 - "
            "threshold fires where v falls below the threshold",
        ),
        (
            {"fire": "pattern", "max_level": 6},
            "max_level of fire pattern must be a power of two, found 6",
        ),
        (
            {"fire": "pattern", "max_level": 4, "s_max": 3},
            "fire pattern must have neither s_min nor s_max, found s_min None, s_max 3",
        ),
        (
            {"fire": "pattern", "max_level": 4},
            "fire pattern of max_level 4 must have phases with 3 steps to fire, found no phases",
        ),
        (
            {"fire": "pattern", "max_level": 4, "phases": Phases(receive=1, fire=2)},
            "fire pattern of max_level 4 must have phases with 3 steps to fire, found fire 2",
        ),
        (
            {**PATTERN, "reset": "none"},
            "fire pattern must have reset subtract, without reset_delay and refractory, found "
            "reset none, reset_delay False, refractory 0",
        ),
        (
            {**PATTERN, "reset_amount": 2},
            "fire pattern must take the threshold off, without reset_amount, found one",
        ),
        (
            {"fire": "binary", "reset_amount": 0},
            "reset_amount must be at least 1, found 0 at index 0",
        ),
        (
            {"fire": "ternary"},
            "fire ternary must have threshold_negative, found None; 1 fires where v < 0",
        ),
        (
            {"fire": "binary", "threshold_negative": 1},
            "fire binary must have no threshold_negative, found one",
        ),
        ({"fire": "binary", "max_level": 2}, "max_level of fire binary must be 1, found 2"),
        (
            {"fire": "onehot", "max_level": 3},
            "max_level of fire onehot must be a power of two, found 3",
        ),
        (
            {"fire": "none", "s_max": 3},
            "fire none must have neither s_min nor s_max, found s_min None, s_max 3",
        ),
        (
            {"fire": "binary", "s_min": -1},
            "s_min must come with threshold_negative, found s_min -1",
        ),
        (
            {**TERNARY, "s_min": 1, "s_max": 3},
            "the tracer must start within its bounds: s_min <= 0 <= s_max, s_min < s_max, found "
            "s_min 1, s_max 3",
        ),
        (
            {**TERNARY, "s_min": 0, "s_max": 0},
            "the tracer must start within its bounds: s_min <= 0 <= s_max, s_min < s_max, found "
            "s_min 0, s_max 0",
        ),
        (
            {"fire": "binary", "reset": "value", "reset_amount": 2},
            "reset_amount must come with reset subtract, found reset value",
        ),
        (
            {"fire": "binary", "reset_value": 2},
            "reset_value must come with reset value, found reset subtract",
        ),
        (
            {"fire": "binary", "reset": "value", "reset_delay": True},
            "reset_delay must come with reset subtract of a neuron that fires, found reset value, "
            "fire binary",
        ),
        (
            {"fire": "burst", "reset": "none"},
            "fire burst must have reset subtract without reset_delay, found reset none, "
            "reset_delay False",
        ),
        (
            {"fire": "burst", "threshold": [3, 4], "reset_amount": 4},
            "reset_amount of fire burst must not be above the threshold, found an excess of 1 at "
            "neuron 0",
        ),
        (
            {"fire": "binary", "leak_i": Leak()},
            "leak_i must come with current, found current False",
        ),
        (
            {"fire": "binary", "refractory": 1, "reset_delay": True},
            "refractory must come with a neuron that fires, without reset_delay, found fire "
            "binary, reset_delay True",
        ),
        (
            {"fire": "none", "refractory": 1},
            "refractory must come with a neuron that fires, without reset_delay, found fire "
            "none, reset_delay False",
        ),
        (
            {"fire": "binary", "phases": Phases(receive=2, slope=1)},
            "phases without current must have no slope, found one",
        ),
        (
            {"fire": "binary", "current": True, "phases": Phases(receive=2)},
            "phases with current must have a slope, found none",
        ),
        (
            {"fire": "none", "phases": Phases(receive=2)},
            "phases of fire none must come with current, found current False",
        ),
        (
            {"fire": "none", "current": True, "phases": Phases(receive=2, fire=1, slope=1)},
            "phases of fire none must not say how long it fires, found fire 1",
        ),
        (
            {"fire": "binary", "v_min": 2, "v_max": 1},
            "v_min must not be above v_max, found 2 > 1",
        ),
    ],
)
def test_contradictions(soma: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigurationError, match=exact(f"population 'p': {text}")):
        check_population(population(**soma))


@pytest.mark.parametrize("name", ["bias", "initial_v", "threshold", "reset_value", "v_min"])
def test_parameters_beyond_the_registers(name: str) -> None:
    soma = {"fire": "binary", name: 1 << 31}
    if name == "reset_value":
        soma["reset"] = "value"
    with pytest.raises(
        RangeError,
        match=exact(
            f"population 'p': {name} must be from -2147483648 to 2147483647, found 2147483648"
        ),
    ):
        check_population(population(**soma))


@pytest.mark.parametrize(
    ("soma", "fits"),
    [
        ({"fire": "none"}, "unit, sign, shift, graded"),
        ({"fire": "binary"}, "unit, sign, shift, graded"),
        (TERNARY, "sign, shift, graded"),
        ({"fire": "onehot", "max_level": 8}, "shift, graded"),
        ({**PATTERN, "max_level": 4, "phases": Phases(receive=1, fire=3)}, "shift, graded"),
        ({"fire": "burst", "max_level": 2}, "shift, graded"),
        ({"fire": "burst", "max_level": 3}, "graded"),
        ({"fire": "burst", "max_level": 1, "threshold_negative": 1}, "sign, shift, graded"),
    ],
)
def test_payload_must_carry_the_levels(soma: dict[str, Any], fits: str) -> None:
    for payload in ("unit", "sign", "shift", "graded"):
        made = population(payload, **soma)
        if payload in fits.split(", "):
            check_population(made)
            continue
        low, high = made.soma.levels
        text = f"population 'p': payload must carry {low}..{high} ({fits}), found {payload}"
        with pytest.raises(ConfigurationError, match=exact(text)):
            check_population(made)


@pytest.mark.parametrize(
    ("low", "high", "encoding", "fits"),
    [
        (0, 1, "once", "unit, sign, shift, graded"),
        (-1, 1, "constant", "sign, shift, graded"),
        (-2, 2, "spread", "shift, graded"),
        (0, 3, "once", "graded"),
        (0, 3, "events", "shift, graded"),
    ],
)
def test_input_payload_must_carry_its_values(low: int, high: int, encoding: str, fits: str) -> None:
    for payload in ("unit", "sign", "shift", "graded"):
        source = Input(name="x", shape=(1,), payload=payload, low=low, high=high, encoding=encoding)
        if payload in fits.split(", "):
            check_input(source)
            continue
        text = f"input 'x': payload must carry {low}..{high} ({fits}), found {payload}"
        with pytest.raises(ConfigurationError, match=exact(text)):
            check_input(source)


def test_input_bounds() -> None:
    source = Input(name="x", shape=(1,), payload="graded", low=2, high=1, encoding="once")
    with pytest.raises(
        ConfigurationError, match=exact("input 'x': low must not be above high, found 2 > 1")
    ):
        check_input(source)
    source = Input(name="x", shape=(1,), payload="graded", low=0, high=1 << 15, encoding="once")
    with pytest.raises(
        RangeError, match=exact("input 'x': high must be from -32768 to 32767, found 32768")
    ):
        check_input(source)
