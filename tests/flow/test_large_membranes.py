"""Membranes in large RAMs go where they are many, and are counted beside the weights there."""

from dataclasses import replace

import numpy as np
import pytest

from spikewright.boards import get_board
from spikewright.flow import plan as plan_module
from spikewright.flow.plan import default_plan
from spikewright.flow.plan_file import plan_as_dict, plan_from_dict
from spikewright.flow.synthesize import check_fits, memory_use
from spikewright.golden.errors import ConfigurationError, RangeError
from spikewright.golden.spec import Mode
from spikewright.hdl.membrane_checks import check_membranes
from spikewright.hdl.plan import MembraneStore, Rows, Sweeps, WeightStore
from support.branching import branching, convolution, dense, sum_pool
from support.chains import bounded_chain

SPRAM, BLOCK = MembraneStore.SPRAM, MembraneStore.BLOCK


def maps():
    rng = np.random.default_rng(7)
    wires = [
        ("x", "a", convolution(rng, 16, 1, (3, 3), bits=8)),
        ("a", "b", sum_pool((7, 7), stride=7)),
        ("b", "out", dense(rng, 64, 10, bits=4)),
    ]
    shapes = {"a": (16, 14, 14), "b": (16, 2, 2), "out": (10,)}
    return branching({"x": (1, 16, 16)}, shapes, wires, seed=3, high=3)


NETWORK = maps()


def plan_of(**options):
    lanes = {"a": 4, "b": 2, "out": 2}
    return default_plan(NETWORK, Mode.COLLAPSED, **{"lanes": lanes, "membranes": SPRAM} | options)


def test_only_the_many_go_there():
    plan = plan_of()
    assert [core.membranes for core in plan.cores] == [SPRAM, BLOCK, BLOCK]
    # 3136 neurons send for so long that all 256 spikes of the next step come, and their marker.
    assert plan.cores[0].queue_depths == plan_of(membranes=BLOCK).cores[0].queue_depths == (257,)
    assert plan_from_dict(plan_as_dict(plan)) == plan


def test_queues_in_front_of_them_are_deeper(monkeypatch):
    monkeypatch.setattr(plan_module, "LARGE_BITS", 60)
    network = bounded_chain((100, 8, 3), seed=1)
    block, large = (
        default_plan(network, Mode.COLLAPSED, lanes=8, membranes=store) for store in (BLOCK, SPRAM)
    )
    assert [core.membranes for core in large.cores] == [SPRAM, MembraneStore.REGISTERS]
    # The queue, the intake, rows under way, a pass of one group: then spikes leave as they come,
    assert block.cores[0].queue_depths == (1 + 1 + 6 + 6,)
    # or, with a pass that is a cycle longer, every other one of the rest finds one in front of it.
    assert large.cores[0].queue_depths == (1 + 1 + 6 + 7 + (100 - 14) // 2,)
    assert large.cores[1].queue_depths == block.cores[1].queue_depths


def test_there_must_be_many():
    with pytest.raises(
        ConfigurationError,
        match=r"^membranes: large RAMs must be for a core with more than 32768 bits of membranes, "
        r"found at most \d+; generate with --membranes block$",
    ):
        default_plan(bounded_chain((9, 8, 4), seed=1), Mode.COLLAPSED, membranes=SPRAM)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": Rows.SPARSE}, "have dense rows, found sparse ones"),
        ({"sweep_lanes": 4}, "let neurons decide when its rows are added, found 4 sweep lanes"),
        ({"sweeps": Sweeps.TOUCHED}, "sweep all groups, found sweeps touched"),
    ],
)
def test_what_needs_two_ports(change, message):
    text = f"^core of 'a': a core with membranes in large RAMs, of one port, must {message}; give"
    with pytest.raises(ConfigurationError, match=text):
        check_membranes(replace(plan_of().cores[0], **change))


def test_nothing_large_is_left():
    with pytest.raises(ConfigurationError, match=r"of one port, must sweep all groups"):
        plan_of(sweeps=Sweeps.TOUCHED)


def test_large_rams_are_counted():
    board, plan = get_board("icebreaker"), plan_of()
    used = {use.memory.kind: use for use in memory_use(NETWORK, plan, board) if use.large}
    # 784 words of four lanes of 12 bits.
    assert used["membranes"].memory.parts == ((784, 48),)
    assert used.keys() == {"membranes"} and used["membranes"].large == 3
    check_fits(NETWORK, plan, board)
    with pytest.raises(
        ConfigurationError,
        match=r"^the membranes of 'a' must be in block RAM or registers: ulx3s-85f has no large "
        r"RAMs, found spram; generate with --membranes block, or choose another board$",
    ):
        check_fits(NETWORK, plan, get_board("ulx3s-85f"))


def test_weights_there_count_too():
    """Two RAMs of them beside three of membranes."""
    plan = plan_of()
    wide = replace(plan.cores[0], weights=WeightStore.SPRAM)
    with pytest.raises(
        RangeError,
        match=r"large RAMs must fit the 4 of icebreaker .*, found 5 SPRAM, 1 too many; the largest "
        r"are the membranes of 'a', 784 rows of 48 bits in 3 SPRAM;",
    ):
        check_fits(NETWORK, replace(plan, cores=(wide, *plan.cores[1:])), get_board("icebreaker"))


def test_they_are_advised():
    plan = plan_of(membranes=BLOCK)
    with pytest.raises(RangeError, match=r"found \d+ EBR, .* membranes in spram would fit"):
        check_fits(NETWORK, plan, get_board("icebreaker"), stored=[(20 * 256, 16)])
