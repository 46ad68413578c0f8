"""The bound is the busiest core's: its rows, its sweeps, or the spikes into a delta unit."""

import numpy as np
import pytest

from spikewright.flow.plan import default_plan
from spikewright.golden.spec import Mode
from spikewright.hdl import bound_cycles, core_configs
from spikewright.hdl.bound import rows
from spikewright.hdl.plan import MembraneStore
from support.attention import product_network
from support.branching import branching, convolution, dense, max_pool
from support.graphs import check_graph, plan_for


def network():
    rng = np.random.default_rng(3)
    wires = [
        ("x", "a", convolution(rng, 4, 1, (3, 3), padding=1)),
        ("a", "b", max_pool((2, 2), stride=2)),
        ("b", "out", dense(rng, 16, 3)),
    ]
    populations = {"a": (4, 4, 4), "b": (4, 2, 2), "out": (3,)}
    return branching({"x": (1, 4, 4)}, populations, wires, seed=1, relays=("b",))


def configs(**options):
    return core_configs(network(), plan_for(network(), Mode.SETTLE, **options))


def ones(**spikes):
    sizes = {"x": 16, "a": 64, "b": 16}
    return {(name, 0, False): np.full(sizes[name], spikes[name]) for name in sizes}


def test_rows_follow_the_schedule():
    # One row and column bank: a row a tap. In the middle 9 taps, at an edge 6, at a corner 4.
    cores = configs(lanes=4)
    assert rows(cores[0], ones(x=1.0, a=0.0, b=0.0)) == 4 * 9 + 8 * 6 + 4 * 4
    banked = configs(lanes={"a": 36, "out": 3}, banks={"a": (3, 3)})
    assert rows(banked[0], ones(x=0.5, a=0.0, b=0.0)) == 16 * 0.5
    assert rows(cores[1], ones(x=0.0, a=9.0, b=0.0)) == 0


@pytest.mark.parametrize(
    ("spikes", "bound"),
    [
        ({"x": 1.0, "a": 0.0, "b": 0.0}, 100 + 2 * 16),  # rows of a and its sweeps
        ({"x": 0.0, "a": 2.0, "b": 0.0}, 128),  # spikes into the max pooling
        ({"x": 0.0, "a": 0.0, "b": 3.0}, 48 + 2),  # rows of the readout
    ],
)
def test_the_bound_is_the_busiest_core(spikes, bound):
    steps = {"a": 2.0, "b": 2.0, "out": 2.0}
    assert bound_cycles(configs(lanes=4), spikes=ones(**spikes), steps=steps) == bound


def test_a_memory_of_one_port_takes_two_cycles():
    cores = configs(lanes=4, membranes=MembraneStore.SPRAM)
    steps = {"a": 2.0, "b": 2.0, "out": 2.0}
    found = bound_cycles(cores, spikes=ones(x=1.0, a=0.0, b=0.0), steps=steps)
    assert found == 2 * (100 + 2 * 16)


def test_no_run_is_faster():
    net = network()
    x = {"x": np.full((3, 16), 2)}
    plan = plan_for(net, Mode.COLLAPSED, lanes=36, banks={"a": (3, 3)})
    seen = check_graph(net, plan, x)
    spikes = ones(x=1.0, a=0.0, b=0.0)
    for name in ("a", "b"):
        for kind, neuron, _ in seen.streams[name]:
            if kind == 0:
                spikes[name, 0, False][neuron] += 1 / 3
    steps = dict.fromkeys(("a", "b", "out"), 1.0)
    bound = bound_cycles(core_configs(net, plan), spikes=spikes, steps=steps)
    assert 0 < 3 * bound < seen.cycles


@pytest.mark.parametrize(("lanes", "turns"), [(4, 1), (2, 2), (1, 4)])
def test_a_product_takes_a_cycle_a_key_in_each_of_its_rows(lanes, turns):
    """Of each head 3 features of keys and 4 of values, at 5 tokens; 2 spikes a neuron."""
    network = product_network(("unit",) * 3, features=(3, 4), beside=False)
    plan = default_plan(network, Mode.STEPWISE, lanes=lanes)
    spikes = {("q", 0, False): np.zeros(30), ("k", 0, False): np.full(30, 2.0)}
    (config,) = core_configs(network, plan)
    assert bound_cycles((config,), spikes=spikes, steps={"a": 1.0}) == 30 * 2 * turns
    spikes["q", 0, False][:] = 2.0
    sweep = 2 * turns * 5
    assert bound_cycles((config,), spikes=spikes, steps={"a": 1.0}) == 30 * 2 * turns + sweep
