"""Every memory of the hardware is known before it is built."""

import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from amaranth.hdl import Fragment, MemoryInstance, Shape

from spikewright.flow.memories import (
    core_memories,
    core_name,
    encoder_memories,
    guard_memories,
    memories,
    readout_memories,
)
from spikewright.flow.plan import default_plan
from spikewright.golden.spec import Connection, Delta, DeltaFunction, Identity, Mode
from spikewright.hdl.accelerator import Accelerator
from spikewright.hdl.make_configs import core_configs
from spikewright.hdl.plan import MembraneStore, Rows
from support.attention import product_network
from support.branching import branching, convolution, dense, max_pool
from support.chains import bounded_chain, counting_chain
from support.stores import TWO_PORTS
from support.thinned import thinned


def elaborated(network, plan):
    """(style, rows, bits) of every memory of the hardware, by core, as Amaranth elaborates it."""
    found = Counter()

    def walk(fragment, core):
        if isinstance(fragment, MemoryInstance):
            data = fragment._data
            style = fragment._attrs.get("ram_style")
            if style != "logic":
                found[core, style, data.depth, Shape.cast(data.shape).width] += 1
        for sub, name, _ in fragment.subfragments:
            inside = re.fullmatch(r"core_(\d+)", name or "")
            walk(sub, int(inside[1]) if inside and core is None else core)

    walk(Fragment.get(Accelerator(network=network, plan=plan), None), None)
    return found


def positions():
    """A map that is read by position, large enough for block RAM."""
    rng = np.random.default_rng(1)
    wires = [("x", "out", convolution(rng, 3, 1, (3, 3), padding=1))]
    return branching({"x": (1, 9, 12)}, {"out": (3, 9, 12)}, wires, seed=2)


def odd():
    """An identity whose ends have other planes: a table of addresses, in block RAM."""
    rng = np.random.default_rng(1)
    wires = [("x", "a", Identity(offset=11)), ("a", "out", dense(rng, 9 * 7 * 5, 3))]
    return branching({"x": (23, 11)}, {"a": (9, 7, 5), "out": (3,)}, wires, seed=2)


def late():
    """Hears what it fired itself, and what came in, a step or a sample ago."""
    rng = np.random.default_rng(1)
    wires = [("x", "a", dense(rng, 20, 15)), ("a", "out", dense(rng, 15, 3))]
    net = branching({"x": (20,)}, {"a": (15,), "out": (3,)}, wires, seed=2)
    behind = [
        Connection(source="a", target="a", operator=dense(rng, 15, 15), delay=1),
        Connection(source="x", target="a", operator=dense(rng, 20, 15), delay=1),
    ]
    return replace(net, connections=(*net.connections, *behind))


def graph(**options):
    rng = np.random.default_rng(1)
    wires = [
        ("x", "a", convolution(rng, 6, 2, (3, 3), padding=1)),
        ("a", "peak", max_pool((2, 2), stride=2)),
        ("peak", "b", convolution(rng, 6, 6, (3, 3), padding=1)),
        ("peak", "b", Identity()),
        ("b", "table", Delta(function=DeltaFunction.TABLE, table=rng.integers(-3, 4, 9), low=-4)),
        ("table", "out", dense(rng, 6 * 12, 5)),
    ]
    shapes = {"a": (6, 6, 8), "peak": (6, 3, 4), "b": (6, 3, 4), "table": (6, 3, 4), "out": (5,)}
    return branching(
        {"x": (2, 6, 8)}, shapes, wires, seed=2, relays=("peak",), per="neuron", **options
    )


STYLES = {"block": "block", "lutram": "distributed", "any": None}


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize(
    ("network", "options"),
    [
        (graph(signed=True), {"lanes": 18, "banks": (1, 1)}),
        (graph(signed=True), {"lanes": 18, "banks": (3, 3), "membranes": MembraneStore.BLOCK}),
        (
            graph(signed=True),
            {"lanes": 2, "membranes": MembraneStore.LUTRAM, "partition": {"b": 2, "peak": 3}},
        ),
        (graph(signed=True), {"lanes": 6, "share": [("a", "b")]}),
        (positions(), {"lanes": 9, "banks": (1, 3)}),
        (odd(), {"lanes": 9, "banks": {"a": (3, 3)}}),
        (late(), {"lanes": 3}),
        (late(), {"lanes": 2, "encoders": True}),
    ],
)
def test_every_memory_of_the_hardware_is_counted(mode, network, options):
    if mode is not Mode.STEPWISE:  # only there encoders have a place
        options = {name: value for name, value in options.items() if name != "encoders"}
    plan = default_plan(network, mode, **options)
    listed = [
        (core, memory)
        for core, config in enumerate(core_configs(network, plan))
        for memory in core_memories(config)
    ]
    listed += [(None, memory) for memory in readout_memories(network, plan)]
    listed += [(None, memory) for memory in encoder_memories(network, plan)]
    counted = Counter(
        (core, STYLES[memory.store], *part)
        for core, memory in listed
        if memory.store in STYLES
        for part in memory.parts
        if part[0]
    )
    built = elaborated(network, plan)
    # Parameters that a mode leaves unused are elaborated, and removed by Yosys.
    assert not counted - built
    spare = built - counted
    assert all(style is None for _, style, _, _ in spare), spare


