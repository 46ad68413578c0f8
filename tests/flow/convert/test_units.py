"""Units and exponents by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from spikewright.flow.convert.calibrate import Measured
from spikewright.flow.convert.code import Levels
from spikewright.flow.convert.method import Neuron
from spikewright.flow.convert.scales import tie
from spikewright.flow.convert.units import StagePlan, plan_stage
from spikewright.flow.importers import INPUT, Activation, Branch, BranchKind, Graph, Norm, Stage

PASS = Branch(name="pass", source=INPUT, kind=BranchKind.PASS, gain=0.5)


def linear(rows: list[list[float]], *, gain: float = 1.0, norm: Norm | None = None) -> Branch:
    weight = np.array(rows)
    return Branch(
        name="fc", source=INPUT, kind=BranchKind.LINEAR, weight=weight, gain=gain, norm=norm
    )


def planned(*branches: Branch, bits: int = 3, hidden: bool = True, mean: float = 1.0) -> StagePlan:
    """Of a stage of 2 neurons that reads an input of 2 values in steps of 0.25."""
    activation = Activation() if hidden else None
    stage = Stage(name="s", shape=(2,), branches=branches, bias=np.zeros(2), activation=activation)
    graph = Graph(input_shape=(2,), stages=(stage,))
    steps = {INPUT: 0.25, "s": 1.0} if hidden else {INPUT: 0.25}
    means = {INPUT: torch.full((1, 2, 1, 1), mean, dtype=torch.float64)}
    measured = Measured(steps=steps, means=means, initial={})
    return plan_stage(
        graph,
        stage,
        measured,
        tie(graph, steps),
        bits=bits,
        levels=Levels(highest=7),
        neuron=Neuron(),
        most_exponent=8,
    )


def test_free_units_differ_by_channel() -> None:
    plan = planned(linear([[0.3, -0.1], [1.5, 0.5]]))
    assert plan.weight_step is not None
    assert plan.weight_step.tolist() == pytest.approx([0.1, 0.5])
    assert plan.forced == () and plan.exponents == (0,)
    assert plan.bias.tolist() == pytest.approx([0.0, 0.0], abs=1e-12)


def test_a_readout_has_one_unit() -> None:
    plan = planned(linear([[0.3, -0.1], [0.2, 0.1]]), hidden=False)
    assert plan.weight_step is not None and plan.weight_step.tolist() == pytest.approx([0.1])


def test_branches_share_a_unit_in_charge_not_in_weight() -> None:
    """The second's weights count a quarter: steps of 0.1 and 0.4 are one unit."""
    plan = planned(linear([[0.3, 0.1], [0.3, 0.1]]), linear([[1.2, 0.4], [0.4, 0.8]], gain=0.25))
    assert plan.weight_step is not None
    assert plan.weight_step.tolist() == pytest.approx([0.1, 0.1])
    assert plan.bias.tolist() == pytest.approx([0.0, 0.0], abs=1e-12)


def test_weights_beside_passed_values_are_finer_by_a_power_of_two() -> None:
    """One level passed on is worth 0.125; weights of 1/16 a level of 0.25 are 8 times finer."""
    plan = planned(linear([[3 / 16, -1 / 16], [2 / 16, 1 / 16]]), PASS)
    assert plan.weight_step is None and plan.exponents == (0, 3)
    (forced,) = plan.forced
    assert (forced.branch, forced.exponent, forced.first, forced.last) == (1, 3, 0, 2)
    assert plan.bias.tolist() == pytest.approx([0.0, 0.0], abs=1e-12)


def test_channels_beside_the_passed_ones_stay_free() -> None:
    one = replace(PASS, source=INPUT, offset=0)
    stage = Stage(
        name="s",
        shape=(3,),
        branches=(linear([[3 / 16, 0], [1 / 16, 0], [0.3, 0.1]]), one),
        bias=np.zeros(3),
        activation=Activation(),
    )
    graph = Graph(input_shape=(2,), stages=(stage,))
    steps = {INPUT: 0.25, "s": 1.0}
    means = {INPUT: torch.ones(1, 2, 1, 1, dtype=torch.float64)}
    measured = Measured(steps=steps, means=means, initial={})
    plan = plan_stage(
        graph,
        stage,
        measured,
        tie(graph, steps),
        bits=3,
        levels=Levels(highest=7),
        neuron=Neuron(),
        most_exponent=8,
    )
    assert plan.weight_step is not None and float(plan.weight_step[2]) == pytest.approx(0.1)
    assert [(each.first, each.last) for each in plan.forced] == [(0, 2)]


def test_passed_values_alone_need_no_finer_unit() -> None:
    plan = planned(PASS)
    assert plan.exponents == (0,) and plan.weight_step is None


def test_the_bias_takes_back_what_rounding_moves() -> None:
    """What rounding takes from the weights of a neuron, times the mean of its inputs."""
    plan = planned(linear([[0.6, 0.26], [0.6, 0.2]]), mean=2.0)
    assert plan.weight_step is not None
    step = float(plan.weight_step[0])
    lost = 0.86 - sum(step * min(3, np.floor(w / step + 0.5)) for w in (0.6, 0.26))
    assert abs(lost) > 0.01
    assert plan.bias.tolist() == pytest.approx([2 * lost, 0.0], abs=1e-9)


def test_a_branch_norm_is_folded_before_weights_are_quantised() -> None:
    ones = np.ones(2)
    norm = Norm(gamma=np.array([2.0, -1.0]), beta=ones, mean=ones, variance=ones, eps=0.0)
    plan = planned(linear([[0.3, -0.1], [0.3, 0.1]], norm=norm))
    assert plan.weight_step is not None
    assert plan.weight_step.tolist() == pytest.approx([0.2, 0.1])
