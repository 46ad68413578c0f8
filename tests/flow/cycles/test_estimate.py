"""Cycles of a plan against those that its Verilog takes: within 2 %, and equal on chains."""

import re
from dataclasses import replace

import numpy as np
import pytest

from spikewright.flow.cycles import activity, cores, estimate_cycles
from spikewright.flow.cycles.serialise import Serialiser
from spikewright.flow.plan import default_plan
from spikewright.golden.errors import ConfigurationError, UnsupportedError
from spikewright.golden.spec import Delta, DeltaFunction, Encoding, Identity, Mode
from spikewright.hdl.plan import GuardPlan, MembraneStore, Products, Rows
from support.attention import events_of, product_network
from support.branching import branching, convolution, dense, inputs_of, max_pool, residual
from support.chains import bounded_chain, counting_chain, inputs_for
from support.cycles import estimated, measured
from support.graphs import plan_for
from support.random_graphs import random_graph
from support.random_networks import Seeded, random_inputs, settling_network, stepwise_network
from support.random_plans import random_plan

CHAIN = (60, 33, 17, 5)


def in_turn(*options):
    """Each of these in all modes: the first in each, the others in one after the other."""
    return [
        pytest.param(
            mode, option, marks=[pytest.mark.rest] * (k > 0 and (k - place) % len(Mode) > 0)
        )
        for k, option in enumerate(options)
        for place, mode in enumerate(Mode)
    ]


def compare(network, plan, inputs, steps, folder, *, tolerance=0.02, keep=None):
    found = measured(network, plan, inputs, steps, folder, keep)
    estimate = estimated(network, plan, inputs, steps, keep)
    assert abs(estimate.cycles / found - 1) <= tolerance, (estimate.cycles, found)
    assert estimate.efficiency == pytest.approx(estimate.bound / estimate.cycles)
    assert estimate.bound <= estimate.cycles
    return estimate


@pytest.mark.parametrize(
    ("mode", "options"),
    in_turn(
        {"lanes": 4},
        {"lanes": 64},
        {"lanes": 64, "sweep_lanes": 4},
        {"lanes": 64, "sweep_lanes": 4, "spikes": 2},
        {"lanes": 64, "sweep_lanes": 4, "fanout": 8},
        {"lanes": 4, "share": [("h0", "h1")]},
        {"lanes": 4, "partition": {"h0": 3}},
    ),
)
def test_chains(tmp_path, mode, options):
    network = bounded_chain(CHAIN, seed=3, high=3)
    plan = default_plan(network, mode, **options)
    steps = 4 if mode is Mode.STEPWISE else None
    inputs = {"x": inputs_for(network, 12, seed=1)}
    # Merges and shared cores take spikes in another order now and then.
    exact = mode is Mode.COLLAPSED or not options.keys() & {"share", "partition"}
    compare(network, plan, inputs, steps, tmp_path, tolerance=0.002 if exact else 0.01)


@pytest.mark.parametrize(
    ("mode", "options"),
    in_turn(
        {"lanes": 4, "rows": Rows.SPARSE},
        {"lanes": 8, "rows": Rows.SPARSE, "sweep_lanes": 2},
        {"lanes": 4, "membranes": MembraneStore.BLOCK},
        {"lanes": 4, "membranes": MembraneStore.BLOCK, "fanout": 8},
    ),
)
def test_compressed_rows_and_block_ram(tmp_path, mode, options):
    network = bounded_chain(CHAIN, seed=4, high=3, bits=3)
    rng = np.random.default_rng(1)
    pruned = []
    for each in network.connections:
        kept = each.operator.weights * (rng.random(each.operator.weights.shape) < 0.15)
        pruned.append(replace(each, operator=replace(each.operator, weights=kept)))
    network = replace(network, connections=tuple(pruned))
    plan = default_plan(network, mode, **options)
    steps = 4 if mode is Mode.STEPWISE else None
    inputs = {"x": inputs_for(network, 10, seed=1)}
    compare(network, plan, inputs, steps, tmp_path, tolerance=0.002)


@pytest.mark.parametrize("mode", list(Mode))
def test_membranes_in_large_rams(tmp_path, mode):
    network = bounded_chain(CHAIN, seed=4, high=3, bits=3)
    plan = default_plan(network, mode, lanes=4)
    cores = tuple(replace(core, membranes=MembraneStore.SPRAM) for core in plan.cores)
    steps = 4 if mode is Mode.STEPWISE else None
    inputs = {"x": inputs_for(network, 10, seed=1)}
    compare(network, replace(plan, cores=cores), inputs, steps, tmp_path, tolerance=0.0)


@pytest.mark.parametrize(("mode", "shared"), in_turn((), (("a", "b"),)))
def test_branches_meet(tmp_path, mode, shared):
    network = residual()
    plan = plan_for(network, mode, lanes=4, shared=shared)
    steps = 3 if mode is Mode.STEPWISE else None
    compare(network, plan, inputs_of(network, 10, seed=2), steps, tmp_path)


