"""What a connection can add to its target, as bounds per neuron.

Sums run in float64 BLAS; they are exact because every sum of magnitudes is first shown to lie
below 2**52, and refused otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikewright.golden.errors import RangeError
from spikewright.golden.spec.normalise import IntArray
from spikewright.golden.spec.operators import Delta, Dense, Identity, Product, Window, WindowKind
from spikewright.golden.spec.parts import Connection, Input, Population

__all__ = ["Bounds", "Node", "Signal", "Transfer", "transfer"]

Node = Input | Population
Bounds = tuple[IntArray, IntArray]
FloatArray = npt.NDArray[np.float64]
EXACT = float(1 << 52)


@dataclass(frozen=True, kw_only=True)
class Signal:
    """What a source can emit, per neuron; every interval holds 0, since no spike is a 0.

    ``low``/``high``: in one step. ``total_low``/``total_high``: net sum over any prefix of a
    sample that ends with this step.
    """

    low: IntArray
    high: IntArray
    total_low: IntArray
    total_high: IntArray


class Transfer:
    """Bounds of what one connection adds; the base serves those that sum weighted payloads."""

    timeless = True  # whether the sum over a prefix follows from the sources' totals alone

    def __init__(self, connection: Connection, nodes: Mapping[str, Node]) -> None:
        self.connection = connection
        self.reads = connection.reads
        self.source = nodes[connection.source]
        self.target = nodes[connection.target]
        self._memo: dict[bool, tuple[IntArray, IntArray, Bounds]] = {}

    def spread(self, values: FloatArray, part: int) -> FloatArray:
        """Weighted sums over the positive (1), the negative (-1) or all absolute (0) weights."""
        raise NotImplementedError

    def step(self, signals: Mapping[str, Signal]) -> Bounds:
        """Bounds of what one step adds."""
        signal = signals[self.connection.source]
        return self._linear(signal.low, signal.high, of_totals=False)

    def total(self, signals: Mapping[str, Signal]) -> Bounds:
        """Bounds of what any prefix adds; only where ``timeless``."""
        signal = signals[self.connection.source]
        return self._linear(signal.total_low, signal.total_high, of_totals=True)

    def largest(self, magnitudes: Mapping[str, int]) -> int:
        """Largest magnitude of any partial sum, from the largest payload of each source."""
        gain = self.spread(np.ones(self.source.n), 0)
        return int(gain.max()) * magnitudes[self.connection.source]

    def _linear(self, low: IntArray, high: IntArray, *, of_totals: bool) -> Bounds:
        last = self._memo.get(of_totals)
        if last is not None and np.array_equal(last[0], low) and np.array_equal(last[1], high):
            return last[2]
        few, many = low.astype(np.float64), high.astype(np.float64)
        self._refuse(self.spread(np.maximum(-few, many), 0))
        bounds = (
            (self.spread(few, 1) + self.spread(many, -1)).astype(np.int64),
            (self.spread(many, 1) + self.spread(few, -1)).astype(np.int64),
        )
        self._memo[of_totals] = (low, high, bounds)
        return bounds

    def _refuse(self, magnitudes: FloatArray) -> None:
        index = int(np.argmax(magnitudes))
        if magnitudes[index] >= EXACT:
            raise RangeError(
                "summed input must fit 32 bits",
                found=f"magnitudes of up to {magnitudes[index]:.3g}",
                where=f"population {self.connection.target!r} neuron {index}",
                action="use smaller weights, payloads or shifts",
            )


class _Dense(Transfer):
    def __init__(self, connection: Connection, nodes: Mapping[str, Node], operator: Dense) -> None:
        super().__init__(connection, nodes)
        weights = operator.weights if operator.weights.ndim == 3 else operator.weights[np.newaxis]
        scaled = weights.astype(np.float64) * float(1 << operator.shift)
        self._parts = {1: np.maximum(scaled, 0), -1: np.minimum(scaled, 0), 0: np.abs(scaled)}

    def spread(self, values: FloatArray, part: int) -> FloatArray:
        weights = self._parts[part]
        rows = values.reshape(weights.shape[0], 1, weights.shape[1])
        result: FloatArray = np.matmul(rows, weights).reshape(-1)
        return result


class _Identity(Transfer):
    def __init__(
        self, connection: Connection, nodes: Mapping[str, Node], operator: Identity
    ) -> None:
        super().__init__(connection, nodes)
        self._offset = operator.offset
        self._weight = float(1 << operator.shift)
        self._sign = -1 if operator.negative else 1

    def spread(self, values: FloatArray, part: int) -> FloatArray:
        result = np.zeros(self.target.n)
        if part in (0, self._sign):
            sign = part or 1
            result[self._offset : self._offset + values.size] = values * self._weight * sign
        return result


def _plane(entries: tuple[int, ...], fill: int) -> tuple[int, int]:
    """One-dimensional geometry as two-dimensional."""
    return (fill, entries[0]) if len(entries) == 1 else (entries[0], entries[1])


class _Geometry:
    """A window's geometry, always in two dimensions; its pool is another geometry."""

    def __init__(self, window: Window, source: tuple[int, ...], target: tuple[int, ...]) -> None:
        self.channels = source[0]
        self.source = _plane(source[1:], 1)
        self.target = _plane(target[1:], 1)
        self.kernel = _plane(window.kernel, 1)
        self.stride = _plane(window.stride, 1)
        self.padding = _plane(window.padding, 0)
        self.dilation = _plane(window.dilation, 1)

    def taps(self) -> list[tuple[int, int]]:
        """Kernel positions."""
        return [(y, x) for y in range(self.kernel[0]) for x in range(self.kernel[1])]

    def reach(self, tap: tuple[int, int], grid: tuple[int, int]) -> tuple[slice, slice]:
        """Where a tap touches the padded plane, for a grid of window positions."""
        spans = []
        for axis in (0, 1):
            start = tap[axis] * self.dilation[axis]
            stop = start + self.stride[axis] * (grid[axis] - 1) + 1
            spans.append(slice(start, stop, self.stride[axis]))
        return spans[0], spans[1]

    def padded(self, values: FloatArray) -> FloatArray:
        """The source plane with its padding of zeros."""
        plane = values.reshape(self.channels, *self.source)
        high, wide = self.padding
        return np.pad(plane, ((0, 0), (high, high), (wide, wide)))


