"""Collects what a network does, operation by operation, into stages to be; or refuses it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod

import numpy as np

from spikewright.flow.importers.parts import (
    ACTIVATE,
    channel_cuts,
    check_merge,
    convolution_sum,
    cut_norm,
    cuts_of,
    gathered,
    is_linear,
    joined_pools,
    mapped_operand,
    merged_term,
    placed,
    require_channels,
    require_equal,
    require_rising,
    scaled,
    scaled_sum,
    shifted,
    single_operand,
    stacked,
    with_affine,
    with_flat_norm,
    with_norm,
)
from spikewright.flow.importers.stages import (
    INPUT,
    Activation,
    AverageStage,
    BranchKind,
    FloatArray,
    MaxStage,
    Norm,
    Pool,
    UpsampleStage,
)
from spikewright.flow.importers.values import (
    Affine,
    Enlarge,
    Maximum,
    Operand,
    Operation,
    Part,
    Sum,
    Term,
    Value,
    as_made,
    channels,
    part_shape,
)
from spikewright.golden.errors import UnsupportedError

__all__ = ["Builder", "Draft", "Names"]


class Names:
    """Legal and unique names: a letter, then letters, digits or _."""

    def __init__(self, *taken: str) -> None:
        self._taken = set(taken)

    def take(self, wish: str) -> str:
        """The name nearest to ``wish`` that is legal and not taken yet."""
        legal = re.sub(r"[^A-Za-z0-9_]", "_", wish).lstrip("_")
        if not legal[:1].isalpha():
            legal = f"layer_{legal}".rstrip("_")
        name, count = legal, 1
        while name in self._taken:
            name, count = f"{legal}_{count}", count + 1
        self._taken.add(name)
        return name


@dataclass(frozen=True, kw_only=True, eq=False)
class Draft:
    """A stage to be; its sum's values still know norms that stages may take over."""

    name: str
    sum: Sum
    activation: Activation | None


