"""Images as sequences of their pixels."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from spikewright.golden.errors import ConfigurationError

__all__ = ["PixelFrames", "PixelsFirst"]


@dataclass(frozen=True, kw_only=True)
class PixelFrames:
    """A pixel a frame, from above to below and from left to right.

    ``image`` : height and width. ``pool`` : so many pixels square are one, their mean. ``permuted``
    : the seed of an order, the same for all images, in which the pixels come instead.
    """

    image: tuple[int, int]
    pool: int = 1
    permuted: int | None = None

    def __post_init__(self) -> None:
        height, width = self.image
        if self.pool < 1 or height % self.pool or width % self.pool:
            raise ConfigurationError(
                f"must divide an image of {height} x {width}", found=str(self.pool), where="pool"
            )

    @property
    def frames(self) -> int:
        """How many there are."""
        return self.image[0] * self.image[1] // self.pool**2

    def of(self, x: Tensor) -> Tensor:
        """Sequences [N, frames, 1] of images [N, ...], of as many values as ``image`` has."""
        images = x.reshape(len(x), 1, *self.image)
        if self.pool > 1:
            images = torch.nn.functional.avg_pool2d(images, self.pool)
        flat = images.reshape(len(x), self.frames, 1)
        if self.permuted is None:
            return flat
        order = np.random.default_rng(self.permuted).permutation(self.frames)
        return flat[:, torch.from_numpy(order)]


class PixelsFirst(torch.nn.Module):
    """A module that is given images, of which it gets the frames.

    Parameters
    ----------
    module : it. frames : which.
    """

    def __init__(self, module: torch.nn.Module, frames: PixelFrames) -> None:
        super().__init__()
        self.module = module
        self.frames = frames

    def forward(self, x: Tensor) -> Tensor:
        """What the module says of the frames of images [N, ...]."""
        found: Tensor = self.module(self.frames.of(x))
        return found
