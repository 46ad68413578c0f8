"""Cycles where an END keeps what the next sample needs, against those that the Verilog takes."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from spikewright.flow.cycles import delays
from spikewright.flow.plan import default_plan
from spikewright.flow.recurrent import RecurrentConfig, RecurrentNetwork
from spikewright.golden.spec import Encoding, Mode
from support.branching import branching, dense, inputs_of, max_pool
from support.cycles import estimated, measured

FRAMES = 4
KEEP = [k % FRAMES > 0 for k in range(1, 3 * FRAMES + 1)]


def recurrent(**options):
    torch.manual_seed(0)
    return RecurrentNetwork(RecurrentConfig(inputs=12, hidden=20, classes=4, **options)).network()


@pytest.mark.parametrize(
    ("mode", "form", "lanes", "sweep_lanes"),
    [
        (Mode.SETTLE, "fresh", 4, None),
        (Mode.COLLAPSED, "fresh", 4, None),
        (Mode.COLLAPSED, "delta", 4, None),
        (Mode.SETTLE, "delta", 20, 4),
        pytest.param(Mode.SETTLE, "delta", 4, None, marks=pytest.mark.rest),
        pytest.param(Mode.COLLAPSED, "delta", 20, 4, marks=pytest.mark.rest),
    ],
)
def test_frames_of_sequences(tmp_path, mode, form, lanes, sweep_lanes):
    network = recurrent(form=form)
    plan = default_plan(network, mode, lanes=lanes, sweep_lanes=sweep_lanes)
    x = {"input": np.random.default_rng(0).integers(0, 2, (len(KEEP), 12))}
    found = measured(network, plan, x, None, tmp_path, KEEP)
    assert estimated(network, plan, x, None, KEEP).cycles == pytest.approx(found, rel=0.001)


def test_sums_that_are_not_sent_are_found(monkeypatch):
    network = recurrent()
    plan = default_plan(network, Mode.SETTLE, lanes=4)
    x = {"input": np.random.default_rng(0).integers(0, 2, (len(KEEP), 12))}
    right = estimated(network, plan, x, None, KEEP).cycles
    init = delays.TimedSums.__init__

    def none(self, queue, unit, places, keeps):
        init(self, queue, unit, [[] for _ in places], keeps)

    monkeypatch.setattr(delays.TimedSums, "__init__", none)
    assert estimated(network, plan, x, None, KEEP).cycles < 0.98 * right


def test_steps_of_samples_that_go_on(tmp_path):
    rng = np.random.default_rng(3)
    wires = [
        ("x", "a", dense(rng, 2 * 4 * 4, 2 * 4 * 4)),
        ("a", "pool", max_pool((2, 2), stride=2)),
        ("pool", "out", dense(rng, 2 * 2 * 2, 5)),
    ]
    shapes = {"a": (2, 4, 4), "pool": (2, 2, 2), "out": (5,)}
    network = branching({"x": (2, 4, 4)}, shapes, wires, seed=2, high=2, relays=["pool"])
    source = replace(network.inputs[0], encoding=Encoding.CONSTANT)
    loop = replace(network.connections[0], source="a", operator=dense(rng, 32, 32), delay=1)
    network = replace(
        network,
        inputs=(source,),
        connections=(*network.connections, loop),
        modes=(Mode.STEPWISE,),
        max_steps=2 * FRAMES,
    )
    plan = default_plan(network, Mode.STEPWISE, lanes=6)
    inputs = inputs_of(network, len(KEEP), seed=4)
    found = measured(network, plan, inputs, 2, tmp_path, KEEP)
    assert estimated(network, plan, inputs, 2, KEEP).cycles == pytest.approx(found, rel=0.005)
