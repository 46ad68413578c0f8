"""A path through linear nodes as an operator with integer weights."""

from dataclasses import dataclass
from math import ceil, log2, prod

import nir
import numpy as np
import numpy.typing as npt
import torch

from spikewright.golden.errors import UnsupportedError
from spikewright.golden.spec import (
    Dense,
    Identity,
    Operator,
    Window,
    WindowKind,
)

from .graph import Route
from .linear import _each
from .precision import Precision
from .reference import Reference

__all__ = ["Wire", "operator_of", "unit_of", "wire_of"]

Floats = npt.NDArray[np.float64]
_MOST_SYNAPSES = 1 << 24
_WEIGHTS = (nir.Linear, nir.Affine, nir.Conv1d, nir.Conv2d, nir.Scale)
_POOLS = (nir.SumPool2d, nir.AvgPool2d)


@dataclass(frozen=True, kw_only=True, eq=False)
class Wire:
    """A path as an operator with weights of doubles, and what it brings without a spike."""

    path: Route
    operator: Operator | None  # with the right geometry, and no weights yet
    weights: Floats | None  # None where each spike counts ``unit``
    unit: float
    bias: Floats  # [neurons]


def wire_of(reference: Reference, path: Route) -> Wire:
    """The wire of a path: identity, one window, or all its linear nodes as one matrix.

    Raises
    ------
    UnsupportedError
        If that matrix were too large.
    """
    zero = torch.zeros(1, *reference.shapes[path.source], dtype=torch.float64)
    silent = reference.charge(path, zero).flatten().numpy()
    size = reference.dynamics[path.target].gain.size
    bias = np.broadcast_to(silent, (size,)).copy()
    nodes = [reference.graph.nodes[name] for name in path.nodes]
    kinds = [n for n in nodes if not isinstance(n, nir.Flatten | nir.Delay)]
    if not kinds:
        return Wire(path=path, operator=Identity(), weights=None, unit=1.0, bias=bias)
    window = _window(kinds, reference.shapes[path.source])
    if window is not None:
        operator, weights, unit = window
        return Wire(path=path, operator=operator, weights=weights, unit=unit, bias=bias)
    n = prod(reference.shapes[path.source])
    if n * size > _MOST_SYNAPSES:
        raise UnsupportedError(
            f"linear nodes that do not make one convolution must have at most {_MOST_SYNAPSES} "
            "weights together",
            found=f"{n} x {size}",
            where=f"{reference.where}: {' -> '.join((path.source, *path.nodes, path.target))}",
        )
    basis = torch.eye(n, dtype=torch.float64).reshape(n, *reference.shapes[path.source])
    matrix = reference.charge(path, basis).flatten(1).numpy() - silent
    return Wire(path=path, operator=None, weights=matrix, unit=1.0, bias=bias)


def _window(
    nodes: list[nir.NIRNode], shape: tuple[int, ...]
) -> tuple[Operator, Floats | None, float] | None:
    """One convolution, behind one pool or none; or one pool; None where it is something else."""
    pool, unit = None, 1.0
    if isinstance(nodes[0], _POOLS) and len(shape) == 3:
        pool = _pool(nodes[0])
        unit = 1.0 if isinstance(nodes[0], nir.SumPool2d) else 1.0 / prod(pool.kernel)
        nodes = nodes[1:]
        if not nodes:
            return pool, None, unit
    if len(nodes) != 1 or not isinstance(nodes[0], nir.Conv1d | nir.Conv2d):
        return None
    node = nodes[0]
    n = node.weight.ndim - 2
    if isinstance(node.padding, str) or len(shape) != n + 1 or (pool is not None and n != 2):
        return None
    weights = np.asarray(node.weight, dtype=np.float64)
    window = Window(
        kind=WindowKind.CONVOLUTION,
        kernel=weights.shape[2:],
        stride=_each(node.stride, n),
        padding=_each(node.padding, n),
        dilation=_each(node.dilation, n),
        output_padding=(0,) * n,
        groups=int(node.groups),
        weights=np.zeros(weights.shape, dtype=np.int64),
        weight_bits=2,
        pool=pool,
    )
    return window, weights, unit


def _pool(node: nir.NIRNode) -> Window:
    return Window(
        kind=WindowKind.SUM_POOL,
        kernel=_each(node.kernel_size, 2),
        stride=_each(node.stride, 2),
        padding=_each(node.padding, 2),
        dilation=(1, 1),
        output_padding=(0, 0),
    )


def _quantum(wire: Wire, size: float, precision: Precision) -> float:
    """What one of a weight's integers counts at the least."""
    if wire.weights is None:
        return size
    most = 2 ** (precision.weight_bits - 1) - 1
    grid = _grid(wire.weights, most)
    return size * (float(np.abs(wire.weights).max()) / most if grid is None else grid)


def _grid(weights: Floats, most: int) -> float | None:
    """The step of which all weights are multiples, up to ``most``, as after quantised training.

    Euclid's algorithm on their magnitudes; None where there is none.
    """
    values = np.unique(np.abs(weights))
    values = values[values > 0]
    if not values.size:
        return None
    largest = float(values[-1])
    step = float(values[0])
    for value in values[1:]:
        rest = float(value)
        while rest > 1e-9 * largest:
            step, rest = rest, float(step % rest)
            if min(rest, step - rest) < 1e-9 * largest:
                rest = 0.0
        if step * most < largest * (1 - 1e-9):
            return None
    whole = np.rint(values / step)
    return step if np.allclose(values, whole * step, rtol=1e-12, atol=0) else None


def unit_of(scaled: list[tuple[Wire, float]], precision: Precision) -> float:
    """The finest that one of the weights' integers counts, of wires times what a spike is worth."""
    quanta = [q for q in (_quantum(wire, size, precision) for wire, size in scaled) if q > 0]
    return min(quanta, default=1.0)


def operator_of(wire: Wire, size: float, unit: float, precision: Precision) -> Operator:
    """Integers of the unit, times the least power of two that makes them fit."""
    largest = size if wire.weights is None else size * float(np.abs(wire.weights).max())
    most = 1 if wire.weights is None else 2 ** (precision.weight_bits - 1) - 1
    # The least that makes them fit loses the least.
    shift = max(0, ceil(log2(largest / (most * unit)) - 1e-9)) if largest > 0 else 0
    total = shift + precision.fraction_bits
    if wire.weights is None:
        quantum = size
        assert wire.operator is not None  # a spike that counts by itself is one
        if not np.isclose(quantum, unit * 2.0**shift, rtol=1e-9):
            # Another branch has the finer unit: a diagonal or a pool becomes weights.
            raise UnsupportedError(
                "a branch without weights must count a power of two of the others' unit",
                found=f"{quantum / unit:g} times",
                where=f"{wire.path.source!r} -> {wire.path.target!r}",
                action="put a Scale or Linear node there",
            )
        if isinstance(wire.operator, Identity):
            return Identity(shift=total)
        assert isinstance(wire.operator, Window)
        return _replaced(wire.operator, shift=total)
    weights = np.rint(wire.weights * size / (unit * 2.0**shift)).astype(np.int64)
    if isinstance(wire.operator, Window):
        return _replaced(
            wire.operator, weights=weights, weight_bits=precision.weight_bits, shift=total
        )
    return Dense(weights=weights, weight_bits=precision.weight_bits, shift=total)


def _replaced(window: Window, **changes: object) -> Window:
    names = ("kind", "kernel", "stride", "padding", "dilation", "output_padding", "groups", "pool")
    fields = {name: getattr(window, name) for name in names}
    return Window(**(fields | changes))