def _over_taps(geometry: _Geometry, values: FloatArray, join: np.ufunc) -> FloatArray:
    """Sum, minimum or maximum of each window of a plane with its padding of zeros, and of 0."""
    plane = geometry.padded(values)
    result: FloatArray = np.zeros((geometry.channels, *geometry.target))
    for tap in geometry.taps():
        rows, columns = geometry.reach(tap, geometry.target)
        join(result, plane[:, rows, columns], out=result)
    return result.reshape(-1)


class _Window(Transfer):
    """Sums under a window; a source that several pooled sums take in counts in each on its own."""

    def __init__(self, connection: Connection, nodes: Mapping[str, Node], operator: Window) -> None:
        super().__init__(connection, nodes)
        seen, pool = self.source.shape, operator.pool
        self._pool = None
        if pool is not None:
            seen = pool.output_shape(seen)
            self._pool = _Geometry(pool, self.source.shape, seen)
        self._geometry = _Geometry(operator, seen, self.target.shape)
        self._transposed = operator.kind is WindowKind.TRANSPOSED
        self._groups = operator.groups
        if operator.weights is None:
            self._groups = seen[0]
            weights = np.ones((self._groups, 1, *self._geometry.kernel))
        else:
            weights = operator.weights.astype(np.float64)
            weights = weights.reshape(*weights.shape[:2], *self._geometry.kernel)
        # [groups, out, in, *kernel], whichever way the operator stores it
        weights = weights.reshape(self._groups, -1, *weights.shape[1:])
        if self._transposed:
            weights = np.swapaxes(weights, 1, 2)
        scaled = weights * float(1 << operator.shift)
        self._parts = {1: np.maximum(scaled, 0), -1: np.minimum(scaled, 0), 0: np.abs(scaled)}

    def spread(self, values: FloatArray, part: int) -> FloatArray:
        weights = self._parts[part]
        if self._pool is not None:
            values = _over_taps(self._pool, values, np.add)
        if self._transposed:
            return self._scatter(values, weights)
        geometry = self._geometry
        plane = geometry.padded(values)
        result = np.zeros((self._groups, weights.shape[1], geometry.target[0] * geometry.target[1]))
        for tap in geometry.taps():
            rows, columns = geometry.reach(tap, geometry.target)
            patch = plane[:, rows, columns].reshape(self._groups, weights.shape[2], -1)
            result += np.matmul(weights[..., tap[0], tap[1]], patch)
        return result.reshape(-1)

    def largest(self, magnitudes: Mapping[str, int]) -> int:
        """Of the sums of the window, and of those of its pool, which no weight makes smaller."""
        largest = super().largest(magnitudes)
        if self._pool is None:
            return largest
        ones = _over_taps(self._pool, np.ones(self.source.n), np.add)
        return max(largest, int(ones.max()) * magnitudes[self.connection.source])

    def _scatter(self, values: FloatArray, weights: FloatArray) -> FloatArray:
        geometry = self._geometry
        high, wide = geometry.padding
        size = (geometry.target[0] + 2 * high, geometry.target[1] + 2 * wide)
        plane = np.zeros((self._groups, weights.shape[1], *size))
        grouped = values.reshape(self._groups, weights.shape[2], -1)
        for tap in geometry.taps():
            rows, columns = geometry.reach(tap, geometry.source)
            add = np.matmul(weights[..., tap[0], tap[1]], grouped)
            plane[:, :, rows, columns] += add.reshape(*add.shape[:2], *geometry.source)
        cut = plane[:, :, high : size[0] - high, wide : size[1] - wide]
        return cut.reshape(-1)


