"""Evaluates a graph in floating point, as it was trained."""

from collections.abc import Iterator, Mapping

import torch
import torch.nn.functional as F

from spikewright.flow.importers.stages import (
    INPUT,
    Activation,
    AverageStage,
    Branch,
    BranchKind,
    FloatArray,
    Graph,
    Node,
    Norm,
    Pool,
    Stage,
    UpsampleStage,
)

__all__ = ["each_value", "evaluate"]


def evaluate(graph: Graph, x: torch.Tensor) -> torch.Tensor:
    """Logits [N, *shape of the readout] of samples [N, *input shape], in the samples' type."""
    for _, found in each_value(graph, x):
        logits = found
    return logits


def each_value(graph: Graph, x: torch.Tensor) -> Iterator[tuple[Node, torch.Tensor]]:
    """Every stage, and its values [N, *shape] of those samples; none is kept longer than needed."""
    last = {name: stage.name for stage in graph.stages for name in stage.sources}
    values = {INPUT: x}
    for stage in graph.stages:
        values[stage.name] = _node(stage, values)
        yield stage, values[stage.name]
        for source in stage.sources:
            if last[source] == stage.name:
                del values[source]


def _node(stage: Node, values: Mapping[str, torch.Tensor]) -> torch.Tensor:
    if isinstance(stage, Stage):
        return _stage(stage, values)
    x = values[stage.source]
    flat = x.dim() == 3
    if isinstance(stage, UpsampleStage):
        return F.interpolate(x, scale_factor=stage.factor, mode="nearest")
    if isinstance(stage, AverageStage):
        mean = F.avg_pool1d if flat else F.avg_pool2d
        return mean(x, stage.kernel, stage.stride, stage.padding, count_include_pad=False)
    largest = F.max_pool1d if flat else F.max_pool2d
    return largest(x, stage.kernel, stage.stride, stage.padding, stage.dilation)


def _stage(stage: Stage, values: Mapping[str, torch.Tensor]) -> torch.Tensor:
    first = values[stage.branches[0].source]
    z = _tensor(stage.full_bias, first).expand(len(first), *stage.shape).clone()
    for branch in stage.branches:
        y = _branch(branch, values[branch.source])
        z[:, branch.offset : branch.offset + y.shape[1]] += _normed(branch.norm, y)
    z = _normed(stage.norm_before, z)
    if stage.activation is not None:
        z = _activated(stage.activation, z)
    return _normed(stage.norm_after, z)


def _branch(branch: Branch, x: torch.Tensor) -> torch.Tensor:
    if branch.pool is not None:
        x = _pooled(branch.pool, x)
    if branch.gain != 1:
        x = x * branch.gain
    if branch.weight is None:
        return x
    weight = _tensor(branch.weight, x)
    if branch.kind is BranchKind.LINEAR:
        return F.linear(x.flatten(1), weight)
    flat = x.dim() == 3
    if branch.kind is BranchKind.CONVOLUTION:
        convolve = F.conv1d if flat else F.conv2d
        return convolve(
            x, weight, None, branch.stride, branch.padding, branch.dilation, branch.groups
        )
    transpose = F.conv_transpose1d if flat else F.conv_transpose2d
    return transpose(
        x,
        weight,
        None,
        branch.stride,
        branch.padding,
        branch.output_padding,
        branch.groups,
        branch.dilation,
    )


def _pooled(pool: Pool, x: torch.Tensor) -> torch.Tensor:
    kernel, stride, padding = pool.kernel, pool.stride, pool.padding
    if len(kernel) == 1:  # the only one that offers a divisor is for maps
        kernel, stride, padding = (1, *kernel), (1, *stride), (0, *padding)
        return F.avg_pool2d(x.unsqueeze(2), kernel, stride, padding, divisor_override=1).squeeze(2)
    return F.avg_pool2d(x, kernel, stride, padding, divisor_override=1)


def _activated(activation: Activation, z: torch.Tensor) -> torch.Tensor:
    if activation.step is not None and activation.levels is not None:
        levels = torch.floor(z / activation.step + 0.5).clamp(0, activation.levels)
        return levels * activation.step
    return z.clamp(0, activation.clip)


def _normed(norm: Norm | None, x: torch.Tensor) -> torch.Tensor:
    if norm is None:
        return x
    places = (-1, *(1,) * (x.dim() - 2))
    return x * _tensor(norm.gain, x).reshape(places) + _tensor(norm.shift, x).reshape(places)


def _tensor(array: FloatArray, like: torch.Tensor) -> torch.Tensor:
    return torch.tensor(array, dtype=like.dtype, device=like.device)
