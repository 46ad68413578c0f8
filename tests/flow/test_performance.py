"""The bound and the figures that follow from it."""

import pytest
import torch

from spikewright.flow.convert import ConvertConfig, convert
from spikewright.flow.importers import load_module
from spikewright.flow.performance import bound, performance, workload
from spikewright.flow.plan import default_plan
from spikewright.golden.spec import Mode


@pytest.fixture
def network(source):
    x = torch.rand(40, 12, generator=torch.Generator().manual_seed(0))
    return convert(load_module(source), x, ConvertConfig(name="tiny", input_levels=3)).network


def test_work_counted_by_hand(network):
    values = torch.zeros(4, 12, dtype=torch.int64)
    values[0] = 1
    values[1, 5] = 3
    load = workload(network, values, Mode.COLLAPSED)
    first, second = (population.name for population in network.populations)
    assert load.spikes_in[first] == 13 / 4
    assert load.sweeps == {first: 1, second: 1}
    assert 0 <= load.spikes_in[second] <= 9
    load = workload(network, values, Mode.STEPWISE, steps=3)
    # The readout has no leak and no bias of its own time: it is swept when it is read.
    assert load.sweeps == {first: 3, second: 1}
    load = workload(network, values, Mode.SETTLE)
    assert all(sweeps >= 1 for sweeps in load.sweeps.values())


def test_bound_is_the_busiest_core(network):
    values = torch.ones(2, 12, dtype=torch.int64)
    second = network.populations[1].name
    load = workload(network, values, Mode.COLLAPSED)
    plan = default_plan(network, Mode.COLLAPSED, lanes=(4, 4))
    # 12 spikes and one sweep, in 3 groups of 4 lanes for 9 neurons.
    assert bound(network, plan, load) == max((12 + 1) * 3, load.spikes_in[second] + 1)
    plan = default_plan(network, Mode.COLLAPSED, lanes=(9, 1))
    assert bound(network, plan, load) == max(12 + 1, (load.spikes_in[second] + 1) * 4)


def test_figures():
    cosim = {
        "mode": "settle",
        "cycles_per_sample": 200.0,
        "latency_cycles": 300.0,
        "bound_cycles": 150.0,
    }
    assert performance(cosim, None) == {
        "mode": "settle",
        "cycles_per_sample": 200.0,
        "bound_cycles": 150.0,
        "efficiency": 0.75,
    }
    timed = performance(cosim, {"fmax_mhz": 100.0, "clock_mhz": 50.0, "lut": 2500})
    assert timed["latency_us"] == 3.0
    assert timed["frames_per_s"] == 500_000.0
    assert timed["bitstream_frames_per_s"] == 250_000.0
    assert timed["frames_per_s_per_klut"] == 200_000.0
