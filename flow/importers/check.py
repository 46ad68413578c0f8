"""Checks a graph whole: what the docstrings of its parts promise."""

import re
from math import isfinite

import numpy as np

from spikewright.flow.importers.stages import (
    INPUT,
    Activation,
    AverageStage,
    Branch,
    BranchKind,
    Graph,
    MaxStage,
    Norm,
    Pool,
    Shape,
    Stage,
    UpsampleStage,
)
from spikewright.golden.errors import ConfigurationError

__all__ = ["check_graph"]

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def check_graph(graph: Graph) -> None:
    """Raise ConfigurationError at the first thing that is not as it must be."""
    _require(graph.stages != (), "a graph must have a stage", "none", "graph")
    _check_sizes(graph.input_shape, INPUT, "input shape")
    shapes = {INPUT: graph.input_shape}
    branches: set[str] = set()
    for stage in graph.stages:
        _require(NAME.fullmatch(stage.name), "a name must be legal", repr(stage.name), "stage")
        _require(stage.name not in shapes, "names must differ", "a second one", stage.name)
        _check_sizes(stage.shape, stage.name, "shape")
        for source in stage.sources:
            known = source in shapes
            _require(known, "a source must come before its reader", repr(source), stage.name)
        if isinstance(stage, Stage):
            _check_stage(stage, shapes, branches, last=stage is graph.stages[-1])
        else:
            _check_resampling(stage, shapes[stage.source])
        shapes[stage.name] = stage.shape
    _require(
        isinstance(graph.stages[-1], Stage),
        "the last stage must be a weighted sum",
        type(graph.stages[-1]).__name__,
        graph.stages[-1].name,
    )
    _check_norms_after(graph)


def _check_norms_after(graph: Graph) -> None:
    """A stage's last norm is folded into the weights of what reads it, so there must be some."""
    normed = {s.name for s in graph.stages if isinstance(s, Stage) and s.norm_after is not None}
    for stage in graph.stages:
        bare = stage.sources
        if isinstance(stage, Stage):
            bare = tuple(b.source for b in stage.branches if b.kind is BranchKind.PASS)
        read = [name for name in bare if name in normed]
        _require(
            not read,
            "a norm behind an activation must be read with weights",
            f"norm_after of {', '.join(read)}",
            stage.name,
        )


def _check_resampling(stage: MaxStage | AverageStage | UpsampleStage, source: Shape) -> None:
    where = stage.name
    if isinstance(stage, UpsampleStage):
        _require(stage.factor >= 1, "the factor must be at least 1", str(stage.factor), where)
    else:
        ones = (1,) * len(stage.kernel)
        dilation = stage.dilation if isinstance(stage, MaxStage) else ones
        _check_window(where, source, (stage.kernel, stage.stride, dilation), (stage.padding,))
        _check_padding(stage.kernel, stage.padding, where)
    _require_shape(stage.output_shape(source), stage.shape, where)


def _check_padding(kernel: Shape, padding: Shape, where: str) -> None:
    half = all(2 * p <= k for k, p in zip(kernel, padding, strict=True))
    must = "a pool's padding must be at most half of its kernel"
    _require(half, must, f"{list(padding)} of {list(kernel)}", where)


def _check_stage(stage: Stage, shapes: dict[str, Shape], branches: set[str], *, last: bool) -> None:
    where = stage.name
    _require(stage.branches != (), "a stage must have a branch", "none", where)
    for branch in stage.branches:
        legal = NAME.fullmatch(branch.name) and branch.name not in branches
        _require(legal, "a branch's name must be legal and unique", repr(branch.name), where)
        branches.add(branch.name)
        _check_branch(branch, shapes[branch.source], stage)
    _check_array(stage.bias, where, "bias")
    sizes = (stage.shape[0], stage.n)
    fits = stage.bias.ndim == 1 and stage.bias.size in sizes
    wanted = f"the bias must have {' or '.join(map(str, dict.fromkeys(sizes)))} entries"
    _require(fits, wanted, str(list(stage.bias.shape)), where)
    for norm in (stage.norm_before, stage.norm_after):
        if norm is not None:
            _check_norm(norm, stage.shape[0], where)
    if stage.activation is not None:
        _check_activation(stage.activation, where)
    _require(
        (stage.activation is None) == last,
        "the last stage, and no other, must be without an activation",
        "none" if stage.activation is None else "one",
        where,
    )
    bare = stage.norm_before is None and stage.norm_after is None
    bare = bare and all(branch.norm is None for branch in stage.branches)
    _require(bare or not last, "the readout must have no norm", "one", where)


