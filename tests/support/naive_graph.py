"""An importer's graph by its docstrings alone: plain loops over places, no torch."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from spikewright.flow.importers import (
    INPUT,
    AverageStage,
    Branch,
    BranchKind,
    Graph,
    MaxStage,
    Norm,
    Stage,
    UpsampleStage,
)

Array = np.ndarray[Any, Any]


def evaluate(graph: Graph, samples: Array) -> Array:
    """Logits of the samples [N, ...], one after the other."""
    return np.stack([_sample(graph, sample.reshape(graph.input_shape)) for sample in samples])


def _sample(graph: Graph, x: Array) -> Array:
    values = {INPUT: x.astype(np.float64)}
    for stage in graph.stages:
        if isinstance(stage, Stage):
            value = _stage(stage, values)
        elif isinstance(stage, UpsampleStage):
            value = values[stage.source]
            for axis in range(1, value.ndim):
                value = value.repeat(stage.factor, axis)
        else:
            value = _resampled(stage, values[stage.source])
        assert value.shape == stage.shape, stage.name
        values[stage.name] = value
    return values[graph.stages[-1].name]


def _stage(stage: Stage, values: dict[str, Array]) -> Array:
    bias = stage.bias
    places = (1,) * (len(stage.shape) - 1)
    per_neuron = bias.reshape(stage.shape) if bias.size == stage.n else bias.reshape(-1, *places)
    z = np.zeros(stage.shape) + per_neuron
    for branch in stage.branches:
        y = _normed(branch.norm, _branch(branch, values[branch.source]))
        first = branch.offset if branch.kind is BranchKind.PASS else 0
        z[first : first + len(y)] += y
    z = _normed(stage.norm_before, z)
    if stage.activation is not None:
        z = stage.activation(z)
    return _normed(stage.norm_after, z)


def _branch(branch: Branch, x: Array) -> Array:
    shape = branch.output_shape(x.shape)
    if branch.pool is not None:
        pool = branch.pool
        seen = np.zeros(pool.output_shape(x.shape))
        for place, window in _windows(seen.shape[1:], pool.stride, pool.padding):
            for source in window(pool.kernel, (1,) * len(pool.kernel), x.shape[1:]):
                seen[:, *place] += x[:, *source]
        x = seen
    x = x * branch.gain
    if branch.kind is BranchKind.PASS:
        return x
    if branch.kind is BranchKind.LINEAR:
        return branch.weight @ x.reshape(-1)
    if branch.kind is BranchKind.CONVOLUTION:
        return _convolution(branch, x, np.zeros(shape))
    return _transposed(branch, x, np.zeros(shape))


def _convolution(branch: Branch, x: Array, y: Array) -> Array:
    weight = branch.weight
    kernel = weight.shape[2:]
    n_in, n_out = weight.shape[1], weight.shape[0] // branch.groups
    for place, window in _windows(y.shape[1:], branch.stride, branch.padding):
        for tap, source in window.taps(kernel, branch.dilation, x.shape[1:]):
            for g in range(branch.groups):
                rows = slice(g * n_out, (g + 1) * n_out)
                y[(rows, *place)] += (
                    weight[(rows, slice(None), *tap)]
                    @ x[(slice(g * n_in, (g + 1) * n_in), *source)]
                )
    return y


def _transposed(branch: Branch, x: Array, y: Array) -> Array:
    """Every input value paints its kernel: place = source * stride + tap * dilation - padding."""
    weight = branch.weight
    n_in, n_out = weight.shape[0] // branch.groups, weight.shape[1]
    for source in product(*map(range, x.shape[1:])):
        for tap in product(*map(range, weight.shape[2:])):
            place = tuple(
                s * stride + t * d - p
                for s, t, stride, d, p in zip(
                    source, tap, branch.stride, branch.dilation, branch.padding, strict=True
                )
            )
            if not all(0 <= i < size for i, size in zip(place, y.shape[1:], strict=True)):
                continue
            for g in range(branch.groups):
                ins, outs = slice(g * n_in, (g + 1) * n_in), slice(g * n_out, (g + 1) * n_out)
                y[(outs, *place)] += x[(ins, *source)] @ weight[(ins, slice(None), *tap)]
    return y


def _resampled(stage: MaxStage | AverageStage, x: Array) -> Array:
    y = np.zeros(stage.output_shape(x.shape))
    dilation = stage.dilation if isinstance(stage, MaxStage) else (1,) * len(stage.kernel)
    for place, window in _windows(y.shape[1:], stage.stride, stage.padding):
        inside = [x[(slice(None), *at)] for at in window(stage.kernel, dilation, x.shape[1:])]
        y[(slice(None), *place)] = (
            np.max(inside, 0) if isinstance(stage, MaxStage) else np.mean(inside, 0)
        )
    return y


class _Window:
    """The places that a window at ``place`` covers, those in the map only."""

    def __init__(self, place: tuple[int, ...], stride: Any, padding: Any) -> None:
        self._corner = [o * s - p for o, s, p in zip(place, stride, padding, strict=True)]

    def taps(self, kernel: Any, dilation: Any, size: Any) -> Iterator[tuple[Any, Any]]:
        for tap in product(*map(range, kernel)):
            at = tuple(c + t * d for c, t, d in zip(self._corner, tap, dilation, strict=True))
            if all(0 <= i < n for i, n in zip(at, size, strict=True)):
                yield tap, at

    def __call__(self, kernel: Any, dilation: Any, size: Any) -> Iterator[Any]:
        return (at for _, at in self.taps(kernel, dilation, size))


def _windows(places: Any, stride: Any, padding: Any) -> Iterator[tuple[Any, _Window]]:
    for place in product(*map(range, places)):
        yield place, _Window(place, stride, padding)


def _normed(norm: Norm | None, x: Array) -> Array:
    if norm is None:
        return x
    places = (-1, *(1,) * (x.ndim - 1))
    gamma, beta, mean, variance = (
        array.reshape(places) for array in (norm.gamma, norm.beta, norm.mean, norm.variance)
    )
    return gamma * (x - mean) / np.sqrt(variance + norm.eps) + beta
