"""Spike codes: how the value of a hidden neuron becomes spikes, and which levels it can have."""

import enum
from dataclasses import dataclass
from math import floor, log2

import numpy as np
import torch

from spikewright.flow.importers import FloatArray

__all__ = ["LEAST_STEPS", "Code", "Cut", "Levels"]

LEAST_STEPS = 8
"""Of corrective spikes. In a run of T steps the largest value of a layer is on from step T / 8 on:
were it earlier, most would be on before they differ; later, and small ones would never be. Found by
trying, on digits and MNIST."""


class Code(enum.StrEnum):
    """What a hidden neuron sends for its value.

    ``rate``: as many spikes as its level. ``onehot``: one spike in the only step there is, worth a
    power of two; stepwise (Abillama et al., IEEE Access 2025). ``first-spike``: one spike, the
    earlier the higher the level; stepwise (Stanojevic et al., Nature Communications 2024).
    ``pattern``: the bits of its level, one a step; stepwise (Rueckauer, thesis, 2021).
    ``corrective``: +1 when it crosses the threshold, -1 when it falls back; stepwise, and not exact
    (the same thesis).
    """

    RATE = "rate"
    ONEHOT = "onehot"
    FIRST_SPIKE = "first-spike"
    PATTERN = "pattern"
    CORRECTIVE = "corrective"


class Cut(enum.StrEnum):
    """What training makes of a hidden value, in levels, above 0 and below the highest.

    ``nearest``: the nearest level (QCFS). ``below``: the next lower one (StepReLU). ``clip``: the
    value itself (a trained clip, TCL). ``none``: the value, in a network that does not train.
    """

    NEAREST = "nearest"
    BELOW = "below"
    CLIP = "clip"
    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class Levels:
    """The levels of a hidden layer, of the value x in units of what one spike is worth.

    Uniform ones are 0, 1 / steps, 2 / steps .. ``highest``, the means of so many steps; powers of
    two are 0, 1, 2, 4, .. ``highest``. In units of 1 / steps a level is cut(floor(x / spacing +
    offset)): uniform ones have spacing 1, and their cut is a clip. Of powers the nearest is taken,
    each from 3/4 of it on: spacing 3/4, offset 0, and cut takes the leading one.

    Parameters
    ----------
    highest : largest sum of a whole run of ``steps`` 1, largest level of a step else.
    steps : over which a level is the mean of what is sent.
    powers : of two.
    rule : what training makes of x.
    """

    highest: int
    steps: int = 1
    powers: bool = False
    rule: Cut = Cut.NEAREST

    @property
    def count(self) -> int:
        """Levels above 0 of uniform ones: the most that a run sends."""
        return self.highest * self.steps

    @property
    def spacing(self) -> float:
        """The threshold, in levels."""
        return 0.75 if self.powers else 1.0

    @property
    def offset(self) -> float:
        """What is added before the floor, in thresholds."""
        return 0.5 if self.rule is Cut.NEAREST and not self.powers else 0.0

    def cut(self, quotient: FloatArray) -> FloatArray:
        """Levels of whole numbers of thresholds."""
        clipped = np.clip(quotient, 0, self.count)
        if not self.powers:
            return clipped
        _, exponent = np.frexp(clipped)
        return np.where(clipped >= 1, np.ldexp(1.0, exponent - 1), clipped)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Levels of values, with the gradient of the clip alone (straight-through)."""
        clipped = x.clamp(0, self.highest)
        if self.rule in (Cut.CLIP, Cut.NONE):
            return clipped
        if not self.powers:
            level = torch.floor(clipped * self.steps + self.offset) / self.steps
        else:
            level = torch.zeros_like(x)
            for power in range(self.highest.bit_length()):
                reached = x >= self.spacing * (1 << power)
                level = torch.where(reached, float(1 << power), level)
        return clipped + (level - clipped).detach()

    @classmethod
    def leading(cls, levels: int) -> "Levels":
        """A power of two for each bit of ``levels``."""
        return cls(highest=1 << floor(log2(levels)), powers=True)
