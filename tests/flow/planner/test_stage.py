"""A plan for a project: what is refused before any work is done."""

from types import SimpleNamespace

import pytest

from spikewright.flow.planner import Objective
from spikewright.flow.planner.stage import plan_stage
from spikewright.golden.errors import ConfigurationError


@pytest.mark.parametrize("clock", [0.0, -1.0, float("nan"), float("inf")])
def test_a_clock_must_be_above_0_and_finite(clock):
    with pytest.raises(
        ConfigurationError, match=rf"^clock_hz: must be above 0 and finite, found {clock}$"
    ):
        plan_stage(SimpleNamespace(), None, "icebreaker", objective=Objective.AREA, clock_hz=clock)
