"""Every choice is checked when it is made."""

from typing import Any

import pytest

from spikewright.flow.convert import ConvertConfig, TrainConfig
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
    ],
)
def test_conversion(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        ConvertConfig(**fields)


def test_constant_input_has_no_closed_form() -> None:
    message = "^encoding: the encoding of a converted network must be once or spread, found consta"
    with pytest.raises(UnsupportedError, match=message):
        ConvertConfig(encoding=Encoding.CONSTANT)


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
        ({"shift": 1}, "^image: must be given for shift, found None$"),
    ],
)
def test_training(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        TrainConfig(**fields)
