"""The quantised layers that train: integer codes times learned steps, in floating point."""

from dataclasses import dataclass

import numpy as np
import torch

from spikewright.flow.importers import FloatArray, Norm, round_half_up
from spikewright.golden.spec import IntArray

__all__ = ["QatLayer", "QuantisedLayer", "weight_limit"]

SMALLEST_STEP = 1e-12


def weight_limit(bits: int) -> int:
    """Largest weight code; the smallest is its negative, so that a sign can flip."""
    return (1 << (bits - 1)) - 1


@dataclass(frozen=True, kw_only=True, eq=False)
class QuantisedLayer:
    """A layer ready for integers, with payloads S_j in units of the source's step p.

    ::

        z_i = gain_i * (weight_step_i * p * sum_j codes_ij * source_sign_j * S_j + constant_i)
              + shift_i
        S_i = clip(floor(scale_i * z_i / step + 1/2), 0, levels)      hidden
        z_i                                                           readout: step is None
    """

    name: str
    codes: IntArray
    weight_bits: int
    weight_step: FloatArray
    constant: FloatArray
    gain: FloatArray
    shift: FloatArray
    scale: FloatArray
    source_sign: IntArray
    step: float | None
    levels: int


class _LearnedStep(torch.nn.Module):
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


class QatLayer(torch.nn.Module):
    """Linear with quantised weights, norm, quantised ReLU, norm: one stage in training.

    A norm after the activation is applied as a gain of the value that is quantised, per channel,
    so that all payloads of a population keep one quantum. ``activity`` is the mean level of the
    last batch in training.
    """

    def __init__(
        self,
        name: str,
        *,
        weight: torch.Tensor,
        bias: torch.Tensor,
        weight_bits: int,
        weight_step: torch.Tensor,
        norm_before: Norm | None,
        norm_after: Norm | None,
        step: float | None,
        levels: int,
        clip: float | None,
    ) -> None:
        super().__init__()
        self.name, self.weight_bits, self.levels, self.clip = name, weight_bits, levels, clip
        self.limit = weight_limit(weight_bits)
        self.weight = torch.nn.Parameter(weight.to(torch.float32))
        self.bias = torch.nn.Parameter(bias.to(torch.float32))
        per_step = weight.numel() // weight_step.numel()
        self.weight_step = _LearnedStep(weight_step, per_step, self.limit)
        self.norm_before = None if norm_before is None else _batch_norm(norm_before)
        self.norm_after = None if norm_after is None else _batch_norm(norm_after)
        self.step: _LearnedStep | None = None
        if step is not None:
            self.step = _LearnedStep(torch.tensor(step), weight.shape[0], levels)
        self.activity = torch.zeros(())

    def weight_codes(self) -> torch.Tensor:
        """Integer weights, as floats that carry the gradient."""
        return round_half_up((self.weight / self.weight_step()).clamp(-self.limit, self.limit))

    def train(self, mode: bool = True) -> "QatLayer":
        """As torch; what the last batch left behind is dropped, so that the layer can be copied."""
        self.activity = torch.zeros(())
        return super().train(mode)

    def forward(self, a: torch.Tensor) -> torch.Tensor:
        """Values for the next layer, or logits."""
        z: torch.Tensor = torch.nn.functional.linear(
            a, self.weight_codes() * self.weight_step(), self.bias
        )
        if self.norm_before is not None:
            z = self.norm_before(z)
        if self.step is None:
            return z
        step: torch.Tensor = self.step()
        if self.norm_after is None:
            level = round_half_up((z / step).clamp(0, self.levels))
            value = level * step
        else:
            gain, shift = self._after(z)
            level = round_half_up((z * gain.abs() / step).clamp(0, self.levels))
            value = level * step * gain.sign() + shift
        if self.training:
            self.activity = level.mean()
        return value

    def _after(self, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Gain and shift of the norm behind the activation; in training, of this batch."""
        norm = self.norm_after
        assert norm is not None
        mean, variance = norm.running_mean, norm.running_var
        assert mean is not None and variance is not None
        if self.training:
            y = z.clamp(0, self.clip)
            batch_mean, batch_variance = y.mean(0), y.var(0, unbiased=False)
            momentum = 0.1 if norm.momentum is None else norm.momentum
            with torch.no_grad():
                unbiased = batch_variance * (len(y) / max(1, len(y) - 1))
                mean.lerp_(batch_mean, momentum)
                variance.lerp_(unbiased, momentum)
            mean, variance = batch_mean, batch_variance
        gain = norm.weight / torch.sqrt(variance + norm.eps)
        return gain, norm.bias - gain * mean

    @torch.no_grad()
    def quantised(self, source_sign: IntArray, source_shift: FloatArray) -> QuantisedLayer:
        """The layer in numbers that conversion needs; ``source_*`` come from the layer before."""
        n = self.weight.shape[0]
        codes = self.weight_codes().to(torch.int64).numpy()
        weight_step = np.broadcast_to(_float64(self.weight_step()).reshape(-1), (n,))
        constant = _float64(self.bias) + (codes * weight_step[:, None]) @ source_shift
        gain, shift = _affine(self.norm_before, n)
        after, _ = _affine(self.norm_after, n)
        return QuantisedLayer(
            name=self.name,
            codes=codes,
            weight_bits=self.weight_bits,
            weight_step=weight_step,
            constant=constant,
            gain=gain,
            shift=shift,
            scale=np.abs(after),
            source_sign=source_sign,
            step=None if self.step is None else float(self.step()),
            levels=self.levels,
        )

    def sent(self) -> tuple[IntArray, FloatArray]:
        """Sign and shift per channel with which the next layer must read this one's payloads."""
        after, shift = _affine(self.norm_after, self.weight.shape[0])
        return np.sign(after).astype(np.int64), shift


def _batch_norm(norm: Norm) -> torch.nn.BatchNorm1d:
    layer = torch.nn.BatchNorm1d(len(norm.gamma), eps=norm.eps, momentum=norm.momentum)
    layer.load_state_dict(
        {
            "weight": torch.from_numpy(norm.gamma),
            "bias": torch.from_numpy(norm.beta),
            "running_mean": torch.from_numpy(norm.mean),
            "running_var": torch.from_numpy(norm.variance),
            "num_batches_tracked": torch.tensor(0),
        }
    )
    return layer


def _affine(norm: torch.nn.BatchNorm1d | None, n: int) -> tuple[FloatArray, FloatArray]:
    if norm is None:
        return np.ones(n), np.zeros(n)
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None and variance is not None
    gain = _float64(norm.weight) / np.sqrt(_float64(variance) + norm.eps)
    return gain, _float64(norm.bias) - gain * _float64(mean)


def _float64(tensor: torch.Tensor) -> FloatArray:
    return tensor.detach().to(torch.float64).numpy()