@pytest.mark.parametrize(("mode", "products"), in_turn(*Products))
def test_functions_of_sums_and_payloads_bit_by_bit(tmp_path, mode, products):
    rng = np.random.default_rng(4)
    wires = [
        ("x", "a", convolution(rng, 3, 2, (3, 3), padding=1)),
        ("a", "pool", max_pool((2, 2), stride=2)),
        ("pool", "out", dense(rng, 3 * 2 * 3, 5)),
        ("x", "out", dense(rng, 2 * 4 * 6, 5)),
    ]
    shapes = {"a": (3, 4, 6), "pool": (3, 2, 3), "out": (5,)}
    network = branching({"x": (2, 4, 6)}, shapes, wires, seed=5, high=3, relays=["pool"])
    plan = default_plan(network, mode, lanes=6, products=products)
    steps = 3 if mode is Mode.STEPWISE else None
    compare(network, plan, inputs_of(network, 8, seed=3), steps, tmp_path)


@pytest.mark.parametrize(
    "seed", [*range(1, 7), *(pytest.param(seed, marks=pytest.mark.rest) for seed in range(7, 13))]
)
def test_random_networks_and_plans(tmp_path, seed):
    chooser = Seeded(seed)
    makers = (random_graph, stepwise_network, settling_network)
    network = makers[seed % 3](chooser)
    mode = network.modes[seed % len(network.modes)]
    plan = replace(random_plan(chooser, network, mode), guards=())
    inputs = random_inputs(network, batch=9, steps=network.max_steps, seed=seed)
    events = any(source.encoding == "events" for source in network.inputs)
    steps = network.max_steps if mode is Mode.STEPWISE or events else None
    if any(each.delay and isinstance(each.operator, Delta) for each in network.connections):
        with pytest.raises(UnsupportedError):
            estimated(network, plan, inputs, steps)
        return
    compare(network, plan, inputs, steps, tmp_path)


@pytest.mark.parametrize("encoding", [Encoding.CONSTANT, Encoding.ONCE])
def test_encoders(tmp_path, encoding):
    network = bounded_chain((20, 13, 5), seed=3, high=3)
    source = replace(network.inputs[0], encoding=encoding)
    network = replace(network, inputs=(source,), modes=(Mode.STEPWISE,))
    plan = default_plan(network, Mode.STEPWISE, lanes=64, encoders=True)
    compare(network, plan, {"x": inputs_for(network, 8, seed=1)}, 3, tmp_path, tolerance=0)


def test_counted_spikes(tmp_path):
    network = counting_chain((20, 12, 6), seed=2)
    plan = default_plan(network, Mode.STEPWISE, lanes=5)
    compare(network, plan, {"x": inputs_for(network, 8)}, network.max_steps, tmp_path)


def test_a_longer_pipeline_is_found(tmp_path, monkeypatch):
    network = bounded_chain((20, 13, 9, 5), seed=11)
    plan = default_plan(network, Mode.COLLAPSED, lanes=64)
    inputs = {"x": inputs_for(network, 8)}
    found = measured(network, plan, inputs, None, tmp_path)
    length = cores.TimedCore._length
    monkeypatch.setattr(cores.TimedCore, "_length", lambda self, host: length(self, host) + 2)
    assert abs(estimated(network, plan, inputs, None).cycles / found - 1) > 0.02


def test_a_serialiser_that_holds_more_is_found(tmp_path, monkeypatch):
    network = bounded_chain((20, 40, 33, 5), seed=11)
    plan = default_plan(network, Mode.STEPWISE, lanes=8)
    inputs = {"x": inputs_for(network, 8)}
    found = measured(network, plan, inputs, 3, tmp_path)
    monkeypatch.setattr(Serialiser, "after", lambda *arguments: 0)
    assert abs(estimated(network, plan, inputs, 3).cycles / found - 1) > 0.005


@pytest.mark.parametrize(
    ("sizes", "options", "limit"),
    [
        ((40, 20, 4), {"lanes": {"h0": 1, "out": 4}}, "rows of 'h0'"),
        ((40, 6, 2), {"lanes": 64, "sweep_lanes": 4}, "the one token a cycle of input 'x'"),
        ((4, 60, 2), {"lanes": {"h0": 2, "out": 2}}, "sweep of 'h0'"),
    ],
)
def test_what_limits(sizes, options, limit):
    network = bounded_chain(sizes, seed=3, high=1)
    plan = default_plan(network, Mode.COLLAPSED, **options)
    estimate = estimated(network, plan, {"x": inputs_for(network, 8)}, None)
    assert estimate.limit == limit
    assert max(core.busy for core in estimate.cores) <= estimate.cycles


def test_cores_say_their_rows():
    network = bounded_chain((40, 20, 4), seed=3)
    plan = default_plan(network, Mode.COLLAPSED, lanes=4)
    x = inputs_for(network, 8)
    estimate = estimated(network, plan, {"x": x}, None)
    assert [core.name for core in estimate.cores] == ["h0", "out"]
    assert estimate.cores[0].rows == 5 * np.count_nonzero(x) / 8
    assert estimate.latency > 0


