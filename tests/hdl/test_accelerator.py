"""Graphs of cores against the golden model, samples back to back, in all modes, with stalls."""

import numpy as np
import pytest
from amaranth.hdl import ResetInserter, Signal

from spikewright.golden.model import Model
from spikewright.golden.spec import Decision, Identity, Mode, TokenKind
from spikewright.hdl import Accelerator, MembraneStore
from spikewright.hdl.restart import RESTART_CYCLES
from support.branching import (
    branching,
    convolution,
    dense,
    inputs_of,
    max_pool,
    residual,
    sum_pool,
    transposed,
)
from support.chains import bounded_chain, counting_chain, inputs_for
from support.graphs import check_graph, input_tokens, plan_for
from support.stores import TWO_PORTS
from support.streams import simulate

SPIKE, STEP, END = (kind.value for kind in TokenKind)
STALLS = [("1", "1"), ("0110", "1"), ("1", "0001"), ("011", "10")]
STORES = TWO_PORTS
REGISTERS, LUTRAM, BLOCK = STORES


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(("valid", "ready"), STALLS)
def test_a_chain(mode, valid, ready):
    high = 1 if ready == "1" else 5
    network = bounded_chain((9, 11, 6, 4), seed=high, high=high)
    plan = plan_for(network, mode, lanes={"h0": 4, "h1": 6, "out": 3}, membranes=LUTRAM)
    check_graph(network, plan, {"x": inputs_for(network, 6)}, valid=valid, ready=ready)


@pytest.mark.parametrize("mode", list(Mode))
def test_one_neuron_each(mode):
    network = bounded_chain((1, 1, 1), seed=5)
    check_graph(network, plan_for(network, mode), {"x": inputs_for(network, 4)}, steps=1)


@pytest.mark.parametrize("lanes", [2, 3])
def test_counts(lanes):
    network = counting_chain((5, 6, 3), seed=2)
    plan = plan_for(network, Mode.STEPWISE, lanes=lanes)
    check_graph(network, plan, {"x": inputs_for(network, 4)}, steps=network.max_steps)


def chain_of_windows():
    rng = np.random.default_rng(1)
    wires = [
        ("x", "a", convolution(rng, 4, 2, (3, 3), padding=1, groups=2)),
        ("a", "b", convolution(rng, 3, 4, (3, 2), stride=2, padding=1)),
        ("b", "c", sum_pool((2, 2), stride=2)),
        ("c", "out", dense(rng, 3, 5)),
    ]
    populations = {"a": (4, 5, 5), "b": (3, 3, 3), "c": (3, 1, 1), "out": (5,)}
    return branching({"x": (2, 5, 5)}, populations, wires, seed=2)


def one_dimension():
    rng = np.random.default_rng(2)
    wires = [
        ("x", "a", convolution(rng, 5, 2, (3,), padding=1)),
        ("a", "b", max_pool((2,), stride=2)),
        ("b", "out", dense(rng, 20, 3)),
    ]
    populations = {"a": (5, 8), "b": (5, 4), "out": (3,)}
    return branching({"x": (2, 8)}, populations, wires, seed=2, relays=("b",))


def concatenation():
    """Two inputs; a concatenation, a third branch onto it, and a max pooling behind it."""
    rng = np.random.default_rng(3)
    wires = [
        ("x", "a", convolution(rng, 3, 2, (3, 3), padding=1)),
        ("y", "b", convolution(rng, 2, 1, (3, 3), padding=1)),
        ("a", "c", Identity(offset=0)),
        ("b", "c", Identity(offset=48)),
        ("x", "c", convolution(rng, 5, 2, (1, 1))),
        ("c", "p", max_pool((2, 2), stride=2)),
        ("p", "out", dense(rng, 20, 4)),
    ]
    populations = {"a": (3, 4, 4), "b": (2, 4, 4), "c": (5, 4, 4), "p": (5, 2, 2), "out": (4,)}
    inputs = {"x": (2, 4, 4), "y": (1, 4, 4)}
    return branching(inputs, populations, wires, seed=5, relays=("p",))


