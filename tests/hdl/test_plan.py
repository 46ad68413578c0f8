"""A plan's parts are checked where they are made."""

import pytest

from spikewright.golden.errors import ConfigurationError
from spikewright.hdl.plan import CorePlan, GuardPlan, Host


def test_a_core_in_lanes():
    core = CorePlan(hosts=(Host(population="a"), Host(population="b")), lanes=24, banks=(2, 3))
    assert core.channel_lanes == 4
    assert core.where == "core of 'a', 'b'"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lanes": 0}, r"lanes must be integers of at least 1, found 0"),
        ({"lanes": True}, r"lanes must be integers of at least 1, found True"),
        ({"banks": (0, 1)}, r"banks must be integers of at least 1, found 0"),
        ({"fanout": 7}, r"fanout must be integers of at least 8, found 7"),
        ({"queue_depths": (4, 1)}, r"queue_depths must be integers of at least 2, found 1"),
        (
            {"banks": (2, 3)},
            r"lanes must be a multiple of the product of two banks, found 4 lanes, "
            r"banks \(2, 3\)",
        ),
        (
            {"banks": (2,)},
            r"lanes must be a multiple of the product of two banks, found 4 lanes, banks \(2,\)",
        ),
    ],
)
def test_an_illegal_core(options, message):
    with pytest.raises(ConfigurationError, match=rf"^core of 'a': {message}$"):
        CorePlan(**{"hosts": (Host(population="a"),), "lanes": 4, **options})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": 0}, r"depth must be an integer of at least 1, found 0"),
        ({"depth": 8.0}, r"depth must be an integer of at least 1, found 8\.0"),
        ({"reserve": True}, r"reserve must be an integer of at least 1, found True"),
        ({"depth": 3}, r"reserve must leave 2 places to spikes, found 2 of 3"),
    ],
)
def test_an_illegal_guard(options, message):
    with pytest.raises(ConfigurationError, match=rf"^guard of input 'x': {message}$"):
        GuardPlan(**{"input": "x", "depth": 8, **options})


@pytest.mark.parametrize("channels", [(2, 2), (-1, 2), (1, 2, 3)])
def test_an_illegal_slice(channels):
    with pytest.raises(
        ConfigurationError,
        match=r"^host of population 'a': a slice must be first and last \(exclusive\) channel, "
        rf"found \({', '.join(map(str, channels))}\)$",
    ):
        Host(population="a", channels=channels)
