"""Limits: what may be asked for."""

import re

import pytest

from spikewright.flow.planner import Limits
from spikewright.golden.errors import ConfigurationError


@pytest.mark.parametrize("value", [0, -1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["luts", "block_rams", "fps", "latency_s"])
def test_a_limit_must_be_above_0_and_finite(name, value):
    message = f"^{name}: must be above 0 and finite, found {re.escape(str(value))}$"
    with pytest.raises(ConfigurationError, match=message):
        Limits(**{name: value})


def test_what_is_left_out_limits_nothing():
    assert set(vars(Limits(fps=0.5)).values()) == {None, 0.5}
