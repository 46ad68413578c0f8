"""Choose the steps of inputs, weights and activations from data and trained weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import torch

from spikewright.flow.convert.code import Levels
from spikewright.flow.convert.config import ConvertConfig
from spikewright.flow.convert.geometry import Geometry, outward, plane, relayed
from spikewright.flow.convert.method import Initial
from spikewright.flow.importers import INPUT, Branch, FloatArray, Graph, Norm, Stage
from spikewright.golden.errors import ConfigurationError, UnsupportedError

__all__ = [
    "InputRange",
    "Measured",
    "activation_step",
    "best_initial",
    "check_calibration",
    "folded_weight",
    "input_range",
    "measure",
    "values_above",
    "weight_error",
    "weight_steps",
]

N_CLIPS = 33
N_INITIAL = 16  # of a threshold
LEAST_CLIP = 0.3
MOST_SAMPLES = 2048  # of calibration; of more, evenly spread ones
MOST_FITTED = 1 << 18  # values that a step of powers is fitted to; of more, evenly spread ones
N_POWER_STEPS = 17  # down to 1/16
_BEGINS = {Initial.ZERO: 0.0, Initial.HALF: 0.5, Initial.MEASURED: 0.5}
MOST_RANKED = 1 << 22  # values that a percentile is taken of; of more, evenly spread ones


@dataclass(frozen=True, kw_only=True)
class InputRange:
    """Levels low..high of an input, each worth ``step``."""

    low: int
    high: int
    step: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """What calibration data say of a graph, by the names of INPUT and the stages.

    ``steps``: of the input and of every activation; ``means``: mean map [1, C, H, W] of the values;
    ``initial``: what membranes begin with, in thresholds, [1] or [neurons], of every activation.
    """

    steps: Mapping[str, float]
    means: Mapping[str, torch.Tensor]
    initial: Mapping[str, FloatArray]


def check_calibration(data: Any) -> torch.Tensor:
    """The calibration data as float64 [N, ...], checked: of more than 2,048, evenly spread ones.

    Every map of every sample is held at once while steps are measured, hence the bound.
    """
    where = "calibration data"
    if not isinstance(data, torch.Tensor | np.ndarray):
        raise ConfigurationError(
            "must be a tensor [samples, ...]", found=type(data).__name__, where=where
        )
    x = torch.as_tensor(data)
    if x.is_complex():
        raise ConfigurationError("must be real", found=str(x.dtype), where=where)
    if x.dim() < 2:
        raise ConfigurationError(
            "must have the shape [samples, ...]", found=str(list(x.shape)), where=where
        )
    if x.numel() == 0:
        raise ConfigurationError(
            "must hold at least one sample", found=f"shape {list(x.shape)}", where=where
        )
    x = x.detach().cpu()
    bad = (~torch.isfinite(x)).nonzero()
    if len(bad):
        index = bad[0].tolist()
        raise ConfigurationError(
            "must be finite", found=f"{float(x[tuple(index)])} at {index}", where=where
        )
    count = min(len(x), MOST_SAMPLES)
    return x[torch.arange(count) * len(x) // count].to(torch.float64)


def input_range(x: torch.Tensor, config: ConvertConfig) -> InputRange:
    """Symmetric levels where the data have negative values, else from 0."""
    size = x.abs()
    top = _percentile(size[size > 0], config.clipped_at)
    if top is None:
        raise ConfigurationError(
            "must not be zero everywhere", found="only zeros", where="calibration data"
        )
    high = config.input_levels
    return InputRange(low=-high if bool((x < 0).any()) else 0, high=high, step=top / high)


def measure(
    graph: Graph,
    x: torch.Tensor,
    source: InputRange,
    levels: Mapping[str, Levels],
    percentile: float,
    begin: Initial,
    *,
    least: int = 1,
) -> Measured:
    """Run the float graph on the quantised input; ``levels`` are those of the activations.

    Raises ConfigurationError where one has fewer than ``least`` values above 0, or samples are too
    few to choose initial membranes from.
    """
    a = torch.floor(x / source.step + 0.5).clamp(source.low, source.high) * source.step
    values = {INPUT: a.reshape(len(x), *plane(graph.input_shape))}
    steps = {INPUT: source.step}
    means = {INPUT: values[INPUT].mean(0, keepdim=True)}
    initial: dict[str, FloatArray] = {}
    if begin is Initial.MEASURED and len(x) < N_INITIAL:
        raise ConfigurationError(
            f"must hold at least {N_INITIAL} samples, from which each neuron's initial membrane is "
            "chosen, to a sixteenth of a threshold",
            found=str(len(x)),
            where="calibration data",
            action="give more, or take method neuron-norm",
        )
    last = {name: reader.name for reader in graph.stages for name in reader.sources}
    for stage in graph.stages:
        if not isinstance(stage, Stage):
            value = relayed(stage, values[stage.source])
        elif stage.activation is not None:
            value, gain = _activated(stage, _charge(stage, values))
            steps[stage.name] = activation_step(
                stage, value, gain.abs(), levels[stage.name], percentile, least=least
            )
            initial[stage.name] = np.array([_BEGINS[begin]])
            if begin is Initial.MEASURED:
                shares = value * gain.abs()[:, None, None] / steps[stage.name]
                initial[stage.name] = best_initial(shares, levels[stage.name])
            value = _normed(value, stage.norm_after)
        else:
            break  # the readout needs no step
        values[stage.name] = value
        means[stage.name] = value.mean(0, keepdim=True)
        for name in stage.sources:
            if last[name] == stage.name:
                del values[name]
    return Measured(steps=steps, means=means, initial=initial)


def best_initial(shares: torch.Tensor, levels: Levels) -> FloatArray:
    """Initial membranes [neurons], in thresholds, of activations [N, ...] in units of a spike.

    Each is the multiple of 1/16 from 0 to 1 for which the mean of clip(floor(T a + v0), 0, T k) / T
    over the samples is nearest to that of a, T and k the steps and the largest level of a spike;
    the one nearest to a half where several are. (Of single errors a half is always the least.)
    """
    a = shares.flatten(1)
    best = torch.full_like(a[0], 0.5)
    least = torch.full_like(a[0], torch.inf)
    for v0 in sorted((k / N_INITIAL for k in range(N_INITIAL + 1)), key=lambda v: abs(v - 0.5)):
        sent = torch.floor(a * levels.steps + v0).clamp(0, levels.count) / levels.steps
        error = (sent - a).mean(0).abs()
        best = torch.where(error < least, v0, best)
        least = torch.minimum(error, least)
    return best.numpy()


def values_above(percentile: float) -> int:
    """How many values there must be for one of them to lie above the percentile."""
    return 1 if percentile == 100 else ceil(round(100 / (100 - percentile), 6))


def _charge(stage: Stage, values: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """norm_before(sum of the branches + bias) in float64."""
    z = torch.tensor(stage.full_bias).reshape(plane(stage.shape))
    for branch in stage.branches:
        weight = None
        if branch.weight is not None:
            weight = torch.tensor(folded_weight(branch)) * branch.gain
        part = Geometry.of(branch, stage.shape)(values[branch.source], weight)
        part = part * branch.gain if weight is None else part
        z = z + part if branch.norm is None else z + part + _map(branch.norm.shift)
    return _normed(z, stage.norm_before)


def _activated(stage: Stage, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The activation's values, and the gains [channels] behind it."""
    assert stage.activation is not None
    gain = torch.ones(stage.shape[0], dtype=torch.float64)
    if stage.norm_after is not None:
        gain = torch.tensor(stage.norm_after.gain)
    return torch.tensor(stage.activation(z.numpy())), gain