@pytest.mark.parametrize("membranes", TWO_PORTS)
def test_every_memory_of_sparse_rows_is_counted(membranes):
    network = thinned(bounded_chain((150, 40, 5), seed=1, high=1), 0.2)
    test_every_memory_of_the_hardware_is_counted(
        Mode.COLLAPSED, network, {"lanes": (4, 2), "rows": Rows.SPARSE, "membranes": membranes}
    )
    plan = default_plan(network, Mode.COLLAPSED, lanes=(4, 2), rows=Rows.SPARSE)
    (config, _) = core_configs(network, plan)
    kinds = {memory.kind: memory for memory in core_memories(config)}
    rows = len(config.ports[0].sparse.weights)
    assert kinds["weights"].parts == ((rows, 4 * (4 + 4)),)  # ten groups
    assert kinds["addresses"].parts[0][0] == 256
    assert kinds["membranes"].parts == ((10, config.state.bits),) * 4


@pytest.mark.parametrize("mode", list(Mode))
def test_sums_of_sparse_rows_are_counted(mode):
    network = thinned(bounded_chain((150, 40, 5), seed=1, high=1), 0.2)
    options = {"lanes": (4, 2), "rows": Rows.SPARSE, "sweep_lanes": 2}
    test_every_memory_of_the_hardware_is_counted(mode, network, options)
    plan = default_plan(network, mode, **options)
    (config, _) = core_configs(network, plan)
    (sums,) = [each for each in core_memories(config) if each.kind == "sums"]
    assert sums.parts == ((10, config.state.total.width),) * 8


@pytest.mark.parametrize(("depth", "rows"), [(4, 3), (20, 19)])
def test_the_queue_of_a_guard_is_counted(depth, rows):
    network = counting_chain((12, 9, 4), seed=1)
    plan = default_plan(network, Mode.STEPWISE, guard=depth)
    (memory,) = guard_memories(network, plan)
    assert (memory.core, memory.kind, memory.parts) == ("x", "queue", ((rows, 6),))
    built = elaborated(network, plan) - elaborated(network, replace(plan, guards=()))
    assert [part[-2:] for part in built] == [(rows, 6)]


def test_a_table_of_addresses_is_counted():
    plan = default_plan(odd(), Mode.COLLAPSED, lanes=9, banks={"a": (3, 3)})
    found = memories(odd(), plan, core_configs(odd(), plan))
    (table,) = [memory for memory in found if memory.kind == "addresses"]
    assert table.store == "block"
    assert table.parts[0][0] >= 23 * 11


def test_names():
    network = graph()
    plan = default_plan(network, Mode.COLLAPSED, lanes=3, partition={"b": 2})
    assert [core_name(core) for core in plan.cores] == [
        "a",
        "peak",
        "b[0:3]",
        "b[3:6]",
        "table",
        "out",
    ]
    listed = memories(network, plan, core_configs(network, plan))
    names = [str(memory) for memory in listed if memory.core == "b[0:3]"]
    assert names[:2] == ["the queue of 'b[0:3]' from 'peak'", "the weights of 'b[0:3]' from 'peak'"]
    assert [memory.port for memory in listed if memory.core == "b[0:3]"][:3] == [0, 0, 1]
    shared = default_plan(network, Mode.COLLAPSED, lanes=3, share=[("a", "b")])
    assert core_name(shared.cores[0]) == "a+b"


@pytest.mark.parametrize(
    ("kinds", "space", "options"),
    [(("unit",) * 3, (70,), {"lanes": 2}), (("sign", "count", "graded"), (3, 2), {"lanes": 3})],
)
def test_every_memory_of_a_product_is_counted(kinds, space, options):
    network = product_network(kinds, space=space, features=(3, 4))
    test_every_memory_of_the_hardware_is_counted(Mode.STEPWISE, network, options)
    plan = default_plan(network, Mode.STEPWISE, **options)
    (config,) = core_configs(network, plan)
    kinds = {memory.kind: memory for memory in core_memories(config) if memory.port == 0}
    product = config.ports[0].product
    assert "weights" not in kinds
    assert kinds["sums"].bits == kinds["sums"].parts[0][0] * options["lanes"] * product.sums.width
    assert all(kinds[name].written for name in ("keys", "values", "keys ahead", "sums"))
