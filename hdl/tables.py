"""Constants looked up by an index, in the least that serves: wires, adders, logic or block RAM."""

import enum
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, reduce
from operator import or_

import numpy as np
import numpy.typing as npt
from amaranth.hdl import Cat, Const, Module, Value
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import IntArray

from .pipeline import delayed
from .plan import WeightStore
from .weights import WeightMemory, column_slices

__all__ = ["Column", "ColumnKind", "ConstantTable", "block_rams", "look_up", "table_latency"]

BoolArray = npt.NDArray[np.bool_]

_LOGIC_ENTRIES = 64
# An adder costs about a LUT a bit, and so does a table of 32 entries.
_TABLE_BITS = 5
_MOST_TERMS = 3


class ColumnKind(enum.Enum):
    """What a column of a table is made of."""

    CONSTANT = enum.auto()
    WIRES = enum.auto()
    ADDERS = enum.auto()
    LOGIC = enum.auto()
    BLOCK = enum.auto()


class Column:
    """One value for each index, as far as it is known; the rest is whatever is cheapest.

    Parameters
    ----------
    values : [2**bits], at least 0. known : [2**bits], where the value matters.
    """

    def __init__(self, values: IntArray, known: BoolArray) -> None:
        n = len(values)
        if n < 1 or n & (n - 1) or known.shape != (n,):
            raise ConfigurationError(
                "a column must have one value for each index of whole bits",
                found=f"{n} values, of which {known.size} are marked",
            )
        self.values = np.where(known, values, 0)
        if self.values.min() < 0:
            raise ConfigurationError(
                "the values of a column must be at least 0", found=str(int(self.values.min()))
            )
        self.known = known
        self.mask = int(np.bitwise_or.reduce(self.values))
        self.width = self.mask.bit_length()
        self.support, self.reduced, self._cares = _reduce(self.values, known)

    @property
    def constant(self) -> int | None:
        """The one value that it has, if so."""
        return None if self.support else int(self.reduced[0])

    @cached_property
    def weights(self) -> tuple[int, ...] | None:
        """The offset, then a summand for each bit of ``support``; None if it is no sum."""
        return _summands(self.reduced, self._cares)

    @cached_property
    def terms(self) -> tuple[tuple[int, tuple[int, ...], int], ...] | None:
        """(sign, index bits, shift) that add up to the value less the offset; None if none do."""
        if self.weights is None:
            return None
        terms: list[tuple[int, tuple[int, ...], int]] = []
        summands = dict(zip(self.support, self.weights[1:], strict=True))
        while summands:
            bit, weight = next(iter(summands.items()))
            run = [bit]
            while summands.get(run[-1] + 1) == weight << len(run):
                run.append(run[-1] + 1)
            for used in run:
                del summands[used]
            terms += [(sign, tuple(run), shift) for sign, shift in _signed_digits(weight)]
        return tuple(terms)

    @cached_property
    def kind(self) -> ColumnKind:
        """What it is made of."""
        if not self.support:
            return ColumnKind.CONSTANT
        if self.weights is not None and _share_no_bit(self.weights):
            return ColumnKind.WIRES
        if len(self.support) > _TABLE_BITS and self.terms is not None:
            assert self.weights is not None
            if len(self.terms) + (self.weights[0] > 0) <= _MOST_TERMS:
                return ColumnKind.ADDERS
        small = len(self.reduced) <= _LOGIC_ENTRIES
        return ColumnKind.LOGIC if small else ColumnKind.BLOCK


def _share_no_bit(summands: Sequence[int]) -> bool:
    return min(summands) >= 0 and sum(summands) == reduce(or_, summands)


def _reduce(values: IntArray, known: BoolArray) -> tuple[tuple[int, ...], IntArray, BoolArray]:
    """Index bits that matter, and the table over them alone."""
    n = len(values).bit_length() - 1
    support = []
    values, known = values.reshape((2,) * n), known.reshape((2,) * n)
    axis = 0
    for bit in reversed(range(n)):
        (low, high), (low_known, high_known) = (np.moveaxis(a, axis, 0) for a in (values, known))
        if (low_known & high_known & (low != high)).any():
            support.append(bit)
            axis += 1
        else:
            values, known = np.where(low_known, low, high), low_known | high_known
    return tuple(reversed(support)), values.reshape(-1), known.reshape(-1)


def _summands(values: IntArray, known: BoolArray) -> tuple[int, ...] | None:
    places = np.flatnonzero(known)
    if not places.size:
        return None
    n = len(values).bit_length() - 1
    weights = []
    for bit in range(n):
        low = places[(places >> bit & 1) == 0]
        pairs = low[known[low | 1 << bit]]
        if not pairs.size:
            return None
        weights.append(int(values[pairs[0] | 1 << bit] - values[pairs[0]]))
    sums = sum(((places >> bit & 1) * weight for bit, weight in enumerate(weights)), 0 * places)
    offset = int(values[places[0]] - sums[0])
    if offset < 0 or (sums + offset != values[places]).any():
        return None
    return (offset, *weights)


def _signed_digits(weight: int) -> list[tuple[int, int]]:
    """(sign, shift) of the fewest powers of two whose sum is ``weight``."""
    digits, shift = [], 0
    while weight:
        if weight & 1:
            sign = 2 - (weight & 3)
            digits.append((sign, shift))
            weight -= sign
        weight >>= 1
        shift += 1
    return digits


