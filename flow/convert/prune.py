"""Pruning that hardware gains by: of each input as many weights in every lane."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from spikewright.flow.importers import Branch, BranchKind, FloatArray, Graph, Node, Stage
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Dense, Network, Window

from .config import ConvertConfig

__all__ = ["Mask", "Pruned", "balanced_mask", "prune", "pruned_figures"]

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Pruned:
    """A graph without its smallest weights, and by branch which weights [out, in] are left."""

    graph: Graph
    masks: Mapping[str, Mask]


def balanced_mask(size: FloatArray, *, share: float, lanes: int) -> Mask:
    """Which weights stay when ``share`` of them goes, such that all lanes have equally many.

    A core adds a row of one weight a lane in a cycle, and neuron n belongs to lane n % lanes. So
    an input's weights are ranked by size within each lane, those of one rank are a row, and rows
    stay or go whole: what an input costs is its rows that stay, and no lane of them is empty but
    for neurons that the last group does not have.

    Parameters
    ----------
    size : [out, in], at least 0. share : of the rows that go, 0 to 1; one always stays.
    """
    n_out, n_in = size.shape
    groups = -(-n_out // lanes)
    padded = np.full((groups * lanes, n_in), -1.0)
    padded[:n_out] = size
    grouped = padded.reshape(groups, lanes, n_in)
    order = np.argsort(-grouped, axis=0, kind="stable")
    ranked = np.take_along_axis(grouped, order, axis=0).clip(min=0)
    rows = ranked.sum(axis=1)  # [rank, in]; a higher rank is never more
    kept = max(1, round((1 - share) * rows.size))
    stays = np.zeros(rows.size, np.bool_)
    stays[np.argsort(-rows, axis=None, kind="stable")[:kept]] = True
    mask = np.zeros(grouped.shape, np.bool_)
    np.put_along_axis(
        mask, order, np.broadcast_to(stays.reshape(groups, 1, n_in), mask.shape), axis=0
    )
    return mask.reshape(-1, n_in)[:n_out]


def prune(graph: Graph, *, share: float, lanes: int) -> Pruned:
    """Take ``share`` of the weights from every Linear layer of more outputs than lanes.

    A weight counts as what it adds behind its batch norms. Layers of no more outputs than lanes
    have one row an input, of which nothing can go.

    Raises
    ------
    ConfigurationError
        If there is no such layer.
    """
    masks: dict[str, Mask] = {}
    stages: list[Node] = []
    for stage in graph.stages:
        if isinstance(stage, Stage):
            branches = []
            for branch in stage.branches:
                weight = branch.weight
                if branch.kind is BranchKind.LINEAR and weight is not None and len(weight) > lanes:
                    mask = balanced_mask(_size(stage, branch, weight), share=share, lanes=lanes)
                    masks[branch.name] = mask
                    branches.append(replace(branch, weight=weight * mask))
                else:
                    branches.append(branch)
            stages.append(replace(stage, branches=tuple(branches)))
        else:
            stages.append(stage)
    if not masks:
        raise ConfigurationError(
            f"a network that is pruned must have a Linear layer of more than {lanes} outputs",
            found="none",
            where="prune",
            action="give fewer lanes to balance for",
        )
    return Pruned(graph=replace(graph, stages=tuple(stages)), masks=masks)


def pruned_figures(config: ConvertConfig, network: Network) -> dict[str, dict[str, float]]:
    """What a project records of pruning: nothing, or its share, the lanes, and how many weights of
    the integer network are not 0.
    """
    if not config.prune:
        return {}
    operators = [connection.operator for connection in network.connections]
    left = sum(
        int(np.count_nonzero(operator.weights))
        for operator in operators
        if isinstance(operator, (Dense, Window)) and operator.weights is not None
    )
    return {"pruned": {"share": config.prune, "lanes": config.prune_lanes, "weights_left": left}}


def _size(stage: Stage, branch: Branch, weight: FloatArray) -> FloatArray:
    gain = np.ones(len(weight))
    for norm in (branch.norm, stage.norm_before):
        if norm is not None:
            gain = gain * norm.gain
    size: FloatArray = np.abs(weight * gain[:, np.newaxis])
    return size
