"""The untrained float networks of the recipes: plain torch modules, as a user would write them."""

from collections import OrderedDict
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import nn

__all__ = ["EncoderDecoder", "ResidualBlock", "cnn", "mlp", "residual", "separable", "strided"]


def mlp(sizes: tuple[int, ...], dropout: float) -> nn.Sequential:
    """Fully connected: Linear, BatchNorm1d, ReLU and Dropout; ``sizes`` from the input on."""
    layers: list[nn.Module] = [nn.Flatten()]
    for n_in, n_out in pairwise(sizes[:-1]):
        layers += [nn.Linear(n_in, n_out, bias=False), nn.BatchNorm1d(n_out), nn.ReLU()]
        if dropout > 0:
            layers.append(nn.Dropout(dropout))
    layers.append(nn.Linear(sizes[-2], sizes[-1]))
    return nn.Sequential(*layers)


def cnn(
    image: tuple[int, int, int],
    channels: tuple[int, ...],
    hidden: tuple[int, ...],
    n_classes: int,
    *,
    padding: int,
    pool: Callable[[int], nn.Module],
) -> nn.Sequential:
    """Convolutions of 3 x 3, each with batch norm, ReLU and ``pool`` of 2 x 2; then an ``mlp``.

    ``image`` is channels, height, width. ``pool`` makes a pooling layer of that size.
    """
    n, height, width = image
    layers: dict[str, nn.Module] = {}
    for index, n_out in enumerate(channels, 1):
        layers |= {
            f"conv{index}": nn.Conv2d(n, n_out, 3, padding=padding, bias=False),
            f"norm{index}": nn.BatchNorm2d(n_out),
            f"relu{index}": nn.ReLU(),
            f"pool{index}": pool(2),
        }
        n = n_out
        height, width = ((size + 2 * padding - 2) // 2 for size in (height, width))
    layers["head"] = mlp((n * height * width, *hidden, n_classes), 0.0)
    return nn.Sequential(OrderedDict(layers))


def strided(
    image: tuple[int, int, int],
    layers: tuple[tuple[int, int], ...],
    hidden: tuple[int, ...],
    n_classes: int,
    dropout: float,
) -> nn.Sequential:
    """Convolutions of 3 x 3, unpadded, each with batch norm and ReLU; Dropout; then an ``mlp``.

    ``image`` is channels, height, width; a layer is its channels and its stride.
    """
    n, height, width = image
    parts: list[nn.Module] = []
    for n_out, stride in layers:
        parts += [nn.Conv2d(n, n_out, 3, stride, bias=False), nn.BatchNorm2d(n_out), nn.ReLU()]
        n = n_out
        height, width = ((size - 3) // stride + 1 for size in (height, width))
    if dropout > 0:
        parts.append(nn.Dropout(dropout))
    return nn.Sequential(*parts, mlp((n * height * width, *hidden, n_classes), dropout))


def _normed(
    n_in: int, n_out: int, kernel: int, *, stride: int = 1, groups: int = 1, dilation: int = 1
) -> nn.Sequential:
    """A convolution that keeps the size, or divides it by ``stride``, and its batch norm."""
    padding = dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, kernel, stride, padding, dilation, groups, bias=False),
        nn.BatchNorm2d(n_out),
    )


class ResidualBlock(nn.Module):
    """Two convolutions, and the input beside them: as it is, or strided and widened by 1 x 1."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.first = _normed(n_in, n_out, 3, stride=stride)
        self.second = _normed(n_out, n_out, 3)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or n_in != n_out:
            self.shortcut = _normed(n_in, n_out, 1, stride=stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps of ``n_out`` channels."""
        z: torch.Tensor = self.second(torch.relu(self.first(x)))
        return torch.relu(z + self.shortcut(x))


def residual(channels: tuple[int, int], n_classes: int) -> nn.Sequential:
    """A convolution, a block that keeps its map, a block that halves and widens it, a mean."""
    first, second = channels
    return nn.Sequential(
        _normed(1, first, 3),
        nn.ReLU(),
        ResidualBlock(first, first, 1),
        ResidualBlock(first, second, 2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(second, n_classes),
    )


def separable(channels: tuple[int, ...], n_classes: int) -> nn.Sequential:
    """A convolution, then depthwise 3 x 3 of stride 2 and pointwise 1 x 1 in turn, a mean."""
    layers: list[nn.Module] = [_normed(1, channels[0], 3), nn.ReLU()]
    for n_in, n_out in pairwise(channels):
        layers += [_normed(n_in, n_in, 3, stride=2, groups=n_in), nn.ReLU()]
        layers += [_normed(n_in, n_out, 1), nn.ReLU()]
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels[-1], n_classes)]
    return nn.Sequential(*layers)


class EncoderDecoder(nn.Module):
    """Halves the map twice, doubles it twice, and looks at the first maps again for every pixel.

    A map of logits [n_classes, height, width] for a map of pixels, both even twice over. Where a
    pixel must be told from further away, so many dilated convolutions see the ``context`` of the
    coarse map.
    """

    def __init__(self, channels: tuple[int, int, int], n_classes: int, context: int = 0) -> None:
        super().__init__()
        fine, middle, coarse = channels
        self.fine = _normed(1, fine, 3)
        self.middle = _normed(fine, middle, 3, stride=2)
        self.coarse = _normed(middle, coarse, 3, stride=2)
        self.context = nn.ModuleList(_normed(coarse, coarse, 3, dilation=2) for _ in range(context))
        self.up = nn.ConvTranspose2d(coarse, middle, 2, stride=2, bias=False)
        self.up_norm = nn.BatchNorm2d(middle)
        self.last = nn.ConvTranspose2d(middle, fine, 2, stride=2, bias=False)
        self.last_norm = nn.BatchNorm2d(fine)
        self.classes = nn.Conv2d(2 * fine, n_classes, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of every pixel."""
        fine = torch.relu(self.fine(x))
        z = torch.relu(self.middle(fine))
        z = torch.relu(self.coarse(z))
        for each in self.context:
            z = torch.relu(each(z))
        z = torch.relu(self.up_norm(self.up(z)))
        z = torch.relu(self.last_norm(self.last(z)))
        logits: torch.Tensor = self.classes(torch.cat([fine, z], 1))
        return logits
