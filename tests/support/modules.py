"""Trained-looking torch modules: random layers, norms with either sign, and whole networks."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

Layers = dict[str, nn.Module]


class Body(nn.Module):
    """A forward written as a function of the layers and the input."""

    def __init__(self, forward: Callable[["Body", torch.Tensor], torch.Tensor], **layers) -> None:
        super().__init__()
        self.body = forward
        for name, layer in layers.items():
            if isinstance(layer, torch.Tensor):
                self.register_buffer(name, layer)
            else:
                setattr(self, name, layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(self, x)


def shaken(module: nn.Module, seed: int = 0) -> nn.Module:
    """The module in evaluation and float64, with norms as after training, of both signs."""
    generator = torch.Generator().manual_seed(seed)
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            n = layer.num_features
            if layer.weight is not None:
                layer.weight.data = torch.randn(n, generator=generator) + 0.4
                layer.bias.data = torch.randn(n, generator=generator)
            if layer.running_mean is not None:
                layer.running_mean = torch.randn(n, generator=generator) / 2
                layer.running_var = torch.rand(n, generator=generator) + 0.3
        elif isinstance(layer, nn.Linear | nn.modules.conv._ConvNd):
            fan = layer.weight[0].numel()
            shape = layer.weight.shape
            layer.weight.data = torch.randn(shape, generator=generator) * (2 / fan) ** 0.5
            if layer.bias is not None:
                layer.bias.data = torch.randn(layer.bias.shape, generator=generator) / 3
    return module.double().eval()


def samples(shape: tuple[int, ...], n: int = 6, seed: int = 1) -> torch.Tensor:
    """Float64 samples of both signs."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, *shape, generator=generator, dtype=torch.float64)


def lenet() -> nn.Module:
    """[1, 16, 16]: the classic, with max pools."""
    return nn.Sequential(
        nn.Conv2d(1, 4, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(54, 12),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(12, 10),
    )


class ResidualBlock(nn.Module):
    """conv-bn-relu-conv-bn + shortcut, relu; the shortcut is strided 1x1 where shapes change."""

    def __init__(self, n_in: int, n_out: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(n_out)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(n_out)
        self.downsample = None
        if stride != 1 or n_in != n_out:
            self.downsample = nn.Sequential(
                nn.Conv2d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm2d(n_out)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return self.relu(out)


def resnet() -> nn.Module:
    """[3, 8, 8]: torchvision's way of writing it, with one identity and one strided shortcut."""
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        ResidualBlock(4, 4),
        ResidualBlock(4, 6, stride=2),
        nn.AdaptiveAvgPool2d((1, 1)),
        nn.Flatten(),
        nn.Linear(6, 5),
    )


def mobilenet() -> nn.Module:
    """[2, 8, 8]: depthwise separable convolutions with ReLU6 and norms."""

    def separable(n_in: int, n_out: int, stride: int) -> list[nn.Module]:
        return [
            nn.Conv2d(n_in, n_in, 3, stride, 1, groups=n_in, bias=False),
            nn.BatchNorm2d(n_in),
            nn.ReLU6(),
            nn.Conv2d(n_in, n_out, 1, bias=False),
            nn.BatchNorm2d(n_out),
            nn.ReLU6(),
        ]

    return nn.Sequential(
        nn.BatchNorm2d(2),
        *separable(2, 4, 1),
        *separable(4, 6, 2),
        nn.AvgPool2d(4),
        nn.Flatten(),
        nn.Linear(6, 4),
    )


class UNet(nn.Module):
    """[2, 8, 8] to a label map [3, 8, 8]; one skip by torch.cat, one by +."""

    def __init__(self) -> None:
        super().__init__()
        self.down1 = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())
        self.down2 = nn.Sequential(nn.Conv2d(4, 6, 3, padding=1), nn.ReLU())
        self.middle = nn.Sequential(nn.Conv2d(6, 6, 3, padding=1), nn.ReLU())
        self.up2 = nn.ConvTranspose2d(6, 6, 2, stride=2)
        self.up1 = nn.ConvTranspose2d(6, 4, 3, stride=2, padding=1, output_padding=1)
        self.merge = nn.Sequential(nn.Conv2d(8, 4, 3, padding=1), nn.ReLU())
        self.out = nn.Conv2d(4, 3, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a = self.down1(x)
        b = self.down2(F.max_pool2d(a, 2))
        c = self.middle(F.avg_pool2d(b, 2))
        b = F.relu(self.up2(c) + b)
        a = torch.cat([F.relu(self.up1(b)), a], dim=1)
        return self.out(self.merge(a))


def audio() -> nn.Module:
    """[1, 64]: a 1-D network for sound."""
    return nn.Sequential(
        nn.Conv1d(1, 4, 9, stride=4, padding=4),
        nn.BatchNorm1d(4),
        nn.ReLU(),
        nn.MaxPool1d(2),
        nn.Conv1d(4, 6, 3, padding="same", dilation=2),
        nn.ReLU(),
        nn.BatchNorm1d(6),
        nn.AvgPool1d(2),
        nn.Conv1d(6, 6, 3, groups=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(12, 5),
    )


class Inception(nn.Module):
    """[3, 8, 8]: branches with pools, concatenated, read twice; nearest upsampling; a 1x1 head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.one = nn.Conv2d(4, 2, 1)
        self.three = nn.Conv2d(4, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(13)
        self.deep = nn.Conv2d(13, 26, 3, padding=1, groups=13)
        self.side = nn.Conv2d(13, 4, 2, stride=2)
        self.head = nn.Conv2d(30, 5, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.stem(x))
        average = F.avg_pool2d(x, 3, 1, 1)
        largest = F.max_pool2d(x, 3, 1, 1)
        parts = [self.one(average), self.three(x), largest, average]
        x = F.relu(self.norm(torch.cat(parts, 1)))
        deep = F.relu(self.deep(x))
        side = F.interpolate(F.relu(self.side(x)), scale_factor=2)
        return self.head(torch.cat([deep, side], 1)).mean((2, 3))


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "lenet": (lenet, (1, 16, 16)),
    "resnet": (resnet, (3, 8, 8)),
    "mobilenet": (mobilenet, (2, 8, 8)),
    "unet": (UNet, (2, 8, 8)),
    "audio": (audio, (1, 64)),
    "inception": (Inception, (3, 8, 8)),
}
"""Whole networks, by name: what makes one, and the shape of its samples."""
