"""Every choice is checked when it is made."""

from typing import Any

import numpy as np
import pytest

from spikewright.flow.convert import ConvertConfig, MaxPool, TrainConfig
from spikewright.golden.errors import ConfigurationError, UnsupportedError
from spikewright.golden.spec import Encoding


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"weight_bits": 1}, "^weight_bits: must be 2 to 8, found 1$"),
        ({"weight_bits": (4, 9)}, "^weight_bits: must be 2 to 8, found 9$"),
        ({"levels": 0}, "^levels: must be 1 to 255, found 0$"),
        ({"levels": (3, 256)}, "^levels: must be 1 to 255, found 256$"),
        ({"input_levels": 0}, "^input_levels: must be 1 to 32767, found 0$"),
        ({"percentile": 0.0}, "^percentile: must be above 0 and at most 100, found 0.0$"),
        ({"percentile": 100.5}, "^percentile: must be above 0 and at most 100, found 100.5$"),
        ({"fraction_bits": 13}, "^fraction_bits: must be 0 to 12, found 13$"),
        ({"max_steps": 0}, "^max_steps: must be at least 1, found 0$"),
        ({"weight_bits": 4.0}, r"^weight_bits: must be a whole number, found 4\.0$"),
        ({"weight_bits": [4, 2.5]}, r"^weight_bits: must be a whole number, found 2\.5$"),
        ({"weight_bits": [4, 9]}, "^weight_bits: must be 2 to 8, found 9$"),
        ({"weight_bits": "42"}, "^weight_bits: must be a whole number, found '42'$"),
        ({"levels": None}, "^levels: must be a whole number, found None$"),
        ({"levels": True}, "^levels: must be a whole number, found True$"),
        ({"levels": (3, [7])}, r"^levels: must be a whole number, found \[7\]$"),
        ({"input_levels": 7.5}, r"^input_levels: must be a whole number, found 7\.5$"),
        ({"input_levels": [7]}, r"^input_levels: must be a whole number, found \[7\]$"),
        ({"max_steps": 8.0}, r"^max_steps: must be a whole number, found 8\.0$"),
        ({"fraction_bits": 2.0}, r"^fraction_bits: must be a whole number, found 2\.0$"),
        ({"percentile": "99"}, "^percentile: must be a number, found '99'$"),
        (
            {"code": "phase"},
            "^code: must be one of rate, onehot, first-spike, pattern, corrective, found phase$",
        ),
        ({"max_pool": "sum"}, "^max_pool: must be one of exact, or, found sum$"),
    ],
)
def test_conversion(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        ConvertConfig(**fields)


def test_constant_input_has_no_closed_form() -> None:
    message = "^encoding: the encoding of a converted network must be once, spread or phase, found "
    with pytest.raises(UnsupportedError, match=message):
        ConvertConfig(encoding=Encoding.CONSTANT)


def test_max_pool_by_its_word() -> None:
    assert ConvertConfig(max_pool="or").max_pool is MaxPool.OR  # type: ignore[arg-type]
    assert ConvertConfig().max_pool is MaxPool.EXACT


def test_any_sequence_of_whole_numbers() -> None:
    made = ConvertConfig(weight_bits=[8, 4], levels=range(3, 5), input_levels=np.int64(7))
    assert made == ConvertConfig(weight_bits=(8, 4), levels=(3, 4), input_levels=7)
    assert made.layer_bits(2) == (8, 4) and made.layer_levels(2) == (3, 4)


def test_one_value_stands_for_all_layers() -> None:
    assert ConvertConfig(weight_bits=3).layer_bits(2) == (3, 3)
    assert ConvertConfig(levels=(7, 3)).layer_levels(2) == (7, 3)
    message = "^levels: must have one entry for each of the 3 hidden layers, found 2$"
    with pytest.raises(ConfigurationError, match=message):
        ConvertConfig(levels=(7, 3)).layer_levels(3)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"epochs": 0}, "^epochs: must be at least 1, found 0$"),
        ({"batch": 1}, "^batch: must be at least 2, found 1$"),
        ({"learning_rate": 0.0}, "^learning_rate: must be positive, found 0.0$"),
        ({"threads": 0}, "^threads: must be at least 1, found 0$"),
        ({"shift": -1}, "^shift: must not be negative, found -1$"),
        ({"shift": 1}, "^image: must be given for augmentation, found None$"),
        ({"turn": 5.0}, "^image: must be given for augmentation, found None$"),
        ({"turn": -1.0}, "^turn: must be 0 to 180, found -1.0$"),
        ({"stretch": 1.0}, "^stretch: must be at least 0 and below 1, found 1.0$"),
    ],
)
def test_training(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        TrainConfig(**fields)
