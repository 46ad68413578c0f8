"""A linear memory on integers: pairs of levels that turn by a fixed angle every frame.

A pair that gets x_t in its first level and then turns by an angle a frame holds, after T frames,
sum x_t exp(i angle (T - 1 - t)): with angles of whole turns a sequence, a part of its discrete
Fourier transform. It is a recurrent layer without a limit on how far back it hears, whose weights
are known, as those of the Legendre memory unit are (Voelker, Kajic and Eliasmith, NeurIPS 2019).
Only what is behind it is trained, on what it holds in the end, which where it is linear is one
product (Chilkuri and Eliasmith, ICML 2021): ``held``. The network itself rounds and clips its
levels in every frame: ``turned``.
"""

from collections.abc import Iterator
from functools import lru_cache
from math import atan2, cos, hypot, pi, sin

import torch
from torch import Tensor

from .config import Rotations

__all__ = ["held", "turned", "turning"]

REACH = 4  # how far around its real place the best pair of integers is looked for
LENGTH = 3.0  # what a length that is off is worth beside an angle that is


def turning(rotations: Rotations) -> tuple[Tensor, Tensor]:
    """Cosines and sines of a frame's angles, in units of 1 / threshold; int64 [pairs] each.

    The pair of integers near the real one is taken whose length is one, and whose angle is right,
    after all frames: a length that is off by e grows or decays as (1 + e) ** frames.
    """
    found = [
        _pair(2 * pi * turns / rotations.frames, rotations.threshold, rotations.frames)
        for turns in rotations.turns
    ]
    return torch.tensor([c for c, _ in found]), torch.tensor([s for _, s in found])


def _pair(angle: float, threshold: int, frames: int) -> tuple[int, int]:
    middle = round(threshold * cos(angle)), round(threshold * sin(angle))
    around = range(-REACH, REACH + 1)

    def cost(pair: tuple[int, int]) -> float:
        length = abs(hypot(*pair) / threshold - 1) * frames
        return LENGTH * length + abs(atan2(pair[1], pair[0]) - angle) * frames / (2 * pi)

    near = [(middle[0] + dc, middle[1] + ds) for dc in around for ds in around]
    return min((pair for pair in near if pair != (0, 0)), key=cost)


def turned(x: Tensor, rotations: Rotations, gains: Tensor, levels: int) -> Iterator[Tensor]:
    """The levels after each frame, [N, 2 * pairs], first and second of a pair side by side.

    ::

        a_t = clip(floor((c a - s b) / threshold + gain * x_t + 1/2), -levels, levels)
        b_t = clip(floor((s a + c b) / threshold + 1/2), -levels, levels)

    Parameters
    ----------
    x : [N, frames], integers in floats. rotations : the angles. gains : [pairs], levels that an
        input of 1 adds. levels : the clip.
    """
    c, s = (each.to(x.dtype) for each in turning(rotations))
    c, s = c / rotations.threshold, s / rotations.threshold  # a power of two: nothing is rounded
    gain = gains.to(x.dtype)
    a = b = x.new_zeros(len(x), len(gains))
    for frame in x.unbind(1):
        first = torch.addcmul(c * a, s, b, value=-1).addcmul_(frame[:, None], gain)
        second = torch.addcmul(c * b, s, a)
        a, b = (each.add_(0.5).floor_().clamp_(-levels, levels) for each in (first, second))
        yield torch.stack([a, b], 2).flatten(1)


def held(x: Tensor, rotations: Rotations, gains: Tensor) -> Tensor:
    """What ``turned`` ends with, [N, 2 * pairs], but for floor and clip."""
    found: Tensor = x @ _impulse(rotations, x.shape[1]).to(x.dtype)
    return found * gains.to(x.dtype).repeat_interleave(2)


@lru_cache(maxsize=8)
def _impulse(rotations: Rotations, frames: int) -> Tensor:
    """What a 1 in each frame leaves in the end, [frames, 2 * pairs]."""
    c, s = (each.double() / rotations.threshold for each in turning(rotations))
    left = torch.arange(frames - 1, -1, -1, dtype=torch.float64)[:, None]
    turns = torch.polar(torch.hypot(c, s) ** left, torch.atan2(s, c) * left)
    return torch.view_as_real(turns).flatten(1)
