"""Choose the steps of inputs, weights and activations from data and trained weights."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from spikewright.flow.convert.config import ConvertConfig
from spikewright.flow.importers import Stage
from spikewright.golden.errors import ConfigurationError, UnsupportedError

__all__ = ["InputRange", "activation_step", "check_calibration", "input_range", "weight_steps"]

N_CLIPS = 33
LEAST_CLIP = 0.3


@dataclass(frozen=True, kw_only=True)
class InputRange:
    """Levels low..high of an input, each worth ``step``."""

    low: int
    high: int
    step: float


def check_calibration(data: Any) -> torch.Tensor:
    """The calibration data as float64 [N, ...], checked."""
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
    x = x.detach().cpu().to(torch.float64)
    bad = (~torch.isfinite(x)).nonzero()
    if len(bad):
        index = bad[0].tolist()
        raise ConfigurationError(
            "must be finite", found=f"{float(x[tuple(index)])} at {index}", where=where
        )
    return x


def input_range(x: torch.Tensor, config: ConvertConfig) -> InputRange:
    """Symmetric levels where the data have negative values, else from 0."""
    size = x.abs()
    top = _percentile(size[size > 0], config.percentile)
    if top is None:
        raise ConfigurationError(
            "must not be zero everywhere", found="only zeros", where="calibration data"
        )
    high = config.input_levels
    return InputRange(low=-high if bool((x < 0).any()) else 0, high=high, step=top / high)


def activation_step(
    stage: Stage, y: torch.Tensor, gain: torch.Tensor, levels: int, percentile: float
) -> float:
    """One level of the activations ``y`` after their channels' ``gain``."""
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
        return activation.step * (1.0 if stage.norm_after is None else float(gain.max()))
    scaled = y * gain
    top = _percentile(scaled[scaled > 0], percentile)
    if top is None:
        raise ConfigurationError(
            "activations must not always be zero",
            found=f"0 for all {len(y)} calibration samples",
            where=stage.name,
            action="check weights and calibration data",
        )
    if activation.clip is not None:
        top = min(top, activation.clip * float(gain.max()))
    return top / levels


def weight_steps(weight: torch.Tensor, limit: int, *, per_channel: bool) -> torch.Tensor:
    """Steps [out, 1] or [1, 1] with the least squared error among clips of the largest weight."""
    rows = weight if per_channel else weight.reshape(1, -1)
    top = rows.abs().amax(1, keepdim=True) / limit
    top = torch.where(top > 0, top, torch.ones_like(top))
    best, least = top.clone(), torch.full_like(top, torch.inf)
    for clip in torch.linspace(LEAST_CLIP, 1.0, N_CLIPS, dtype=torch.float64):
        step = top * clip
        codes = torch.floor(rows / step + 0.5).clamp(-limit, limit)
        error = (rows - codes * step).square().sum(1, keepdim=True)
        best = torch.where(error < least, step, best)
        least = torch.minimum(error, least)
    return best


def _percentile(values: torch.Tensor, percentile: float) -> float | None:
    if values.numel() == 0:
        return None
    return float(np.percentile(values.numpy(), percentile))
