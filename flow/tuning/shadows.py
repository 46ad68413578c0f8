"""Whole numbers that are trained: a real number behind each, rounded, with its gradient."""

import enum

import numpy as np
import torch
from torch import Tensor

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import IntArray, Leak

__all__ = ["SLOW", "Leaks", "ShadowLeak", "Shadows", "through"]

LEAK_BITS = 8
MOST_SHIFT = 16
SLOW = 8.0
"""How much slower than a weight what every neuron of a population shares is trained."""


class Leaks(enum.StrEnum):
    """What of a leak (m * z) >> k is trained.

    ``fixed``: nothing. ``multiplier``: the share that stays, as m / 2**8, or of as many bits as the
    leak has, if more. ``shift``: k alone, of leaks whose m is 1.
    """

    FIXED = "fixed"
    MULTIPLIER = "multiplier"
    SHIFT = "shift"


def through(whole: Tensor, real: Tensor) -> Tensor:
    """``whole`` exactly, with the gradient of ``real``: a straight-through estimator."""
    return whole.detach() + (real - real.detach())


class Shadows(torch.nn.Module):
    """Whole numbers round(real * unit) from ``low`` to ``high``, by reals that are trained.

    In training, reals that left the range come back to its edge before they are used next.

    Parameters
    ----------
    start : the integers to begin with, within the range.
    unit : what a real of 1 counts.
    low, high : the range.
    dtype : of the reals; float32 holds integers below 2**24 only.
    trains : whether they change; else they stay what they are.
    keep_zeros : whether a 0 stays one.
    """

    whole: Tensor
    mask: Tensor | None

    def __init__(
        self,
        start: IntArray,
        *,
        unit: float,
        low: float,
        high: float,
        dtype: torch.dtype = torch.float64,
        trains: bool = True,
        keep_zeros: bool = False,
    ) -> None:
        super().__init__()
        self.unit, self.low, self.high = unit, low, high
        numbers = torch.tensor(start)
        self.register_buffer("whole", numbers.to(dtype), persistent=False)
        self.register_buffer("mask", (numbers != 0) if keep_zeros else None, persistent=False)
        self.reals = torch.nn.Parameter(numbers.to(dtype) / unit) if trains else None

    def forward(self) -> Tensor:
        """The integers, in floats, with the gradient of the reals."""
        if self.reals is None:
            return self.whole
        if self.training:
            with torch.no_grad():
                self.reals.clamp_(self.low / self.unit, self.high / self.unit)
        real = self.reals * self.unit
        whole = real.round().clamp(self.low, self.high)
        if self.mask is None:
            return through(whole, real)
        return through(whole * self.mask, real * self.mask)

    @torch.no_grad()
    def integers(self) -> IntArray:
        """The integers, as they are now."""
        found: IntArray = self().cpu().numpy().astype(np.int64)
        return found


class ShadowLeak(torch.nn.Module):
    """The share m / 2**k that a leak leaves, by a real number that is trained.

    Parameters
    ----------
    leak : to begin with.
    leaks : what of it is trained.
    where : names the population, and which of its leaks.

    Raises
    ------
    ConfigurationError
        If the shift alone is to be trained and m is not 1.
    """

    def __init__(self, leak: Leak, leaks: Leaks, *, where: str) -> None:
        super().__init__()
        self.leak, self.leaks = leak, leaks
        self.bits = max(LEAK_BITS, leak.shift)
        self.real: torch.nn.Parameter | None = None
        if leaks is Leaks.SHIFT and leak.multiplier != 1:
            raise ConfigurationError(
                "the multiplier must be 1 where the shift alone is trained",
                found=str(leak.multiplier),
                where=where,
                action="train the multiplier, or take a leak of multiplier 1",
            )
        start = leak.multiplier / 2**leak.shift
        if leaks is Leaks.SHIFT:
            start = leak.shift / MOST_SHIFT
        if leaks is not Leaks.FIXED:
            self.real = torch.nn.Parameter(torch.tensor(start * SLOW, dtype=torch.float64))

    def forward(self) -> Tensor:
        """The share [] that stays, with the gradient of the real."""
        now = self.rule()
        share = torch.tensor(now.multiplier / 2**now.shift, dtype=torch.float64)
        if self.real is None:
            return share
        soft = self.real / SLOW
        soft = torch.exp2(-MOST_SHIFT * soft) if self.leaks is Leaks.SHIFT else soft
        return through(share.to(soft.device), soft)

    @torch.no_grad()
    def rule(self) -> Leak:
        """The leak as it is now."""
        if self.real is None:
            return self.leak
        if self.leaks is Leaks.SHIFT:
            if self.training:
                self.real.clamp_(SLOW / MOST_SHIFT, SLOW)
            shift = round(float(self.real) / SLOW * MOST_SHIFT)
            return Leak(shift=min(max(shift, 1), MOST_SHIFT))
        one = 2**self.bits
        if self.training:
            self.real.clamp_(SLOW / one, SLOW * (1 - 1 / one))
        multiplier, shift = round(float(self.real) / SLOW * one), self.bits
        multiplier = min(max(multiplier, 1), one - 1)
        while multiplier % 2 == 0:
            multiplier, shift = multiplier // 2, shift - 1
        return Leak(multiplier=multiplier, shift=shift)