def segmentation():
    """Down, up, a skip, and a label at every position."""
    rng = np.random.default_rng(4)
    wires = [
        ("x", "a", convolution(rng, 3, 1, (2, 2), stride=2)),
        ("a", "b", transposed(rng, 3, 4, (2, 2))),
        ("b", "out", convolution(rng, 3, 4, (3, 3), padding=1)),
        ("x", "out", convolution(rng, 3, 1, (3, 3), padding=1)),
    ]
    populations = {"a": (3, 3, 3), "b": (4, 6, 6), "out": (3, 6, 6)}
    return branching({"x": (1, 6, 6)}, populations, wires, seed=6)


def odd_identities():
    """Identities between shapes that do not match, negative and shifted, onto signed neurons."""
    rng = np.random.default_rng(5)
    wires = [
        ("x", "a", dense(rng, 12, 24)),
        ("a", "b", Identity(negative=True)),
        ("x", "b", Identity(offset=5, shift=2)),
        ("b", "out", dense(rng, 24, 3)),
    ]
    populations = {"a": (24,), "b": (2, 3, 4), "out": (3,)}
    return branching({"x": (3, 4)}, populations, wires, seed=8, signed=True)


def every_neuron_its_own():
    return residual(9, per="neuron")


GRAPHS = {
    "windows": (chain_of_windows, {}),
    "windows, banks": (
        chain_of_windows,
        {
            "lanes": {"a": 36, "b": 12, "c": 2, "out": 4},
            "banks": {"a": (3, 3), "b": (2, 3)},
        },
    ),
    "one dimension": (
        one_dimension,
        {"lanes": {"a": 15, "b": 8}, "banks": {"a": (1, 3), "b": (1, 2)}},
    ),
    "residual": (residual, {"lanes": 12, "banks": {"a": (2, 3), "b2": (1, 3)}}),
    "each neuron": (every_neuron_its_own, {"lanes": 8, "banks": {"a": (2, 2), "b": (1, 2)}}),
    "concatenation": (
        concatenation,
        {
            "lanes": {"a": 8, "b": 8, "c": 10, "p": 5},
            "banks": {"a": (2, 2), "b": (2, 2), "c": (1, 2)},
        },
    ),
    "segmentation": (
        segmentation,
        {"lanes": {"a": 3, "b": 16, "out": 12}, "banks": {"b": (2, 2), "out": (2, 2)}},
    ),
    "odd identities": (
        odd_identities,
        {"lanes": {"a": 5, "b": 6, "out": 2}, "banks": {"b": (3, 1)}},
    ),
    "partition": (
        residual,
        {
            "lanes": {"a": 6, "b": 8, "b2": 2, "out": 1},
            "banks": {"a": (1, 3), "b": (2, 2), "b2": (1, 2)},
            "slices": {"a": [(0, 2), (2, 4)], "b2": [(0, 1), (1, 4)], "out": [(0, 1), (1, 3)]},
        },
    ),
    "segmentation, partition": (
        segmentation,
        {
            "lanes": {"a": 3, "b": 16, "out": 4},
            "banks": {"b": (2, 2), "out": (2, 2)},
            "slices": {"b": [(0, 4)], "out": [(0, 1), (1, 3)]},
        },
    ),
    "shared": (residual, {"lanes": 8, "banks": {"a": (2, 2)}, "shared": [("a", "b")]}),
    "shared by three": (
        residual,
        {"lanes": 6, "banks": {"a": (2, 3)}, "shared": [("a", "b", "b2")]},
    ),
    "shared around": (residual, {"lanes": 6, "banks": {"a": (1, 3)}, "shared": [("a", "b2")]}),
    "shared, concatenation": (
        concatenation,
        {"lanes": 8, "banks": {"a": (2, 2), "c": (2, 2)}, "shared": [("a", "c"), ("b",)]},
    ),
}


def each_in_its_modes():
    """Every graph in every mode, every day in two; each time another store and other stalls."""
    for number, name in enumerate(GRAPHS):
        for turn in range(3):
            mode = list(Mode)[(number + turn) % 3]
            marks = [pytest.mark.rest] * (turn > 1)
            yield pytest.param(name, mode, number + turn, marks=marks, id=f"{name}-{mode}")


