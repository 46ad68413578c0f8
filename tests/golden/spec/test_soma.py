"""A soma takes what can be meant, freezes it, and refuses the rest with an exact text."""

import dataclasses
import re
from typing import Any

import numpy as np
import pytest

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Fire, Leak, Reset, Soma, int_vector


def exact(text: str) -> str:
    return f"^{re.escape(text)}$"


def test_vectors_are_read_only_copies() -> None:
    given = np.array([3, 4], dtype=np.int16)
    soma = Soma(fire=Fire.BINARY, threshold=given)
    given[0] = 9
    assert soma.threshold.tolist() == [3, 4]
    assert soma.threshold.dtype == np.int64
    with pytest.raises(ValueError, match="read-only"):
        soma.threshold[0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        soma.fire = Fire.NONE


def test_numbers_and_names_are_normalised() -> None:
    soma = Soma(fire="ternary", threshold=5, threshold_negative=[1, 2], s_max=np.int8(3))
    assert soma.fire is Fire.TERNARY
    assert soma.threshold.tolist() == [5]
    assert soma.threshold_negative.tolist() == [1, 2]
    assert type(soma.s_max) is int


def test_amount_defaults_to_the_threshold() -> None:
    assert Soma(fire=Fire.BINARY, threshold=int_vector(7)).amount.tolist() == [7]
    soma = Soma(fire=Fire.BINARY, threshold=int_vector(7), reset_amount=int_vector(2))
    assert soma.amount.tolist() == [2]


@pytest.mark.parametrize(
    ("options", "levels"),
    [
        ({"fire": Fire.NONE}, (0, 0)),
        ({"fire": Fire.BINARY}, (0, 1)),
        ({"fire": Fire.TERNARY, "threshold_negative": 1}, (-1, 1)),
        ({"fire": Fire.ONEHOT, "max_level": 8}, (0, 8)),
        ({"fire": Fire.PATTERN, "max_level": 4}, (0, 4)),
        ({"fire": Fire.BURST, "max_level": 3}, (0, 3)),
        ({"fire": Fire.BURST, "max_level": 3, "threshold_negative": 1}, (-3, 3)),
    ],
)
def test_levels(options: dict[str, Any], levels: tuple[int, int]) -> None:
    assert Soma(**options).levels == levels


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"fire": "sometimes"},
            "soma: fire must be one of none, binary, ternary, onehot, burst, pattern, found "
            "'sometimes'",
        ),
        (
            {"fire": 3},
            "soma: fire must be one of none, binary, ternary, onehot, burst, pattern, found 3",
        ),
        (
            {"threshold": 1.5},
            "soma: threshold must hold integers of at most 64 bits, found dtype float64",
        ),
        ({"bias": True}, "soma: bias must hold integers of at most 64 bits, found dtype bool"),
        (
            {"bias": 1 << 64},
            "soma: bias must hold integers of at most 64 bits, found dtype object",
        ),
        (
            {"bias": np.array([1 << 63], np.uint64)},
            "soma: bias must fit int64, found the value 9223372036854775808",
        ),
        (
            {"initial_v": np.zeros((2, 2), int)},
            "soma: initial_v must be a number or a vector, found shape (2, 2)",
        ),
        (
            {"initial_v": np.zeros(0, int)},
            "soma: initial_v must not be empty, found shape (0,)",
        ),
        ({"current": 1}, "soma: current must be True or False, found 1"),
        ({"v_min": 0.5}, "soma: v_min must be an integer, found 0.5"),
        ({"s_max": True}, "soma: s_max must be an integer, found True"),
        ({"max_level": 0}, "soma: max_level must be an integer from 1 to 32767, found 0"),
        ({"leak_v": 3}, "soma: leak_v must be of type Leak, NoneType, found int"),
    ],
)
def test_illegal_options(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigurationError, match=exact(text)):
        Soma(**{"fire": Fire.BINARY, **options})


@pytest.mark.parametrize(
    ("multiplier", "shift", "text"),
    [
        (1, 0, "leak: shift must be an integer from 1 to 16, found 0"),
        (1, 17, "leak: shift must be an integer from 1 to 16, found 17"),
        (8, 3, "leak: multiplier must be an integer from 1 to 7, found 8"),
        (-1, 3, "leak: multiplier must be an integer from 1 to 7, found -1"),
        (
            6,
            3,
            "leak: multiplier must be odd, found 6; halve it and take one off the shift",
        ),
    ],
)
def test_illegal_leaks(multiplier: int, shift: int, text: str) -> None:
    with pytest.raises(ConfigurationError, match=exact(text)):
        Leak(multiplier=multiplier, shift=shift)


def test_reset_is_kept() -> None:
    assert Soma(fire=Fire.BINARY, reset="value", reset_value=-3).reset is Reset.VALUE