class Builder:
    """The stages read so far. Every method is one operation of the module on operands.

    ``name`` is always where the operation stands in the module, for stages and for errors. All
    raise UnsupportedError where the operation cannot be exact.
    """

    def __init__(self) -> None:
        self.drafts: list[Draft | MaxStage | AverageStage | UpsampleStage] = []
        self._names = Names(INPUT)

    # --- operations with weights ------------------------------------------------------------------

    def linear(self, name: str, x: Operand, weight: FloatArray, bias: FloatArray) -> Operand:
        """A Linear on a vector; merges with linear layers before it that have no activation."""
        terms: list[Term] = []
        title = name
        for part, first, last in cuts_of(x.parts, [prod(part_shape(part)) for part in x.parts]):
            columns = weight[:, first:last]
            if isinstance(part, Sum) and is_linear(part):
                before = part.folded()
                check_merge(name, before, columns)
                terms += [merged_term(term, columns) for term in before.terms]
                bias = bias + columns @ before.bias.reshape(-1)
                title = f"{before.name}+{title}"
            else:
                value = self._value(name, part, "a Linear")
                operation = Operation(kind=BranchKind.LINEAR, weight=columns)
                terms.append(Term(name=name, value=value, operation=operation))
        shape = (weight.shape[0],)
        return single_operand(Sum(name=title, shape=shape, terms=tuple(terms), bias=bias))

    def convolve(self, name: str, x: Operand, operation: Operation, bias: FloatArray) -> Operand:
        """A convolution, plain or transposed; one branch per part of the operand."""
        self._require_natural(name, x, "a convolution")
        values = [self._value(name, part, "a convolution") for part in x.parts]
        if operation.groups > 1 and len(values) > 1:
            return self._convolve_groups(name, values, operation, bias)
        if len(values) == 1:
            term = Term(name=name, value=values[0], operation=operation)
            return single_operand(convolution_sum(name, (term,), bias))
        terms = []
        axis = 0 if operation.kind is BranchKind.TRANSPOSED else 1
        for value, (_, first, last) in zip(values, channel_cuts(values), strict=True):
            part = replace(operation, weight=operation.weight.take(range(first, last), axis))
            terms.append(Term(name=name, value=value, operation=part))
        return single_operand(convolution_sum(name, tuple(terms), bias))

    def _convolve_groups(
        self, name: str, values: Sequence[Value], operation: Operation, bias: FloatArray
    ) -> Operand:
        """A grouped convolution of a concatenation is a concatenation of grouped convolutions."""
        n_in = sum(value.shape[0] for value in values)
        per_group, out_per_group = n_in // operation.groups, operation.n_out // operation.groups
        sums = []
        first = 0
        rows = per_group if operation.kind is BranchKind.TRANSPOSED else out_per_group
        for value in values:
            groups, rest = divmod(value.shape[0], per_group)
            if rest:
                raise UnsupportedError(
                    "each group of a convolution must lie in one part of a concatenation",
                    found=f"{value.shape[0]} channels from {value.source}, {per_group} in a group",
                    where=name,
                    action="use groups=1",
                )
            last = first + groups
            part = replace(
                operation, weight=operation.weight[first * rows : last * rows], groups=groups
            )
            own = bias[first * out_per_group : last * out_per_group]
            sums.append(convolution_sum(name, (Term(name=name, value=value, operation=part),), own))
            first = last
        return Operand(tuple(sums), (operation.n_out, *sums[0].shape[1:]))

    # --- operations per channel -------------------------------------------------------------------

    def norm(self, name: str, x: Operand, norm: Norm) -> Operand:
        """A batch norm: before an activation, after one, or of the input."""
        if x.natural:
            cuts = channel_cuts(x.parts)
            normed = (with_norm(name, part, cut_norm(norm, a, b)) for part, a, b in cuts)
            return replace(x, parts=tuple(normed))
        if x.view != (norm.gain.size,):
            raise UnsupportedError(
                "a batch norm must be of whole channels",
                found=f"{norm.gain.size} channels for samples of shape {list(x.view)}",
                where=name,
                action="put it before what changes the shape",
            )
        cuts = cuts_of(x.parts, [prod(part_shape(part)) for part in x.parts])
        flat = (with_flat_norm(name, part, cut_norm(norm, a, b)) for part, a, b in cuts)
        return replace(x, parts=tuple(flat))

    def activate(self, name: str, x: Operand, activation: Activation) -> Operand:
        """A ReLU of some kind, part by part."""
        parts: list[Part] = []
        for part in x.parts:
            free = activation.clip is None and activation.step is None
            if isinstance(part, Value) and free and not part.negative:
                parts.append(part)
            else:
                parts.append(self._emit(self._as_sum(name, part), activation))
        return replace(x, parts=tuple(parts))

    def scale(self, name: str, x: Operand, factor: Fraction) -> Operand:
        """Multiplication by a number."""
        if factor == 0:
            raise UnsupportedError("a factor must not be 0", found="0", where=name)
        return replace(x, parts=tuple(scaled(name, part, factor) for part in x.parts))

    def shift(self, x: Operand, summand: float) -> Operand:
        """Addition of a number."""
        return replace(x, parts=tuple(shifted(part, summand) for part in x.parts))

    def affine(self, name: str, x: Operand, gain: FloatArray, shift: FloatArray) -> Operand:
        """An affine map per channel: gain [C] * x + shift [C]."""
        self._require_natural(name, x, "a constant per channel")
        cuts = channel_cuts(x.parts)
        return replace(
            x, parts=tuple(with_affine(name, p, gain[a:b], shift[a:b]) for p, a, b in cuts)
        )

    # --- operations on places ---------------------------------------------------------------------

    def maximum(self, x: Operand, pool: Maximum) -> Operand:
        """A max pool. Before an activation it waits, because ReLU may trade places with it."""
        self._require_natural(pool.name, x, "a max pool")
        return self._resample(pool.name, x, pool)

    def enlarge(self, name: str, x: Operand) -> Operand:
        """Nearest upsampling by 2; before an activation it waits as a max pool does."""
        self._require_natural(name, x, "an upsampling")
        return self._resample(name, x, Enlarge(name))

    def average(self, name: str, x: Operand, pool: Pool, factor: Fraction) -> Operand:
        """Window sums times a factor; padding counts as zeros."""
        self._require_natural(name, x, "an average pool")
        parts: list[Part] = []
        for part in x.parts:
            if isinstance(part, Sum) and part.negative:
                parts.append(self._average_sum(name, part, pool, factor))
            else:
                value = self._value(name, part, "an average pool")
                parts.append(self._average_value(name, value, pool, factor))
        return mapped_operand(tuple(parts))

    def average_inside(self, name: str, x: Operand, pool: Pool) -> Operand:
        """Means over those places of the windows only that lie in the map."""
        self._require_natural(name, x, "an average pool")
        parts = []
        for part in x.parts:
            value = self._resampled_value(name, self._value(name, part, "an average pool"))
            stage = AverageStage(
                name=self._names.take(name),
                shape=pool.output_shape(value.source_shape),
                source=value.source,
                kernel=pool.kernel,
                stride=pool.stride,
                padding=pool.padding,
            )
            parts.append(self._append(stage, value))
        return mapped_operand(tuple(parts))

    # --- operations on several operands -----------------------------------------------------------

    def add(self, name: str, x: Operand, y: Operand) -> Operand:
        """A residual sum."""
        require_equal(name, x.view, y.view)
        if [part_shape(part) for part in x.parts] != [part_shape(part) for part in y.parts]:
            x, y = self.join(name, x), self.join(name, y)
            require_equal(name, part_shape(x.parts[0]), part_shape(y.parts[0]))
        parts = tuple(self._added(name, p, q) for p, q in zip(x.parts, y.parts, strict=True))
        return replace(x, parts=parts)

    def concatenate(self, name: str, operands: Sequence[Operand]) -> Operand:
        """torch.cat along the channels; nothing is moved, the parts are only noted."""
        for operand in operands:
            if len(operand.view) > 1:
                self._require_natural(name, operand, "a concatenation")
        parts = tuple(part for operand in operands for part in operand.parts)
        first = sum(operand.view[0] for operand in operands)
        return Operand(parts, (first, *operands[0].view[1:]))

    def join(self, name: str, x: Operand) -> Operand:
        """The parts of a concatenation as one sum."""
        if len(x.parts) == 1:
            return x
        shapes = [part_shape(part) for part in x.parts]
        if len({shape[1:] for shape in shapes}) > 1:
            raise UnsupportedError(
                "a concatenation that is added or returned must have parts of one kind",
                found=", ".join(str(list(shape)) for shape in shapes),
                where=name,
                action="put a Linear or an activation behind the concatenation",
            )
        total = sum(shape[0] for shape in shapes)
        sums = [self._settled(name, self._as_sum(name, part)).folded() for part in x.parts]
        cuts = channel_cuts(sums)
        joined = Sum(
            name=name,
            shape=(total, *shapes[0][1:]),
            terms=tuple(
                placed(name, term, first, total)
                for part, (_, first, _) in zip(sums, cuts, strict=True)
                for term in part.terms
            ),
            bias=stacked(sums),
        )
        return replace(x, parts=(joined,))

    def share(self, name: str, x: Operand, readers: Sequence[str]) -> Operand:
        """The operand where several operations read it: a sum must then become a population."""
        parts: list[Part] = []
        for part in x.parts:
            if isinstance(part, Sum) and (part.negative or part.after):
                raise UnsupportedError(
                    "values that are used more than once must have an activation",
                    found=f"none before {' and '.join(readers)}",
                    where=name,
                    action="put a ReLU behind it (a residual sum adds what was activated)",
                )
            parts.append(self._value(name, part, "a branch"))
        return replace(x, parts=tuple(parts))

    def readout(self, logits: Operand) -> Draft:
        """The last stage: a sum without activation."""
        made = as_made(logits).view
        if logits.view != made and prod(made[1:]) > 1:
            raise UnsupportedError(
                "logits must be one vector, or one per place as [classes, height, width]",
                found=f"{list(logits.view)}, made as {list(made)}",
                where="output",
                action="return the map, or put a Linear behind the flattening",
            )
        part = self.join("output", logits).parts[0]
        if isinstance(part, Value) and part.plain:
            raise UnsupportedError(
                "the last layer must be a weighted sum, whose outputs are compared",
                found="an activation, or a max pool or upsampling of one",
                where=part.source,
                action="drop it: the largest logit decides",
            )
        name = (part.title or part.source) if isinstance(part, Value) else part.name
        whole = self._settled("output", self._as_sum(name, part))
        return Draft(name=self._names.take(whole.name), sum=whole, activation=None)

    # --- parts ------------------------------------------------------------------------------------

    def _value(self, name: str, part: Part, what: str) -> Value:
        """The part as values of a stage that is made; a sum that is not negative passes a ReLU."""
        if isinstance(part, Value):
            return part
        if part.negative or part.after:
            layer = part.after[-1].name if part.after else part.name
            raise UnsupportedError(
                f"{what} must follow an activation, or the input itself",
                found=f"{layer}, without an activation behind it",
                where=name,
                action=ACTIVATE,
            )
        return self._emit(part, Activation())

    def _as_sum(self, name: str, part: Part) -> Sum:
        if isinstance(part, Sum):
            return part
        require_channels(name, part)
        shape = part.shape
        zero = channels(np.zeros(shape[0]), len(shape))
        return Sum(name=name, shape=shape, terms=(Term(name=name, value=part),), bias=zero)

    def _settled(self, name: str, part: Sum) -> Sum:
        """A sum of which nothing waits for an activation."""
        if part.after:
            raise UnsupportedError(
                "what is added, concatenated or returned must not wait for an activation",
                found=f"{part.after[-1].name} of {part.name}",
                where=name,
                action="put a ReLU behind it",
            )
        return part

    def _emit(self, part: Sum, activation: Activation) -> Value:
        name = self._names.take(part.name)
        self.drafts.append(Draft(name=name, sum=replace(part, after=()), activation=activation))
        value = Value(source=name, source_shape=part.shape, signed=False)
        for step in part.after:
            stage = step.stage(self._names.take(step.name), value.source, value.source_shape)
            value = self._append(stage, value)
        return value

    def _append(self, stage: MaxStage | AverageStage | UpsampleStage, value: Value) -> Value:
        """The values of a new stage that reads the source of ``value``, with all that follows."""
        self.drafts.append(stage)
        return Value(
            source=stage.name,
            source_shape=stage.shape,
            signed=value.signed,
            factor=value.factor,
            affine=value.folded(keep_norm=False),
        )

    def _resample(self, name: str, x: Operand, step: Maximum | Enlarge) -> Operand:
        parts: list[Part] = []
        for part in x.parts:
            if isinstance(part, Sum) and part.negative:
                parts.append(replace(part, after=(*part.after, step)))
                continue
            value = self._resampled_value(name, self._value(name, part, "a pool"))
            if isinstance(step, Maximum):
                require_rising(name, value)
            stage = step.stage(self._names.take(step.name), value.source, value.source_shape)
            parts.append(self._append(stage, value))
        return mapped_operand(tuple(parts))

    def _resampled_value(self, name: str, value: Value) -> Value:
        """Values that a pool or an upsampling may trade places with: nothing differs by place."""
        if value.pool is None and (value.affine is None or value.affine.per_channel):
            return value
        if value.negative:
            raise UnsupportedError(
                "what is pooled again or enlarged must be an activation's values",
                found=f"{value.title or value.source} with a batch norm or signed values",
                where=name,
                action=ACTIVATE,
            )
        return self._emit(self._as_sum(value.title, value), Activation())

    def _average_value(self, name: str, value: Value, pool: Pool, factor: Fraction) -> Value:
        whole = pool if value.pool is None else joined_pools(value.pool, pool)
        if whole is None:
            value, whole = self._resampled_value(name, value), pool
        require_channels(name, value)
        shape, affine = value.shape, value.affine
        return replace(
            value,
            pool=whole,
            factor=value.factor * factor,
            affine=None if affine is None else affine.pooled(shape, pool, factor),
            title=name,
        )

    def _average_sum(self, name: str, part: Sum, pool: Pool, factor: Fraction) -> Sum:
        """An average of a sum whose branches may trade places with it."""
        easy = all(term.operation is None or term.operation.pointwise for term in part.terms)
        if part.after or any(pool.padding) or not easy:
            raise UnsupportedError(
                "an average pool must follow an activation, or the input itself",
                found=f"{part.name}, without an activation behind it",
                where=name,
                action="put a ReLU between them, or make it a 1x1 convolution",
            )
        mean = Fraction(1, prod(pool.kernel))
        terms = tuple(
            replace(term, value=self._average_value(name, term.value, pool, mean))
            for term in part.terms
        )
        bias = Affine(np.ones_like(part.bias), part.bias).pooled(part.shape, pool, mean).shift
        sums = replace(part, shape=pool.output_shape(part.shape), terms=terms, bias=bias)
        return sums if factor == mean else scaled_sum(name, sums, factor / mean)

    def _added(self, name: str, p: Part, q: Part) -> Sum:
        a = self._settled(name, self._as_sum(name, p)).summands()
        b = self._settled(name, self._as_sum(name, q)).summands()
        terms = gathered((*a.terms, *b.terms))
        return Sum(name=name, shape=a.shape, terms=terms, bias=a.bias + b.bias)

    @staticmethod
    def _require_natural(name: str, x: Operand, what: str) -> None:
        if not x.natural:
            made = " and ".join(str(list(part_shape(part))) for part in x.parts)
            action = "reshape only to one vector per sample, in front of a Linear"
            if all(isinstance(p, Value) and p.plain and p.source == INPUT for p in x.parts):
                action = f"give the samples the shape {list(x.view)}"
            raise UnsupportedError(
                f"{what} must get values in the shape in which they were made",
                found=f"{list(x.view)}, made as {made}",
                where=name,
                action=action,
            )
