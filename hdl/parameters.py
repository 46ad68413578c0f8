"""Per-neuron constants of a core, one word for each group of lanes."""

from collections.abc import Sequence

from amaranth.hdl import Array, Const, Module, Shape, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError

__all__ = ["ParameterTable"]

_LOGIC_DEPTH = 16


class ParameterTable(wiring.Component):
    """Constants indexed by group: nothing where all groups are equal, logic, or block RAM.

    Parameters
    ----------
    values : [groups][lanes], each within ``shape``.
    shape : shape of one constant.

    Members
    -------
    group : In; enable : In, the group is sampled where it is 1; lane_<l> : Out, the constant of
    lane l, one cycle later, held until the next sample.

    Timing
    ------
    latency : 1, interval : 1. It never stalls. Storage: groups x lanes x bits, read only.
    """

    latency = 1
    interval = 1

    def __init__(self, *, values: Sequence[Sequence[int]], shape: Shape) -> None:
        if not values or any(len(row) != len(values[0]) for row in values):
            raise ConfigurationError(
                "every group must have one value a lane", found="another count"
            )
        for row in values:
            for value in row:
                if Const(value, shape).value != value:
                    raise ConfigurationError(f"a constant must fit {shape!r}", found=str(value))
        self.values = [list(row) for row in values]
        self.shape = shape
        self.lanes = len(values[0])
        lanes = {f"lane_{lane}": Out(shape) for lane in range(self.lanes)}
        super().__init__({"group": In(range(len(values))), "enable": In(1), **lanes})

    def lane(self, index: int) -> Signal:
        """The output of one lane."""
        return getattr(self, f"lane_{index}")

    def elaborate(self, platform: object) -> Module:
        """Equal groups are constants; a few are a lookup in logic; many are a memory."""
        m = Module()
        groups = len(self.values)
        if all(row == self.values[0] for row in self.values):
            for lane, value in enumerate(self.values[0]):
                m.d.comb += self.lane(lane).eq(Const(value, self.shape))
        elif groups <= _LOGIC_DEPTH:
            held = Signal(range(groups))
            with m.If(self.enable):
                m.d.sync += held.eq(self.group)
            for lane in range(self.lanes):
                column = Array(Const(row[lane], self.shape) for row in self.values)
                m.d.comb += self.lane(lane).eq(column[held])
        else:
            width = self.shape.width
            words = [
                sum(
                    (value & ((1 << width) - 1)) << (lane * width) for lane, value in enumerate(row)
                )
                for row in self.values
            ]
            m.submodules.memory = mem = memory.Memory(
                shape=width * self.lanes, depth=groups, init=words
            )
            read = mem.read_port()
            m.d.comb += [read.addr.eq(self.group), read.en.eq(self.enable)]
            for lane in range(self.lanes):
                m.d.comb += self.lane(lane).eq(read.data.word_select(lane, width))
        return m
