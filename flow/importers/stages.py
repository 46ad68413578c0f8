"""What the importer makes of a trained network: a chain of stages, in real numbers."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Activation", "FloatArray", "Norm", "Stage"]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Norm:
    """Batch norm per channel: gamma * (x - mean) / sqrt(variance + eps) + beta."""

    gamma: FloatArray
    beta: FloatArray
    mean: FloatArray
    variance: FloatArray
    eps: float
    momentum: float = 0.1

    @property
    def gain(self) -> FloatArray:
        """Factor of the affine map that the norm is once trained."""
        return self.gamma / np.sqrt(self.variance + self.eps)

    @property
    def shift(self) -> FloatArray:
        """Offset of the affine map that the norm is once trained."""
        return self.beta - self.gain * self.mean

    def then(self, gain: FloatArray, shift: FloatArray) -> "Norm":
        """The norm followed by an affine map per channel; the statistics stay those of x."""
        return Norm(
            gamma=self.gamma * gain,
            beta=self.beta * gain + shift,
            mean=self.mean,
            variance=self.variance,
            eps=self.eps,
            momentum=self.momentum,
        )


@dataclass(frozen=True, kw_only=True)
class Activation:
    """ReLU, clipped at ``clip`` where given, quantised where ``levels`` and ``step`` are given."""

    clip: float | None = None
    levels: int | None = None
    step: float | None = None

    def __call__(self, z: FloatArray) -> FloatArray:
        """The value of the activation."""
        if self.step is not None and self.levels is not None:
            return self.step * np.clip(np.floor(z / self.step + 0.5), 0, self.levels)
        return np.clip(z, 0.0, np.inf if self.clip is None else self.clip)


@dataclass(frozen=True, kw_only=True, eq=False)
class Stage:
    """activation(norm_before(weight @ a + bias)), then norm_after; the last has no activation.

    ``name`` is the path of the linear layer in the user's module. ``weight`` is [out, in] as torch
    has it; a norm after the last linear layer is already part of its weight and bias, because a
    readout has no threshold that could carry it.
    """

    name: str
    weight: FloatArray
    bias: FloatArray
    norm_before: Norm | None = None
    activation: Activation | None = None
    norm_after: Norm | None = None

    @property
    def n_in(self) -> int:
        """Number of inputs."""
        return int(self.weight.shape[1])

    @property
    def n_out(self) -> int:
        """Number of outputs."""
        return int(self.weight.shape[0])
