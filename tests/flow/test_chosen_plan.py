"""A choice that no core can follow is refused, and says what stands against it."""

from types import SimpleNamespace

import pytest

from spikewright.flow.chosen_plan import choose_plan
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Mode
from spikewright.hdl.plan import Sweeps
from support.chains import bounded_chain

PROJECT = SimpleNamespace(network=bounded_chain((40, 12, 5), seed=3))


@pytest.mark.parametrize(
    ("lanes", "options", "message"),
    [
        ((4, 2), {"sweep_lanes": 2}, r"^core of 'h0': for sweep lanes a core must have a lane"),
        (
            (4, 2),
            {"sweeps": Sweeps.TOUCHED},
            r"^core of 'h0': for sweeps of what was touched a core must .* no core can follow it$",
        ),
    ],
)
def test_what_no_core_can_follow(lanes, options, message):
    with pytest.raises(ConfigurationError, match=message):
        choose_plan(PROJECT, Mode.STEPWISE, lanes, **options)


def test_what_some_core_can_follow():
    plan = choose_plan(PROJECT, Mode.STEPWISE, (12, 2), sweep_lanes=2)
    assert [core.sweep_lanes for core in plan.cores] == [2, None]
