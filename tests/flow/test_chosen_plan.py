"""A choice that no core can follow is refused, and says what stands against it."""

from dataclasses import replace

import pytest

from spikewright.flow.chosen_plan import check_taken, usual_mode
from spikewright.flow.plan import default_plan
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Mode
from spikewright.hdl.plan import Sweeps
from support.chains import bounded_chain

NETWORK = bounded_chain((40, 12, 5), seed=3)


@pytest.mark.parametrize(
    ("sweep_lanes", "sweeps", "message"),
    [
        (2, Sweeps.ALL, r"^core of 'h0': for sweep lanes a core must have a lane"),
        (
            None,
            Sweeps.TOUCHED,
            r"^core of 'h0': for sweeps of what was touched a core must .* no core can follow it$",
        ),
    ],
)
def test_what_no_core_can_follow(sweep_lanes, sweeps, message):
    options = {"sweep_lanes": sweep_lanes, "sweeps": sweeps}
    plan = default_plan(NETWORK, Mode.STEPWISE, lanes=(4, 2), **options)
    with pytest.raises(ConfigurationError, match=message):
        check_taken(NETWORK, plan, sweep_lanes, sweeps)


def test_what_some_core_can_follow():
    plan = default_plan(NETWORK, Mode.STEPWISE, lanes=(12, 2), sweep_lanes=2)
    assert [core.sweep_lanes for core in plan.cores] == [2, None]
    check_taken(NETWORK, plan, 2, Sweeps.ALL)


def test_the_usual_mode():
    assert usual_mode(NETWORK) is Mode.COLLAPSED
    assert usual_mode(replace(NETWORK, modes=(Mode.STEPWISE,))) is Mode.STEPWISE
