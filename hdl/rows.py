"""The rows of a schedule as columns of tables, and what it takes to look them up."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import IntArray

from .axis import AxisSchedule
from .geometry import PortSchedule
from .tables import Column, block_rams, table_latency
from .token import TokenLayout

__all__ = ["Loop", "RowTables"]

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Loop:
    """One loop of a spike: the channel blocks, or the passes along an axis.

    Columns are indexed by the turn and the source's code above it, ``reach`` by the code.

    Parameters
    ----------
    turns : most turns that a spike makes. code_bits : bits of the source's code.
    reach : whether a spike makes any. last : whether a turn is its last.
    columns : what a row needs, by name. ``count`` is which of ``counts`` channels or banks take
    part; ``select_<b>`` has a bit for each of bank b's ``options`` of the word's positions, and the
    one that it takes is 1; it is of no bits where there is one option.
    """

    turns: int
    code_bits: int
    reach: Column
    last: Column
    columns: Mapping[str, Column]
    counts: tuple[int, ...]
    options: tuple[tuple[int, ...], ...] = ()

    @property
    def index_bits(self) -> int:
        """Bits of an index of the columns."""
        return self.code_bits + (self.turns - 1).bit_length()


class RowTables:
    """A connection's schedule for the spikes that can come, by axis.

    A row's address and its plane, the group of its block's first position, are sums: of the
    columns ``row`` and ``first``, and of a stride for each turn of the channel blocks.

    Parameters
    ----------
    layout : tokens of the source. schedule : what they do. first_group : group of the target's
    first neuron.
    """

    def __init__(self, *, layout: TokenLayout, schedule: PortSchedule, first_group: int) -> None:
        self.layout = layout
        self.schedule = schedule
        self.first_group = first_group
        self.weighted = schedule.weights is not None
        self.n_rows = max(1, len(schedule.weights)) if schedule.weights is not None else 1
        _, rows, columns = (axis.blocks for axis in schedule.target)
        self.plane_stride = rows * columns
        self.row_stride = schedule.block_stride if self.weighted else 0
        self.translation = self._translation()
        c, y, x = self._coordinates()
        self.loops = {
            "c": self._channels(c),
            "y": self._axis(schedule.y, y, block_weight=columns),
            "x": self._axis(schedule.x, x, block_weight=1),
        }

    @property
    def interval(self) -> int:
        """Cycles that a spike takes at most."""
        return max(1, int(self.schedule.rows_per_neuron.max()))

    @property
    def turns(self) -> int:
        """Most channel blocks of a spike."""
        return self.loops["c"].turns

    @property
    def first_plane(self) -> int:
        """What all planes have in common."""
        return self.loops["c"].columns["first"].constant or 0

    @property
    def first_row(self) -> int:
        """What all addresses have in common."""
        return sum(column.constant or 0 for column in self.named("row").values())

    def named(self, *names: str) -> dict[str, Column]:
        """The columns that are called so, by axis and name."""
        return {
            f"{axis}_{name}": loop.columns[name]
            for axis, loop in self.loops.items()
            for name in names
            if name in loop.columns
        }

    @property
    def translate_latency(self) -> int:
        """Cycles until an address is translated."""
        return table_latency([self.translation]) if self.translation is not None else 0

    @property
    def table_latency(self) -> int:
        """Cycles until all columns are looked up."""
        return max(table_latency(loop.columns.values()) for loop in self.loops.values())

    @property
    def sum_latency(self) -> int:
        """A cycle for a sum; and one where nothing else would hold a row."""
        loops = self.turns > 1
        planes = loops + (self.loops["c"].columns["first"].constant is None)
        rows = sum(column.constant is None for column in self.named("row").values())
        rows += self.first_row > 0 or (loops and self.row_stride > 0)
        return int(planes > 1 or rows > 1 or self.table_latency == 0)

    @property
    def latency(self) -> int:
        """Cycles from a spike to its first row."""
        return self.translate_latency + self.table_latency + self.sum_latency

    @property
    def block_rams(self) -> tuple[tuple[int, int], ...]:
        """(rows, bits) of each memory that the tables keep in block RAM."""
        tables = [loop.columns for loop in self.loops.values()]
        if self.translation is not None:
            tables.append({"address": self.translation})
        return tuple(memory for columns in tables for memory in block_rams(columns))

    def _coordinates(self) -> tuple[IntArray, ...]:
        """Codes that can come, along each axis."""
        schedule = self.schedule
        if schedule.translate is None:
            return tuple(axis.encode(np.arange(axis.size)) for axis in self.layout.axes)
        return tuple(
            np.arange(len(codes))
            for codes in (schedule.first, schedule.y.passes, schedule.x.passes)
        )

    def _translation(self) -> Column | None:
        translate = self.schedule.translate
        if translate is None:
            return None
        if self.interval > 1:
            raise ConfigurationError(
                "a spike whose address is translated must issue at most one row",
                found=str(self.interval),
            )
        known = np.zeros(len(translate), np.bool_)
        known[self.layout.encode(np.arange(self.layout.neurons))] = True
        return _column(translate[:, np.newaxis], known[:, np.newaxis])

    def _channels(self, coordinates: IntArray) -> Loop:
        schedule = self.schedule
        codes, turns = schedule.channels.shape
        turns = min(turns, max(1, int(schedule.count.max())))
        count = schedule.count[:, np.newaxis]
        known = np.arange(turns) < count
        counts, which = _distinct(schedule.channels[:, :turns], known)
        first = schedule.first[:, np.newaxis] * self.plane_stride + self.first_group
        columns = {"count": which, "first": _column(first, known)}
        if schedule.place is not None:
            columns["place"] = _column(schedule.place[:, np.newaxis], known)
        if self.weighted:
            columns["row"] = _column(schedule.row[:, np.newaxis], known)
        return Loop(
            turns=turns,
            code_bits=(codes - 1).bit_length(),
            reach=_column(count > 0, _among(codes, coordinates)),
            last=_column(np.arange(turns) == count - 1, known),
            columns=columns,
            counts=counts,
        )

    def _axis(self, axis: AxisSchedule, coordinates: IntArray, *, block_weight: int) -> Loop:
        codes, turns = axis.row.shape
        passes = axis.passes[:, np.newaxis]
        known = np.arange(turns) < passes
        counts, which = _distinct(axis.enable.sum(axis=2), known)
        columns = {"count": which}
        if self.weighted:
            columns["row"] = _column(axis.row, known)
        taken = []
        for bank in range(axis.banks):
            enabled = axis.enable[..., bank]
            columns[f"enable_{bank}"] = _column(enabled, known)
            columns[f"block_{bank}"] = _column(axis.block[..., bank] * block_weight, enabled)
            options = _occurring(axis.select[..., bank], enabled)
            taken.append(options)
            if self.weighted:
                columns[f"select_{bank}"] = _selects(axis.select[..., bank], options, enabled)
        return Loop(
            turns=turns,
            code_bits=(codes - 1).bit_length(),
            reach=_column(passes > 0, _among(codes, coordinates)),
            last=_column(np.arange(turns) == passes - 1, known),
            columns=columns,
            counts=counts,
            options=tuple(taken),
        )


def _among(codes: int, coordinates: IntArray) -> BoolArray:
    known = np.zeros((codes, 1), np.bool_)
    known[coordinates] = True
    return known


def _distinct(values: IntArray, known: BoolArray) -> tuple[tuple[int, ...], Column]:
    """The values that occur, and which of them it is."""
    options = _occurring(values, known)
    which = np.searchsorted(options, values).clip(max=len(options) - 1)
    return options, _column(which, known)


def _occurring(values: IntArray, known: BoolArray) -> tuple[int, ...]:
    return tuple(int(value) for value in np.unique(values[known])) or (0,)


def _selects(values: IntArray, options: tuple[int, ...], known: BoolArray) -> Column:
    if len(options) == 1:
        return _column(np.zeros_like(values), known)
    return _column(1 << np.searchsorted(options, values).clip(max=len(options) - 1), known)


def _column(values: IntArray | BoolArray, known: BoolArray) -> Column:
    """A column of [codes, inner], or of [codes, 1] for all inner, where ``known`` is as large."""
    values, known = np.broadcast_arrays(values.astype(np.int64), known)
    codes, inner = known.shape
    sizes = [1 << (size - 1).bit_length() for size in (codes, inner)]
    spread, cares = np.zeros(sizes, np.int64), np.zeros(sizes, np.bool_)
    spread[:codes, :inner], cares[:codes, :inner] = values, known
    return Column(spread.reshape(-1), cares.reshape(-1))
