"""Overdriven hardware with a guard equals the golden model on what was kept; it counts the rest."""

from dataclasses import replace

import numpy as np
import pytest

from spikewright.flow.cosim import cosimulate
from spikewright.flow.cosim.kept import load_recorded
from spikewright.flow.cosim.manifest import read_manifest
from spikewright.flow.generate import generate
from spikewright.flow.plan import default_plan
from spikewright.golden.model import Model
from spikewright.golden.spec import Mode
from spikewright.hdl import GuardPlan
from support.chains import counting_chain, inputs_for

NETWORK = counting_chain((12, 9, 4), seed=3)


def made(folder, guards, lanes=2):
    plan = replace(default_plan(NETWORK, Mode.STEPWISE, lanes=lanes), guards=guards)
    generate(NETWORK, plan, folder)
    return folder


@pytest.mark.parametrize("simulator", ["icarus", "verilator"])
@pytest.mark.parametrize("stalls", [None, "1101110"])
def test_an_overdriven_input(tmp_path, simulator, stalls):
    made(tmp_path, (GuardPlan(input="x", depth=4),))
    x = inputs_for(NETWORK, 20)
    report = cosimulate(NETWORK, tmp_path, x, simulator=simulator, batch=5, stall_output=stalls)
    counts = report.guards["x"]
    assert counts["sent"] == np.count_nonzero(x)
    assert counts["losses"] + counts["kept"] == counts["sent"]
    assert 0 < counts["losses"] < counts["sent"]
    assert report.mismatches == 0 and report.spikes_compared > 100
    # Everything kept was heard, and nothing else.
    assert round(report.counters["h0"]["spikes_in"] * 20) == counts["kept"]
    # It is no network that would not mind.
    recorded = load_recorded(tmp_path / "sim" / simulator / "recorded.npz", read_manifest(tmp_path))
    assert recorded["x"].size == counts["kept"] + 20 * (NETWORK.max_steps + 1)
    labels = Model(NETWORK).run(x, mode=Mode.STEPWISE).values
    assert labels.any()


def test_a_source_that_is_slow_loses_nothing(tmp_path):
    made(tmp_path, (GuardPlan(input="x", depth=4),))
    x = inputs_for(NETWORK, 8)
    slow = "1" * 40 + "0"
    counts = cosimulate(NETWORK, tmp_path, x, simulator="icarus", stall_input=slow).guards["x"]
    assert counts["losses"] == counts["waits"] == 0 < counts["kept"] == counts["sent"]


def test_a_marker_that_had_to_wait_is_counted(tmp_path):
    made(tmp_path, (GuardPlan(input="x", depth=3, reserve=1),), lanes=1)
    x = inputs_for(NETWORK, 8)
    report = cosimulate(NETWORK, tmp_path, x, simulator="icarus", stall_output="1" * 60 + "0")
    assert report.guards["x"]["waits"] > 0