class _Product(Transfer):
    timeless = False

    def __init__(
        self, connection: Connection, nodes: Mapping[str, Node], operator: Product
    ) -> None:
        super().__init__(connection, nodes)
        self._operator = operator
        keys = nodes[operator.keys]
        self._nodes = [nodes[name] for name in self.reads]
        self._tokens = keys.n // keys.shape[0]
        self._features = keys.shape[0] // operator.heads

    def step(self, signals: Mapping[str, Signal]) -> Bounds:
        operator = self._operator
        parts = [signals[name] for name in self.reads]
        query, key, value = (
            np.maximum(-part.low, part.high)
            .astype(np.float64)
            .reshape(operator.heads, each.shape[0] // operator.heads, -1)
            for part, each in zip(parts, self._nodes, strict=True)
        )
        stored = np.einsum("hes,hds->hed", key, value) * float(1 << operator.shift)
        magnitudes = np.einsum("het,hed->hdt", query, stored).reshape(-1)
        self._refuse(magnitudes)
        high = magnitudes.astype(np.int64)
        positive = all(int(part.low.min()) >= 0 for part in parts)
        return (np.zeros_like(high) if positive else -high), high

    def largest(self, magnitudes: Mapping[str, int]) -> int:
        result = (self._tokens * self._features) << self._operator.shift
        for name in self.reads:
            result *= max(1, magnitudes[name])
        return result


class _Delta(Transfer):
    """The change of f(X); f = max and clip change by no more than a payload does."""

    def __init__(self, connection: Connection, nodes: Mapping[str, Node], operator: Delta) -> None:
        super().__init__(connection, nodes)
        self._operator = operator
        window = operator.window
        self._geometry = (
            None if window is None else _Geometry(window, self.source.shape, self.target.shape)
        )

    def _over(self, low: IntArray, high: IntArray) -> Bounds:
        """Hull over a window; bounds hold 0, so the padding of zeros does no harm."""
        if self._geometry is None:
            return low, high
        least = _over_taps(self._geometry, low.astype(np.float64), np.minimum)
        most = _over_taps(self._geometry, high.astype(np.float64), np.maximum)
        return least.astype(np.int64), most.astype(np.int64)

    def step(self, signals: Mapping[str, Signal]) -> Bounds:
        signal = signals[self.connection.source]
        if self._operator.table is None:
            return self._over(signal.low, signal.high)
        low, high = self.total(signals)
        return low - high, high - low

    def total(self, signals: Mapping[str, Signal]) -> Bounds:
        signal = signals[self.connection.source]
        low, high = self._over(signal.total_low, signal.total_high)
        operator = self._operator
        if operator.table is None:
            if self._geometry is not None:
                return low, high
            return low.clip(operator.low, operator.high), high.clip(operator.low, operator.high)
        least, most = int(low.min()), int(high.max())
        if least < operator.low or most > operator.high:
            raise RangeError(
                f"the table must hold every X that can occur, {least}..{most}",
                found=f"a table of {operator.low}..{operator.high}",
                where=f"connection {self.connection.source!r} -> {self.connection.target!r}",
            )
        zero = int(operator.table[-operator.low])
        used = operator.table[least - operator.low : most - operator.low + 1] - zero
        return np.full_like(low, used.min()), np.full_like(high, used.max())

    def largest(self, magnitudes: Mapping[str, int]) -> int:
        if self._operator.table is None:
            return magnitudes[self.connection.source]
        return int(self._operator.table.max() - self._operator.table.min())


def transfer(connection: Connection, nodes: Mapping[str, Node]) -> Transfer:
    """The transfer of a connection, by its operator."""
    operator = connection.operator
    match operator:
        case Dense():
            return _Dense(connection, nodes, operator)
        case Window():
            return _Window(connection, nodes, operator)
        case Identity():
            return _Identity(connection, nodes, operator)
        case Product():
            return _Product(connection, nodes, operator)
        case Delta():
            return _Delta(connection, nodes, operator)