def test_another_mode_is_refused():
    network = bounded_chain((5, 4, 3), seed=1)
    traces = activity(network, Mode.COLLAPSED, {"x": inputs_for(network, 3)})
    plan = default_plan(network, Mode.SETTLE)
    with pytest.raises(ConfigurationError, match=r"^the plan must be of the traces' mode"):
        estimate_cycles(network, plan, traces)


def test_one_sample_says_nothing_of_what_follows():
    network = bounded_chain((5, 4, 3), seed=1)
    with pytest.raises(ConfigurationError, match=r"^inputs: there must be at least 2 samples"):
        activity(network, Mode.COLLAPSED, {"x": inputs_for(network, 1)})


def test_what_is_not_known_is_refused_by_name():
    network = counting_chain((6, 4, 3), seed=1)
    plan = default_plan(network, Mode.STEPWISE)
    guarded = replace(plan, guards=(GuardPlan(input="x", depth=8),))
    inputs = {"x": inputs_for(network, 3)}
    message = re.escape("the model of cycles does not know guards, found x")
    with pytest.raises(UnsupportedError, match=message):
        estimated(network, guarded, inputs, network.max_steps)


def test_a_function_behind_a_delay_is_refused():
    rng = np.random.default_rng(1)
    wires = [("x", "a", dense(rng, 4, 4)), ("a", "out", Identity())]
    network = branching({"x": (4,)}, {"a": (4,), "out": (4,)}, wires, seed=1)
    late = Delta(function=DeltaFunction.CLIP, low=-1, high=1)
    first = network.connections[0]
    loop = replace(first, source="a", target="a", operator=late, delay=1)
    network = replace(network, connections=(*network.connections, loop))
    plan = default_plan(network, Mode.STEPWISE)
    with pytest.raises(UnsupportedError, match="does not know a function of sums behind a delay"):
        estimated(network, plan, inputs_of(network, 3, seed=1), 3)


@pytest.mark.parametrize(
    ("kinds", "shape", "options"),
    [
        (("unit",) * 3, {"space": (40,), "features": (1, 1)}, {"lanes": 1}),
        (("unit", "count", "sign"), {"features": (2, 3), "beside": False}, {"lanes": 1}),
        pytest.param(
            ("unit",) * 3,
            {"beside": False},
            {"lanes": 1, "partition": {"a": 2}},
            marks=pytest.mark.rest,
        ),
        pytest.param(
            ("unit",) * 3,
            {"space": (3,)},
            {"lanes": 12, "banks": (1, 3), "sweep_lanes": 2},
            marks=pytest.mark.rest,
        ),
    ],
)
def test_products(tmp_path, kinds, shape, options):
    """Queries that wait for the sums of their step, and sums for queries to be done."""
    network = product_network(kinds, **shape)
    plan = default_plan(network, Mode.STEPWISE, **options)
    inputs = events_of(network, batch=3, steps=3, seed=1)
    estimate = compare(network, plan, inputs, 3, tmp_path, tolerance=0.002)
    assert max(core.busy for core in estimate.cores) <= estimate.cycles


def test_keys_may_limit():
    """Few queries, and many keys that are gone through for them."""
    network = product_network(("unit",) * 3, space=(20,), features=(4, 1), beside=False)
    inputs = events_of(network, batch=3, steps=4, seed=1, share=1)
    inputs["q"][:] = 0
    inputs["k"][:] = 1
    plan = default_plan(network, Mode.STEPWISE, lanes=2)
    estimate = estimated(network, plan, inputs, 4)
    assert estimate.limit == "keys of 'a'"
    (core,) = estimate.cores
    assert core.rows + core.sweeps < core.busy <= estimate.cycles
    assert core.busy >= inputs["k"][0].sum()  # one a cycle


def test_a_product_behind_a_delay_is_refused():
    network = product_network(("unit",) * 3, delay=1)
    plan = default_plan(network, Mode.STEPWISE)
    message = "^the model of cycles does not know a product behind a delay, found 'q' to 'a'"
    with pytest.raises(UnsupportedError, match=message):
        estimated(network, plan, events_of(network, batch=3, steps=2, seed=1), 2)


def test_latency_is_a_mean_over_samples_that_come_alone():
    network = bounded_chain((20, 13, 5), seed=3)
    plan = default_plan(network, Mode.COLLAPSED, lanes=4)
    x = inputs_for(network, 4)
    pairs = [
        estimate_cycles(network, plan, activity(network, Mode.COLLAPSED, x[[k, k]], batch=2))
        for k in range(4)
    ]
    alone = [pair.latency for pair in pairs]
    assert len(set(alone)) > 1
    assert estimated(network, plan, {"x": x}, None).latency == np.mean(alone)
    batches = activity(network, Mode.COLLAPSED, x, batch=2)
    assert estimate_cycles(network, plan, batches).latency == np.mean(alone[::2])
    with pytest.raises(ConfigurationError, match="a batch must have at least 2 samples, found 1"):
        activity(network, Mode.COLLAPSED, x, batch=1)
