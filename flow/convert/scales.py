"""Which steps must be tied so that values can be added as they are, and to what.

Where branches pass values on into the same channels of a stage (skip connections), one level of
each must be worth the same unit of charge times a power of two. Steps of activations are free, so
those that meet are made multiples of one (union-find over the graph); the steps of inputs and of
quantised activations are given.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, log2, prod

from spikewright.flow.importers import INPUT, Branch, BranchKind, Graph, Stage
from spikewright.golden.errors import UnsupportedError

__all__ = ["Group", "Scales", "groups", "tie"]

POWER_ERROR = 1e-9  # of an exponent that must be whole
CONVOLUTION = "put a 1x1 convolution on one of them"
SLACK = 0.25  # of a bit of resolution given up rather than halve or double a step


@dataclass(frozen=True, kw_only=True)
class Scales:
    """Steps after tying: that of value ``name`` is ``step(name)`` = root's step * ratio."""

    owners: Mapping[str, str]
    roots: Mapping[str, str]
    ratios: Mapping[str, float]
    steps: Mapping[str, float]

    def root(self, name: str) -> str:
        """The activation, or INPUT, whose step the value's step is a multiple of."""
        return self.roots[self.owners[name]]

    def ratio(self, name: str) -> float:
        """The step of the value over its root's."""
        return self.ratios[self.owners[name]]

    def step(self, name: str) -> float:
        """The worth of one level of the value."""
        return self.steps[self.root(name)] * self.ratio(name)


@dataclass(frozen=True, kw_only=True)
class Group:
    """Passing branches (by index) that share channels first .. last - 1 of their stage."""

    branches: tuple[int, ...]
    first: int
    last: int


def groups(graph: Graph, stage: Stage) -> tuple[Group, ...]:
    """Branches of ``stage`` that pass values on, together where their channels overlap.

    All channels of a readout are compared with each other, so they are one group.
    """
    ranges = sorted(
        (branch.offset, branch.offset + graph.shapes[branch.source][0], index)
        for index, branch in enumerate(stage.branches)
        if branch.kind is BranchKind.PASS
    )
    if stage.activation is None:
        all_of = tuple(index for *_, index in ranges)
        return (Group(branches=all_of, first=0, last=stage.shape[0]),) if ranges else ()
    result: list[Group] = []
    for first, last, index in ranges:
        if result and first < result[-1].last:
            before = result.pop()
            first, last = before.first, max(before.last, last)
            result.append(Group(branches=(*before.branches, index), first=first, last=last))
        else:
            result.append(Group(branches=(index,), first=first, last=last))
    return tuple(result)


def tie(graph: Graph, steps: Mapping[str, float]) -> Scales:
    """Tie the measured ``steps`` of INPUT and the activations as the graph's sums need it."""
    owners = {INPUT: INPUT}
    for stage in graph.stages:
        owners[stage.name] = stage.name if isinstance(stage, Stage) else owners[stage.source]
    ties = _Ties(graph, steps)
    for stage in graph.stages:
        if not isinstance(stage, Stage):
            continue
        for group in groups(graph, stage):
            lead = stage.branches[group.branches[0]]
            for index in group.branches[1:]:
                branch = stage.branches[index]
                ties.join(
                    owners[lead.source],
                    owners[branch.source],
                    (lead, branch),
                    stage.name,
                )
    roots = {name: ties.find(name)[0] for name in steps}
    return Scales(
        owners=owners,
        roots=roots,
        ratios={name: ties.find(name)[1] for name in steps},
        steps={root: ties.value(root) for root in set(roots.values())},
    )


class _Ties:
    """Union-find whose edges say how many times the root's step a step is."""

    def __init__(self, graph: Graph, steps: Mapping[str, float]) -> None:
        self._measured = dict(steps)
        self._above: dict[str, tuple[str, float]] = {}
        self._fixed = {INPUT}
        for stage in graph.stages:
            if isinstance(stage, Stage) and stage.activation is not None:
                self._fixed |= {stage.name} if stage.activation.step is not None else set()

    def find(self, name: str) -> tuple[str, float]:
        """The root of ``name``, and the step of ``name`` over the root's."""
        ratio = 1.0
        while name in self._above:
            name, factor = self._above[name]
            ratio *= factor
        return name, ratio

    def value(self, root: str) -> float:
        """The root's step: given, or the least that clips no member below what was measured."""
        if root in self._fixed:
            return self._measured[root]
        members = [(name, self.find(name)) for name in self._measured]
        return max(self._measured[name] / r for name, (at, r) in members if at == root)

    def join(self, one: str, other: str, branches: tuple[Branch, Branch], stage: str) -> None:
        """Make what two branches pass on into ``stage`` differ by a power of two.

        ``one`` and ``other`` own the steps of their sources.
        """
        factor = abs(branches[1].gain / branches[0].gain)
        root, ratio = self.find(one)
        below, ratio_below = self.find(other)
        fixed = root in self._fixed and below in self._fixed
        if below in self._fixed and not fixed:
            root, ratio, below, ratio_below = below, ratio_below, root, ratio
            factor = 1 / factor
        # step(below) = step(root) * ratio / (ratio_below * factor) / 2**exponent
        whole = ratio / (ratio_below * factor)
        if root != below:
            exponent = log2(self.value(root) * whole / self.value(below))
        else:
            exponent = log2(whole)
        if root == below or fixed:
            if abs(exponent - round(exponent)) > POWER_ERROR:
                raise self._refusal((one, other), branches, stage)
            exponent = round(exponent)
        else:
            exponent = -ceil(-exponent - SLACK)
        if root != below:
            self._above[below] = (root, whole / 2.0**exponent)

    def _refusal(
        self, owners: tuple[str, str], branches: tuple[Branch, Branch], stage: str
    ) -> UnsupportedError:
        found = []
        for owner, branch in zip(owners, branches, strict=True):
            root, ratio = self.find(owner)
            factor = "" if branch.gain == 1 else f" * {branch.gain:.6g}"
            step = self.value(root) * ratio * abs(branch.gain)
            found.append(f"{branch.source!r}{factor} of step {step:.6g}")
        return UnsupportedError(
            "values that are added as they are must have steps that differ by a power of two",
            found=" and ".join(found),
            where=stage,
            action=self._advice(owners, branches),
        )

    def _advice(self, owners: tuple[str, str], branches: tuple[Branch, Branch]) -> str:
        """What helps: the factor is to blame where both have one step already."""
        if owners[0] != owners[1]:
            given = INPUT not in owners and self._fixed.issuperset(owners)
            return CONVOLUTION + (", or give both activations one step" if given else "")
        for branch in branches:
            count = 1 if branch.pool is None else prod(branch.pool.kernel)
            if count & (count - 1):
                return (
                    f"the mean over {count} is no power of two: use a window of 2, 4 or 8 values, "
                    "or a 1x1 convolution"
                )
        return f"use a power of two as the factor, or {CONVOLUTION}"
