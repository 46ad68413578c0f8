"""Augmentation: every image of an epoch moved, turned and stretched by its own random amount."""

from math import pi

import torch

from spikewright.flow.convert.config import TrainConfig

__all__ = ["augmented"]

CHUNK = 4096


def augmented(x: torch.Tensor, config: TrainConfig) -> torch.Tensor:
    """Samples ``x``, flat or [channels, height, width], changed as ``config`` says; zeros move in.

    Random numbers come from torch's own generator.
    """
    if config.image is None or not config.augments:
        return x
    images = x.reshape(len(x), -1, *config.image)
    if config.turn or config.stretch:
        return _warped(images, config).reshape(x.shape)
    return _shifted(images, config.shift).reshape(x.shape)


def _shifted(images: torch.Tensor, reach: int) -> torch.Tensor:
    """Moved by whole pixels."""
    height, width = images.shape[-2:]
    padded = torch.nn.functional.pad(images, (reach, reach, reach, reach))
    side = 2 * reach + 1
    offsets = torch.randint(side * side, (len(images),))
    result = torch.empty_like(images)
    for offset in range(side * side):
        rows = (offsets == offset).nonzero().squeeze(1)
        top, left = divmod(offset, side)
        result[rows] = padded[rows, :, top : top + height, left : left + width]
    return result


def _warped(images: torch.Tensor, config: TrainConfig) -> torch.Tensor:
    """Moved, turned, stretched along both axes and sheared, all at once, pixels interpolated."""
    n, _, height, width = images.shape
    angle, wide, high, shear, right, down = 2 * torch.rand(6, n) - 1
    angle = angle * (config.turn * pi / 180)
    wide, high = 1 + config.stretch * wide, 1 + config.stretch * high
    across = torch.stack(
        [
            wide * angle.cos(),
            config.stretch * shear - wide * angle.sin(),
            right * (2 * config.shift / width),
        ],
        1,
    )
    along = torch.stack(
        [high * angle.sin(), high * angle.cos(), down * (2 * config.shift / height)], 1
    )
    maps = torch.stack([across, along], 1)
    parts = []
    for part, which in zip(torch.split(images, CHUNK), torch.split(maps, CHUNK), strict=True):
        grid = torch.nn.functional.affine_grid(which, list(part.shape), align_corners=False)
        parts.append(torch.nn.functional.grid_sample(part, grid, align_corners=False))
    return torch.cat(parts)
