"""Take out the channels that carry no variance of their own (Chowdhury, Garg and Roy, IJCNN 2021).

The paper finds the significant dimensions of a layer by principal component analysis of the average
accumulated membrane potential (abstract); its share of the variance could not be confirmed. Here
there are as many channels as components of the activations hold 99.9 % of it on calibration data,
those that stay are the ones that a pivoted QR of the activations finds least alike, and what the
others brought is replaced by the combination of those with the least square error, so that training
goes on from there.
"""

from dataclasses import dataclass, replace
from math import prod

import numpy as np
import torch
from scipy.linalg import qr

from spikewright.flow.convert.equalise import may_change
from spikewright.flow.importers import (
    Branch,
    BranchKind,
    FloatArray,
    Graph,
    Node,
    Norm,
    Stage,
    each_value,
)
from spikewright.golden.errors import ConfigurationError

__all__ = ["SHARE", "Fewer", "without_redundant_channels"]

SHARE = 0.999  # of the variance
MOST_ROWS = 1 << 15  # of activations; of more, evenly spread ones


@dataclass(frozen=True, kw_only=True, eq=False)
class Fewer:
    """The graph, and (channels before, channels left) of each stage that was looked at."""

    graph: Graph
    channels: dict[str, tuple[int, int]]


def without_redundant_channels(graph: Graph, x: torch.Tensor, share: float = SHARE) -> Fewer:
    """The graph with as many channels a stage as components hold ``share`` of the variance.

    Stages after one another, each on the activations of the graph so far, on samples x [N, ...].
    Left as they are: stages that a branch without weights reads or adds to, that are grouped or
    clipped, that a norm follows, or that anything but layers with weights reads. Raises
    ConfigurationError where activations are too few.
    """
    channels = {}
    for name in [stage.name for stage in graph.stages[:-1]]:
        stage = next(each for each in graph.stages if each.name == name)
        if not isinstance(stage, Stage) or not _may_lose(graph, stage):
            continue
        rows = _activations(graph, name, x)
        if len(rows) <= rows.shape[1]:
            raise ConfigurationError(
                "there must be more activations of a channel than channels, "
                f"{rows.shape[1]}, or components cannot be told apart",
                found=f"{len(rows)} in {len(x)} samples",
                where=name,
                action="give more calibration data",
            )
        kept, mix = _kept(rows, share)
        channels[name] = (rows.shape[1], len(kept))
        if len(kept) < rows.shape[1]:
            graph = _reduced(graph, name, kept, mix)
    return Fewer(graph=graph, channels=channels)


def _may_lose(graph: Graph, stage: Stage) -> bool:
    readers = [node for node in graph.stages if stage.name in node.sources]
    if not may_change(graph, stage) or any(branch.groups != 1 for branch in stage.branches):
        return False
    return all(
        isinstance(node, Stage)
        and all(each.groups == 1 for each in node.branches if each.source == stage.name)
        for node in readers
    )


@torch.no_grad()
def _activations(graph: Graph, name: str, x: torch.Tensor) -> FloatArray:
    """Rows of channels [samples and places, channels]."""
    for stage, values in each_value(graph, x.reshape(len(x), *graph.input_shape)):
        if stage.name == name:
            by_place = values.reshape(*values.shape[:2], -1).movedim(1, -1)
            rows: FloatArray = by_place.reshape(-1, values.shape[1]).numpy()
            return rows[:: -(-len(rows) // MOST_ROWS)]
    raise AssertionError(name)  # it is a stage of the graph


def _kept(rows: FloatArray, share: float) -> tuple[list[int], FloatArray]:
    """The channels that stay, and [1 + kept, channels]: all channels of a one and of those."""
    centred = rows - rows.mean(0)
    variance = np.linalg.svd(centred, compute_uv=False) ** 2
    enough = np.cumsum(variance) >= share * variance.sum()
    count = int(np.argmax(enough)) + 1
    _, pivots = qr(centred, mode="r", pivoting=True)
    kept = sorted(int(each) for each in pivots[:count])
    basis = np.column_stack([np.ones(len(rows)), rows[:, kept]])
    mix = np.linalg.lstsq(basis, rows, rcond=None)[0].astype(np.float64)
    mix[:, kept] = 0
    mix[1 + np.arange(count), kept] = 1  # exactly
    return kept, mix


def _reduced(graph: Graph, name: str, kept: list[int], mix: FloatArray) -> Graph:
    made: list[Node] = []
    for node in graph.stages:
        if isinstance(node, Stage):
            if node.name == name:
                node = _narrower(node, kept)
            elif name in node.sources:
                node = _rewired(node, graph, name, mix)
        made.append(node)
    return Graph(input_shape=graph.input_shape, stages=tuple(made))


def _narrower(stage: Stage, kept: list[int]) -> Stage:
    """The stage with those channels only."""
    bias = stage.bias.reshape(stage.shape[0], -1)[kept].reshape(-1)
    return replace(
        stage,
        shape=(len(kept), *stage.shape[1:]),
        branches=tuple(_fewer_out(branch, kept) for branch in stage.branches),
        bias=bias,
        norm_before=None if stage.norm_before is None else _some(stage.norm_before, kept),
    )


def _some(norm: Norm, kept: list[int]) -> Norm:
    return replace(
        norm,
        gamma=norm.gamma[kept],
        beta=norm.beta[kept],
        mean=norm.mean[kept],
        variance=norm.variance[kept],
    )


def _fewer_out(branch: Branch, kept: list[int]) -> Branch:
    assert branch.weight is not None  # ``may_change`` saw
    axis = 1 if branch.kind is BranchKind.TRANSPOSED else 0
    norm = None if branch.norm is None else _some(branch.norm, kept)
    return replace(branch, weight=branch.weight.take(kept, axis), norm=norm)


def _rewired(stage: Stage, graph: Graph, name: str, mix: FloatArray) -> Stage:
    """A reader whose weights take what was lost from what is left; constants go into its bias."""
    bias = stage.bias.astype(np.float64).copy()
    branches = []
    for branch in stage.branches:
        if branch.source != name:
            branches.append(branch)
            continue
        weight = branch.weight
        assert weight is not None  # ``may_change`` saw
        seen = branch.pooled_shape(graph.shapes[name])
        if branch.kind is BranchKind.LINEAR:
            grouped = weight.reshape(len(weight), seen[0], -1)
            left = np.einsum("ocp,kc->okp", grouped, mix[1:]).reshape(len(weight), -1)
            constant = np.einsum("ocp,c->o", grouped, mix[0])
        elif branch.kind is BranchKind.CONVOLUTION:
            left = np.einsum("oc...,kc->ok...", weight, mix[1:])
            constant = np.einsum("oc...,c->o...", weight, mix[0]).reshape(len(weight), -1).sum(1)
        else:
            left = np.einsum("co...,kc->ko...", weight, mix[1:])
            constant = np.zeros(stage.shape[0])  # it differs by place; training finds it
        constant = constant * branch.gain
        if branch.pool is not None:
            constant = constant * prod(branch.pool.kernel)
        if branch.norm is not None:
            constant = constant * branch.norm.gain
        bias += np.repeat(constant, bias.size // stage.shape[0]).reshape(bias.shape)
        branches.append(replace(branch, weight=left))
    return replace(stage, branches=tuple(branches), bias=bias)
