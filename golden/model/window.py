"""Windows: convolution, transposed convolution and sum pooling of one or two dimensions.

A convolution in float32 is exact while no partial sum reaches 2**24, for an algorithm that sums
weights times payloads and nothing else. Winograd's and Fourier's do not: they transform first. So
``torch.conv2d`` is out, which may choose either (NNPACK, cuDNN). oneDNN is asked by name, whose
algorithm is then ``convolution_direct`` (a test reads that in its log); everything else is a
matrix product over the patches.
"""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from spikewright.golden.model.arithmetic import Arithmetic, product, rounds_products
from spikewright.golden.spec import Window, WindowKind

__all__ = ["Plane", "WindowSynapses", "convolve", "fold"]

ONEDNN: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
Pair = tuple[int, int]


def pair(entries: tuple[int, ...], fill: int) -> Pair:
    """One-dimensional geometry as two-dimensional."""
    return (fill, entries[0]) if len(entries) == 1 else (entries[0], entries[1])


@dataclass(frozen=True)
class Plane:
    """Where windows lie on a plane; always in two dimensions, (y, x)."""

    kernel: Pair
    stride: Pair
    padding: Pair
    dilation: Pair

    @classmethod
    def of(cls, window: Window) -> "Plane":
        """The geometry of a window."""
        return cls(
            kernel=pair(window.kernel, 1),
            stride=pair(window.stride, 1),
            padding=pair(window.padding, 0),
            dilation=pair(window.dilation, 1),
        )

    def size(self, axis: int, size: int) -> int:
        """Windows along an axis of so many neurons, without the padding."""
        reach = self.dilation[axis] * (self.kernel[axis] - 1) + 1
        return (size - reach) // self.stride[axis] + 1


def fold(
    planes: Tensor, plane: Plane, join: Callable[[Tensor, Tensor], Tensor], padding: float
) -> Tensor:
    """Join all entries under each window, one axis after the other.

    Parameters
    ----------
    planes : [..., height, width].
    plane : where the windows lie.
    join : of two tensors; associative, commutative (sum, maximum).
    padding : what the padding holds; it changes nothing (0 of a sum, -inf of a maximum).

    Returns
    -------
    [..., windows along y, windows along x]; it may share the memory of ``planes``.
    """
    high, wide = plane.padding
    if high or wide:
        planes = functional.pad(planes, (wide, wide, high, high), value=padding)
    for axis in (0, 1):
        dim = axis - 2
        count = plane.size(axis, planes.shape[dim])
        stop = plane.stride[axis] * (count - 1) + 1
        joined: Tensor | None = None
        for tap in range(plane.kernel[axis]):
            start = tap * plane.dilation[axis]
            along = slice(start, start + stop, plane.stride[axis])
            part = planes[..., along, :] if axis == 0 else planes[..., along]
            joined = part if joined is None else join(joined, part)
        assert joined is not None  # a kernel has at least one tap
        planes = joined
    return planes


def convolve(planes: Tensor, weights: Tensor, plane: Plane, groups: int) -> Tensor:
    """The convolution [batch, out_channels, y, x], by direct sums only.

    Parameters
    ----------
    planes : [batch, in_channels, height, width].
    weights : [out_channels, in_channels // groups, *kernel], of the same type.
    plane : where the windows lie.
    groups : of channels.
    """
    if ONEDNN and planes.dtype == torch.float32 and planes.device.type == "cpu":
        return torch.mkldnn_convolution(
            planes, weights, None, plane.padding, plane.stride, plane.dilation, groups
        )
    return convolve_patches(planes, weights, plane, groups)


