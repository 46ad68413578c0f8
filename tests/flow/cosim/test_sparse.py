"""Compressed rows co-simulated: every spike and every counter, in all modes, with stalls."""

from dataclasses import replace

import pytest

from spikewright.flow.plan import default_plan
from spikewright.golden.errors import MismatchError
from spikewright.golden.spec import Mode
from spikewright.hdl import make_configs
from spikewright.hdl.plan import Products, Rows, WeightStore
from support.chains import bounded_chain, inputs_for
from support.fuzz import Case, check
from support.stores import TWO_PORTS
from support.thinned import thinned

pytestmark = pytest.mark.pairs

SIZES = (20, 13, 9, 5)


def case(mode, *, density=0.2, stalls=(None, None), seed=1, lanes=2, high=3, **options):
    network = thinned(bounded_chain(SIZES, seed=seed, high=high), density, seed=seed)
    plan = default_plan(network, mode, lanes=lanes, rows=Rows.SPARSE, **options)
    return Case(
        network=network,
        plan=plan,
        inputs={"x": inputs_for(network, 8, seed=seed)},
        steps=4 if mode is Mode.STEPWISE else None,
        keep=None,
        stalls=stalls,
    )


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("high", [1, 3])
@pytest.mark.parametrize("stalls", [(None, None), ("0100", "1010"), ("1110", "01")])
def test_every_spike_is_equal(tmp_path, mode, high, stalls):
    made = case(mode, high=high, stalls=stalls)
    assert [core.rows for core in made.plan.cores] == [Rows.SPARSE] * 3
    check(made, tmp_path)


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("high", [1, 3])
@pytest.mark.parametrize("stalls", [(None, None), ("0100", "1010")])
@pytest.mark.parametrize("sweep_lanes", [1, 2])
def test_every_spike_is_equal_while_neurons_decide(tmp_path, mode, high, stalls, sweep_lanes):
    made = case(mode, high=high, stalls=stalls, sweep_lanes=sweep_lanes)
    assert [core.rows for core in made.plan.cores] == [Rows.SPARSE] * 3
    assert [core.sweep_lanes for core in made.plan.cores] == [sweep_lanes] * 3
    check(made, tmp_path)


@pytest.mark.parametrize("membranes", TWO_PORTS)
@pytest.mark.parametrize("weights", [WeightStore.BLOCK, WeightStore.LOGIC])
@pytest.mark.parametrize("products", list(Products))
def test_every_store(tmp_path, membranes, weights, products):
    check(case(Mode.SETTLE, membranes=membranes, weights=weights, products=products), tmp_path)


@pytest.mark.parametrize("lanes", [1, 3, 4])
def test_parts_of_a_population(tmp_path, lanes):
    made = case(Mode.COLLAPSED, lanes=lanes, partition={"h0": 3})
    assert Rows.SPARSE in {core.rows for core in made.plan.cores if core.hosts[0].channels}
    check(made, tmp_path)


def test_a_weight_in_another_group_is_found(tmp_path, monkeypatch):
    right = make_configs.sparse_schedule

    def wrong(*args, **options):
        schedule = right(*args, **options)
        rows, lanes = schedule.weights.nonzero()
        groups = schedule.groups.copy()
        groups[rows[3], lanes[3]] ^= 1
        return replace(schedule, groups=groups)

    made = case(Mode.COLLAPSED)
    monkeypatch.setattr(make_configs, "sparse_schedule", wrong)
    with pytest.raises(MismatchError):
        check(made, tmp_path)


def test_a_row_that_is_never_fetched_is_found(tmp_path, monkeypatch):
    right = make_configs.sparse_schedule

    def wrong(*args, **options):
        schedule = right(*args, **options)
        count = schedule.count.copy()
        count[count.argmax()] -= 1
        return replace(schedule, count=count)

    made = case(Mode.COLLAPSED)
    monkeypatch.setattr(make_configs, "sparse_schedule", wrong)
    with pytest.raises(MismatchError):
        check(made, tmp_path)
