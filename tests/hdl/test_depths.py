"""Depths of queues follow from the plan; one entry less costs time, and never a token."""

from dataclasses import replace

import numpy as np
import pytest

from spikewright.golden.spec import (
    Connection,
    Dense,
    Encoding,
    Fire,
    Input,
    Mode,
    Network,
    Payload,
    Population,
    Readout,
    Reset,
    Soma,
)
from spikewright.hdl import HardwarePlan, sized
from spikewright.hdl.depths import MAX_QUEUE_DEPTH
from support.branching import branching, dense, residual
from support.graphs import check_graph, plan_for


def diamond(n):
    """a -> c, and a -> b -> c, where a and b fire with every neuron in every step."""
    rng = np.random.default_rng(0)
    always = Soma(fire=Fire.BINARY, threshold=1, bias=1, reset=Reset.VALUE, reset_value=0)
    sizes = {"x": 4, "a": n, "b": n, "c": 6}

    def wire(source, target):
        weights = rng.integers(0, 3, (sizes[source], sizes[target]))
        operator = Dense(weights=weights, weight_bits=3)
        return Connection(source=source, target=target, operator=operator)

    return Network(
        name="diamond",
        inputs=(
            Input(
                name="x",
                shape=(4,),
                payload=Payload.UNIT,
                low=0,
                high=1,
                encoding=Encoding.EVENTS,
            ),
        ),
        populations=(
            Population(name="a", shape=(n,), soma=always, payload=Payload.UNIT),
            Population(name="b", shape=(n,), soma=always, payload=Payload.UNIT),
            Population(name="c", shape=(6,), soma=Soma(fire=Fire.NONE), payload=Payload.UNIT),
        ),
        connections=(wire("x", "a"), wire("a", "b"), wire("a", "c"), wire("b", "c")),
        readout=Readout(population="c", kind="membrane", decision="argmax"),
        modes=(Mode.STEPWISE,),
        max_steps=6,
    )


def with_depth(plan, core, port, depth):
    """The plan with another depth of one queue."""
    depths = list(plan.cores[core].queue_depths)
    depths[port] = depth
    cores = list(plan.cores)
    cores[core] = replace(cores[core], queue_depths=tuple(depths))
    return replace(plan, cores=tuple(cores))


def per_step(seen):
    """Every stream with the spikes of a step in order."""
    found = {}
    for name, tokens in seen.streams.items():
        steps = [[]]
        for token in tokens:
            steps[-1].append(token)
            if token[0]:
                steps.append([])
        found[name] = [sorted(step) for step in steps]
    return found


@pytest.mark.parametrize("n", [6, 13])
def test_one_entry_less_stalls_more_and_neither_loses_nor_reorders_across_steps(n):
    network = diamond(n)
    plan = plan_for(network, Mode.STEPWISE, lanes=16)
    skip = plan.cores[2].queue_depths[0]
    assert skip == n + 1  # a whole step: all of a's next one comes while b is at this one
    x = {"x": np.zeros((2, 6, 4), dtype=int)}
    seen = {
        depth: check_graph(network, with_depth(plan, 2, 0, depth), x, steps=6)
        for depth in (2, skip - 1, skip)
    }
    stalls = {depth: run.counters[0]["stalls"] for depth, run in seen.items()}
    assert stalls[2] > stalls[skip - 1] > stalls[skip]
    assert seen[2].cycles > seen[skip].cycles
    assert per_step(seen[2]) == per_step(seen[skip - 1]) == per_step(seen[skip])


def test_a_deeper_queue_gains_no_time():
    network = diamond(8)
    plan = plan_for(network, Mode.STEPWISE, lanes=16)
    x = {"x": np.zeros((2, 6, 4), dtype=int)}
    deep = plan
    for core, each in enumerate(plan.cores):
        for port, depth in enumerate(each.queue_depths):
            deep = with_depth(deep, core, port, 4 * depth)
    cycles = [check_graph(network, each, x, steps=6).cycles for each in (plan, deep)]
    assert cycles[0] == cycles[1]


def chain(n, post, mode=Mode.COLLAPSED, **options):
    rng = np.random.default_rng(1)
    wires = [("x", "a", dense(rng, n, post)), ("a", "out", dense(rng, post, 3))]
    network = branching({"x": (n,)}, {"a": (post,), "out": (3,)}, wires, seed=1)
    return [core.queue_depths for core in plan_for(network, mode, **options).cores]


def test_a_consumer_as_fast_as_its_source_needs_what_comes_during_its_pass():
    # 1 of the queue, 6 of the rows under way, a pass of one group in 2 + 2 cycles and 2 around it.
    assert chain(100, 8, lanes=8)[0] == (1 + 1 + 6 + 4 + 2,)
    # One cycle more for each bit and group; a source that has a pass itself begins later.
    assert chain(100, 16, lanes=8)[0][0] > chain(100, 8, lanes=8)[0][0]


def test_a_slower_consumer_needs_what_it_leaves():
    fast, slow = chain(100, 32, lanes=32)[0][0], chain(100, 32, lanes=4)[0][0]
    assert fast < 30
    assert 100 * 7 // 8 <= slow <= 101


def test_a_queue_holds_at_most_one_block_ram():
    assert chain(3000, 4, lanes=1)[0] == (MAX_QUEUE_DEPTH,)


def test_a_queue_holds_at_most_a_step():
    network = residual(1)
    plan = plan_for(network, Mode.SETTLE, lanes=1)
    assert plan.cores[2].queue_depths == (49, 49)


def test_what_the_plan_said_before_is_computed_anew():
    network = diamond(8)
    plan = plan_for(network, Mode.STEPWISE, lanes=16)
    assert sized(network, with_depth(plan, 2, 0, 300)) == plan
    bare = tuple(replace(core, queue_depths=()) for core in plan.cores)
    assert sized(network, HardwarePlan(mode=Mode.STEPWISE, cores=bare)) == plan


def test_hosts_that_feed_each_other_on_one_core_need_a_whole_step():
    rng = np.random.default_rng(1)
    wires = [("x", "a", dense(rng, 4, 20)), ("a", "b", dense(rng, 20, 20))]
    wires.append(("b", "out", dense(rng, 20, 3)))
    network = branching({"x": (4,)}, {"a": (20,), "b": (20,), "out": (3,)}, wires, seed=1)
    plan = plan_for(network, Mode.COLLAPSED, lanes=20, shared=[("a", "b")])
    assert plan.cores[0].queue_depths[1] == 21