def look_up(m: Module, column: Column, index: Value, name: str) -> Value:
    """The value of a column in the same cycle; a column of many entries is logic here too."""
    bits = [index[bit] for bit in column.support]
    if column.kind is ColumnKind.CONSTANT:
        return Const(int(column.reduced[0]), column.width)
    if column.kind is ColumnKind.WIRES:
        assert column.weights is not None  # wires are a sum
        wires: list[Value] = [Const(column.weights[0] >> k & 1, 1) for k in range(column.width)]
        for bit, weight in zip(bits, column.weights[1:], strict=True):
            for k in range(column.width):
                if weight >> k & 1:
                    wires[k] = bit
        return Cat(wires)
    if column.kind is ColumnKind.ADDERS:
        assert column.weights is not None and column.terms is not None
        total: Value = Const(column.weights[0])
        for sign, used, shift in column.terms:
            term = Cat(Const(0, shift), *(index[bit] for bit in used))
            total = total + term if sign > 0 else total - term
        return total[: column.width]
    m.submodules[name] = mem = memory.Memory(
        shape=column.width,
        depth=len(column.reduced),
        init=[int(value) for value in column.reduced],
        attrs={"ram_style": "logic"},
    )
    read = mem.read_port(domain="comb")
    m.d.comb += read.addr.eq(Cat(*bits))
    return read.data


def table_latency(columns: Iterable[Column]) -> int:
    """Cycles that a table of these columns takes."""
    kinds = {column.kind for column in columns}
    if ColumnKind.BLOCK in kinds:
        return WeightMemory.latency
    return int(bool(kinds & {ColumnKind.ADDERS, ColumnKind.LOGIC}))


def block_rams(columns: Mapping[str, Column]) -> tuple[tuple[int, int], ...]:
    """(rows, bits) of each memory that a table of these columns keeps in block RAM."""
    stored = _in_block_ram(columns)
    if not stored:
        return ()
    rows = 1 << len(_index_bits(stored.values()))
    width = sum(column.width for column in stored.values())
    return tuple((rows, bits) for bits in column_slices(rows, width, WeightStore.BLOCK))


class ConstantTable(wiring.Component):
    """Columns that share an index.

    Columns that do not depend on some bits of the index do not see them. A column that is a sum of
    its index bits is wires or adders; others are logic up to 64 entries, and share a block RAM past
    that.

    Parameters
    ----------
    index_bits : bits of the index. columns : by name.

    Members
    -------
    index : In. One Out for each column: its value ``latency`` cycles later, where that is known.

    Timing
    ------
    latency : 0 (constants and wires), 1, or 2 (block RAM). interval : 1. It never stalls.

    Storage: the block RAM's, read only.
    """

    interval = 1

    def __init__(self, *, index_bits: int, columns: Mapping[str, Column]) -> None:
        for name, column in columns.items():
            if len(column.values) != 1 << index_bits:
                raise ConfigurationError(
                    f"column {name!r} must have {1 << index_bits} values",
                    found=str(len(column.values)),
                )
        self.index_bits = index_bits
        self.columns = dict(columns)
        outputs = {name: Out(column.width) for name, column in columns.items()}
        super().__init__({"index": In(index_bits), **outputs})

    @property
    def latency(self) -> int:
        """Cycles from the index to the values."""
        return table_latency(self.columns.values())

    def value(self, name: str) -> Value:
        """A column's output, or its constant."""
        constant = self.columns[name].constant
        width = self.columns[name].width
        return getattr(self, name) if constant is None else Const(constant, width)

    def elaborate(self, platform: object) -> Module:
        """Each column by its kind; those that are early wait for the latest."""
        m = Module()
        for name, column in self.columns.items():
            if column.kind is ColumnKind.CONSTANT:
                m.d.comb += getattr(self, name).eq(self.value(name))
            elif column.kind is not ColumnKind.BLOCK:
                early = look_up(m, column, self.index, name)
                m.d.comb += getattr(self, name).eq(delayed(m, early, self.latency, name))
        self._stored(m)
        return m

    def _stored(self, m: Module) -> None:
        """The columns in block RAM, side by side in one word."""
        columns = _in_block_ram(self.columns)
        if not columns:
            return
        bits = _index_bits(columns.values())
        # The other bits change nothing, so they may be 0.
        places = np.zeros(1 << len(bits), dtype=np.int64)
        for place, bit in enumerate(bits):
            places |= (np.arange(len(places)) >> place & 1) << bit
        words, first = [0] * len(places), 0
        for column in columns.values():
            for at, index in enumerate(places):
                words[at] |= _value_at(column, int(index)) << first
            first += column.width
        # A row of constants is as good as one of weights.
        m.submodules.memory = mem = WeightMemory(rows=words, width=first, store=WeightStore.BLOCK)
        m.d.comb += mem.address.eq(Cat(*(self.index[bit] for bit in bits)))
        first = 0
        for name, column in columns.items():
            m.d.comb += getattr(self, name).eq(mem.row[first : first + column.width])
            first += column.width


def _in_block_ram(columns: Mapping[str, Column]) -> dict[str, Column]:
    return {name: column for name, column in columns.items() if column.kind is ColumnKind.BLOCK}


def _index_bits(columns: Iterable[Column]) -> list[int]:
    return sorted({bit for column in columns for bit in column.support})


def _value_at(column: Column, index: int) -> int:
    place = sum((index >> bit & 1) << k for k, bit in enumerate(column.support))
    return int(column.reduced[place])
