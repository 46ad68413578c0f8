"""Larger netlists in the simulators that users have, with all that bitstreams have: long."""

from dataclasses import replace

import pytest

from spikewright.boards import BOARDS
from spikewright.flow.cosim import cosimulate
from spikewright.flow.gates import map_gates
from spikewright.flow.generate import generate
from spikewright.flow.plan import default_plan
from spikewright.golden.spec import Mode
from spikewright.hdl.plan import MembraneStore, Products, WeightStore
from support.chains import bounded_chain, inputs_for

ECP5, ICE40 = BOARDS["ulx3s-85f"], BOARDS["icebreaker"]
BLOCK = {"lanes": 8, "membranes": MembraneStore.BLOCK}
CASES = {
    # Both ports of block RAMs read weights, with output registers; copies; payloads of one bit.
    "two spikes": (
        ECP5,
        Mode.COLLAPSED,
        1,
        {"lanes": 32, "sweep_lanes": 8, "spikes": 2, "fanout": 16},
    ),
    # Words of weights are held once more on their way to as many multipliers.
    "held": (
        ECP5,
        Mode.COLLAPSED,
        15,
        {"lanes": 8, "membranes": MembraneStore.LUTRAM, "fanout": 16},
    ),
    "block": (ECP5, Mode.STEPWISE, 3, BLOCK),
    "serial": (ICE40, Mode.COLLAPSED, 3, BLOCK | {"products": Products.SERIAL}),
    **{str(mode): (ICE40, mode, 3, BLOCK) for mode in Mode},
    "large": (ICE40, Mode.COLLAPSED, 3, BLOCK | {"queue_depth": 4}),
}


@pytest.mark.rest
@pytest.mark.parametrize(
    ("name", "simulator"),
    [*((name, "verilator") for name in CASES), ("held", "icarus"), ("large", "icarus")],
)
def test_every_spike_is_equal(tmp_path, name, simulator):
    board, mode, high, options = CASES[name]
    network = bounded_chain((64, 32, 10), seed=5, bits=4, high=high)
    plan = default_plan(network, mode, **options)
    if name == "large":
        first, *others = plan.cores
        first = replace(first, weights=WeightStore.SPRAM, membranes=MembraneStore.SPRAM)
        plan = replace(plan, cores=(first, *others))
    generate(network, plan, tmp_path)
    gates = map_gates(network, plan, board, tmp_path / "gates")
    wanted = {
        "two spikes": "DP16KD",
        "held": "MULT18X18D",
        "block": "DP16KD",
        "large": "SB_SPRAM256KA",
    }.get(name, "SB_RAM40_4K")
    assert gates.cells[wanted]
    inputs = inputs_for(network, 20, seed=1)
    steps = 8 if mode is Mode.STEPWISE else None
    report = cosimulate(
        network, tmp_path, inputs, steps=steps, simulator=simulator, gates=gates, jobs=2
    )
    assert (report.samples, report.mismatches) == (20, 0)
    assert report.spikes_compared and report.gates is gates
    plain = cosimulate(network, tmp_path, inputs, steps=steps, simulator="icarus", jobs=2)
    assert (report.cycles, report.counters) == (plain.cycles, plain.counters)