def folded_weight(branch: Branch) -> FloatArray:
    """A weighted branch's weights, target's channels first, with the gain of its own norm."""
    assert branch.weight is not None
    weight = outward(branch.weight, branch.kind, branch.groups)
    if branch.norm is not None:
        weight = weight * branch.norm.gain.reshape(-1, *(1,) * (weight.ndim - 1))
    return weight


def activation_step(
    stage: Stage,
    y: torch.Tensor,
    gain: torch.Tensor,
    levels: Levels,
    percentile: float,
    *,
    least: int = 1,
) -> float:
    """One level of the activations ``y`` [N, C, H, W] after their channels' ``gain``."""
    activation = stage.activation
    assert activation is not None
    limited = activation.clip is not None or activation.step is not None
    if limited and stage.norm_after is not None and len(set(gain.tolist())) > 1:
        # One step and one highest level serve all channels: a clip cannot differ between them.
        raise UnsupportedError(
            "a batch norm after a clipped or quantised activation must have one gain",
            found="gains that differ by channel",
            where=stage.name,
            action="put the batch norm before the activation, or use a plain ReLU",
        )
    if activation.step is not None:
        assert activation.levels is not None  # both or neither
        worth = activation.step * (activation.levels / levels.highest)
        return worth * (1.0 if stage.norm_after is None else float(gain.max()))
    scaled = y * gain[:, None, None]
    top = _percentile(scaled[scaled > 0], percentile)
    if top is None:
        raise ConfigurationError(
            "activations must not always be zero",
            found=f"0 for all {len(y)} calibration samples",
            where=stage.name,
            action="check weights and calibration data",
        )
    above = int((scaled > 0).sum())
    if above < least:
        raise ConfigurationError(
            f"there must be at least {least:,} activations above 0, for one of them to lie above "
            f"percentile {percentile:g}",
            found=f"{above:,} in {len(y):,} samples",
            where=stage.name,
            action="give more calibration data, or take method rate-max",
        )
    if activation.clip is not None:
        top = min(top, activation.clip * float(gain.max()))
    step = top / levels.highest
    return _power_step(scaled, step, levels) if levels.powers else step


