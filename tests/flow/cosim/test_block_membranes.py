"""A sweep of membranes in block RAM waits for the last row, and not a cycle longer."""

from dataclasses import replace

import pytest

from spikewright.flow.plan import default_plan
from spikewright.golden.errors import MismatchError
from spikewright.golden.spec import Mode
from spikewright.hdl.lanes import AccumulatorLanes
from spikewright.hdl.plan import MembraneStore
from support.chains import bounded_chain, inputs_for
from support.fuzz import Case, check

CYCLES = AccumulatorLanes.recent_cycles.fget


def one_word(mode, high, fanout):
    """Every row has the word that the sweep reads first."""
    network = bounded_chain((40, 12, 5), seed=3, bits=4, high=high)
    plan = default_plan(network, mode, lanes=16)
    cores = tuple(
        replace(core, membranes=MembraneStore.BLOCK, fanout=fanout) for core in plan.cores
    )
    return Case(
        network=network,
        plan=replace(plan, cores=cores),
        inputs={network.inputs[0].name: inputs_for(network, 6)},
        steps=None,
        keep=None,
        stalls=(None, None),
    )


# Rows of payloads that are multiplied take a cycle more, and those of wires that are far another.
@pytest.mark.parametrize(
    ("mode", "high", "fanout"),
    [(Mode.SETTLE, 1, None), (Mode.COLLAPSED, 7, None), (Mode.COLLAPSED, 7, 8)],
)
def test_a_sweep_right_behind_a_row(mode, high, fanout, tmp_path, monkeypatch):
    case = one_word(mode, high, fanout)
    (tmp_path / "right").mkdir()
    check(case, tmp_path / "right")
    monkeypatch.setattr(AccumulatorLanes, "recent_cycles", property(lambda self: CYCLES(self) - 1))
    (tmp_path / "early").mkdir()
    with pytest.raises(MismatchError):
        check(case, tmp_path / "early")
