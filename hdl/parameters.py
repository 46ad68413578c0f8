"""Per-neuron constants of a core, one row for each group of lanes or for each channel block."""

from collections.abc import Sequence

from amaranth.hdl import Array, Const, Module, Shape, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError

from .plan import ParameterStore

__all__ = ["ParameterTable", "in_memory"]

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
        if not values or any(len(row) != len(values[0]) for row in values):
            raise ConfigurationError("every row must have one value a lane", found="another count")
        for row in values:
            for value in row:
                if Const(value, shape).value != value:
                    raise ConfigurationError(f"a constant must fit {shape!r}", found=str(value))
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
        mask = (1 << width) - 1
        words = [
            sum((value & mask) << (lane * width) for lane, value in enumerate(row))
            for row in self.values
        ]
        m.submodules.memory = mem = memory.Memory(
            shape=width * self.lanes, depth=len(words), init=words
        )
        read = mem.read_port()
        m.d.comb += [read.addr.eq(self.index), read.en.eq(self.enable)]
        for lane in range(self.lanes):
            m.d.comb += self.lane(lane).eq(read.data.word_select(lane, width))
