"""A path through linear nodes as an operator with integer weights."""

from dataclasses import dataclass, replace
from math import prod

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
from .units import finest, largest_integer, shift_of

__all__ = ["Wire", "matrix_of", "operator_of", "unit_of", "wire_of"]

Floats = npt.NDArray[np.float64]
_MOST_SYNAPSES = 1 << 24
_MOST_UNITS = 1 << 20  # of a threshold, beyond which nothing is meant to be a whole number
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
    shape: tuple[int, ...]  # of the source

    def window_shape(self) -> tuple[int, ...] | None:
        """The shape that a window makes; None of other operators."""
        return self.operator.output_shape(self.shape) if isinstance(self.operator, Window) else None


def wire_of(reference: Reference, path: Route) -> Wire:
    """The wire of a path: identity, one window, or all its linear nodes as one matrix.

    Raises
    ------
    UnsupportedError
        If that matrix were too large.
    """
    shape = reference.shapes[path.source]
    nodes = [reference.graph.nodes[name] for name in path.nodes]
    kinds = [n for n in nodes if not isinstance(n, nir.Flatten | nir.Delay)]
    bias = _silent(reference, path)
    if not kinds:
        return Wire(path=path, operator=Identity(), weights=None, unit=1.0, bias=bias, shape=shape)
    window = _window(kinds, shape)
    if window is not None:
        operator, weights, unit = window
        return Wire(
            path=path, operator=operator, weights=weights, unit=unit, bias=bias, shape=shape
        )
    return matrix_of(reference, path)


def _silent(reference: Reference, path: Route) -> Floats:
    """What a path brings without a spike."""
    zero = torch.zeros(1, *reference.shapes[path.source], dtype=torch.float64)
    return reference.charge(path, zero).flatten().numpy().copy()


def matrix_of(reference: Reference, path: Route) -> Wire:
    """The wire of a path with all its linear nodes as one matrix.

    Raises
    ------
    UnsupportedError
        If that matrix were too large.
    """
    shape, silent = reference.shapes[path.source], _silent(reference, path)
    n, size = prod(shape), reference.dynamics[path.target].gain.size
    if n * size > _MOST_SYNAPSES:
        raise UnsupportedError(
            f"linear nodes that do not make one convolution must have at most {_MOST_SYNAPSES} "
            "weights together",
            found=f"{n} x {size}",
            where=f"{reference.where}: {' -> '.join((path.source, *path.nodes, path.target))}",
        )
    basis = torch.eye(n, dtype=torch.float64).reshape(n, *shape)
    matrix = reference.charge(path, basis).flatten(1).numpy() - silent
    return Wire(path=path, operator=None, weights=matrix, unit=1.0, bias=silent, shape=shape)


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
    most = largest_integer(precision.weight_bits)
    grid = _grid(wire.weights, most)
    return _largest(wire, size) / most if grid is None else size * grid


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


def unit_of(scaled: list[tuple[Wire, float]], precision: Precision, others: Floats) -> float:
    """What one of a population's integers counts, of wires times what a spike is worth.

    What holds all weights as they are, and if there is such a unit ``others`` too, thresholds and
    biases. Else the finest that the largest weight of one of the wires leaves.
    """
    quanta = [_quantum(wire, size, precision) for wire, size in scaled]
    for unit in (
        _grid(np.array([*quanta, *others]), _MOST_UNITS),
        _grid(np.array(quanta), 1 << 16),
    ):
        if unit is not None and all(_holds(wire, x, unit, precision) for wire, x in scaled):
            return unit
    most = largest_integer(precision.weight_bits)
    return finest(_largest(wire, size) / most for wire, size in scaled)


def _largest(wire: Wire, size: float) -> float:
    """Magnitude of a weight."""
    return size if wire.weights is None else size * float(np.abs(wire.weights).max())


def _holds(wire: Wire, size: float, unit: float, precision: Precision) -> bool:
    """Whether a unit loses nothing of a wire."""
    if wire.weights is None:
        return _is_power_of_two(size / unit)
    whole = _integers(wire.weights, size, unit, precision)[0]
    return bool(np.allclose(np.rint(whole), whole, rtol=1e-9, atol=1e-9))


def _is_power_of_two(ratio: float) -> bool:
    return bool(np.isclose(ratio, 2.0 ** shift_of(ratio), rtol=1e-9))


def _integers(
    weights: Floats, size: float, unit: float, precision: Precision
) -> tuple[Floats, int]:
    """Weights of so many bits before they are rounded, and the shift behind them."""
    most = largest_integer(precision.weight_bits)
    # The least shift that makes them fit loses the least.
    shift = shift_of(size * float(np.abs(weights).max()) / (most * unit))
    return weights * size / (unit * 2.0**shift), shift


def operator_of(
    wire: Wire, size: float, unit: float, precision: Precision, shape: tuple[int, ...]
) -> Operator:
    """Integers of the unit, times the least power of two that makes them fit.

    ``shape`` : of the target.
    """
    if wire.weights is None and _is_power_of_two(size / unit):
        total = shift_of(size / unit) + precision.fraction_bits
        if isinstance(wire.operator, Identity):
            return Identity(shift=total)
        assert isinstance(wire.operator, Window)
        return _replaced(wire.operator, shift=total)
    if wire.weights is None:
        # Another branch has the finer unit.
        wire = _with_weights(wire, shape)
    assert wire.weights is not None
    whole, shift = _integers(wire.weights, size, unit, precision)
    weights, total = np.rint(whole).astype(np.int64), shift + precision.fraction_bits
    if isinstance(wire.operator, Window):
        return _replaced(
            wire.operator, weights=weights, weight_bits=precision.weight_bits, shift=total
        )
    return Dense(weights=weights, weight_bits=precision.weight_bits, shift=total)


def _with_weights(wire: Wire, shape: tuple[int, ...]) -> Wire:
    """A diagonal or a pool with weights of 1: a convolution of each channel, or a matrix."""
    n = len(wire.shape) - 1
    if wire.operator == Identity() and (n not in (1, 2) or shape != wire.shape):
        size = prod(wire.shape)
        if size * size > _MOST_SYNAPSES:
            raise UnsupportedError(
                f"a branch without weights beside one with others must have at most "
                f"{_MOST_SYNAPSES} as a diagonal",
                found=f"{size} x {size}",
                where=f"{wire.path.source!r} -> {wire.path.target!r}",
                action="put a Scale there that makes it a power of two of the others",
            )
        return replace(wire, operator=None, weights=np.eye(size))
    pool = wire.operator if isinstance(wire.operator, Window) else None
    kernel = (1,) * n if pool is None else pool.kernel
    weights = np.ones((wire.shape[0], 1, *kernel))
    window = Window(
        kind=WindowKind.CONVOLUTION,
        kernel=kernel,
        stride=(1,) * n if pool is None else pool.stride,
        padding=(0,) * n if pool is None else pool.padding,
        dilation=(1,) * n,
        output_padding=(0,) * n,
        groups=wire.shape[0],
        weights=weights.astype(np.int64),
        weight_bits=2,
    )
    return replace(wire, operator=window, weights=weights)


def _replaced(window: Window, **changes: object) -> Window:
    names = ("kind", "kernel", "stride", "padding", "dilation", "output_padding", "groups", "pool")
    fields = {name: getattr(window, name) for name in names}
    return Window(**(fields | changes))
