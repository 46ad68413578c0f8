"""Spike codes: how the value of a hidden neuron becomes spikes, and which levels it can have."""

import enum
from dataclasses import dataclass
from math import floor, log2

import numpy as np
import torch

from spikewright.flow.importers import FloatArray

__all__ = ["LEAST_STEPS", "Code", "Levels"]

LEAST_STEPS = 8
"""Of corrective spikes. In a run of T steps the largest value of a layer is on from step T / 8 on:
were it earlier, most would be on before they differ; later, and small ones would never be. Found by
trying, on digits and MNIST."""


class Code(enum.StrEnum):
    """What a hidden neuron sends for its value.

    ``rate``: as many spikes as its level; every mode. ``onehot``: one spike in the only step there
    is, worth a power of two; stepwise (Abillama et al., IEEE Access 2025). ``first-spike``: one
    spike, the earlier the higher the level; stepwise (Stanojevic et al., Nature Communications
    2024). ``pattern``: the bits of its level, one a step; stepwise (Rueckauer, thesis, 2021).
    ``corrective``: +1 when it crosses the threshold, -1 when it falls back; stepwise, and not exact
    (the same thesis).
    """

    RATE = "rate"
    ONEHOT = "onehot"
    FIRST_SPIKE = "first-spike"
    PATTERN = "pattern"
    CORRECTIVE = "corrective"


@dataclass(frozen=True, kw_only=True)
class Levels:
    """The levels of a hidden layer: S = cut(floor(x / spacing + offset)), x the value in levels.

    The nearest level is taken. Uniform ones are 0, 1, .. ``highest``: spacing 1, offset 1/2, and
    cut is a clip. Powers of two are 0, 1, 2, 4, .. ``highest``, each from 3/4 of it on: spacing
    3/4, offset 0, and cut takes the leading one.
    """

    highest: int
    powers: bool = False

    @property
    def spacing(self) -> float:
        """The threshold, in levels."""
        return 0.75 if self.powers else 1.0

    @property
    def offset(self) -> float:
        """What the membrane starts with, in thresholds."""
        return 0.0 if self.powers else 0.5

    def cut(self, quotient: FloatArray) -> FloatArray:
        """Levels of whole numbers of thresholds."""
        clipped = np.clip(quotient, 0, self.highest)
        if not self.powers:
            return clipped
        _, exponent = np.frexp(clipped)
        return np.where(clipped >= 1, np.ldexp(1.0, exponent - 1), clipped)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Levels of values, with the gradient of the clip alone (straight-through)."""
        clipped = x.clamp(0, self.highest)
        if not self.powers:
            level = torch.floor(clipped + self.offset)
        else:
            level = torch.zeros_like(x)
            for power in range(self.highest.bit_length()):
                reached = x >= self.spacing * (1 << power)
                level = torch.where(reached, float(1 << power), level)
        return clipped + (level - clipped).detach()

    @classmethod
    def of(cls, code: Code, levels: int) -> "Levels":
        """Those of a code: uniform ones to ``levels``, or a power of two for each of its bits."""
        if code is Code.ONEHOT:
            return cls(highest=1 << floor(log2(levels)), powers=True)
        return cls(highest=levels)
