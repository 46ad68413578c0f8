"""The bound and the figures that follow from it."""

import numpy as np

from spikewright.flow.cosim.golden import golden_streams
from spikewright.flow.performance import bound, performance, workload
from spikewright.flow.plan import default_plan
from spikewright.golden.spec import Mode
from support.chains import bounded_chain

NETWORK = bounded_chain((12, 9, 4), seed=7)


def load(values, mode, steps=None):
    plan = default_plan(NETWORK, mode, lanes=4)
    return workload(NETWORK, plan, golden_streams(NETWORK, mode, values, steps))


def test_work_counted_by_hand():
    values = np.zeros((4, 12), dtype=np.int64)
    values[0] = 1
    values[1, 5] = 3
    work = load(values, Mode.COLLAPSED)
    assert work.spikes["x", 0, False].tolist() == [0.25] * 5 + [0.5] + [0.25] * 6
    assert work.sweeps == {"h0": 1, "out": 1}
    assert work.spikes["h0", 0, False].shape == (9,)
    work = load(values, Mode.STEPWISE, steps=3)
    # The readout has no leak and no bias of its own time: it is swept when it is read.
    assert work.sweeps == {"h0": 3, "out": 1}
    assert all(sweeps >= 1 for sweeps in load(values, Mode.SETTLE).sweeps.values())


def test_bound_is_the_busiest_core():
    work = load(np.ones((2, 12), dtype=np.int64), Mode.COLLAPSED)
    second = work.spikes["h0", 0, False].sum()
    plan = default_plan(NETWORK, Mode.COLLAPSED, lanes=(4, 4))
    # 12 spikes and one sweep, in 3 groups of 4 lanes for 9 neurons.
    assert bound(NETWORK, plan, work) == max((12 + 1) * 3, second + 1)
    plan = default_plan(NETWORK, Mode.COLLAPSED, lanes=(9, 1))
    assert bound(NETWORK, plan, work) == max(12 + 1, (second + 1) * 4)


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
