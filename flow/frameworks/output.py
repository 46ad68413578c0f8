"""What a module returns, held against what is read of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import prod

import torch
from torch import Tensor

from spikewright.flow.nir.reference import Reference, Traces
from spikewright.golden.errors import UnsupportedError

from .assemble import Read
from .values import READOUT, Returned, Source

__all__ = ["match_output"]

ROUNDING = {torch.float64: 1e-9, torch.float32: 1e-5}  # means of spikes stay in float32


@dataclass(frozen=True)
class _Form:
    """Something that a module may return: [..., neurons], with the dimension of samples."""

    name: str
    values: Tensor
    samples: int


def match_output(
    reference: Reference,
    wanted: Traces,
    read: Read,
    returned: Sequence[Sequence[Returned]],
    alive: Tensor,
) -> set[str]:
    """What else the returned values could be as well, of what cannot be read.

    ``returned``: by call, of one step or of all. ``alive`` [samples] are compared. What comes of
    other layers than the one that is read is not looked at.

    Raises
    ------
    UnsupportedError
        If a tensor that comes of the layer that is read is neither what it brings in each step, nor
        their sum or mean, nor its last membrane.
    """
    silent = reference.dynamics[read.name].threshold is None
    values = wanted.membranes[read.name] if silent else wanted.spikes[read.name]
    is_membrane = silent and read.name != READOUT
    if read.name == READOUT:
        values = torch.diff(values, dim=0, prepend=torch.zeros_like(values[:1]))
    like: set[str] = set()
    for tensor, value in _joined(returned, read, len(values)):
        if not value.sources & read.sources:
            continue  # a hidden layer, or a state beside the spikes
        if is_membrane and value.terms is not None and not tensor.any():
            continue  # spikes of what never fires; its membrane is held against it elsewhere
        like |= _matched(tensor, value.why, values, is_membrane, read, alive)
    return like


def _joined(returned: Sequence[Sequence[Returned]], read: Read, steps: int) -> Iterator[Returned]:
    """What one call returns, or what all calls of a step return, [steps, samples, ...]."""
    if len(returned) == 1:
        (whole,) = returned
        mine = [each for each in whole if each[1].sources & read.sources]
        if len(mine) == steps > 1 and len({tensor.shape for tensor, _ in mine}) == 1:
            returned = [[each] for each in mine]  # a list of all steps
        else:
            yield from whole
            return
    shapes = {tuple(tuple(tensor.shape) for tensor, _ in call) for call in returned}
    if len(shapes) != 1:
        raise UnsupportedError(
            "a module must return tensors of the same shapes in every step",
            found=f"{len(shapes)} sorts",
            where=read.name,
        )
    for calls in zip(*returned, strict=True):
        sources = frozenset[Source]().union(*(value.sources for _, value in calls))
        last = calls[-1][1]
        yield torch.stack([tensor for tensor, _ in calls]), replace(last, sources=sources)


def _matched(
    tensor: Tensor, why: str, steps: Tensor, is_membrane: bool, read: Read, alive: Tensor
) -> set[str]:
    """Names of what it could be as well; ``steps`` [steps, samples, neurons]."""
    rights = [*_rights(steps, is_membrane)]
    wrongs = [*_wrongs(steps, rights, is_membrane)]
    most = steps.abs().amax(dim=(0, 2)) * len(steps)
    slack = most * ROUNDING.get(tensor.dtype, ROUNDING[torch.float32])
    same = partial(_same, tensor, slack=slack, alive=alive)
    like = {each.name for each in wrongs if same(each)}
    if any(same(each) for each in rights):
        return like
    mixed = [each.name for each in rights if same(each, ordered=False)]
    like |= {f"{name}, in another order of neurons" for name in mixed}
    raise UnsupportedError(
        "a module that returns a membrane must return that of each step, or the last"
        if is_membrane
        else "a module must return what its last layer brings in each step, or the sum or the "
        "mean of it over the steps",
        found=min(like, default=why or f"another tensor of shape {list(tensor.shape)}"),
        where=read.name,
        action="return it as it is, and do the rest outside the module",
    )


def _rights(steps: Tensor, is_membrane: bool) -> Iterator[_Form]:
    yield _Form("the steps", steps, 1)
    yield _Form("the steps", steps.transpose(0, 1), 0)
    if is_membrane:
        yield _Form("the last step", steps[-1], 0)
    else:
        yield _Form("the sum over the steps", steps.sum(dim=0), 0)
        yield _Form("the mean over the steps", steps.mean(dim=0), 0)


def _wrongs(steps: Tensor, rights: Sequence[_Form], is_membrane: bool) -> Iterator[_Form]:
    """What is alike in its shape, and cannot be read."""
    if len(steps) > 1:
        yield _Form("the first step alone", steps[0], 0)
        yield _Form("the largest over the steps", steps.amax(dim=0), 0)
        if is_membrane:
            yield _Form("the sum over the steps", steps.sum(dim=0), 0)
            yield _Form("the mean over the steps", steps.mean(dim=0), 0)
        else:
            yield _Form("the last step alone", steps[-1], 0)
    for each in rights:
        yield _Form(f"{each.name}, negated", -each.values, each.samples)


def _same(
    tensor: Tensor, form: _Form, *, slack: Tensor, alive: Tensor, ordered: bool = True
) -> bool:
    """Whether it has the values, up to its shape and to ``slack``, in samples that are alive."""
    values = form.values
    lead = tuple(values.shape[:-1])
    leads = {lead, (prod(lead),)}
    shape = tuple(tensor.shape)
    if tensor.numel() != values.numel() or not any(shape[: len(each)] == each for each in leads):
        return False
    found = tensor.double().reshape(values.shape)
    if not ordered:
        found, values = found.sort(dim=-1).values, values.sort(dim=-1).values
    far = (found - values).abs().amax(dim=-1).movedim(form.samples, -1) > slack
    return not bool(far[..., alive].any())
