"""Windows, branches, slices, shared cores, several inputs and maps, in Icarus."""

import numpy as np
import pytest

from spikewright.flow.cosim import cosimulate
from spikewright.flow.generate import generate
from spikewright.flow.plan import default_plan
from spikewright.golden.spec import Delta, DeltaFunction, Identity, Mode
from spikewright.hdl.plan import MembraneStore
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


def check(folder, network, mode, *, samples=4, stalls=None, **plan):
    generate(network, default_plan(network, mode, **plan), folder)
    report = cosimulate(
        network,
        folder,
        inputs_of(network, samples, seed=3),
        steps=3 if mode is Mode.STEPWISE else None,
        simulator="icarus",
        stall_input=stalls,
        stall_output="0010",
    )
    assert report.mismatches == 0
    assert report.spikes_compared > 0
    assert 0 < report.bound_cycles <= report.cycles_per_sample
    return report


def pooled():
    """Everything that a window can be, a maximum over windows, and a concatenation."""
    rng = np.random.default_rng(5)
    wires = [
        ("x", "a", convolution(rng, 4, 2, (3, 3), padding=1)),
        ("a", "peak", max_pool((2, 2), stride=2)),
        ("a", "sums", sum_pool((2, 2), stride=2)),
        ("peak", "joined", Identity()),
        ("sums", "joined", Identity(offset=4 * 2 * 3, shift=1)),
        ("joined", "wide", transposed(rng, 8, 3, (2, 2))),
        ("wide", "out", dense(rng, 3 * 4 * 6, 5)),
    ]
    populations = {
        "a": (4, 4, 6),
        "peak": (4, 2, 3),
        "sums": (4, 2, 3),
        "joined": (8, 2, 3),
        "wide": (3, 4, 6),
        "out": (5,),
    }
    return branching(
        {"x": (2, 4, 6)}, populations, wires, seed=8, relays=("peak", "joined"), signed=False
    )


@pytest.mark.parametrize(
    "mode",
    [Mode.STEPWISE, pytest.param(Mode.SETTLE, marks=pytest.mark.rest), Mode.COLLAPSED],
)
def test_pools_and_concatenation(tmp_path, mode):
    report = check(tmp_path, pooled(), mode, lanes=(12, 4, 4, 8, 6, 5), stalls="0110")
    # Rows of what a delta sends are counted too, though nobody foretells them.
    assert report.counters["peak"]["spikes_in"] == report.counters["a"]["spikes_out"]
    assert report.counters["a"]["synops"] > report.counters["a"]["rows"]


@pytest.mark.parametrize(
    "mode", [Mode.SETTLE, pytest.param(Mode.COLLAPSED, marks=pytest.mark.rest)]
)
def test_slices_of_a_residual(tmp_path, mode):
    report = check(
        tmp_path,
        residual(2, per="neuron"),
        mode,
        lanes=9,
        banks=((3, 3), (1, 3), (2, 2), (1, 1)),
        partition={"b": 2, "b2": 2},
    )
    assert set(report.counters) == {"a", "b[0:2]", "b[2:4]", "b2[0:2]", "b2[2:4]", "out"}
    parts = [report.counters[name]["spikes_in"] for name in ("b[0:2]", "b[2:4]")]
    assert parts == [report.counters["a"]["spikes_out"]] * 2


@pytest.mark.parametrize("mode", [pytest.param(Mode.STEPWISE, marks=pytest.mark.rest), Mode.SETTLE])
def test_shared_core(tmp_path, mode):
    network = residual(4)
    report = check(tmp_path, network, mode, lanes=4, share=[("a", "b", "b2")])
    assert set(report.counters) == {"a+b+b2", "out"}


def two_inputs(**options):
    """A map of labels from two inputs that meet."""
    rng = np.random.default_rng(6)
    wires = [
        ("x", "a", convolution(rng, 3, 1, (3,), padding=1)),
        ("z", "b", dense(rng, 4, 12)),
        ("a", "out", convolution(rng, 4, 3, (1,))),
        ("b", "out", convolution(rng, 4, 2, (3,), padding=1)),
    ]
    shapes = {"x": (1, 6), "z": (4,)}
    return branching(shapes, {"a": (3, 6), "b": (2, 6), "out": (4, 6)}, wires, seed=1, **options)


@pytest.mark.parametrize(
    "mode", [Mode.STEPWISE, pytest.param(Mode.COLLAPSED, marks=pytest.mark.rest)]
)
def test_labels_of_a_map_from_two_inputs(tmp_path, mode):
    check(tmp_path, two_inputs(), mode, lanes=6, stalls="01,00110")


def test_counts_of_a_map(tmp_path):
    check(tmp_path, two_inputs(counts=True), Mode.STEPWISE, lanes=12, banks=(1, 3))


def test_clip_and_table_with_block_ram(tmp_path):
    rng = np.random.default_rng(7)
    table = rng.integers(-3, 4, 17)
    clip = Delta(function=DeltaFunction.CLIP, low=-1, high=2)
    looked_up = Delta(function=DeltaFunction.TABLE, table=table, low=-8)
    wires = [
        ("x", "a", convolution(rng, 4, 1, (3, 3), padding=1)),
        ("a", "b", clip),
        ("a", "out", dense(rng, 48, 5)),
        ("b", "c", looked_up),
        ("c", "out", dense(rng, 48, 5)),
    ]
    shapes = {"a": (4, 3, 4), "b": (4, 3, 4), "c": (4, 3, 4), "out": (5,)}
    network = branching({"x": (1, 3, 4)}, shapes, wires, seed=3, signed=True)
    check(tmp_path, network, Mode.COLLAPSED, lanes=9, membranes=MembraneStore.BLOCK)