@pytest.mark.parametrize(("name", "mode", "turn"), list(each_in_its_modes()))
def test_a_graph(name, mode, turn):
    build, options = GRAPHS[name]
    network = build()
    plan = plan_for(network, mode, membranes=STORES[turn // 3 % 3], **options)
    valid, ready = STALLS[turn % 4]
    check_graph(network, plan, inputs_of(network, 3, seed=turn), valid=valid, ready=ready)


@pytest.mark.parametrize("store", list(MembraneStore))
@pytest.mark.parametrize(("valid", "ready"), STALLS[:2])
def test_a_residual_with_every_store(store, valid, ready):
    network = residual(3)
    plan = plan_for(network, Mode.SETTLE, lanes=12, banks={"b": (3, 1)}, membranes=store)
    check_graph(network, plan, inputs_of(network, 2, seed=1), valid=valid, ready=ready)


def test_raw_values_and_counts_may_be_maps():
    rng = np.random.default_rng(7)
    for counts in (False, True):
        wires = [("x", "out", convolution(rng, 3, 1, (3, 3), padding=1))]
        network = branching(
            {"x": (1, 4, 4)},
            {"out": (3, 4, 4)},
            wires,
            seed=1,
            counts=counts,
            decision=Decision.RAW,
        )
        plan = plan_for(network, Mode.STEPWISE, lanes=12, banks={"out": (2, 2)})
        check_graph(network, plan, inputs_of(network, 3, seed=2))


@pytest.mark.parametrize(("mode", "store"), list(zip(Mode, STORES, strict=True)))
def test_a_reset_in_the_middle_of_a_sample_starts_anew(mode, store):
    """Reset does not clear a memory: what a broken-off sample left must be overwritten."""
    network = residual(4)
    values = {"x": np.full((1, 12), 2)}
    golden = Model(network).run(values["x"], mode=mode, steps=4 if mode is Mode.STEPWISE else None)
    plan = plan_for(network, mode, lanes=4, membranes=store)
    reset = Signal()
    dut = Accelerator(network=network, plan=plan)
    seen = []

    async def send(ctx, sent, cycles):
        fields = np.array(sent).reshape(-1, 3).T
        queue = [int(word) for word in dut.inputs[0].layout.pack(*fields)]
        ctx.set(dut.o.ready, 1)
        for _ in range(cycles):
            ctx.set(dut.i.valid, bool(queue))
            if queue:
                ctx.set(dut.i.payload.as_value(), queue[0])
            if queue and ctx.get(dut.i.ready):
                queue.pop(0)
            if ctx.get(dut.o.valid):
                out = ctx.get(dut.o.payload)
                seen.append((out.kind, out.address, out.payload))
            await ctx.tick()
        assert not queue

    async def bench(ctx):
        await send(ctx, [(SPIKE, n, 1) for n in (0, 3, 3, 8)], 90)
        ctx.set(reset, 1)
        await ctx.tick()
        ctx.set(reset, 0)
        await send(ctx, input_tokens(network, "x", values["x"], mode, 4), 3000)

    simulate(ResetInserter(reset)(dut), bench)
    values_seen = [payload for kind, _, payload in seen if kind == SPIKE]
    assert values_seen == golden.values[0].tolist()
    assert [address for kind, address, _ in seen if kind == END] == golden.labels.tolist()


@pytest.mark.parametrize("decision", [Decision.RAW, Decision.ARGMAX])
def test_a_restart_takes_back_what_was_offered(decision):
    """From the cycle behind it on, whoever was waiting for it; then it begins anew."""
    network = bounded_chain((4, 3, 2), seed=2, decision=decision)
    dut = Accelerator(network=network, plan=plan_for(network, Mode.COLLAPSED))

    async def bench(ctx):
        end = dut.inputs[0].layout.pack(np.array([END]), np.array([0]), np.array([0]))
        ctx.set(dut.i.payload.as_value(), int(end[0]))
        for _ in range(2):
            ctx.set(dut.i.valid, 1)
            await ctx.tick().until(dut.i.ready)
            ctx.set(dut.i.valid, 0)
            await ctx.tick().until(dut.o.valid)
            ctx.set(dut.restart, 1)
            await ctx.tick()
            ctx.set(dut.restart, 0)
            for _ in range(RESTART_CYCLES):
                assert not ctx.get(dut.o.valid) and not ctx.get(dut.i.ready)
                await ctx.tick()
            assert not ctx.get(dut.o.valid) and ctx.get(dut.i.ready)

    simulate(dut, bench)
