"""Queues between cores with several hosts in a circle hold a whole step; others any number."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from spikewright.flow.plan import default_plan
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Mode
from spikewright.hdl import CorePlan, HardwarePlan, Host, core_configs
from spikewright.hdl.loops import minimum_depths, port_connections
from support.attention import product_network
from support.branching import branching, dense


def chain(names="abcd", n=5):
    """x -> a -> b -> c -> d -> out, 5 neurons each; the readout has 3."""
    rng = np.random.default_rng(0)
    order = ["x", *names, "out"]
    sizes = dict.fromkeys(order, n) | {"out": 3}
    wires = [
        (source, target, dense(rng, sizes[source], sizes[target]))
        for source, target in pairwise(order)
    ]
    return branching(
        {"x": (n,)}, {name: (size,) for name, size in sizes.items() if name != "x"}, wires, seed=0
    )


def plan(*cores):
    return HardwarePlan(
        mode=Mode.SETTLE,
        cores=tuple(
            CorePlan(hosts=tuple(Host(population=name) for name in names), lanes=5)
            for names in cores
        ),
    )


def least(*cores):
    return minimum_depths(chain(), plan(*cores))


def test_cores_of_their_own_need_two():
    assert least("a", "b", "c", "d", ("out",)) == ((2,),) * 5


def test_a_connection_within_a_core_needs_a_step():
    assert least("ab", "c", "d", ("out",)) == ((2, 6), (2,), (2,), (2,))


def test_a_way_through_another_core_needs_two():
    assert least("ac", "b", "d", ("out",)) == ((2, 2), (2,), (2,), (2,))


def test_a_circle_of_cores_with_several_hosts_needs_a_step():
    assert least("ac", "bd", ("out",)) == ((2, 6), (6, 6), (2,))


def test_no_circle_needs_two_even_between_cores_with_several_hosts():
    rng = np.random.default_rng(0)
    wires = [
        ("x", "a", dense(rng, 5, 4)),
        ("x", "b", dense(rng, 5, 4)),
        ("a", "c", dense(rng, 4, 4)),
        ("b", "d", dense(rng, 4, 4)),
        ("c", "out", dense(rng, 4, 3)),
        ("d", "out", dense(rng, 4, 3)),
    ]
    populations = dict.fromkeys("abcd", (4,)) | {"out": (3,)}
    net = branching({"x": (5,)}, populations, wires, seed=0)
    shared = plan("ab", "cd", ("out",))
    assert minimum_depths(net, shared) == ((2, 2), (2, 2), (2, 2))


def test_ports_are_in_the_order_of_hosts_and_then_of_the_network():
    ports = port_connections(chain(), plan("cb", "a", "d", ("out",)).cores[0])
    assert [(port.source, port.target) for port in ports] == [("b", "c"), ("a", "b")]


def test_a_queue_in_which_tokens_could_deadlock_is_refused():
    cores = plan("ab", "c", "d", ("out",)).cores
    depths = ((2, 5), (2,), (2,), (2,))
    short = HardwarePlan(
        mode=Mode.SETTLE,
        cores=tuple(replace(c, queue_depths=d) for c, d in zip(cores, depths, strict=True)),
    )
    with pytest.raises(
        ConfigurationError,
        match=r"^core of 'a', 'b', connection 'a' -> 'b': the queue must hold a whole step, "
        r"6 tokens, or queues could deadlock, found 5; have the depth computed, or give 'b' a core "
        r"of its own$",
    ):
        core_configs(chain(), short)


def test_a_queue_that_is_left_out_is_refused():
    with pytest.raises(
        ConfigurationError,
        match=r"^core of 'a', 'b': queue_depths must have one entry for each of 2 connections, "
        r"found 0; have them computed$",
    ):
        core_configs(chain(), plan("ab", "c", "d", ("out",)))


def test_the_query_of_a_product_needs_a_step():
    """It waits for keys and values, which are stored as they come; what is beside it needs two."""
    network = product_network(("unit",) * 3)
    n = network.input("q").n
    plan = default_plan(network, Mode.STEPWISE)
    assert minimum_depths(network, plan) == ((n + 1, 2),)
    late = product_network(("unit",) * 3, delay=1)
    # From one step to the next, and the END behind it; it comes of an input, which may be ahead.
    assert minimum_depths(late, default_plan(late, Mode.STEPWISE)) == ((2 * (n + 1) + 1, 2),)
