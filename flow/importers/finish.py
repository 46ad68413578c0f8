"""Makes the graph of the drafts: stages take over norms, the rest goes into weights and biases."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from spikewright.flow.importers.builder import Builder, Draft, Names
from spikewright.flow.importers.stages import (
    Activation,
    AverageStage,
    Branch,
    BranchKind,
    FloatArray,
    Graph,
    MaxStage,
    Node,
    Norm,
    Shape,
    Stage,
    UpsampleStage,
)
from spikewright.flow.importers.values import (
    Affine,
    Operand,
    Operation,
    Sum,
    Term,
    Value,
    channels,
)

__all__ = ["finish"]

Resampling = MaxStage | AverageStage | UpsampleStage


def finish(builder: Builder, shape: Shape, logits: Operand) -> Graph:
    """The graph whose readout computes ``logits``; raises UnsupportedError."""
    readout = builder.readout(logits)
    drafts = _merged_activations([*builder.drafts, readout])
    norms = _taken_norms(drafts)
    names = Names()
    stages = tuple(
        _stage(draft, norms, names) if isinstance(draft, Draft) else draft for draft in drafts
    )
    return Graph(input_shape=shape, stages=stages)


def _merged_activations(drafts: Sequence[Draft | Resampling]) -> list[Draft | Resampling]:
    """Two activations directly behind each other become one, where one does the same."""
    result = list(drafts)
    index = 0
    while index < len(result):
        second = result[index]
        first = _only_source(second, result) if isinstance(second, Draft) else None
        both = None
        if isinstance(second, Draft) and first is not None:
            both = _combined(first.activation, second.activation)
        if first is None or both is None:
            index += 1
            continue
        result[result.index(first)] = replace(first, activation=both)
        del result[index]
        result = [_redirected(draft, second.name, first.name) for draft in result]
    return result


def _only_source(second: Draft, drafts: Sequence[Draft | Resampling]) -> Draft | None:
    """The stage whose values are all that ``second`` reads, where nobody else reads them."""
    term = second.sum.terms[0]
    passing = len(second.sum.terms) == 1 and term.operation is None and term.value.plain
    same = passing and second.sum.norm is None and not bool(second.sum.bias.any())
    first = next((draft for draft in drafts if draft.name == term.value.source), None)
    if not same or not isinstance(first, Draft) or first.sum.shape != second.sum.shape:
        return None
    readers = [draft for draft in drafts if first.name in _sources(draft)]
    return first if readers == [second] else None


def _sources(draft: Draft | Resampling) -> list[str]:
    if isinstance(draft, Draft):
        return [term.value.source for term in draft.sum.terms]
    return [draft.source]


def _combined(first: Activation | None, second: Activation | None) -> Activation | None:
    if first is None or second is None:
        return None
    if first.step is None and first.clip is None:
        return second
    if second.step is None and (second.clip is None or second.clip >= (first.clip or 0.0)):
        return first
    if first.step is None and second.step is None:
        return second
    return None


def _redirected(draft: Draft | Resampling, old: str, new: str) -> Draft | Resampling:
    """The draft with another name for what it reads."""
    if old not in _sources(draft):
        return draft
    if not isinstance(draft, Draft):
        return replace(draft, source=new)
    terms = tuple(
        replace(term, value=replace(term.value, source=new)) if term.value.source == old else term
        for term in draft.sum.terms
    )
    return replace(draft, sum=replace(draft.sum, terms=terms))


def _taken_norms(drafts: Sequence[Draft | Resampling]) -> dict[str, Norm]:
    """By stage, the norm that all its readers apply, all with weights of their own behind it."""
    able = {draft.name for draft in drafts if isinstance(draft, Draft)}
    wanted: dict[str, list[Norm | None]] = {}
    for draft in drafts:
        if not isinstance(draft, Draft):
            wanted.setdefault(draft.source, []).append(None)
            continue
        for term in draft.sum.terms:
            norm = None if term.operation is None else term.value.norm
            wanted.setdefault(term.value.source, []).append(norm)
    return {
        name: norms[0]
        for name, norms in wanted.items()
        if name in able and norms[0] is not None and all(norm is norms[0] for norm in norms)
    }


def _stage(draft: Draft, norms: dict[str, Norm], names: Names) -> Node:
    whole = draft.sum if draft.activation is not None else draft.sum.folded()
    rank = len(whole.shape)
    bias = whole.bias
    branches = []
    for term in whole.terms:
        kept = term.value.source in norms
        branch, constant = _branch(term, whole, names, keep_norm=kept)
        if constant is not None and branch.norm is not None:
            # The norm's statistics are those of the branch alone: as in Sum.summands.
            level = np.broadcast_to(constant, whole.shape).reshape(whole.shape[0], -1).mean(1)
            constant = (constant - channels(level, rank)) * channels(branch.norm.gain, rank)
            branch = replace(branch, norm=replace(branch.norm, mean=branch.norm.mean - level))
        bias = bias if constant is None else bias + constant
        branches.append(branch)
    return Stage(
        name=draft.name,
        shape=whole.shape,
        branches=tuple(branches),
        bias=np.array(bias, dtype=np.float64).reshape(-1),
        norm_before=whole.norm,
        activation=draft.activation,
        norm_after=norms.get(draft.name),
    )


def _branch(
    term: Term, whole: Sum, names: Names, *, keep_norm: bool
) -> tuple[Branch, FloatArray | None]:
    """The term as a branch, and the constant that it adds, per channel or per neuron."""
    value = term.value
    affine = value.folded(keep_norm=keep_norm)
    operation, constant = term.operation, None
    gain = float(value.factor)
    if affine is not None and operation is None and _uniform(affine):
        gain *= float(affine.gain.flat[0])
        constant = _padded(affine.shift, term, whole)
        affine = None
    if affine is not None and operation is None:
        operation = _selection(term, whole)
    if affine is not None and operation is not None:
        constant = operation.constant(affine.shift, value.shape) if affine.shift.any() else None
        operation = _gained(operation, affine, value)
    if operation is None:
        name = names.take(f"{whole.name}_{value.source}")
        branch = Branch(name=name, source=value.source, kind=BranchKind.PASS, offset=term.offset)
    else:
        branch = operation.branch(names.take(term.name), value.source)
    return replace(branch, pool=value.pool, gain=gain, norm=term.norm), constant


def _uniform(affine: Affine) -> bool:
    """Whether the gain is one number, which is not 0."""
    first = affine.gain.flat[0]
    return bool(first != 0 and (affine.gain == first).all())


def _gained(operation: Operation, affine: Affine, value: Value) -> Operation:
    if operation.kind is BranchKind.LINEAR:
        return operation.gained(np.broadcast_to(affine.gain, value.shape))
    return operation.gained(affine.gain)


def _padded(shift: FloatArray, term: Term, whole: Sum) -> FloatArray | None:
    """A constant of some channels as one of all channels."""
    if not shift.any():
        return None
    own = term.value.shape
    margin = (term.offset, whole.shape[0] - own[0] - term.offset)
    return np.pad(shift, [margin, *[(0, 0)] * (len(own) - 1)])


def _selection(term: Term, whole: Sum) -> Operation:
    """Weights of 1 and 0 that do what passing does; a gain per channel can go into them."""
    n_in, n_out = term.value.shape[0], whole.shape[0]
    space = len(whole.shape) - 1
    ones, zeros = (1,) * space, (0,) * space
    if space == 0:
        return Operation(kind=BranchKind.LINEAR, weight=np.eye(n_out, n_in, -term.offset))
    if n_in == n_out:
        weight, groups = np.ones((n_out, 1)), n_out
    else:
        weight, groups = np.eye(n_out, n_in, -term.offset), 1
    return Operation(
        kind=BranchKind.CONVOLUTION,
        weight=weight.reshape(*weight.shape, *ones),
        stride=ones,
        padding=zeros,
        dilation=ones,
        output_padding=zeros,
        groups=groups,
    )
