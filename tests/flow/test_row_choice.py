"""Sparse rows are chosen where they are cheaper, and nowhere else."""

from dataclasses import replace

import numpy as np
import pytest

from spikewright.flow.plan import default_plan
from spikewright.flow.plan_file import plan_as_dict, plan_from_dict
from spikewright.flow.row_choice import core_costs
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Dense, Mode
from spikewright.hdl.plan import Rows
from support.chains import bounded_chain
from support.thinned import thinned

FULL = bounded_chain((64, 48, 5), seed=1)


def rows_of(network, **options):
    plan = default_plan(network, Mode.COLLAPSED, rows=Rows.SPARSE, **options)
    return [core.rows for core in plan.cores]


def test_dense_is_the_default():
    plan = default_plan(thinned(FULL, 0.1), Mode.COLLAPSED)
    assert {core.rows for core in plan.cores} == {Rows.DENSE}


def test_sparse_where_they_are_fewer():
    # A full last layer of one group has a row for every neuron either way.
    last = FULL.connections[1]
    full = replace(last, operator=replace(last.operator, weights=last.operator.weights | 1))
    mixed = replace(FULL, connections=(thinned(FULL, 0.2).connections[0], full))
    assert rows_of(mixed, lanes=(8, 5)) == [Rows.SPARSE, Rows.DENSE]
    assert rows_of(thinned(FULL, 0.2), lanes=(8, 2)) == [Rows.SPARSE, Rows.SPARSE]


def test_dense_weights_are_left_dense():
    ones = [
        replace(each, operator=replace(each.operator, weights=np.ones_like(each.operator.weights)))
        for each in FULL.connections
    ]
    network = replace(FULL, connections=tuple(ones))
    message = (
        r"^core of 'h0': sparse rows must be fewer than dense ones, or as many and of fewer bits, "
        r"found 384 of \d+ bits in all, dense 384 of 12288; leave them dense, "
    )
    with pytest.raises(ConfigurationError, match=message):
        rows_of(network, lanes=8)


def test_what_stands_against_the_first_core_is_said():
    with pytest.raises(
        ConfigurationError, match=r"^core of 'h0', 'h1': .* must host one population"
    ):
        rows_of(bounded_chain((8, 4, 4, 2), seed=1), lanes=1, share=[("h0", "h1")])


def test_costs_are_counted_by_hand():
    """Two lanes: rows are the fuller lane's weights, in all as many as there are pairs."""
    weights = np.array([[1, 0, 2, 0, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]])
    chain = bounded_chain((3, 5, 2), seed=1)
    first = replace(chain.connections[0], operator=Dense(weights=weights, weight_bits=4))
    network = replace(chain, connections=(first, chain.connections[1]))
    plan = default_plan(network, Mode.COLLAPSED, lanes=2)
    costs = core_costs(network, plan, plan.cores[0])
    assert costs[Rows.SPARSE].rows_per_neuron.tolist() == [2, 0, 3]
    assert costs[Rows.DENSE].rows_per_neuron.tolist() == [3, 3, 3]
    assert costs[Rows.DENSE].bits == 9 * 2 * 4
    # Five rows of two lanes of a weight and a group; counts of 2 bits, and a first row that is
    # 0 or 2 for two spikes: one bit of an address, all four addresses.
    assert costs[Rows.SPARSE].bits == 5 * 2 * (4 + 2) + 4 * (2 + 2)


def test_a_plan_keeps_its_rows():
    plan = default_plan(thinned(FULL, 0.2), Mode.COLLAPSED, lanes=8, rows=Rows.SPARSE)
    assert plan_from_dict(plan_as_dict(plan)) == plan
    data = plan_as_dict(plan)
    data["cores"][0]["rows"] = "thin"
    with pytest.raises(ConfigurationError, match=r"rows: must be one of dense, sparse, found"):
        plan_from_dict(data)