def _check_branch(branch: Branch, source: Shape, stage: Stage) -> None:
    where = f"{stage.name}, {branch.name}"
    _require(
        isfinite(branch.gain) and branch.gain != 0,
        "gain must be finite and not 0",
        str(branch.gain),
        where,
    )
    seen = source
    if branch.pool is not None:
        _check_pool(branch.pool, source, where)
        seen = branch.pool.output_shape(source)
        _check_sizes(seen, where, "pooled shape")
    passing = branch.kind is BranchKind.PASS
    _require(
        passing == (branch.weight is None),
        "PASS, and nothing else, has no weight",
        branch.kind,
        where,
    )
    _require(passing or branch.offset == 0, "only PASS has an offset", str(branch.offset), where)
    if branch.weight is not None:
        _check_weight(branch, seen, where)
    if branch.norm is not None:
        alone = passing or len(stage.branches) == 1
        _require(not alone, "a norm of one branch must have others beside it", "none", where)
        _check_norm(branch.norm, stage.shape[0], where)
    made = branch.output_shape(source)
    if passing:
        inside = 0 <= branch.offset <= stage.shape[0] - made[0]
        _require(inside, "what passes must lie in the target", f"offset {branch.offset}", where)
        made = (stage.shape[0], *made[1:])
    _require_shape(made, stage.shape, where)


def _check_weight(branch: Branch, seen: Shape, where: str) -> None:
    weight = branch.weight
    assert weight is not None
    _check_array(weight, where, "weight")
    space = 0 if branch.kind is BranchKind.LINEAR else len(seen) - 1
    _require(
        weight.ndim == space + 2 and weight.size > 0,
        f"the weight must have {space + 2} dimensions",
        str(list(weight.shape)),
        where,
    )
    if branch.kind is BranchKind.LINEAR:
        n = int(np.prod(seen))
        _require(
            weight.shape[1] == n, f"the weight must be for {n} values", str(weight.shape[1]), where
        )
        return
    _check_window(
        where,
        None,
        (weight.shape[2:], branch.stride, branch.dilation),
        (branch.padding, branch.output_padding),
    )
    groups = branch.groups
    convolution = branch.kind is BranchKind.CONVOLUTION
    n_in = weight.shape[1] * groups if convolution else weight.shape[0]
    even = groups >= 1 and (weight.shape[0] % groups == 0)
    _require(
        even and n_in == seen[0],
        f"weight and groups must be for {seen[0]} channels",
        f"{list(weight.shape)} and {groups}",
        where,
    )


def _check_pool(pool: Pool, source: Shape, where: str) -> None:
    _check_window(where, source, (pool.kernel, pool.stride), (pool.padding,))
    _check_padding(pool.kernel, pool.padding, where)


def _check_window(
    where: str, source: Shape | None, positive: tuple[Shape, ...], natural: tuple[Shape, ...]
) -> None:
    """Every tuple has one entry per spatial dimension: at least 1, or at least 0."""
    space = len(positive[0]) if source is None else len(source) - 1
    for sizes, least in [(p, 1) for p in positive] + [(n, 0) for n in natural]:
        legal = len(sizes) == space > 0 and all(type(n) is int and n >= least for n in sizes)
        _require(
            legal, f"a window must have {space} sizes of at least {least}", str(list(sizes)), where
        )


def _check_norm(norm: Norm, n: int, where: str) -> None:
    for name in ("gamma", "beta", "mean", "variance"):
        array = getattr(norm, name)
        _check_array(array, where, name)
        _require(
            array.shape == (n,), f"a norm must have {n} channels", str(list(array.shape)), where
        )
    positive = bool((norm.variance + norm.eps > 0).all())
    _require(positive, "variance + eps must be positive", str(float(norm.variance.min())), where)
    _require(isfinite(norm.momentum), "momentum must be finite", str(norm.momentum), where)


def _check_activation(activation: Activation, where: str) -> None:
    clip, levels, step = activation.clip, activation.levels, activation.step
    _require(
        clip is None or (isfinite(clip) and clip > 0), "a clip must be positive", str(clip), where
    )
    quantised = levels is not None and step is not None
    if levels is not None or step is not None:
        _require(quantised, "levels and step come together", "one of them", where)
        assert levels is not None and step is not None
        _require(
            levels >= 1 and isfinite(step) and step > 0,
            "levels and step must be positive",
            f"{levels} and {step}",
            where,
        )
        _require(clip == levels * step, "the clip must be levels * step", str(clip), where)


def _check_array(array: object, where: str, what: str) -> None:
    real = isinstance(array, np.ndarray) and array.dtype == np.float64
    _require(real, f"{what} must be a float64 array", type(array).__name__, where)
    finite = bool(np.isfinite(array).all())  # type: ignore[call-overload]
    _require(finite, f"{what} must be finite", "NaN or inf", where)


def _check_sizes(shape: Shape, where: str, what: str) -> None:
    legal = len(shape) >= 1 and all(type(size) is int and size >= 1 for size in shape)
    _require(legal, f"{what} must be positive integers", str(list(shape)), where)


def _require_shape(made: Shape, shape: Shape, where: str) -> None:
    _require(made == shape, f"the shape must be {list(made)}", str(list(shape)), where)


def _require(holds: object, must: str, found: str, where: str) -> None:
    if not holds:
        raise ConfigurationError(must, found=found, where=where)
