"""What the importer knows about a tensor while it reads a network, before stages are made of it."""

from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import prod

import numpy as np
import torch
import torch.nn.functional as F

from spikewright.flow.importers.stages import (
    Branch,
    BranchKind,
    FloatArray,
    MaxStage,
    Norm,
    Pool,
    Shape,
    UpsampleStage,
)

__all__ = [
    "Affine",
    "Enlarge",
    "Maximum",
    "Operand",
    "Operation",
    "Part",
    "Sum",
    "Term",
    "Value",
    "as_made",
    "channels",
    "part_shape",
    "pool_sums",
]


def channels(vector: FloatArray, rank: int) -> FloatArray:
    """A vector per channel, [C], as an array that broadcasts over samples of ``rank`` dimensions.

    Where arrays here are called *per channel*, they have this shape (C, 1, ...).
    """
    return vector.reshape(-1, *(1,) * (rank - 1))


def pool_sums(image: FloatArray, pool: Pool) -> FloatArray:
    """Window sums of one sample [C, *space]."""
    x = torch.from_numpy(np.array(image))
    taps = prod(pool.kernel)
    if len(pool.kernel) == 1:
        means = F.avg_pool1d(x[None], pool.kernel, pool.stride, pool.padding)
        return (means[0] * taps).numpy()
    return F.avg_pool2d(x[None], pool.kernel, pool.stride, pool.padding, divisor_override=1)[
        0
    ].numpy()


@dataclass(frozen=True, eq=False)
class Affine:
    """x -> gain * x + shift, each per channel or of a sample's whole shape."""

    gain: FloatArray
    shift: FloatArray

    @classmethod
    def of_norm(cls, norm: Norm, rank: int) -> "Affine":
        """The map that a trained norm is, over samples of ``rank`` dimensions."""
        return cls(channels(norm.gain, rank), channels(norm.shift, rank))

    def then(self, gain: FloatArray, shift: FloatArray) -> "Affine":
        """The map, then another."""
        return Affine(self.gain * gain, self.shift * gain + shift)

    @property
    def per_channel(self) -> bool:
        """Whether the gain is one number per channel."""
        return self.gain.size == len(self.gain)

    def pooled(self, shape: Shape, pool: Pool, factor: Fraction) -> "Affine":
        """The map that does behind factor * sums what this one does before; gain per channel."""
        if not any(pool.padding) and self.shift.size == self.shift.shape[0]:
            return Affine(self.gain, self.shift * float(factor * prod(pool.kernel)))
        image = np.broadcast_to(self.shift, shape)
        return Affine(self.gain, pool_sums(image, pool) * float(factor))


@dataclass(frozen=True, kw_only=True, eq=False)
class Value:
    """affine(factor * pool(norm(values of a source))), each part where there is one.

    ``source`` names the input or a stage that is made already, of ``source_shape``; ``signed`` says
    whether the source's own values can be negative. ``norm`` directly follows the activation of a
    stage, which may take it over as its ``norm_after``. ``title`` is the name of the user's pool.
    """

    source: str
    source_shape: Shape
    signed: bool
    norm: Norm | None = None
    pool: Pool | None = None
    factor: Fraction = Fraction(1)
    affine: Affine | None = None
    title: str = ""

    @property
    def shape(self) -> Shape:
        """Shape of a sample."""
        return self.source_shape if self.pool is None else self.pool.output_shape(self.source_shape)

    @property
    def plain(self) -> bool:
        """Whether it is nothing but the source's own values."""
        bare = self.norm is None and self.pool is None and self.affine is None
        return bare and self.factor == 1

    @property
    def negative(self) -> bool:
        """Whether a value can be negative."""
        affine = self.affine
        rising = affine is None or bool((affine.gain >= 0).all() and (affine.shift >= 0).all())
        return self.signed or self.norm is not None or self.factor < 0 or not rising

    def folded(self, *, keep_norm: bool) -> Affine | None:
        """The affine map behind factor * pool, with the norm in it unless the stage keeps it."""
        if self.norm is None or keep_norm:
            return self.affine
        rank = len(self.source_shape)
        first = Affine.of_norm(self.norm, rank)
        if self.pool is None:
            first = Affine(first.gain, first.shift * float(self.factor))
        else:
            first = first.pooled(self.source_shape, self.pool, self.factor)
        if self.affine is None:
            return first
        return first.then(self.affine.gain, self.affine.shift)

    def then(self, gain: FloatArray, shift: FloatArray) -> "Value":
        """The value followed by an affine map, per channel or per value."""
        if self.affine is not None:
            return replace(self, affine=self.affine.then(gain, shift))
        return replace(self, affine=Affine(gain, shift))


