"""Every promise of the graph's docstrings is checked: one planted fault for each."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from spikewright.flow.importers import (
    INPUT,
    Activation,
    AverageStage,
    Branch,
    BranchKind,
    Graph,
    MaxStage,
    Norm,
    Pool,
    Stage,
    UpsampleStage,
    check_graph,
)
from spikewright.golden.errors import ConfigurationError


def norm(n: int) -> Norm:
    return Norm(gamma=np.ones(n), beta=np.zeros(n), mean=np.zeros(n), variance=np.ones(n), eps=1e-5)


def graph() -> Graph:
    """One of everything, on maps [2, 6, 6]."""
    window = {
        "stride": (1, 1),
        "padding": (1, 1),
        "dilation": (1, 1),
        "output_padding": (0, 0),
    }
    mixed = Stage(
        name="mixed",
        shape=(4, 6, 6),
        branches=(
            Branch(
                name="conv",
                source=INPUT,
                kind=BranchKind.CONVOLUTION,
                weight=np.ones((4, 1, 3, 3)),
                groups=2,
                norm=norm(4),
                **window,
            ),
            Branch(name="pass", source=INPUT, kind=BranchKind.PASS, offset=2),
        ),
        bias=np.zeros(4),
        norm_before=norm(4),
        activation=Activation(clip=1.5, levels=3, step=0.5),
        norm_after=norm(4),
    )
    up = Stage(
        name="up",
        shape=(3, 6, 6),
        branches=(
            Branch(
                name="deconv",
                source="mixed",
                kind=BranchKind.TRANSPOSED,
                weight=np.ones((4, 3, 3, 3)),
                **window,
            ),
        ),
        bias=np.zeros(108),
        activation=Activation(),
    )
    two = (2, 2)
    readout = Stage(
        name="readout",
        shape=(5,),
        branches=(
            Branch(
                name="linear",
                source="twice",
                kind=BranchKind.LINEAR,
                weight=np.ones((5, 12)),
                pool=Pool(kernel=(3, 3), stride=(3, 3), padding=(1, 1)),
                gain=1 / 9,
            ),
        ),
        bias=np.zeros(5),
    )
    return Graph(
        input_shape=(2, 6, 6),
        stages=(
            mixed,
            up,
            MaxStage(
                name="max",
                shape=(3, 3, 3),
                source="up",
                kernel=two,
                stride=two,
                padding=(0, 0),
                dilation=(1, 1),
            ),
            AverageStage(
                name="mean", shape=(3, 2, 2), source="max", kernel=two, stride=two, padding=(1, 1)
            ),
            UpsampleStage(name="twice", shape=(3, 4, 4), source="mean"),
            readout,
        ),
    )


def with_stage(name: str, /, **values: Any) -> Callable[[Graph], Graph]:
    def change(whole: Graph) -> Graph:
        stages = tuple(replace(s, **values) if s.name == name else s for s in whole.stages)
        return replace(whole, stages=stages)

    return change


def with_branch(name: str, /, **values: Any) -> Callable[[Graph], Graph]:
    def change(whole: Graph) -> Graph:
        stages = []
        for stage in whole.stages:
            if isinstance(stage, Stage):
                branches = tuple(
                    replace(b, **values) if b.name == name else b for b in stage.branches
                )
                stage = replace(stage, branches=branches)
            stages.append(stage)
        return replace(whole, stages=tuple(stages))

    return change


def test_a_whole_graph_is_legal() -> None:
    check_graph(graph())


def passing(source: str) -> Stage:
    branch = Branch(name="out", source=source, kind=BranchKind.PASS)
    return Stage(name="out", shape=(4, 6, 6), branches=(branch,), bias=np.zeros(4))


WEIGHT = np.ones((4, 1, 3, 3))
FAULTS: dict[str, tuple[Callable[[Graph], Graph], str]] = {
    "no stage": (lambda g: replace(g, stages=()), "graph: a graph must have a stage, found none"),
    "input shape": (
        lambda g: replace(g, input_shape=(2, 0, 6)),
        "input: input shape must be positive integers, found [2, 0, 6]",
    ),
    "name": (with_stage("max", name="0"), "stage: a name must be legal, found '0'"),
    "name twice": (with_stage("max", name="up"), "up: names must differ, found a second one"),
    "name of the input": (
        with_stage("mixed", name="input"),
        "input: names must differ, found a second one",
    ),
    "shape": (
        with_stage("up", shape=(3, 6, 7)),
        "up, deconv: the shape must be [3, 6, 6], found [3, 6, 7]",
    ),
    "shape of a max pool": (
        with_stage("max", shape=(3, 3, 4)),
        "max: the shape must be [3, 3, 3], found [3, 3, 4]",
    ),
    "shape of an upsampling": (
        with_stage("twice", shape=(3, 2, 2)),
        "twice: the shape must be [3, 4, 4], found [3, 2, 2]",
    ),
    "factor": (
        with_stage("twice", factor=0),
        "twice: the factor must be at least 1, found 0",
    ),
    "order": (
        lambda g: replace(g, stages=(g.stages[1], g.stages[0], *g.stages[2:])),
        "up: a source must come before its reader, found 'mixed'",
    ),
    "itself": (
        with_stage("max", source="max"),
        "max: a source must come before its reader, found 'max'",
    ),
    "window": (
        with_stage("max", stride=(2, 0)),
        "max: a window must have 2 sizes of at least 1, found [2, 0]",
    ),
    "window of one dimension": (
        with_stage("mean", padding=(1,)),
        "mean: a window must have 2 sizes of at least 0, found [1]",
    ),
    "padding of a pool": (
        with_stage("mean", padding=(2, 1)),
        "mean: a pool's padding must be at most half of its kernel, found [2, 1] of [2, 2]",
    ),
    "no branch": (with_stage("up", branches=()), "up: a stage must have a branch, found none"),
    "branch name": (
        with_branch("pass", name="conv"),
        "mixed: a branch's name must be legal and unique, found 'conv'",
    ),
    "gain": (
        with_branch("linear", gain=0.0),
        "readout, linear: gain must be finite and not 0, found 0.0",
    ),
    "pool": (
        with_branch("linear", pool=Pool(kernel=(3,), stride=(3,), padding=(0,))),
        "readout, linear: a window must have 2 sizes of at least 1, found [3]",
    ),
    "pool larger than its map": (
        with_branch("linear", pool=Pool(kernel=(9, 9), stride=(1, 1), padding=(0, 0))),
        "readout, linear: pooled shape must be positive integers, found [3, -4, -4]",
    ),
    "pass with a weight": (
        with_branch("pass", weight=WEIGHT),
        "mixed, pass: PASS, and nothing else, has no weight, found pass",
    ),
    "convolution without a weight": (
        with_branch("conv", weight=None),
        "mixed, conv: PASS, and nothing else, has no weight, found convolution",
    ),
    "offset of a convolution": (
        with_branch("conv", offset=1),
        "mixed, conv: only PASS has an offset, found 1",
    ),
    "offset": (
        with_branch("pass", offset=3),
        "mixed, pass: what passes must lie in the target, found offset 3",
    ),
    "norm of a pass": (
        with_branch("pass", norm=norm(4)),
        "mixed, pass: a norm of one branch must have others beside it, found none",
    ),
    "norm of an only branch": (
        with_branch("deconv", norm=norm(3)),
        "up, deconv: a norm of one branch must have others beside it, found none",
    ),
    "norm's channels": (
        with_branch("conv", norm=norm(3)),
        "mixed, conv: a norm must have 4 channels, found [3]",
    ),
    "norm's variance": (
        with_stage("mixed", norm_after=replace(norm(4), variance=-np.ones(4))),
        "mixed: variance + eps must be positive, found -1.0",
    ),
    "norm's momentum": (
        with_stage("mixed", norm_after=replace(norm(4), momentum=float("nan"))),
        "mixed: momentum must be finite, found nan",
    ),
    "dimensions": (
        with_branch("conv", weight=np.ones((4, 1, 3))),
        "mixed, conv: the weight must have 4 dimensions, found [4, 1, 3]",
    ),
    "groups": (
        with_branch("conv", groups=3),
        "mixed, conv: weight and groups must be for 2 channels, found [4, 1, 3, 3] and 3",
    ),
    "channels": (
        with_branch("deconv", weight=np.ones((3, 3, 3, 3))),
        "up, deconv: weight and groups must be for 4 channels, found [3, 3, 3, 3] and 1",
    ),
    "values": (
        with_branch("linear", weight=np.ones((5, 27))),
        "readout, linear: the weight must be for 12 values, found 27",
    ),
    "type": (
        with_branch("linear", weight=np.ones((5, 12), np.float32)),
        "readout, linear: weight must be a float64 array, found ndarray",
    ),
    "finite": (
        with_branch("linear", weight=np.full((5, 12), np.inf)),
        "readout, linear: weight must be finite, found NaN or inf",
    ),
    "dilation": (
        with_branch("conv", dilation=(1, 0)),
        "mixed, conv: a window must have 2 sizes of at least 1, found [1, 0]",
    ),
    "output padding": (
        with_branch("deconv", output_padding=(-1, 0)),
        "up, deconv: a window must have 2 sizes of at least 0, found [-1, 0]",
    ),
    "bias": (
        with_stage("mixed", bias=np.zeros(5)),
        "mixed: the bias must have 4 or 144 entries, found [5]",
    ),
    "bias of two dimensions": (
        with_stage("readout", bias=np.zeros((5, 1))),
        "readout: the bias must have 5 entries, found [5, 1]",
    ),
    "clip": (
        with_stage("up", activation=Activation(clip=0.0)),
        "up: a clip must be positive, found 0.0",
    ),
    "levels without a step": (
        with_stage("up", activation=Activation(levels=3)),
        "up: levels and step come together, found one of them",
    ),
    "levels": (
        with_stage("up", activation=Activation(clip=1.0, levels=0, step=1.0)),
        "up: levels and step must be positive, found 0 and 1.0",
    ),
    "clip of levels": (
        with_stage("up", activation=Activation(clip=1.0, levels=3, step=1.0)),
        "up: the clip must be levels * step, found 1.0",
    ),
    "activation of the readout": (
        with_stage("readout", activation=Activation()),
        "readout: the last stage, and no other, must be without an activation, found one",
    ),
    "no activation": (
        with_stage("up", activation=None),
        "up: the last stage, and no other, must be without an activation, found none",
    ),
    "norm of the readout": (
        with_stage("readout", norm_before=norm(5)),
        "readout: the readout must have no norm, found one",
    ),
    "norm read as it passes": (
        lambda g: replace(g, stages=(g.stages[0], passing("mixed"))),
        "out: a norm behind an activation must be read with weights, found norm_after of mixed",
    ),
    "norm read by a pool": (
        with_stage("up", norm_after=norm(3)),
        "max: a norm behind an activation must be read with weights, found norm_after of up",
    ),
    "last": (
        lambda g: replace(g, stages=g.stages[:-1]),
        "twice: the last stage must be a weighted sum, found UpsampleStage",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults(name: str) -> None:
    change, message = FAULTS[name]
    with pytest.raises(ConfigurationError) as caught:
        check_graph(change(graph()))
    assert str(caught.value) == message
