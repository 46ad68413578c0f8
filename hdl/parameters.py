"""Per-neuron parameters of a core, one row for each group of lanes or for each channel block."""

from collections.abc import Sequence

from amaranth.hdl import Array, Cat, Const, Module, Shape, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError

from .config import Table
from .load import EXCLUSIVE, LOAD_BITS, load_port, row_words
from .plan import ParameterStore

__all__ = ["LoadedTable", "ParameterTable", "in_memory", "make_table"]

_LOGIC_DEPTH = 16


def in_memory(values: Sequence[Sequence[int]], store: ParameterStore) -> bool:
    """Whether rows of constants are kept in a memory."""
    same = all(row == values[0] for row in values)
    return store is ParameterStore.MEMORY and len(values) > _LOGIC_DEPTH and not same


class ParameterTable(wiring.Component):
    """Constants indexed by row: nothing where all rows are equal, else as ``store`` says.

    Parameters
    ----------
    values : [rows][lanes], each within ``shape``.
    shape : shape of one constant.
    store : where they live.

    Members
    -------
    index : In; enable : In, the index is sampled where it is 1; lane_<l> : Out, the constant of
    lane l, one cycle later, held until the next sample.

    Timing
    ------
    latency : 1, interval : 1. It never stalls. Storage: rows x lanes x bits, read only.
    """

    latency = 1
    interval = 1

    def __init__(
        self,
        *,
        values: Sequence[Sequence[int]],
        shape: Shape,
        store: ParameterStore = ParameterStore.MEMORY,
    ) -> None:
        _check(values, shape)
        self.values = [list(row) for row in values]
        self.shape = shape
        self.store = store
        self.lanes = len(values[0])
        lanes = {f"lane_{lane}": Out(shape) for lane in range(self.lanes)}
        super().__init__({"index": In(range(len(values))), "enable": In(1), **lanes})

    def lane(self, number: int) -> Signal:
        """The output of one lane; lanes past the row repeat it."""
        return getattr(self, f"lane_{number % self.lanes}")

    def elaborate(self, platform: object) -> Module:
        """Equal rows are constants; others a memory, or a lookup behind or before a register."""
        m = Module()
        if all(row == self.values[0] for row in self.values):
            for lane, value in enumerate(self.values[0]):
                m.d.comb += self.lane(lane).eq(Const(value, self.shape))
        elif in_memory(self.values, self.store):
            self._memory(m)
        elif self.store is ParameterStore.REGISTERS:
            for lane in range(self.lanes):
                with m.If(self.enable):
                    m.d.sync += self.lane(lane).eq(self._column(lane)[self.index])
        else:
            held = Signal(range(len(self.values)))
            with m.If(self.enable):
                m.d.sync += held.eq(self.index)
            for lane in range(self.lanes):
                m.d.comb += self.lane(lane).eq(self._column(lane)[held])
        return m

    def _column(self, lane: int) -> Array:
        return Array(Const(row[lane], self.shape) for row in self.values)

    def _memory(self, m: Module) -> None:
        width = self.shape.width
        words = [_packed(row, width) for row in self.values]
        m.submodules.memory = mem = memory.Memory(
            shape=width * self.lanes, depth=len(words), init=words
        )
        read = mem.read_port()
        m.d.comb += [read.addr.eq(self.index), read.en.eq(self.enable)]
        for lane in range(self.lanes):
            m.d.comb += self.lane(lane).eq(read.data.word_select(lane, width))


class LoadedTable(wiring.Component):
    """Parameters indexed by row, of whichever network is there.

    Parameters
    ----------
    name : what they are. values : [rows][lanes], each within ``shape``; only their number makes
    hardware. shape : shape of a parameter.

    Members
    -------
    load : In(``load_port``). index, enable, lane_<l> : as of ``ParameterTable``.

    Timing
    ------
    latency : 1, interval : 1. It never stalls. Storage: rows x lanes x bits, a register where there
    is one row; not touched by reset.
    """

    latency = 1
    interval = 1

    def __init__(self, *, name: str, values: Sequence[Sequence[int]], shape: Shape) -> None:
        _check(values, shape)
        self.name = name
        self.shape = shape
        self.lanes = len(values[0])
        self.width = shape.width * self.lanes
        self.rows = [_packed(row, shape.width) for row in values]
        lanes = {f"lane_{lane}": Out(shape) for lane in range(self.lanes)}
        super().__init__(
            {
                "load": In(load_port(len(values), self.width)),
                "index": In(range(len(values))),
                "enable": In(1),
                **lanes,
            }
        )

    def lane(self, number: int) -> Signal:
        """The output of one lane; lanes past the row repeat it."""
        return getattr(self, f"lane_{number % self.lanes}")

    def elaborate(self, platform: object) -> Module:
        """A memory for each word of a row, which is written whole."""
        m = Module()
        words = []
        for k in range(row_words(self.width)):
            bits = min(LOAD_BITS, self.width - k * LOAD_BITS)
            if len(self.rows) == 1:
                held = Signal(bits, name=f"word_{k}", reset_less=True)
                with m.If(self.load.enables[k]):
                    m.d.sync += held.eq(self.load.data)
                words.append(held)
                continue
            m.submodules[f"memory_{k}"] = mem = memory.Memory(
                shape=bits, depth=len(self.rows), init=[], attrs={EXCLUSIVE: 1}
            )
            write, read = mem.write_port(), mem.read_port()
            m.d.comb += [
                write.addr.eq(self.load.row),
                write.data.eq(self.load.data),
                write.en.eq(self.load.enables[k]),
                read.addr.eq(self.index),
                read.en.eq(self.enable),
            ]
            words.append(read.data)
        row = Cat(words)
        for lane in range(self.lanes):
            m.d.comb += self.lane(lane).eq(row.word_select(lane, self.shape.width))
        return m


def make_table(
    table: Table, rows: Sequence[Sequence[int]], store: ParameterStore
) -> LoadedTable | ParameterTable:
    """The hardware of a parameter's table, of which these are the rows, sliced or not."""
    if table.loads:
        return LoadedTable(name=table.name, values=rows, shape=table.shape)
    return ParameterTable(values=rows, shape=table.shape, store=store)


def _check(values: Sequence[Sequence[int]], shape: Shape) -> None:
    if not values or any(len(row) != len(values[0]) for row in values):
        raise ConfigurationError("every row must have one value a lane", found="another count")
    for row in values:
        for value in row:
            if Const(value, shape).value != value:
                raise ConfigurationError(f"a constant must fit {shape!r}", found=str(value))


def _packed(row: Sequence[int], width: int) -> int:
    """A row as one word, its first lane in the lowest bits."""
    mask = (1 << width) - 1
    return sum((value & mask) << (lane * width) for lane, value in enumerate(row))