@dataclass(frozen=True, kw_only=True, eq=False)
class Operation:
    """What a branch with weights does, in the words of Branch."""

    kind: BranchKind
    weight: FloatArray
    stride: Shape = ()
    padding: Shape = ()
    dilation: Shape = ()
    output_padding: Shape = ()
    groups: int = 1

    @property
    def n_out(self) -> int:
        """Channels (LINEAR: values) that it makes."""
        if self.kind is BranchKind.TRANSPOSED:
            return int(self.weight.shape[1]) * self.groups
        return int(self.weight.shape[0])

    @property
    def pointwise(self) -> bool:
        """Whether every output place depends on its own input place only."""
        return self.kind is BranchKind.CONVOLUTION and not (
            any(size != 1 for size in (*self.weight.shape[2:], *self.stride)) or any(self.padding)
        )

    def output_shape(self, shape: Shape) -> Shape:
        """Shape for an input of this shape."""
        return self.branch("", "").output_shape(shape)

    def branch(self, name: str, source: str) -> Branch:
        """As a branch of the graph."""
        return Branch(
            name=name,
            source=source,
            kind=self.kind,
            weight=self.weight,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            output_padding=self.output_padding,
            groups=self.groups,
        )

    def gained(self, gain: FloatArray) -> "Operation":
        """The operation on values times ``gain``, one per input channel; LINEAR: per value."""
        weight = self.weight
        if self.kind is BranchKind.LINEAR:
            return replace(self, weight=weight * gain.reshape(1, -1))
        tail = (1,) * (weight.ndim - 2)
        if self.kind is BranchKind.TRANSPOSED:
            return replace(self, weight=weight * gain.reshape(-1, 1, *tail))
        by_group = gain.reshape(self.groups, 1, -1, *tail)
        split = weight.reshape(self.groups, -1, *weight.shape[1:])
        return replace(self, weight=(split * by_group).reshape(weight.shape))

    def scaled(self, gain: FloatArray) -> "Operation":
        """The operation whose output channels are multiplied by ``gain``."""
        weight = self.weight
        tail = (1,) * (weight.ndim - 2)
        if self.kind is not BranchKind.TRANSPOSED:
            return replace(self, weight=weight * gain.reshape(-1, 1, *tail))
        by_group = gain.reshape(self.groups, 1, -1, *tail)
        split = weight.reshape(self.groups, -1, *weight.shape[1:])
        return replace(self, weight=(split * by_group).reshape(weight.shape))

    def constant(self, shift: FloatArray, shape: Shape) -> FloatArray:
        """What a constant input ``shift``, which broadcasts over ``shape``, comes to.

        Per channel where no border is felt, else per neuron; it broadcasts over the output.
        """
        rank = len(shape)
        inner = self.kind is BranchKind.CONVOLUTION and not any(self.padding)
        if inner and shift.size == shape[0]:
            taps = self.weight.reshape(
                self.groups, -1, *self.weight.shape[1:2], prod(self.weight.shape[2:])
            ).sum(3)
            by_group = shift.reshape(self.groups, -1)
            return channels(np.einsum("goi,gi->go", taps, by_group).reshape(-1), rank)
        return self(np.broadcast_to(shift, shape))

    def __call__(self, image: FloatArray) -> FloatArray:
        """The operation on one sample."""
        if self.kind is BranchKind.LINEAR:
            product: FloatArray = self.weight @ image.reshape(-1)
            return product
        x = torch.from_numpy(np.array(image))[None]
        weight = torch.from_numpy(np.array(self.weight))
        flat = len(self.stride) == 1
        if self.kind is BranchKind.CONVOLUTION:
            convolve = F.conv1d if flat else F.conv2d
            y = convolve(x, weight, None, self.stride, self.padding, self.dilation, self.groups)
        else:
            transpose = F.conv_transpose1d if flat else F.conv_transpose2d
            y = transpose(
                x,
                weight,
                None,
                self.stride,
                self.padding,
                self.output_padding,
                self.groups,
                self.dilation,
            )
        result: FloatArray = y[0].numpy()
        return result


@dataclass(frozen=True, kw_only=True, eq=False)
class Term:
    """One summand: norm(operation(value)); without an operation the values from ``offset`` on."""

    name: str
    value: Value
    operation: Operation | None = None
    offset: int = 0
    norm: Norm | None = None


@dataclass(frozen=True)
class Maximum:
    """A max pool, in the words of MaxStage."""

    name: str
    kernel: Shape
    stride: Shape
    padding: Shape
    dilation: Shape

    def stage(self, name: str, source: str, shape: Shape) -> MaxStage:
        """As a stage of the graph, for a source of ``shape``."""
        stage = MaxStage(
            name=name,
            shape=(),
            source=source,
            kernel=self.kernel,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
        )
        return replace(stage, shape=stage.output_shape(shape))

    def output_shape(self, shape: Shape) -> Shape:
        """Shape behind it."""
        return self.stage("", "", shape).shape


