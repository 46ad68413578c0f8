"""Choose what one unit of charge is worth in a stage, and what its weights and bias become.

Where only weighted branches meet, a unit per channel that quantises all their weights with the
least error. Where values are passed on as they are, the unit follows from their step: a power of
two below it, so that the weights beside them are fine enough.
"""

from dataclasses import dataclass

import numpy as np
import torch

from spikewright.flow.convert.calibrate import Measured, folded_weight, weight_error, weight_steps
from spikewright.flow.convert.code import Levels
from spikewright.flow.convert.geometry import Geometry, plane
from spikewright.flow.convert.method import Neuron
from spikewright.flow.convert.quantised import weight_limit
from spikewright.flow.convert.scales import Group, Scales, groups
from spikewright.flow.importers import FloatArray, Graph, Stage
from spikewright.golden.errors import UnsupportedError

__all__ = ["Forced", "StagePlan", "plan_stage"]


@dataclass(frozen=True, kw_only=True)
class Forced:
    """Channels first .. last - 1, whose unit follows from the branch that passes values on there.

    unit = step of its source * |gain| / 2**exponent.
    """

    branch: int
    exponent: int
    first: int
    last: int


@dataclass(frozen=True, kw_only=True, eq=False)
class StagePlan:
    """What calibration chose for a stage.

    ``weight_step``: of the first weighted branch, [channels] or [1] (a readout); None where no
    branch is weighted or every unit is forced. ``exponents``: per branch, 0 for weighted ones.
    ``initial``: what membranes begin with, in thresholds, [1] or [neurons].
    """

    weight_bits: int
    weight_step: torch.Tensor | None
    exponents: tuple[int, ...]
    forced: tuple[Forced, ...]
    bias: torch.Tensor
    levels: Levels
    initial: FloatArray
    neuron: Neuron


def plan_stage(
    graph: Graph,
    stage: Stage,
    measured: Measured,
    scales: Scales,
    *,
    bits: int,
    levels: Levels,
    neuron: Neuron,
    most_exponent: int,
) -> StagePlan:
    """Units and exponents of a stage, and its bias.

    Raises UnsupportedError where values that are passed on differ by more than 2**most_exponent.
    """
    limit = weight_limit(bits)
    rows = _rows(stage, scales)
    exponents = [0] * len(stage.branches)
    forced = []
    unit = torch.ones(stage.shape[0], dtype=torch.float64)
    if rows is not None:
        # A readout's outputs are compared with each other: they must share one unit.
        unit = weight_steps(rows, limit, per_channel=stage.activation is not None)
    free = unit
    unit = unit.expand(stage.shape[0]).clone()
    for group in groups(graph, stage):
        worth, shifts = _worths(stage, group, scales, most_exponent)
        extra = 0
        if rows is not None:
            room = most_exponent - max(shifts)
            extra = _finer(rows[group.first : group.last], worth, limit, room)
        for index, shift in zip(group.branches, shifts, strict=True):
            exponents[index] = shift + extra
        lead = group.branches[0]
        forced.append(
            Forced(branch=lead, exponent=exponents[lead], first=group.first, last=group.last)
        )
        unit[group.first : group.last] = worth / 2.0**extra
    covered = sum(each.last - each.first for each in forced)
    lead_step = None
    if rows is not None and covered < stage.shape[0]:
        first = next(branch for branch in stage.branches if branch.weight is not None)
        lead_step = free / (scales.step(first.source) * abs(first.gain))
    return StagePlan(
        weight_bits=bits,
        weight_step=lead_step,
        exponents=tuple(exponents),
        forced=tuple(forced),
        bias=_bias(stage, measured, scales, unit, limit),
        levels=levels,
        initial=measured.initial.get(stage.name, np.zeros(1)),
        neuron=neuron,
    )


def _rows(stage: Stage, scales: Scales) -> torch.Tensor | None:
    """All weights [channels, ...] of a stage, in charge per level of what they are applied to."""
    parts = [
        torch.tensor(folded_weight(branch)).flatten(1)
        * (scales.step(branch.source) * abs(branch.gain))
        for branch in stage.branches
        if branch.weight is not None
    ]
    return torch.cat(parts, 1) if parts else None


def _worths(
    stage: Stage, group: Group, scales: Scales, most_exponent: int
) -> tuple[float, list[int]]:
    """The least worth of a level among the group's branches, and the powers of two above it."""
    worths = [
        scales.step(stage.branches[index].source) * abs(stage.branches[index].gain)
        for index in group.branches
    ]
    least = min(worths)
    shifts = [round(np.log2(worth / least)) for worth in worths]
    if max(shifts) > most_exponent:
        raise UnsupportedError(
            f"values that are added as they are must differ by at most 2**{most_exponent} in step",
            found=f"2**{max(shifts)}",
            where=stage.name,
            action="put a 1x1 convolution on one of them",
        )
    return least, shifts


def _finer(rows: torch.Tensor, worth: float, limit: int, room: int) -> int:
    """The power of two, of at most ``room``, below ``worth`` that quantises ``rows`` best."""
    same = torch.ones(len(rows), dtype=torch.float64)
    errors = [
        float(weight_error(rows, same * (worth / 2.0**exponent), limit).sum())
        for exponent in range(room + 1)
    ]
    return errors.index(min(errors))


def _bias(
    stage: Stage, measured: Measured, scales: Scales, unit: torch.Tensor, limit: int
) -> torch.Tensor:
    """The bias, with what rounding the weights moves the mean of the charge by taken back."""
    bias = torch.tensor(stage.bias)
    if bias.numel() > stage.shape[0]:
        bias = bias.reshape(plane(stage.shape))
    for branch in stage.branches:
        if branch.weight is None:
            continue
        weight = torch.tensor(folded_weight(branch))
        step = unit / (scales.step(branch.source) * abs(branch.gain))
        step = step.reshape(-1, *(1,) * (weight.dim() - 1))
        codes = torch.floor(weight / step + 0.5).clamp(-limit, limit)
        lost = Geometry.of(branch, stage.shape)(
            measured.means[branch.source], (weight - codes * step) * branch.gain
        )
        mean = lost.mean((0, 2, 3))
        bias = bias + (mean if bias.dim() == 1 else mean[:, None, None])
    return bias
