"""Steps that must be tied, by hand: chains, powers of two, given steps, and what cannot be."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from spikewright.flow.convert import convert
from spikewright.flow.convert.scales import Group, Scales, groups, tie
from spikewright.flow.importers import (
    INPUT,
    Activation,
    Branch,
    BranchKind,
    Graph,
    MaxStage,
    Stage,
)
from spikewright.golden.errors import UnsupportedError

Sources = list[tuple[str, float, int]]


def weighted(name: str, *, step: float | None = None, n: int = 2) -> Stage:
    branch = Branch(name=name, source=INPUT, kind=BranchKind.LINEAR, weight=np.ones((n, 2)))
    levels = None if step is None else 3
    activation = Activation(levels=levels, step=step)
    return Stage(name=name, shape=(n,), branches=(branch,), bias=np.zeros(n), activation=activation)


def total(name: str, *sources: tuple[str, float, int], n: int = 2, last: bool = False) -> Stage:
    """A sum of values as they are: (source, gain, offset)."""
    branches = tuple(
        Branch(
            name=f"{name}_{source}", source=source, kind=BranchKind.PASS, gain=gain, offset=offset
        )
        for source, gain, offset in sources
    )
    return Stage(
        name=name,
        shape=(n,),
        branches=branches,
        bias=np.zeros(n),
        activation=None if last else Activation(),
    )


def tied(*stages: Stage | MaxStage, **steps: float) -> Scales:
    return tie(Graph(input_shape=(2,), stages=stages), steps)


def test_steps_that_do_not_meet_stay() -> None:
    scales = tied(weighted("a"), weighted("b"), total("c", ("a", 1.0, 0)), input=1.0, a=0.3, b=0.5)
    assert {name: scales.step(name) for name in ("input", "a", "b")} == {
        "input": 1.0,
        "a": 0.3,
        "b": 0.5,
    }
    assert scales.root("a") == "a" and scales.root("b") == "b"


def test_steps_that_meet_share_the_one_that_clips_neither() -> None:
    stages = (weighted("a"), weighted("b"), total("c", ("a", 1.0, 0), ("b", 1.0, 0)))
    scales = tied(*stages, input=1.0, a=0.30, b=0.33, c=1.0)
    assert scales.root("a") == scales.root("b")
    assert scales.step("a") == scales.step("b") == 0.33


def test_steps_far_apart_keep_a_power_of_two_between_them() -> None:
    stages = (weighted("a"), weighted("b"), total("c", ("a", 1.0, 0), ("b", 1.0, 0)))
    scales = tied(*stages, input=1.0, a=0.30, b=1.25, c=1.0)
    assert scales.step("b") == 4 * scales.step("a")
    assert scales.step("b") >= 1.25 and scales.step("a") >= 0.30
    assert scales.step("a") == 0.3125


def test_gains_are_part_of_the_worth() -> None:
    stages = (weighted("a"), weighted("b"), total("c", ("a", 1.0, 0), ("b", -1 / 9, 0)))
    scales = tied(*stages, input=1.0, a=0.30, b=0.30, c=1.0)
    ratio = scales.step("a") / (scales.step("b") / 9)
    assert np.log2(ratio) == pytest.approx(round(np.log2(ratio)), abs=1e-12)
    assert 0.3 <= scales.step("a") < 0.6 and 0.3 <= scales.step("b") < 0.6


def test_a_chain_of_sums_is_one_step() -> None:
    """a + b, c + d, then b + pooled c: all four meet, whatever the order."""
    names = ("a", "b", "c", "d")
    pool = MaxStage(
        name="pool",
        shape=(2,),
        source="c",
        kernel=(1,),
        stride=(1,),
        padding=(0,),
        dilation=(1,),
    )
    stages = (
        *(weighted(name) for name in names),
        pool,
        total("ab", ("a", 1.0, 0), ("b", 1.0, 0)),
        total("cd", ("c", 1.0, 0), ("d", 1.0, 0)),
        total("bc", ("b", 1.0, 0), ("pool", 1.0, 0), last=True),
    )
    scales = tied(*stages, input=1.0, a=0.9, b=1.0, c=0.95, d=0.92, ab=1.0, cd=1.0)
    assert {scales.step(name) for name in (*names, "pool")} == {1.0}
    assert len({scales.root(name) for name in (*names, "pool")}) == 1


@pytest.mark.parametrize("given_first", [False, True])
def test_free_steps_follow_the_input_and_quantised_activations(given_first: bool) -> None:
    sources: Sources = [("q", 1.0, 0), ("a", 1.0, 0), (INPUT, 1.0, 0)]
    stages = (
        weighted("q", step=0.25),
        weighted("a"),
        total("c", *(sources if given_first else sources[::-1])),
    )
    scales = tied(*stages, input=1.0, q=0.25, a=0.4, c=1.0)
    assert scales.step("q") == 0.25 and scales.step(INPUT) == 1.0 and scales.step("a") == 0.5


def test_given_steps_that_no_power_of_two_joins_are_refused() -> None:
    stages = (
        weighted("q", step=0.25),
        weighted("r", step=0.3),
        total("c", ("q", 1.0, 0), ("r", 0.5, 0)),
    )
    message = (
        "^c: values that are added as they are must have steps that differ by a power of two, "
        r"found 'q' of step 0.25 and 'r' \* 0.5 of step 0.15; put a 1x1 convolution on one of "
        "them, or give both activations one step$"
    )
    with pytest.raises(UnsupportedError, match=message):
        tied(*stages, input=1.0, q=0.25, r=0.3, c=1.0)


def test_a_given_step_and_the_inputs_are_refused() -> None:
    stages = (weighted("q", step=0.3), total("c", (INPUT, 1.0, 0), ("q", 1.0, 0)))
    message = r"found 'input' of step 1 and 'q' of step 0\.3; put a 1x1 convolution on one of them$"
    with pytest.raises(UnsupportedError, match=message):
        tied(*stages, input=1.0, q=0.3, c=1.0)


def test_a_value_and_a_third_of_it_are_refused() -> None:
    stages = (weighted("a"), total("c", ("a", 1.0, 0), ("a", 1 / 3, 0)))
    message = (
        r"found 'a' of step 0\.3 and 'a' \* 0\.333333 of step 0\.1; use a power of two as the "
        "factor, or put a 1x1 convolution on one of them$"
    )
    with pytest.raises(UnsupportedError, match=message):
        tied(*stages, input=1.0, a=0.3, c=1.0)


class Smoothed(nn.Module):
    """Values and their own mean."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a, self.head = nn.Conv2d(2, 4, 1), nn.Linear(64, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a = F.relu(self.a(x))
        return self.head(torch.flatten(F.relu(a + F.avg_pool2d(a, 3, 1, 1)), 1))


def test_values_and_their_mean_over_nine_are_refused() -> None:
    message = (
        r"found 'a' of step \S+ and 'a' \* 0\.111111 of step \S+; the mean over 9 is no "
        "power of two: use a window of 2, 4 or 8 values, or a 1x1 convolution$"
    )
    with pytest.raises(UnsupportedError, match=message):
        convert(Smoothed(), torch.rand(16, 2, 4, 4))


def test_groups_are_what_shares_channels() -> None:
    sources: Sources = [("a", 1.0, 0), ("b", 1.0, 3), ("c", 1.0, 2), ("d", 1.0, 5)]
    stages = tuple(weighted(name) for name in "abcd")
    hidden = total("sum", *sources, n=8)
    graph = Graph(input_shape=(2,), stages=(*stages, hidden))
    assert groups(graph, hidden) == (
        Group(branches=(0,), first=0, last=2),
        Group(branches=(2, 1), first=2, last=5),
        Group(branches=(3,), first=5, last=7),
    )
    last = total("sum", *sources, n=8, last=True)
    assert groups(graph, last) == (Group(branches=(0, 2, 1, 3), first=0, last=8),)
    assert groups(graph, stages[0]) == ()