def convolve_patches(planes: Tensor, weights: Tensor, plane: Plane, groups: int) -> Tensor:
    """The same, as a matrix product over the patches; for every type and device."""
    high, wide = plane.padding
    planes = functional.pad(planes, (wide, wide, high, high)).contiguous()
    batch, channels = planes.shape[:2]
    along = [plane.size(axis, planes.shape[axis + 2]) for axis in (0, 1)]
    one, other, *steps = planes.stride()
    taps = [step * each for step, each in zip(steps, plane.dilation, strict=True)]
    moves = [step * each for step, each in zip(steps, plane.stride, strict=True)]
    patches = planes.as_strided(
        (batch, channels, *plane.kernel, *along), (one, other, *taps, *moves)
    )
    rows = patches.permute(0, 4, 5, 1, 2, 3).reshape(batch * along[0] * along[1], groups, -1)
    columns = weights.reshape(groups, weights.shape[0] // groups, -1)
    found = [product(rows[:, group], columns[group].T) for group in range(groups)]
    return torch.cat(found, dim=1).view(batch, *along, -1).permute(0, 3, 1, 2)


class WindowSynapses:
    """acc[o] += (weight << shift) * payload[i] for every tap that joins i and o.

    Parameters
    ----------
    operator : geometry, weights and shift.
    shape : of the source.
    arithmetic : what the sums are computed with.
    dtype : of the charge.
    device : where the weights live.
    """

    def __init__(
        self,
        operator: Window,
        shape: tuple[int, ...],
        arithmetic: Arithmetic,
        *,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self.kind = operator.kind
        self.arithmetic = arithmetic
        self.dtype = dtype
        self.shape = (shape[0], *pair(shape[1:], 1))
        self.plane = Plane.of(operator)
        self.groups = operator.groups
        self.scale = 1 << operator.shift
        self.extra = pair(operator.output_padding, 0)
        self.pool = None if operator.pool is None else Plane.of(operator.pool)
        self.weights: Tensor | None = None
        if operator.weights is not None:
            weights = torch.tensor(operator.weights, device=device) << operator.shift
            self.weights = self._spread(weights).to(arithmetic.dtype)

    def _spread(self, weights: Tensor) -> Tensor:
        """As a convolution has them: [out_channels, in_channels // groups, y, x]."""
        weights = weights.view(*weights.shape[:2], *self.plane.kernel)
        if self.kind is WindowKind.CONVOLUTION:
            return weights
        grouped = weights.view(self.groups, -1, *weights.shape[1:]).transpose(1, 2)
        return grouped.flatten(0, 1).flip(2, 3).contiguous()

    def weighing(self, weights: Tensor) -> "WindowSynapses":
        """The same with other weights, as an operator has them; they may carry a gradient."""
        other = copy(self)
        other.weights = self._spread(weights * self.scale).to(self.arithmetic.dtype)
        return other

    def begin(self) -> "WindowSynapses":
        """Itself."""
        return self

    def __call__(self, spikes: Tensor) -> Tensor:
        """The charge [batch, n_post] of levels [batch, n_pre]."""
        dtype = self.arithmetic.dtype
        if self.arithmetic is Arithmetic.FLOAT32 and rounds_products():
            dtype = torch.float64
        planes = spikes.to(dtype).view(-1, *self.shape)
        if self.pool is not None:
            planes = fold(planes, self.pool, torch.add, 0)
        if self.weights is None:
            charge = fold(planes, self.plane, torch.add, 0) * self.scale
        elif self.kind is WindowKind.CONVOLUTION:
            charge = convolve(planes, self.weights.to(dtype), self.plane, self.groups)
        else:
            charge = self._transposed(planes, self.weights.to(dtype))
        return charge.flatten(1).to(self.dtype)

    def _transposed(self, planes: Tensor, weights: Tensor) -> Tensor:
        """A convolution over the source with zeros between its neurons and around them."""
        plane = self.plane
        height, width = planes.shape[2:]
        size = [(n - 1) * s + 1 for n, s in zip((height, width), plane.stride, strict=True)]
        apart = planes.new_zeros(*planes.shape[:2], *size)
        apart[..., :: plane.stride[0], :: plane.stride[1]] = planes
        high, wide = (
            dilation * (kernel - 1) - padding
            for dilation, kernel, padding in zip(
                plane.dilation, plane.kernel, plane.padding, strict=True
            )
        )
        more_high, more_wide = self.extra
        around = functional.pad(apart, (wide, wide + more_wide, high, high + more_high))
        sliding = Plane(plane.kernel, (1, 1), (0, 0), plane.dilation)
        return convolve(around, weights, sliding, self.groups)
