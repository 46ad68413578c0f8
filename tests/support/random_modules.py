"""Random modules that the importer must read: any order of layers, sums, cats, pools and norms."""

import random
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

from spikewright.flow.importers import QuantisedReLU

Step = Callable[["RandomModule", list[torch.Tensor]], torch.Tensor]


class RandomModule(nn.Module):
    """Steps over a list of tensors; every step appends one, the last is returned."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.choose = random.Random(seed)
        self.space = self.choose.choice((1, 2, 2))
        self.shape = (self.choose.choice((1, 2, 3)), *(self.choose.choice((4, 6, 8)),) * self.space)
        self.layers = nn.ModuleList()
        self.steps: list[Step] = []
        self.shapes = [self.shape]
        for _ in range(self.choose.randint(1, 5)):
            self._grow()
        self._head()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        values = [x]
        for step in self.steps:
            values.append(step(self, values))
        return values[-1]

    # --- growing ----------------------------------------------------------------------------------

    def _layer(self, layer: nn.Module) -> int:
        self.layers.append(layer)
        return len(self.layers) - 1

    def _append(self, step: Step, shape: tuple[int, ...]) -> None:
        self.steps.append(step)
        self.shapes.append(shape)

    def _grow(self) -> None:
        grow = self.choose.choice(
            (
                self._weighted,
                self._weighted,
                self._residual,
                self._residual,
                self._cat,
                self._pool,
                self._upsample,
                self._norm_after,
                self._sum_of_values,
            )
        )
        grow()

    def _pick(self) -> int:
        """A tensor, mostly the newest."""
        return len(self.shapes) - 1 - min(int(self.choose.expovariate(1.2)), len(self.shapes) - 1)

    def _kinds(self, one: type[nn.Module], two: type[nn.Module]) -> type[nn.Module]:
        return one if self.space == 1 else two

    def _operation(self, n_in: int, n_out: int | None = None, *, keep: bool = False) -> nn.Module:
        """A convolution of some kind; with ``keep`` one that keeps the size of the map."""
        choose = self.choose
        n_out = n_out or choose.choice((2, 3, 4))
        bias = choose.random() < 0.5
        plain = self._kinds(nn.Conv1d, nn.Conv2d)
        kind = choose.randrange(3 if keep else 5)
        if kind == 0:
            return plain(n_in, n_out, 1, bias=bias)
        if kind == 1 and n_out % n_in == 0:
            return plain(n_in, n_out, 3, padding=1, groups=n_in, bias=bias)
        if kind <= 2:
            dilation = choose.choice((1, 1, 2))
            return plain(n_in, n_out, 3, padding="same", dilation=dilation, bias=bias)
        if kind == 3:
            return plain(n_in, n_out, 2, choose.choice((1, 2)), choose.choice((0, 1)), bias=bias)
        transposed = self._kinds(nn.ConvTranspose1d, nn.ConvTranspose2d)
        return transposed(n_in, n_out, 2, stride=choose.choice((1, 2)), bias=bias)

    def _norm(self, n: int) -> int | None:
        if self.choose.random() < 0.5:
            return None
        return self._layer(self._kinds(nn.BatchNorm1d, nn.BatchNorm2d)(n))

    def _activation(self) -> int:
        kinds = (nn.ReLU(), nn.ReLU(), nn.ReLU6(), nn.Hardtanh(0.0, 0.9), QuantisedReLU(5, 0.31))
        return self._layer(self.choose.choice(kinds))

    def _weighted(self) -> None:
        source = self._pick()
        small = min(self.shapes[source][1:]) < 2
        layer = self._layer(self._operation(self.shapes[source][0], keep=small))
        shape = self._made(layer, self.shapes[source])
        norm, activation = self._norm(shape[0]), self._activation()
        pool = self._layer(nn.Identity())
        if self.choose.random() < 0.2 and min(shape[1:]) >= 2:
            # Between norm and activation, where the importer must let them trade places.
            pool = self._layer(self._kinds(nn.MaxPool1d, nn.MaxPool2d)(2))
            shape = (shape[0], *(size // 2 for size in shape[1:]))

        def step(s: nn.Module, v: list[torch.Tensor]) -> torch.Tensor:
            return s.layers[activation](
                s.layers[pool](_normed(s, norm, s.layers[layer](v[source])))
            )

        self._append(step, shape)

    def _residual(self) -> None:
        source = self._pick()
        shape = self.shapes[source]
        same = [i for i, other in enumerate(self.shapes) if other == shape]
        other = self.choose.choice(same)
        first = self._layer(self._operation(shape[0], shape[0], keep=True))
        inner = self._norm(shape[0])
        outer, activation = self._norm(shape[0]), self._activation()
        second = None
        if self.choose.random() < 0.5:
            second = self._layer(self._operation(shape[0], shape[0], keep=True))

        def step(s: nn.Module, v: list[torch.Tensor]) -> torch.Tensor:
            shortcut = v[other] if second is None else s.layers[second](v[other])
            total = _normed(s, inner, s.layers[first](v[source])) + shortcut
            return s.layers[activation](_normed(s, outer, total))

        self._append(step, shape)

    def _cat(self) -> None:
        source = self._pick()
        shape = self.shapes[source]
        fitting = [i for i, other in enumerate(self.shapes) if other[1:] == shape[1:]]
        other = self.choose.choice(fitting)
        total = shape[0] + self.shapes[other][0]
        if total <= 8:
            self._append(lambda s, v: torch.cat([v[source], v[other]], 1), (total, *shape[1:]))

    def _pool(self) -> None:
        source = self._pick()
        channels, *space = self.shapes[source]
        if min(space) < 4:
            return
        average = self._kinds(F.avg_pool1d, F.avg_pool2d)
        kind = self.choose.randrange(3)
        if kind == 0:
            padding = self.choose.choice((0, 1))
            shape = (channels, *((size + 2 * padding - 3) // 2 + 1 for size in space))
            self._append(lambda s, v: average(v[source], 3, 2, padding), shape)
        elif kind == 1:
            shape = (channels, *((size - 1) // 2 + 1 for size in space))
            self._append(lambda s, v: average(v[source], 3, 2, 1, count_include_pad=False), shape)
        else:
            shape = (channels, *(size // 2 for size in space))
            self._append(lambda s, v: average(v[source], 2), shape)

    def _upsample(self) -> None:
        source = self._pick()
        channels, *space = self.shapes[source]
        if max(space) <= 8:
            shape = (channels, *(2 * size for size in space))
            self._append(lambda s, v: F.interpolate(v[source], scale_factor=2), shape)

    def _norm_after(self) -> None:
        source = self._pick()
        layer = self._layer(self._kinds(nn.BatchNorm1d, nn.BatchNorm2d)(self.shapes[source][0]))
        self._append(lambda s, v: s.layers[layer](v[source]), self.shapes[source])

    def _sum_of_values(self) -> None:
        source = self._pick()
        same = [i for i, other in enumerate(self.shapes) if other == self.shapes[source]]
        other, activation = self.choose.choice(same), self._activation()
        factor = self.choose.choice((1, 1, 0.5, -1, 3))
        self._append(
            lambda s, v: s.layers[activation](v[source] + factor * v[other]), self.shapes[source]
        )

    def _head(self) -> None:
        shape = self.shapes[-1]
        kind = self.choose.randrange(3)
        if kind == 0:
            layer = self._layer(nn.Linear(torch.Size(shape).numel(), 4))
            self._append(lambda s, v: s.layers[layer](v[-1].flatten(1)), (4,))
        elif kind == 1:
            layer = self._layer(nn.Linear(shape[0], 4))
            places = tuple(range(2, 2 + self.space))
            self._append(lambda s, v: s.layers[layer](v[-1].mean(places)), (4,))
        else:
            layer = self._layer(self._operation(shape[0], 3, keep=True))
            self._append(lambda s, v: s.layers[layer](v[-1]), (3, *shape[1:]))

    def _made(self, layer: int, shape: tuple[int, ...]) -> tuple[int, ...]:
        with torch.no_grad():
            return tuple(self.layers[layer](torch.zeros(1, *shape)).shape[1:])


def _normed(s: nn.Module, norm: int | None, x: torch.Tensor) -> torch.Tensor:
    return x if norm is None else s.layers[norm](x)
