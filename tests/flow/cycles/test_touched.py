"""Cycles of passes that visit only what was touched, against those that the Verilog takes."""

import numpy as np
import pytest

from spikewright.flow.cycles import touched
from spikewright.flow.plan import default_plan
from spikewright.golden.spec import Mode
from spikewright.hdl.plan import Sweeps
from support.branching import branching, convolution, dense, inputs_of
from support.cycles import estimated, measured


def maps():
    rng = np.random.default_rng(2)
    wires = [
        ("x", "a", convolution(rng, 4, 1, (3, 3), padding=1)),
        ("a", "out", dense(rng, 4 * 4 * 4, 3)),
    ]
    return branching({"x": (1, 4, 4)}, {"a": (4, 4, 4), "out": (3,)}, wires, seed=1, high=1)


def sparse_inputs(network, samples):
    drawn = inputs_of(network, samples, seed=3)["x"]
    return {"x": drawn * (np.random.default_rng(4).random(drawn.shape) < 0.3)}


@pytest.mark.parametrize("mode", list(Mode))
def test_equal_to_the_hardware(tmp_path, mode, monkeypatch):
    network = maps()
    plan = default_plan(network, mode, lanes=2, sweeps=Sweeps.TOUCHED)
    assert plan.cores[0].sweeps is Sweeps.TOUCHED
    steps = 3 if mode is Mode.STEPWISE else None
    inputs = sparse_inputs(network, 6)
    found = measured(network, plan, inputs, steps, tmp_path)
    estimate = estimated(network, plan, inputs, steps)
    assert estimate.cycles == found
    assert estimate.bound <= estimate.cycles
    # A model that forgets what fired, and what a sample begins with.
    decide = touched.TimedTouched._decide
    monkeypatch.setattr(
        touched.TimedTouched,
        "_decide",
        lambda self, *where, fired, renews: decide(self, *where, fired=False, renews=False),
    )
    assert estimated(network, plan, inputs, steps).cycles != found
