"""What a branch does to maps: [N, C, H, W] tensors, in which a vector is (n, 1, 1).

A sequence (C, L) is a map of one line. Weights are kept with the target's channels first, whatever
the kind of branch, so that all kinds are quantised alike.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from spikewright.flow.importers import (
    AverageStage,
    Branch,
    BranchKind,
    FloatArray,
    MaxStage,
    Pool,
    Shape,
    UpsampleStage,
)

__all__ = ["Geometry", "Plane", "outward", "plane", "relayed"]

Plane = tuple[int, int, int]
Pair = tuple[int, int]


def plane(shape: Shape) -> Plane:
    """A shape as channels, height and width."""
    if len(shape) == 2:
        return (shape[0], 1, shape[1])
    if len(shape) == 3:
        return (shape[0], shape[1], shape[2])
    n = 1
    for size in shape:
        n *= size
    return (n, 1, 1)


def pair(entries: Shape, fill: int) -> Pair:
    """One entry per spatial dimension as height and width; ``fill`` where there is none."""
    whole = (fill,) * (2 - len(entries)) + tuple(entries)
    return (whole[0], whole[1])


def outward(weight: FloatArray, kind: BranchKind, groups: int) -> FloatArray:
    """A branch's weight as [out, in / groups, height, width]; LINEAR: [out, in]."""
    if kind is BranchKind.LINEAR:
        return weight
    whole = weight.reshape(*weight.shape[:2], *pair(weight.shape[2:], 1))
    if kind is BranchKind.CONVOLUTION:
        return whole
    n_in, n_out = whole.shape[0] // groups, whole.shape[1]
    grouped = whole.reshape(groups, n_in, n_out, *whole.shape[2:]).swapaxes(1, 2)
    return grouped.reshape(groups * n_out, n_in, *whole.shape[2:])


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """How a branch reaches from its source, seen as a plane, to its target's plane ``shape``."""

    kind: BranchKind
    shape: Plane
    stride: Pair
    padding: Pair
    dilation: Pair
    output_padding: Pair
    groups: int
    pool: Pool | None
    offset: int

    @classmethod
    def of(cls, branch: Branch, shape: Shape) -> "Geometry":
        """The geometry of ``branch`` into a stage of ``shape``."""
        return cls(
            kind=branch.kind,
            shape=plane(shape),
            stride=pair(branch.stride, 1),
            padding=pair(branch.padding, 0),
            dilation=pair(branch.dilation, 1),
            output_padding=pair(branch.output_padding, 0),
            groups=branch.groups,
            pool=branch.pool,
            offset=branch.offset,
        )

    @property
    def pads(self) -> bool:
        """Whether some places of the target see less of the source than others."""
        pooled = self.pool is not None and any(self.pool.padding)
        return pooled or any(self.padding) or self.kind is BranchKind.TRANSPOSED

    def __call__(self, x: torch.Tensor, weight: torch.Tensor | None) -> torch.Tensor:
        """The summand [N, *shape] of values [N, C, H, W]; ``weight`` as ``outward`` makes it."""
        x = x if self.pool is None else sum_pool(x, self.pool)
        if weight is None:
            before, after = self.offset, self.shape[0] - self.offset - x.shape[1]
            return x if before == after == 0 else F.pad(x, (0, 0, 0, 0, before, after))
        if self.kind is BranchKind.LINEAR:
            return F.linear(x.flatten(1), weight)[:, :, None, None]
        if self.kind is BranchKind.CONVOLUTION:
            return F.conv2d(
                x,
                weight,
                stride=self.stride,
                padding=self.padding,
                dilation=self.dilation,
                groups=self.groups,
            )
        n_out = weight.shape[0] // self.groups
        grouped = weight.reshape(self.groups, n_out, *weight.shape[1:]).transpose(1, 2)
        return F.conv_transpose2d(
            x,
            grouped.reshape(-1, n_out, *weight.shape[2:]),
            stride=self.stride,
            padding=self.padding,
            output_padding=self.output_padding,
            groups=self.groups,
            dilation=self.dilation,
        )


def sum_pool(x: torch.Tensor, pool: Pool) -> torch.Tensor:
    """Sums over windows, padded with zeros."""
    kernel, stride = pair(pool.kernel, 1), pair(pool.stride, 1)
    return F.avg_pool2d(x, kernel, stride, pair(pool.padding, 0), divisor_override=1)


def average(x: torch.Tensor, pool: Pool) -> torch.Tensor:
    """Means over those places of each window that lie in the map; exact at one half of integers."""
    kernel, stride = pair(pool.kernel, 1), pair(pool.stride, 1)
    return F.avg_pool2d(x, kernel, stride, pair(pool.padding, 0), count_include_pad=False)


def maximum(
    x: torch.Tensor, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape
) -> torch.Tensor:
    """Largest value per window; padding never wins."""
    return F.max_pool2d(x, pair(kernel, 1), pair(stride, 1), pair(padding, 0), pair(dilation, 1))


def repeat(x: torch.Tensor, shape: Plane) -> torch.Tensor:
    """Every value as often along each axis as ``shape`` has more places."""
    for axis in (2, 3):
        factor = shape[axis - 1] // x.shape[axis]
        x = x if factor == 1 else x.repeat_interleave(factor, axis)
    return x


def relayed(stage: MaxStage | AverageStage | UpsampleStage, x: torch.Tensor) -> torch.Tensor:
    """What a relay makes of maps ``x``, in real numbers."""
    match stage:
        case MaxStage():
            return maximum(x, stage.kernel, stage.stride, stage.padding, stage.dilation)
        case AverageStage():
            return average(x, stage.pool)
        case UpsampleStage():
            return repeat(x, plane(stage.shape))
