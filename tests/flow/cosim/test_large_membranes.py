"""Membranes in large RAMs: every spike equal, stepwise, settling and collapsed."""

from dataclasses import replace

import numpy as np
import pytest

from spikewright.flow.plan import default_plan
from spikewright.golden.spec import Mode
from spikewright.hdl.plan import MembraneStore
from support.branching import branching, convolution, dense, inputs_of
from support.chains import bounded_chain, inputs_for
from support.fuzz import Case, check


def in_spram(plan):
    cores = (replace(core, membranes=MembraneStore.SPRAM) for core in plan.cores)
    return replace(plan, cores=tuple(cores))


def chain(mode, *, stalls=(None, None), high=3):
    network = bounded_chain((20, 9, 7, 3), seed=2, high=high)
    return Case(
        network=network,
        plan=in_spram(default_plan(network, mode, lanes=3)),
        inputs={"x": inputs_for(network, 6, seed=3)},
        steps=4 if mode is Mode.STEPWISE else None,
        keep=None,
        stalls=stalls,
    )


def maps(mode, *, lanes, banks):
    """Also a port whose every spike adds to the same word again."""
    rng = np.random.default_rng(3)
    wires = [
        ("x", "a", convolution(rng, 3, 2, (3, 3), padding=1)),
        ("y", "a", dense(rng, 4, 75)),
        ("a", "out", dense(rng, 75, 4)),
    ]
    populations = {"a": (3, 5, 5), "out": (4,)}
    network = branching({"x": (2, 5, 5), "y": (4,)}, populations, wires, seed=4)
    return Case(
        network=network,
        plan=in_spram(default_plan(network, mode, lanes=lanes, banks=banks)),
        inputs=inputs_of(network, 4, seed=1),
        steps=4 if mode is Mode.STEPWISE else None,
        keep=None,
        stalls=("0100", "0010", "01"),
    )


STALLS = ("0100", "1010")


@pytest.mark.parametrize(
    ("mode", "high", "stalls"),
    [(Mode.STEPWISE, 3, STALLS), (Mode.SETTLE, 1, (None, None)), (Mode.COLLAPSED, 3, STALLS)],
)
def test_every_spike_is_equal(tmp_path, mode, high, stalls):
    check(chain(mode, high=high, stalls=stalls), tmp_path)


@pytest.mark.parametrize(
    ("mode", "lanes", "banks"),
    [(Mode.STEPWISE, 9, (3, 1)), (Mode.SETTLE, 2, (1, 1)), (Mode.COLLAPSED, 9, (3, 1))],
)
def test_windows_and_several_ports(tmp_path, mode, lanes, banks):
    check(maps(mode, lanes=lanes, banks=banks), tmp_path)
