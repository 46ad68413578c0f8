"""The quantised stages that train: integer codes times learned steps, in floating point.

All maps are [N, C, H, W] (see geometry). A stage's charge is a whole number of units, one unit per
channel: every weighted branch quantises its weights with the step unit / (step of its source *
|gain|), and a branch that passes values on is worth unit * 2**exponent a level.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch

from spikewright.flow.convert.geometry import Geometry, outward, relayed
from spikewright.flow.convert.prune import Mask
from spikewright.flow.convert.quantised import QuantisedBranch, QuantisedStage, weight_limit
from spikewright.flow.convert.spikes import mean_over_steps, spike_trains
from spikewright.flow.convert.units import StagePlan
from spikewright.flow.importers import (
    AverageStage,
    Branch,
    FloatArray,
    MaxStage,
    Norm,
    Shape,
    Stage,
    UpsampleStage,
    round_half_up,
)

__all__ = [
    "LearnedStep",
    "QatBranch",
    "QatRelay",
    "QatStage",
    "Value",
]

SMALLEST_STEP = 1e-12


class Value(NamedTuple):
    """What a stage hands on: levels, what they are worth, and the worth of one.

    ``trains`` : what it is worth in each step, [steps, N, C, H, W], where spikes are simulated.
    """

    level: torch.Tensor
    real: torch.Tensor
    step: torch.Tensor
    trains: torch.Tensor | None = None


class LearnedStep(torch.nn.Module):
    """A positive step whose gradient is scaled as in LSQ, by 1 / sqrt(values * largest code)."""

    def __init__(self, initial: torch.Tensor, n_values: int, limit: int) -> None:
        super().__init__()
        self.value = torch.nn.Parameter(initial.to(torch.float32))
        self._scale = float(1.0 / np.sqrt(n_values * limit))

    def forward(self) -> torch.Tensor:
        """The step."""
        scaled = self.value * self._scale
        value = (self.value - scaled).detach() + scaled
        return value.abs().clamp_min(SMALLEST_STEP)


class QatBranch(torch.nn.Module):
    """One summand. Its own batch norm keeps its statistics: gamma and beta alone train on.

    The norm's gain is part of the weights that are quantised (fold, then quantise), so that what
    trains is what is lowered; batch statistics would make the weights depend on the batch.
    Where there is a ``mask`` [out, in] the weights outside it are 0, and stay so.
    """

    def __init__(
        self, branch: Branch, shape: Shape, *, exponent: int, mask: Mask | None = None
    ) -> None:
        super().__init__()
        self.branch, self.exponent = branch, exponent
        self.geometry = Geometry.of(branch, shape)
        self.weight: torch.nn.Parameter | None = None
        if branch.weight is not None:
            weight = outward(branch.weight, branch.kind, branch.groups)
            self.weight = torch.nn.Parameter(torch.tensor(weight, dtype=torch.float32))
        self.norm = None if branch.norm is None else _batch_norm(branch.norm)
        self.mask: torch.Tensor | None
        self.register_buffer("mask", None if mask is None else torch.tensor(mask))

    def folded(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Weights with the norm's gain, and the norm's shift; only of weighted branches."""
        assert self.weight is not None
        weight = self.weight if self.mask is None else self.weight * self.mask
        if self.norm is None:
            return weight, None
        mean, variance = _statistics(self.norm)
        gain = self.norm.weight / torch.sqrt(variance + self.norm.eps)
        return weight * _column(gain, weight), self.norm.bias - gain * mean

    def codes(self, step: torch.Tensor, limit: int) -> torch.Tensor:
        """Integer weights for steps [out], as floats that carry the gradient."""
        weight, _ = self.folded()
        return round_half_up((weight / _column(step, weight)).clamp(-limit, limit))

    def forward(self, x: torch.Tensor, step: torch.Tensor | None, limit: int) -> torch.Tensor:
        """The summand of values ``x``; ``step`` [out] of the weights, None where they pass."""
        gain = self.branch.gain
        if step is None:
            result = self.geometry(x, None)
            return result if gain == 1 else result * gain
        weight, shift = self.folded()
        quantised = self.codes(step, limit) * _column(step, weight)
        result = self.geometry(x, quantised if gain == 1 else quantised * gain)
        return result if shift is None else result + shift[:, None, None]