def _power_step(values: torch.Tensor, step: float, levels: Levels) -> float:
    """The step with the least squared error among those up to ``step``: powers are far apart."""
    values = values.reshape(-1)[:: ceil(values.numel() / MOST_FITTED)]
    steps: list[float] = [step * 2.0 ** (-k / 4) for k in range(N_POWER_STEPS)]
    errors = [float((levels(values / each) * each - values).square().sum()) for each in steps]
    return steps[errors.index(min(errors))]


def weight_steps(weight: torch.Tensor, limit: int, *, per_channel: bool) -> torch.Tensor:
    """Steps [out] or [1] with the least squared error among clips of the largest weight.

    ``weight`` is [out, weights of that channel].
    """
    rows = weight if per_channel else weight.reshape(1, -1)
    top = rows.abs().amax(1) / limit
    top = torch.where(top > 0, top, torch.ones_like(top))
    best, least = top.clone(), torch.full_like(top, torch.inf)
    for clip in torch.linspace(LEAST_CLIP, 1.0, N_CLIPS, dtype=torch.float64):
        step = top * clip
        error = weight_error(rows, step, limit)
        best = torch.where(error < least, step, best)
        least = torch.minimum(error, least)
    return best


def weight_error(rows: torch.Tensor, steps: torch.Tensor, limit: int) -> torch.Tensor:
    """Squared error [out] of ``rows`` [out, weights] quantised with ``steps`` [out]."""
    step = steps[:, None]
    codes = torch.floor(rows / step + 0.5).clamp(-limit, limit)
    return (rows - codes * step).square().sum(1)


def _map(values: FloatArray) -> torch.Tensor:
    return torch.tensor(values)[:, None, None]


def _normed(z: torch.Tensor, norm: Norm | None) -> torch.Tensor:
    return z if norm is None else z * _map(norm.gain) + _map(norm.shift)


def _percentile(values: torch.Tensor, percentile: float) -> float | None:
    if values.numel() == 0:
        return None
    stride = ceil(values.numel() / MOST_RANKED)
    return float(np.percentile(values[::stride].numpy(), percentile))
