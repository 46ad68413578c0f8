"""Accelerators that are small, and have between them all that an interface has to do with."""

from dataclasses import replace

import numpy as np

from spikewright.flow.plan import default_plan
from spikewright.golden.spec import Mode
from spikewright.hdl.plan import WeightStore

from .branching import branching, dense, inputs_of
from .buses import BusCase
from .chains import bounded_chain, counting_chain, inputs_for

__all__ = ["framed", "guarded", "several", "wide"]


def several():
    """Two inputs, step by step, and weights that are loaded."""
    rng = np.random.default_rng(3)
    wires = [
        ("x", "a", dense(rng, 5, 6)),
        ("y", "a", dense(rng, 4, 6)),
        ("a", "out", dense(rng, 6, 3)),
    ]
    network = branching({"x": (5,), "y": (4,)}, {"a": (6,), "out": (3,)}, wires, seed=4)
    plan = default_plan(network, Mode.STEPWISE, lanes=3)
    cores = tuple(replace(core, weights=WeightStore.SPRAM) for core in plan.cores)
    plan = replace(plan, cores=cores)
    return BusCase(network=network, plan=plan, inputs=inputs_of(network, 4, seed=1), steps=3)


def wide():
    """Tokens of eight spikes, which take more than one word."""
    network = bounded_chain((12, 8, 3), seed=5, high=1)
    plan = default_plan(network, Mode.COLLAPSED, lanes=8, sweep_lanes=4, spikes=8)
    return BusCase(network=network, plan=plan, inputs={"x": inputs_for(network, 4)})


def framed():
    """Frames, whose spikes hardware makes."""
    network = bounded_chain((6, 5, 3), seed=2)
    plan = default_plan(network, Mode.STEPWISE, lanes=4, encoders=True)
    return BusCase(network=network, plan=plan, inputs={"x": inputs_for(network, 4)}, steps=3)


def guarded():
    """An input that cannot wait, with room for all of it."""
    network = counting_chain((4, 3), seed=1)
    plan = default_plan(network, Mode.STEPWISE, guard=128)
    return BusCase(network=network, plan=plan, inputs={"x": inputs_for(network, 3)})
