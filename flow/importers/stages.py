"""What the importer makes of a trained network: a graph of stages, in real numbers.

Values are float64, in torch's layout and order. A shape is that of one sample, without the batch:
``(n,)`` a vector, ``(C, L)`` a sequence, ``(C, H, W)`` a map. The first dimension counts channels.
Two stages that share a trained layer (a module called twice) share its arrays.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from math import prod

import numpy as np
import numpy.typing as npt

__all__ = [
    "INPUT",
    "Activation",
    "AverageStage",
    "Branch",
    "BranchKind",
    "FloatArray",
    "Graph",
    "MaxStage",
    "Node",
    "Norm",
    "Pool",
    "Shape",
    "Stage",
    "UpsampleStage",
]

INPUT = "input"
"""The name under which branches read the samples themselves; no stage has it."""

FloatArray = npt.NDArray[np.float64]
Shape = tuple[int, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Norm:
    """Batch norm per channel: gamma * (x - mean) / sqrt(variance + eps) + beta."""

    gamma: FloatArray
    beta: FloatArray
    mean: FloatArray
    variance: FloatArray
    eps: float
    momentum: float = 0.1

    @property
    def gain(self) -> FloatArray:
        """Factor of the affine map that the norm is once trained."""
        return self.gamma / np.sqrt(self.variance + self.eps)

    @property
    def shift(self) -> FloatArray:
        """Offset of the affine map that the norm is once trained."""
        return self.beta - self.gain * self.mean

    def then(self, gain: FloatArray, shift: FloatArray) -> "Norm":
        """The norm followed by an affine map per channel; the statistics stay those of x."""
        return Norm(
            gamma=self.gamma * gain,
            beta=self.beta * gain + shift,
            mean=self.mean,
            variance=self.variance,
            eps=self.eps,
            momentum=self.momentum,
        )


@dataclass(frozen=True, kw_only=True)
class Activation:
    """ReLU, clipped at ``clip`` where given, quantised where ``levels`` and ``step`` are given.

    A quantised one has ``clip`` = levels * step and rounds half up:
    step * clip(floor(z / step + 1/2), 0, levels).
    """

    clip: float | None = None
    levels: int | None = None
    step: float | None = None

    def __call__(self, z: FloatArray) -> FloatArray:
        """The value of the activation."""
        if self.step is not None and self.levels is not None:
            return self.step * np.clip(np.floor(z / self.step + 0.5), 0, self.levels)
        return np.clip(z, 0.0, np.inf if self.clip is None else self.clip)


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Window sums per channel: out[c, o] = sum over i < kernel of x[c, o * stride + i - padding].

    One entry per spatial dimension; what lies outside the map counts as 0. The output has
    floor((size + 2 * padding - kernel) / stride) + 1 places per dimension.
    """

    kernel: Shape
    stride: Shape
    padding: Shape

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of the sums of a map of ``shape`` (channels first)."""
        ones = (1,) * len(self.kernel)
        return (shape[0], *_windows(shape[1:], self.kernel, self.stride, self.padding, ones))


class BranchKind(StrEnum):
    """What a branch does to its source's values."""

    LINEAR = "linear"
    CONVOLUTION = "convolution"
    TRANSPOSED = "transposed"
    PASS = "pass"


@dataclass(frozen=True, kw_only=True, eq=False)
class Branch:
    """One summand of a stage: norm(operation(gain * pool(values of the source))).

    ``pool`` (absent: the values themselves) comes first; the 1/k of a mean is in ``gain``, a finite
    factor that is not 0. Then, by ``kind``:

    - LINEAR: weight [out, in] times the flattened values (C order of the pooled shape);
    - CONVOLUTION: as torch.nn.functional.conv1d / conv2d, weight [out, in / groups, *kernel], with
      ``stride``, ``padding`` (zeros), ``dilation``, ``groups``;
    - TRANSPOSED: as conv_transpose1d / 2d, weight [in, out / groups, *kernel], with
      ``output_padding`` besides;
    - PASS: the values as they are, in the target's channels from ``offset`` on (no weight). The
      target's other channels get nothing from this branch.

    The tuples have one entry per spatial dimension and are empty for LINEAR and PASS.
    ``norm`` is a batch norm of this branch alone, per channel of the target; only where a stage has
    several branches, and never on PASS.

    Parameters
    ----------
    name : the path of the user's layer, else its name in the trace; unique in the graph.
    source : INPUT, or the name of a stage that comes earlier.
    """

    name: str
    source: str
    kind: BranchKind
    weight: FloatArray | None = None
    stride: Shape = ()
    padding: Shape = ()
    dilation: Shape = ()
    output_padding: Shape = ()
    groups: int = 1
    pool: Pool | None = None
    gain: float = 1.0
    offset: int = 0
    norm: Norm | None = None

    def pooled_shape(self, source: Shape) -> Shape:
        """Shape of what the operation sees, for a source of this shape."""
        return source if self.pool is None else self.pool.output_shape(source)

    def output_shape(self, source: Shape) -> Shape:
        """Shape of the summand, for a source of this shape; PASS: of the channels that it fills."""
        seen = self.pooled_shape(source)
        if self.weight is None:
            return seen
        if self.kind is BranchKind.LINEAR:
            return (self.weight.shape[0],)
        kernel = self.weight.shape[2:]
        if self.kind is BranchKind.CONVOLUTION:
            space = _windows(seen[1:], kernel, self.stride, self.padding, self.dilation)
            return (self.weight.shape[0], *space)
        space = tuple(
            (n - 1) * s - 2 * p + d * (k - 1) + extra + 1
            for n, k, s, p, d, extra in zip(
                seen[1:],
                kernel,
                self.stride,
                self.padding,
                self.dilation,
                self.output_padding,
                strict=True,
            )
        )
        return (self.weight.shape[1] * self.groups, *space)


