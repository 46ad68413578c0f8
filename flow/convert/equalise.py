"""Scale every channel of a float network to a largest activation of one, changing no output.

ReLU(z) = lambda ReLU(z / lambda) for lambda > 0, so what comes into a channel may be divided by
lambda if what goes out of it is multiplied by it (NeuronNorm: Wang et al., IJCAI 2022, who keep
lambda as the neuron's threshold and as what its spike is worth).
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch

from spikewright.flow.importers import (
    Branch,
    BranchKind,
    FloatArray,
    Graph,
    Node,
    Stage,
    each_value,
)

__all__ = ["channel_maxima", "equalised", "may_change"]

BATCH = 256


def equalised(graph: Graph, x: torch.Tensor) -> Graph:
    """The graph with its channels scaled by their largest activations on samples x [N, ...].

    Left as they are: channels that are always 0, that a branch without weights passes on or adds
    to, that a norm follows, and those of clipped or quantised activations.
    """
    chosen = {stage.name for stage in graph.stages if may_change(graph, stage)}
    scales = {
        name: np.where(each > 0, each, 1.0)
        for name, each in channel_maxima(graph, x).items()
        if name in chosen
    }
    through = dict(scales)
    made: list[Node] = []
    for stage in graph.stages:
        if not isinstance(stage, Stage):
            if stage.source in through:
                through[stage.name] = through[stage.source]
            made.append(stage)
            continue
        heard = replace(
            stage, branches=tuple(_hearing(each, through, graph) for each in stage.branches)
        )
        made.append(_divided(heard, scales[stage.name]) if stage.name in scales else heard)
    return Graph(input_shape=graph.input_shape, stages=tuple(made))


@torch.no_grad()
def channel_maxima(graph: Graph, x: torch.Tensor) -> dict[str, FloatArray]:
    """The largest value [channels] of each stage's activation, by its name."""
    found: dict[str, torch.Tensor] = {}
    for part in torch.split(x.reshape(len(x), *graph.input_shape), BATCH):
        for stage, values in each_value(graph, part):
            most = values.flatten(2).amax((0, 2)) if values.dim() > 2 else values.amax(0)
            before = found.get(stage.name)
            found[stage.name] = most if before is None else torch.maximum(before, most)
    return {name: each.numpy() for name, each in found.items()}


def may_change(graph: Graph, node: Node) -> bool:
    """Whether a stage's channels are its own: weights alone come in and go out, pools between."""
    if not isinstance(node, Stage) or node.activation is None or node.norm_after is not None:
        return False
    if node.activation.clip is not None or any(each.weight is None for each in node.branches):
        return False
    return _is_weighed(graph, node.name)


def _is_weighed(graph: Graph, name: str) -> bool:
    """Whether all who read it, through pools too, have weights."""
    for stage in graph.stages:
        if name not in stage.sources:
            continue
        if isinstance(stage, Stage):
            if any(each.source == name and each.weight is None for each in stage.branches):
                return False
        elif not _is_weighed(graph, stage.name):
            return False
    return True


def _hearing(branch: Branch, scales: Mapping[str, FloatArray], graph: Graph) -> Branch:
    """The branch with weights for values that were divided by those of ``scales``."""
    scale = scales.get(branch.source)
    if scale is None or branch.weight is None:
        return branch
    weight = branch.weight
    if branch.kind is BranchKind.LINEAR:
        places = weight.shape[1] // len(scale)
        return replace(branch, weight=weight * np.repeat(scale, places))
    tail = (1,) * (weight.ndim - 2)
    if branch.kind is BranchKind.TRANSPOSED:
        return replace(branch, weight=weight * scale.reshape(-1, 1, *tail))
    grouped = weight.reshape(branch.groups, -1, *weight.shape[1:])
    scaled = grouped * scale.reshape(branch.groups, 1, -1, *tail)
    return replace(branch, weight=scaled.reshape(weight.shape))


def _divided(stage: Stage, scale: FloatArray) -> Stage:
    """The stage with its channels divided: by its norm, or by weights and bias."""
    if stage.norm_before is not None:
        zero = np.zeros_like(scale)
        return replace(stage, norm_before=stage.norm_before.then(1 / scale, zero))
    each = np.repeat(scale, stage.bias.size // len(scale))
    return replace(
        stage,
        branches=tuple(_smaller(branch, scale) for branch in stage.branches),
        bias=stage.bias / each.reshape(stage.bias.shape),
    )


def _smaller(branch: Branch, scale: FloatArray) -> Branch:
    """The branch's output divided, channel by channel."""
    if branch.norm is not None:
        return replace(branch, norm=branch.norm.then(1 / scale, np.zeros_like(scale)))
    weight = branch.weight
    assert weight is not None  # ``may_change`` saw
    if branch.kind is BranchKind.TRANSPOSED:
        grouped = weight.reshape(branch.groups, -1, *weight.shape[1:])
        of = scale.reshape(branch.groups, 1, -1, *(1,) * (weight.ndim - 2))
        return replace(branch, weight=(grouped / of).reshape(weight.shape))
    return replace(branch, weight=weight / scale.reshape(-1, *(1,) * (weight.ndim - 1)))
