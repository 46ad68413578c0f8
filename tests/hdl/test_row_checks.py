"""Sparse rows where they cannot be are refused by name."""

from dataclasses import replace

import numpy as np
import pytest

from spikewright.golden.errors import ConfigurationError
from spikewright.hdl.plan import CorePlan, Host, MembraneStore, Rows, Sweeps, WeightStore
from spikewright.hdl.row_checks import check_rows
from support.branching import branching, convolution, dense
from support.chains import bounded_chain
from support.stores import TWO_PORTS

CHAIN = bounded_chain((6, 5, 4), seed=1)


def core(*names, **options):
    hosts = tuple(Host(population=name) for name in names)
    return CorePlan(hosts=hosts, lanes=2, rows=Rows.SPARSE, **options)


@pytest.mark.parametrize("store", TWO_PORTS)
@pytest.mark.parametrize("name", ["h0", "out"])
def test_one_dense_connection_is_legal_in_any_store(name, store):
    check_rows(CHAIN, core(name, membranes=store))


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (
            core("h0", "out"),
            r"^core of 'h0', 'out': a core with sparse rows must host one population, found 2 of "
            r"them; give it dense rows$",
        ),
        (
            core("h0", sweep_lanes=2, membranes=MembraneStore.BLOCK),
            r"must keep what it adds to in registers or LUT RAM while neurons decide "
            r"\(sweep_lanes\), found membranes in block; give it dense rows$",
        ),
        (
            core("h0", sweeps=Sweeps.TOUCHED),
            r"must sweep all groups, found sweeps touched; give it dense rows$",
        ),
        (
            core("h0", weights=WeightStore.SPRAM),
            r"must have weights in block RAM or logic, found spram; give it dense rows$",
        ),
        (core("h0", spikes=2), r"must take one spike a cycle, found 2; give it dense rows$"),
    ],
)
def test_what_is_refused(plan, message):
    with pytest.raises(ConfigurationError, match=message):
        check_rows(CHAIN, plan)
    check_rows(CHAIN, replace(plan, rows=Rows.DENSE))


def test_connections_of_other_kinds_are_named():
    rng = np.random.default_rng(1)
    network = branching(
        {"x": (1, 6, 9)},
        {"a": (3, 6, 9), "out": (5,)},
        [
            ("x", "a", convolution(rng, 3, 1, (3, 3), padding=1)),
            ("a", "out", dense(rng, 162, 5, bits=2)),
            ("x", "out", dense(rng, 54, 5, bits=2)),
        ],
        seed=3,
    )
    must = "a core with sparse rows must have one connection, dense and without delay, found"
    with pytest.raises(ConfigurationError, match=f"^core of 'a': {must} window from 'x';"):
        check_rows(network, core("a"))
    with pytest.raises(
        ConfigurationError, match=f"^core of 'out': {must} dense from '[ax]', dense from '[ax]';"
    ):
        check_rows(network, core("out"))


def test_a_delay_is_named():
    first, last = CHAIN.connections
    network = replace(CHAIN, connections=(first, replace(last, delay=1)))
    with pytest.raises(ConfigurationError, match=r"found dense from 'h0' with a delay; give"):
        check_rows(network, core("out"))