@dataclass(frozen=True, kw_only=True, eq=False)
class Stage:
    """norm_after(activation(norm_before(sum of the branches + bias))).

    Norms are per channel. ``bias`` has one entry per channel, or one per neuron (C order of
    ``shape``) where a constant meets zero padding and so differs by position; per channel and per
    neuron are the same for a shape (n,).

    ``norm_after`` stands only where every reader is a branch with weights; elsewhere a norm behind
    an activation is already part of what reads it. A stage without activation is the readout, the
    last of its graph: it has no norm of any kind, because a readout has no threshold that could
    carry it.
    """

    name: str
    shape: Shape
    branches: tuple[Branch, ...]
    bias: FloatArray
    norm_before: Norm | None = None
    activation: Activation | None = None
    norm_after: Norm | None = None

    @property
    def n(self) -> int:
        """Number of neurons."""
        return prod(self.shape)

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of what it reads, in the order of its branches, each once."""
        return tuple(dict.fromkeys(branch.source for branch in self.branches))

    @property
    def full_bias(self) -> FloatArray:
        """The bias per neuron, of the stage's shape."""
        rest = (1,) * (len(self.shape) - 1)
        if self.bias.size == self.n:
            return self.bias.reshape(self.shape)
        return np.broadcast_to(self.bias.reshape(-1, *rest), self.shape)


@dataclass(frozen=True, kw_only=True)
class MaxStage:
    """Largest value per window of the source, as torch.nn.functional.max_pool1d / 2d.

    Padding never wins, whatever the sign of the values.
    """

    name: str
    shape: Shape
    source: str
    kernel: Shape
    stride: Shape
    padding: Shape
    dilation: Shape

    @property
    def n(self) -> int:
        """Number of neurons."""
        return prod(self.shape)

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of what it reads."""
        return (self.source,)

    def output_shape(self, source: Shape) -> Shape:
        """Shape for a source of this shape."""
        space = _windows(source[1:], self.kernel, self.stride, self.padding, self.dilation)
        return (source[0], *space)


@dataclass(frozen=True, kw_only=True)
class AverageStage:
    """Mean per window over those places only that lie in the map (count_include_pad=False).

    The divisor differs by position, so the mean must be quantised again: a population of its own.
    """

    name: str
    shape: Shape
    source: str
    kernel: Shape
    stride: Shape
    padding: Shape

    @property
    def n(self) -> int:
        """Number of neurons."""
        return prod(self.shape)

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of what it reads."""
        return (self.source,)

    @property
    def pool(self) -> Pool:
        """The sum before the division."""
        return Pool(kernel=self.kernel, stride=self.stride, padding=self.padding)

    def output_shape(self, source: Shape) -> Shape:
        """Shape for a source of this shape."""
        return self.pool.output_shape(source)


@dataclass(frozen=True, kw_only=True)
class UpsampleStage:
    """Each value ``factor`` times along every spatial dimension (nearest neighbour)."""

    name: str
    shape: Shape
    source: str
    factor: int = 2

    @property
    def n(self) -> int:
        """Number of neurons."""
        return prod(self.shape)

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of what it reads."""
        return (self.source,)

    def output_shape(self, source: Shape) -> Shape:
        """Shape for a source of this shape."""
        return (source[0], *(size * self.factor for size in source[1:]))


Node = Stage | MaxStage | AverageStage | UpsampleStage


@dataclass(frozen=True, kw_only=True, eq=False)
class Graph:
    """Stages in topological order; the last, a Stage without activation, is the readout.

    The readout's first dimension counts the classes: its shape is (classes,), or (classes, *places)
    for one label per place. A map of one place may stand for a vector.
    """

    input_shape: Shape
    stages: tuple[Node, ...]

    @property
    def readout(self) -> Stage:
        """The last stage, whose values are the logits."""
        last = self.stages[-1]
        assert isinstance(last, Stage)
        return last

    @property
    def n_outputs(self) -> int:
        """Neurons of the readout."""
        return self.readout.n

    @cached_property
    def shapes(self) -> Mapping[str, Shape]:
        """Shape of the input and of every stage, by name."""
        return {INPUT: self.input_shape, **{stage.name: stage.shape for stage in self.stages}}

    def readers(self, name: str) -> tuple[str, ...]:
        """Names of the stages that read the input or stage ``name``, in order."""
        return tuple(stage.name for stage in self.stages if name in stage.sources)


def _windows(space: Shape, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape) -> Shape:
    """Places of a window per dimension: floor((size + 2p - d(k - 1) - 1) / s) + 1."""
    return tuple(
        (size + 2 * p - d * (k - 1) - 1) // s + 1
        for size, k, s, p, d in zip(space, kernel, stride, padding, dilation, strict=True)
    )