@dataclass(frozen=True)
class Enlarge:
    """Nearest upsampling by 2."""

    name: str

    def stage(self, name: str, source: str, shape: Shape) -> UpsampleStage:
        """As a stage of the graph, for a source of ``shape``."""
        stage = UpsampleStage(name=name, shape=(), source=source)
        return replace(stage, shape=stage.output_shape(shape))

    def output_shape(self, shape: Shape) -> Shape:
        """Shape behind it."""
        return self.stage("", "", shape).shape


@dataclass(frozen=True, kw_only=True, eq=False)
class Sum:
    """norm(sum of the terms + bias), still without an activation.

    ``bias`` is per channel or of the whole ``shape``. ``after`` waits for the activation, which may
    trade places with it.
    """

    name: str
    shape: Shape
    terms: tuple[Term, ...]
    bias: FloatArray
    norm: Norm | None = None
    after: tuple[Maximum | Enlarge, ...] = field(default=())

    @property
    def final_shape(self) -> Shape:
        """Shape behind what waits for the activation."""
        shape = self.shape
        for step in self.after:
            shape = step.output_shape(shape)
        return shape

    @property
    def negative(self) -> bool:
        """Whether a value can be negative, as far as is known without looking at weights."""
        terms = all(term.operation is None and not term.value.negative for term in self.terms)
        return not (terms and self.norm is None and bool((self.bias >= 0).all()))

    def then(self, gain: FloatArray, shift: FloatArray) -> "Sum":
        """The sum with an affine map per channel behind it, in its weights."""
        rank = len(self.shape)
        folded = self.unnormed()
        return replace(
            folded,
            terms=tuple(_scaled_term(term, gain) for term in folded.terms),
            bias=folded.bias * channels(gain, rank) + channels(shift, rank),
        )

    def unnormed(self) -> "Sum":
        """The sum with its norm in its weights; its branches' norms stay."""
        if self.norm is None:
            return self
        return replace(self, norm=None).then(self.norm.gain, self.norm.shift)

    def folded(self) -> "Sum":
        """The sum without any norm: all are in its weights."""
        whole = self.unnormed()
        rank = len(whole.shape)
        bias = whole.bias
        terms = []
        for term in whole.terms:
            if term.norm is not None:
                assert term.operation is not None
                bias = bias + channels(term.norm.shift, rank)
                scaled = term.operation.scaled(term.norm.gain)
                term = replace(term, operation=scaled, norm=None)
            terms.append(term)
        return replace(whole, terms=tuple(terms), bias=bias)

    def summands(self) -> "Sum":
        """The sum without a norm of its own, which its one branch with weights takes over."""
        if self.norm is None:
            return self
        if len(self.terms) > 1 or self.terms[0].operation is None:
            return self.unnormed()
        # norm(x + bias) is another norm of x, with the bias out of the mean; what of the bias
        # differs by position stays outside.
        rank = len(self.shape)
        level = self.bias.reshape(self.shape[0], -1).mean(1)
        norm = replace(self.norm, mean=self.norm.mean - level)
        rest = (self.bias - channels(level, rank)) * channels(norm.gain, rank)
        return replace(self, terms=(replace(self.terms[0], norm=norm),), bias=rest, norm=None)


Part = Value | Sum


@dataclass(frozen=True, eq=False)
class Operand:
    """A tensor of the traced module: parts one after the other along the channels.

    ``view`` is the shape that the module sees; the parts keep the shape in which they were made,
    whatever has been flattened since.
    """

    parts: tuple[Part, ...]
    view: Shape

    @property
    def natural(self) -> bool:
        """Whether the module sees the parts in the shape in which they were made."""
        shapes = [part_shape(part) for part in self.parts]
        same = all(shape[1:] == self.view[1:] for shape in shapes)
        return same and sum(shape[0] for shape in shapes) == self.view[0]


def as_made(x: Operand) -> Operand:
    """The operand in the shape in which its parts were made, along the channels."""
    shapes = [part_shape(part) for part in x.parts]
    return Operand(x.parts, (sum(shape[0] for shape in shapes), *shapes[0][1:]))


def part_shape(part: Part) -> Shape:
    """Shape of a part, behind everything."""
    return part.shape if isinstance(part, Value) else part.final_shape


def _scaled_term(term: Term, gain: FloatArray) -> Term:
    if term.operation is None:
        shape = term.value.shape
        own = channels(gain[term.offset : term.offset + shape[0]], len(shape))
        return replace(term, value=term.value.then(own, 0 * own))
    if term.norm is not None:
        return replace(term, norm=term.norm.then(gain, 0 * gain))
    return replace(term, operation=term.operation.scaled(gain))
