import json
import re

import pytest

from spikewright.flow.plan import (
    default_plan,
    load_plan,
    plan_as_dict,
    plan_from_dict,
    plan_hash,
    save_plan,
)
from spikewright.golden.errors import ConfigurationError, FileError
from spikewright.golden.spec import Mode
from spikewright.hdl.plan import CorePlan, HardwarePlan, MembraneStore
from support.chains import bounded_chain

NETWORK = bounded_chain((30, 200, 5), seed=1)


@pytest.mark.parametrize(
    ("lanes", "built"),
    [
        (None, [16, 5]),
        (8, [8, 5]),
        ((64,), [64, 5]),
        ((300, 2), [200, 2]),
        ({"out": 3}, [16, 3]),
        ({}, [16, 5]),
    ],
)
def test_lanes(lanes, built):
    plan = default_plan(NETWORK, Mode.SETTLE, lanes=lanes)
    assert plan.mode is Mode.SETTLE
    assert [core.population for core in plan.cores] == ["h0", "out"]
    assert [core.lanes for core in plan.cores] == built


def test_membranes_by_groups():
    plan = default_plan(NETWORK, Mode.SETTLE)
    assert [core.membranes for core in plan.cores] == [
        MembraneStore.LUTRAM,
        MembraneStore.REGISTERS,
    ]
    block = default_plan(NETWORK, Mode.SETTLE, membranes=MembraneStore.BLOCK)
    # One group of membranes is read and written in every cycle.
    assert [core.membranes for core in block.cores] == [
        MembraneStore.BLOCK,
        MembraneStore.REGISTERS,
    ]


@pytest.mark.parametrize(
    ("lanes", "message"),
    [
        ((1, 2, 3), "^lanes must be one number, or one for each of h0, out, found 3 numbers$"),
        ((), "found 0 numbers$"),
        ({"h1": 3}, "^lanes may be given for h0, out, found h1$"),
        (0, "^core 'h0': lanes must be integers of at least 1, found 0$"),
        ((4, True), "^core 'out': lanes must be integers of at least 1, found True$"),
    ],
)
def test_bad_lanes(lanes, message):
    with pytest.raises(ConfigurationError, match=message):
        default_plan(NETWORK, Mode.SETTLE, lanes=lanes)


def test_file_round_trip(tmp_path):
    plan = HardwarePlan(
        mode=Mode.COLLAPSED,
        cores=(CorePlan(population="a", lanes=3, membranes=MembraneStore.BLOCK, queue_depth=4),),
    )
    save_plan(plan, tmp_path / "plan.json")
    assert load_plan(tmp_path / "plan.json") == plan


def test_hash_tells_plans_apart():
    one, other = (default_plan(NETWORK, Mode.SETTLE, lanes=lanes) for lanes in (4, 5))
    assert plan_hash(one) == plan_hash(default_plan(NETWORK, Mode.SETTLE, lanes=4))
    assert plan_hash(one) != plan_hash(other)
    assert re.fullmatch("[0-9a-f]{64}", plan_hash(one))


def test_defaults_may_be_left_out():
    core = {"population": "a", "lanes": 2}
    plan = plan_from_dict({"schema": 1, "mode": "settle", "cores": [core]})
    assert plan.cores == (CorePlan(population="a", lanes=2),)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda d: d.update(schema=2), FileError, "^plan: the plan's schema must be 1, found 2$"),
        (lambda d: d.update(speed=1), ConfigurationError, "found unknown speed; the keys are"),
        (lambda d: d.pop("mode"), ConfigurationError, "found missing mode"),
        (lambda d: d.update(mode="fast"), ConfigurationError, "^plan, mode: must be one of step"),
        (lambda d: d.update(cores=[]), ConfigurationError, "at least one core, found \\[\\]$"),
        (lambda d: d["cores"].append(3), ConfigurationError, "core 2: a core must be an object"),
        (lambda d: d["cores"][0].update(lane=1), ConfigurationError, "core 0: .*unknown lane;"),
        (lambda d: d["cores"][0].pop("lanes"), ConfigurationError, "found missing lanes"),
        (lambda d: d["cores"][0].update(lanes=0), ConfigurationError, "at least 1, found 0"),
        (lambda d: d["cores"][0].update(lanes="4"), ConfigurationError, "at least 1, found '4'"),
        (lambda d: d["cores"][0].update(population=1), ConfigurationError, "must be a name"),
        (lambda d: d["cores"][0].update(membranes="x"), ConfigurationError, "membranes: must be"),
        (lambda d: d["cores"][0].update(weights=None), ConfigurationError, "weights: must be"),
    ],
)
def test_bad_plan(change, error, message):
    data = json.loads(json.dumps(plan_as_dict(default_plan(NETWORK, Mode.SETTLE))))
    change(data)
    with pytest.raises(error, match=message):
        plan_from_dict(data)
