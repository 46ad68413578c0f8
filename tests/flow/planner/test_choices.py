"""Rows, sweeps and queues: offered where they are cheaper, and kept where they are pinned."""

import re
from dataclasses import replace

import numpy as np
import pytest

from spikewright.boards import get_board
from spikewright.flow.area.networks import maps
from spikewright.flow.cycles import activity, estimate_cycles
from spikewright.flow.planner import Candidate, Limits, Objective, Pins, plan_hardware
from spikewright.flow.row_choice import core_costs
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Mode
from spikewright.hdl.plan import MembraneStore, ParameterStore, Rows, Sweeps, WeightStore
from support.chains import bounded_chain, inputs_for
from support.cycles import measured
from support.thinned import thinned

BOARD = get_board("ulx3s-85f")
FIXED = Pins(lanes={"h0": 4, "out": 5}, spikes=1, share=(), partition={})


@pytest.fixture(scope="module")
def pruned():
    return thinned(bounded_chain((40, 24, 5), seed=3, high=1), 0.15)


@pytest.fixture(scope="module")
def inputs(pruned):
    return {"x": inputs_for(pruned, 4, seed=2)}


@pytest.fixture(scope="module")
def traces(pruned, inputs):
    return activity(pruned, Mode.COLLAPSED, inputs)


def planned(network, traces, pins, objective=Objective.THROUGHPUT):
    return plan_hardware(network, BOARD, traces, objective=objective, pins=pins)


def test_rows_of_a_pruned_network_are_sparse_where_that_is_faster(pruned, inputs, traces, tmp_path):
    found = planned(pruned, traces, FIXED)
    core = found.plan.cores[0]
    assert core.rows is Rows.SPARSE
    costs = core_costs(pruned, found.plan, replace(core, rows=Rows.DENSE))
    assert costs[Rows.SPARSE].is_less(costs[Rows.DENSE])
    dense = planned(pruned, traces, replace(FIXED, rows=Rows.DENSE))
    assert {each.rows for each in dense.plan.cores} == {Rows.DENSE}
    assert found.chosen.cycles.cycles < dense.chosen.cycles.cycles
    real = measured(pruned, found.plan, inputs, None, tmp_path)
    assert found.chosen.cycles.cycles == pytest.approx(real, rel=0.02)


def test_rows_of_all_weights_stay_dense():
    network = bounded_chain((40, 24, 5), seed=3, high=1)
    dense = activity(network, Mode.COLLAPSED, {"x": inputs_for(network, 4, seed=2)})
    found = planned(network, dense, FIXED)
    assert {each.rows for each in found.plan.cores} == {Rows.DENSE}
    pins = replace(FIXED, lanes={"h0": 24, "out": 5}, rows=Rows.SPARSE)
    with pytest.raises(ConfigurationError, match=r"^core of 'h0': sparse rows must be fewer than"):
        planned(network, dense, pins)


def test_pinned_rows_are_sparse_where_they_can_be(pruned, traces):
    found = planned(pruned, traces, replace(FIXED, rows=Rows.SPARSE, sweep_lanes=2))
    for each in found.front:
        assert each.plan.cores[0].rows is Rows.SPARSE
        assert each.plan.cores[0].sweep_lanes == 2


def test_queues_are_shorter_where_that_saves(pruned, traces):
    found = planned(pruned, traces, FIXED, Objective.AREA)
    usual = planned(pruned, traces, replace(FIXED, queue_depth=40), Objective.AREA)
    assert max(depth for core in found.plan.cores for depth in core.queue_depths) < 40
    assert found.chosen.area.luts < usual.chosen.area.luts
    for each in usual.front:
        assert {depth for core in each.plan.cores for depth in core.queue_depths} == {40}


def test_pinned_constants_of_neurons_are_in_every_plan(pruned, traces):
    for store in (ParameterStore.CONSTANTS, ParameterStore.REGISTERS):
        pins = replace(FIXED, parameters=store, rows=Rows.SPARSE, queue_depth=40)
        found = planned(pruned, traces, pins)
        assert {core.parameters for each in found.front for core in each.plan.cores} == {store}


def test_sweeps_are_of_what_was_touched_where_that_is_faster():
    network = maps(8, (4, 4))()
    rng = np.random.default_rng(0)
    spikes = {"x": (rng.random((4, 64)) < 0.05).astype(np.int64)}
    steps = activity(network, Mode.STEPWISE, spikes, steps=3)
    pins = Pins(lanes={"a": 4, "b": 4, "out": 5}, spikes=1, share=(), partition={})
    found = planned(network, steps, pins)
    assert found.plan.cores[1].sweeps is Sweeps.TOUCHED
    cores = tuple(replace(core, sweeps=Sweeps.ALL) for core in found.plan.cores)
    every = estimate_cycles(network, replace(found.plan, cores=cores), steps)
    assert found.chosen.cycles.cycles < every.cycles
    pinned = planned(network, steps, replace(pins, sweeps=Sweeps.TOUCHED))
    for each in pinned.front:
        kinds = [core.sweeps for core in each.plan.cores]
        assert kinds == [Sweeps.TOUCHED, Sweeps.TOUCHED, Sweeps.ALL]


@pytest.mark.parametrize(
    ("pins", "message"),
    [
        (
            Pins(rows=Rows.SPARSE, sweep_lanes=2, membranes=MembraneStore.BLOCK, lanes={"h0": 2}),
            "core of 'h0': a core with sparse rows must keep what it adds to in registers or LUT",
        ),
        (
            Pins(sweeps=Sweeps.TOUCHED),
            "core of 'h0': a core that sweeps what was touched must have maps of several groups",
        ),
        (Pins(queue_depth=1), "queue_depth must be at least 2, found 1"),
    ],
)
def test_pins_that_contradict(pruned, traces, pins, message):
    with pytest.raises(ConfigurationError, match=f"^{re.escape(message)}"):
        planned(pruned, traces, replace(pins, spikes=1, share=(), partition={}))


@pytest.mark.parametrize("kind", ["sprams", "dsps", "block_rams"])
def test_how_far_a_plan_is_from_a_board_counts_every_kind(pruned, traces, kind):
    chosen = planned(pruned, traces, replace(FIXED, rows=Rows.DENSE)).chosen
    area = replace(chosen.area, **{kind: 8})
    each = Candidate(plan=chosen.plan, cycles=chosen.cycles, area=area, clock_hz=chosen.clock_hz)
    for there, wanted in ((2, 4.0), (0, 9.0)):
        resources = replace(BOARD.resources, **{kind: there})
        assert each.excess(Limits(), resources, None) == wanted


@pytest.mark.parametrize(
    "pins", [Pins(weights=WeightStore.SPRAM), Pins(membranes=MembraneStore.SPRAM)]
)
def test_large_rams_are_pinned_where_there_are_some(pins):
    network = bounded_chain((20, 9, 4), seed=1, high=1)
    traces = activity(network, Mode.COLLAPSED, {"x": inputs_for(network, 2, seed=2)})
    with pytest.raises(ConfigurationError, match=r"ulx3s-85f has no large RAMs, found spram"):
        plan_hardware(network, BOARD, traces, objective=Objective.THROUGHPUT, pins=pins)