class QatStage(torch.nn.Module):
    """Sum of quantised branches, norm, quantised ReLU, norm: one stage in training.

    A norm after the activation is applied as a gain of the value that is quantised, per channel,
    so that all payloads of a population keep one quantum. ``activity`` is the mean level of the
    last batch in training.
    """

    def __init__(
        self, stage: Stage, plan: StagePlan, masks: Mapping[str, Mask] | None = None
    ) -> None:
        super().__init__()
        self.name, self.shape = stage.name, stage.shape
        self.weight_bits, self.levels = plan.weight_bits, plan.levels
        self.limit = weight_limit(plan.weight_bits)
        self.clip = None if stage.activation is None else stage.activation.clip
        self.branches = torch.nn.ModuleList(
            QatBranch(branch, stage.shape, exponent=exponent, mask=(masks or {}).get(branch.name))
            for branch, exponent in zip(stage.branches, plan.exponents, strict=True)
        )
        self.bias = torch.nn.Parameter(plan.bias.to(torch.float32))
        self.weight_step: LearnedStep | None = None
        if plan.weight_step is not None:
            n_weights = sum(b.weight.size for b in stage.branches if b.weight is not None)
            per_step = n_weights // plan.weight_step.numel()
            self.weight_step = LearnedStep(plan.weight_step, per_step, self.limit)
        self.norm_before = None if stage.norm_before is None else _batch_norm(stage.norm_before)
        self.norm_after = None if stage.norm_after is None else _batch_norm(stage.norm_after)
        self.forced, self.initial = plan.forced, plan.initial
        self.activity = torch.zeros(())
        self.neuron, self.spiking = plan.neuron, False

    @property
    def parts(self) -> tuple[QatBranch, ...]:
        """The branches, typed."""
        return tuple(branch for branch in self.branches if isinstance(branch, QatBranch))

    def train(self, mode: bool = True) -> "QatStage":
        """As torch; what the last batch left behind is dropped, so that the layer can be copied.

        Where spikes are simulated norms keep their statistics: all steps must see the same ones.
        """
        self.activity = torch.zeros(())
        super().train(mode)
        if self.spiking:
            for norm in (self.norm_before, self.norm_after):
                if norm is not None:
                    norm.eval()
        return self

    def units(self, steps: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The real value [channels] of one unit of charge, given the sources' steps."""
        channels = self.shape[0]
        unit = torch.ones(channels)
        if self.weight_step is not None:
            lead = next(part for part in self.parts if part.weight is not None).branch
            unit = (self.weight_step() * steps[lead.source] * abs(lead.gain)).expand(channels)
        place = torch.arange(channels)
        for each in self.forced:
            branch = self.parts[each.branch].branch
            value = steps[branch.source] * (abs(branch.gain) / 2.0**each.exponent)
            unit = torch.where((place >= each.first) & (place < each.last), value, unit)
        return unit

    def charge(self, values: Mapping[str, Value]) -> torch.Tensor:
        """Sum of the branches and the bias, behind the norm: the logits of a readout."""
        steps = {name: value.step for name, value in values.items()}
        return self._charge({name: value.real for name, value in values.items()}, steps)

    def _charge(
        self, real: Mapping[str, torch.Tensor], steps: Mapping[str, torch.Tensor]
    ) -> torch.Tensor:
        unit = self.units(steps)
        bias = self.bias
        z = bias.reshape(1, -1, 1, 1) if bias.dim() == 1 else bias
        for part in self.parts:
            step = None if part.weight is None else _weight_step(part, unit, steps)
            z = z + part(real[part.branch.source], step, self.limit)
        return z if self.norm_before is None else self.norm_before(z)

    def forward(self, values: Mapping[str, Value], step: torch.Tensor) -> Value:
        """Values for the next stages, quantised with ``step``, or as spikes bring them."""
        z = self.charge(values)
        gain, shift, sign = torch.ones(()), torch.zeros(()), torch.ones(())
        if self.norm_after is not None:
            gain, shift = self._after(self.norm_after, z)
            gain, sign = gain.abs(), gain.sign()
        trains = None
        if self.spiking:
            level, sent = self._sent(values, z * gain / step, step, gain)
            trains = sent * step.detach() * sign.detach() + shift.detach()
        else:
            level = self.levels(z * gain / step)
        if self.training:
            self.activity = level.mean()
        return Value(level, level * step * sign + shift, step, trains)

    def _sent(
        self,
        values: Mapping[str, Value],
        x: torch.Tensor,
        step: torch.Tensor,
        gain: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The mean level that spikes bring, with the gradient of the clip of ``x``; the spikes."""
        with torch.no_grad():
            trains = {name: each.trains for name, each in values.items() if each.trains is not None}
            flat = {name: each.flatten(0, 1) for name, each in trains.items()}
            steps = {name: value.step for name, value in values.items()}
            drive = self._charge(flat, steps) * gain
            count = len(next(iter(trains.values())))
            drive = drive.reshape(count, -1, *drive.shape[1:])
            sent = spike_trains(drive, step, self.levels, self.neuron, self.initial)
            mean = mean_over_steps(sent, self.neuron)
        clipped = x.clamp(0, self.levels.highest)
        return clipped + (mean - clipped).detach(), sent

    def _after(
        self, norm: torch.nn.BatchNorm2d, z: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Gain and shift of the norm behind the activation; in training, of this batch."""
        mean, variance = _statistics(norm)
        if self.training and not self.spiking:
            y = z.clamp(0, self.clip)
            axes, count = (0, 2, 3), z.numel() // z.shape[1]
            batch_mean, batch_variance = y.mean(axes), y.var(axes, unbiased=False)
            momentum = 0.1 if norm.momentum is None else norm.momentum
            with torch.no_grad():
                mean.lerp_(batch_mean, momentum)
                variance.lerp_(batch_variance * (count / max(1, count - 1)), momentum)
            mean, variance = batch_mean, batch_variance
        gain = norm.weight / torch.sqrt(variance + norm.eps)
        return gain[:, None, None], (norm.bias - gain * mean)[:, None, None]

    @torch.no_grad()
    def quantised(self, steps: Mapping[str, torch.Tensor]) -> QuantisedStage:
        """The stage in numbers that conversion needs; ``steps``: of all values, and its own."""
        channels = self.shape[0]
        unit = self.units(steps)
        constant = _float64(self.bias)
        branches = []
        for part in self.parts:
            codes = None
            if part.weight is not None:
                step = _weight_step(part, unit, steps)
                codes = part.codes(step, self.limit).to(torch.int64).numpy()
                _, shift = part.folded()
                if shift is not None:
                    constant = constant + _wide(_float64(shift), constant.ndim)
            branches.append(
                QuantisedBranch(
                    branch=part.branch,
                    geometry=part.geometry,
                    codes=codes,
                    exponent=part.exponent,
                )
            )
        gain, shift_before = _affine(self.norm_before, channels)
        after, shift_after = _affine(self.norm_after, channels)
        own = steps.get(self.name)
        return QuantisedStage(
            name=self.name,
            shape=self.shape,
            branches=tuple(branches),
            weight_bits=self.weight_bits,
            unit=self._units64(steps),
            constant=constant,
            gain=gain,
            shift=shift_before,
            scale=np.abs(after),
            sign=np.sign(after).astype(np.int64),
            after=shift_after,
            step=None if own is None else float(own),
            levels=self.levels,
            initial=self.initial,
        )

    def _units64(self, steps: Mapping[str, torch.Tensor]) -> FloatArray:
        """The units without the rounding of float32 products."""
        return _float64(self.units({name: step.to(torch.float64) for name, step in steps.items()}))


class QatRelay(torch.nn.Module):
    """Max pooling, a rounded mean, or nearest upsampling of levels: nothing to train."""

    def __init__(self, stage: MaxStage | AverageStage | UpsampleStage, steps: int = 1) -> None:
        super().__init__()
        self.stage, self.steps = stage, steps

    def forward(self, values: Mapping[str, Value]) -> Value:
        """Values of the same step as the source's."""
        source = values[self.stage.source]
        level = relayed(self.stage, source.level)
        if isinstance(self.stage, AverageStage):
            level = round_half_up(level * self.steps) / self.steps
        trains = None if source.trains is None else self._sent(source)
        return Value(level, level * source.step, source.step, trains)

    def _sent(self, source: Value) -> torch.Tensor:
        """What follows of the sum of all steps before, in each step, in values."""
        assert source.trains is not None
        total = (source.trains / source.step).cumsum(0)
        found = relayed(self.stage, total.flatten(0, 1))
        if isinstance(self.stage, AverageStage):
            found = round_half_up(found)
        found = found.reshape(len(total), -1, *found.shape[1:])
        return torch.diff(found, dim=0, prepend=torch.zeros_like(found[:1])) * source.step


def _weight_step(
    part: QatBranch, unit: torch.Tensor, steps: Mapping[str, torch.Tensor]
) -> torch.Tensor:
    return unit / (steps[part.branch.source] * abs(part.branch.gain))


def _column(values: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Values [out] in the shape that spreads them over the weights."""
    return values.reshape(-1, *(1,) * (weight.dim() - 1))


def _wide(values: FloatArray, dimensions: int) -> FloatArray:
    return values.reshape(-1, *(1,) * (dimensions - 1))


def _batch_norm(norm: Norm) -> torch.nn.BatchNorm2d:
    layer = torch.nn.BatchNorm2d(len(norm.gamma), eps=norm.eps, momentum=norm.momentum)
    layer.load_state_dict(
        {
            "weight": torch.tensor(norm.gamma),
            "bias": torch.tensor(norm.beta),
            "running_mean": torch.tensor(norm.mean),
            "running_var": torch.tensor(norm.variance),
            "num_batches_tracked": torch.tensor(0),
        }
    )
    return layer


def _statistics(norm: torch.nn.BatchNorm2d) -> tuple[torch.Tensor, torch.Tensor]:
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None and variance is not None
    return mean, variance


def _affine(norm: torch.nn.BatchNorm2d | None, n: int) -> tuple[FloatArray, FloatArray]:
    if norm is None:
        return np.ones(n), np.zeros(n)
    mean, variance = _statistics(norm)
    gain = _float64(norm.weight) / np.sqrt(_float64(variance) + norm.eps)
    return gain, _float64(norm.bias) - gain * _float64(mean)


def _float64(tensor: torch.Tensor) -> FloatArray:
    array: FloatArray = tensor.detach().to(torch.float64).numpy()
    return array
