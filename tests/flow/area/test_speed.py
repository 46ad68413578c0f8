"""The guess at a clock tells kinds of plans apart, and no more."""

import pytest

from spikewright.flow.area.designs import design
from spikewright.flow.area.speed import estimate_fmax
from spikewright.hdl.config import core_configs


@pytest.mark.parametrize(
    ("family", "name", "mhz"),
    [
        ("ecp5", "small-collapsed", 106),
        ("ecp5", "overlap-small", 130),
        ("ice40", "overlap-tiny", 34),
        ("ice40", "recurrent", 34),
    ],
)
def test_kinds_of_plans(family, name, mhz):
    configs = core_configs(*design(family, name).made())
    assert estimate_fmax(family, configs) == mhz * 1e6
