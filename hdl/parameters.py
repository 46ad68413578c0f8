"""Per-neuron constants of a core, one row for each group of lanes or for each channel block."""

from collections.abc import Sequence

from amaranth.hdl import Array, Const, Module, Shape, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError

__all__ = ["ParameterTable"]

_LOGIC_DEPTH = 16


class ParameterTable(wiring.Component):
    """Constants indexed by row: nothing where all rows are equal, logic, or block RAM.

    Parameters
    ----------
    values : [rows][lanes], each within ``shape``.
    shape : shape of one constant.

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

    def __init__(self, *, values: Sequence[Sequence[int]], shape: Shape) -> None:
        if not values or any(len(row) != len(values[0]) for row in values):
            raise ConfigurationError("every row must have one value a lane", found="another count")
        for row in values:
            for value in row:
                if Const(value, shape).value != value:
                    raise ConfigurationError(f"a constant must fit {shape!r}", found=str(value))
        self.values = [list(row) for row in values]
        self.shape = shape
        self.lanes = len(values[0])
        lanes = {f"lane_{lane}": Out(shape) for lane in range(self.lanes)}
        super().__init__({"index": In(range(len(values))), "enable": In(1), **lanes})

    def lane(self, number: int) -> Signal:
        """The output of one lane; lanes past the row repeat it."""
        return getattr(self, f"lane_{number % self.lanes}")

    def elaborate(self, platform: object) -> Module:
        """Equal rows are constants; a few are a lookup in logic; many are a memory."""
        m = Module()
        rows = len(self.values)
        if all(row == self.values[0] for row in self.values):
            for lane, value in enumerate(self.values[0]):
                m.d.comb += self.lane(lane).eq(Const(value, self.shape))
        elif rows <= _LOGIC_DEPTH:
            held = Signal(range(rows))
            with m.If(self.enable):
                m.d.sync += held.eq(self.index)
            for lane in range(self.lanes):
                column = Array(Const(row[lane], self.shape) for row in self.values)
                m.d.comb += self.lane(lane).eq(column[held])
        else:
            self._memory(m)
        return m

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
