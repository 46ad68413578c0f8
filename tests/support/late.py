"""A consumer of one input now and one behind a unit for a delay, in Amaranth's simulator."""

from amaranth.hdl import Cat, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.spec import EndFlag, TokenKind
from spikewright.hdl.merge import Merge
from spikewright.hdl.queue import SpikeQueue
from spikewright.hdl.token import TokenLayout

__all__ = ["END", "KEEP", "RESET", "SPIKE", "STEP", "Consumer", "mark"]

SPIKE, STEP, END = (kind.value for kind in TokenKind)
RESET, KEEP = EndFlag.RESET.value, EndFlag.KEEP.value


class Consumer(wiring.Component):
    """A merge of one input without a delay and one with, each behind its queue."""

    def __init__(self, unit: wiring.Component, depth: int) -> None:
        self.unit = unit
        self.depth = depth
        self.layout: TokenLayout = unit.layout
        self.merge = Merge(layouts=[self.layout, self.layout], hosts=[[0, 1]])
        super().__init__(
            {
                "now": In(self.layout.signature),
                "late": In(self.layout.signature),
                "o": Out(self.merge.o.signature),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """As ``Intake`` joins them."""
        m = Module()
        m.submodules.merge = merge = self.merge
        m.submodules.unit = unit = self.unit
        m.submodules.first = first = SpikeQueue(layout=self.layout, depth=2)
        m.submodules.second = second = SpikeQueue(layout=self.layout, depth=self.depth)
        wiring.connect(m, wiring.flipped(self.now), first.i)
        wiring.connect(m, wiring.flipped(self.late), second.i)
        wiring.connect(m, second.o, unit.i)
        wiring.connect(m, first.o, merge.i_0)
        wiring.connect(m, unit.o, merge.i_1)
        wiring.connect(m, merge.o, wiring.flipped(self.o))
        head = first.o
        kind = Cat(head.valid, head.payload.kind)
        m.d.comb += [
            unit.steps.eq(kind == Cat(1, STEP)),
            unit.ends.eq(head.valid & (head.payload.kind == END)),
            unit.keep.eq(head.payload.address[0]),
            unit.passed.eq(unit.o.valid & unit.o.ready & (unit.o.payload.kind != SPIKE)),
        ]
        return m


def mark(kind: int, address: int = 0, payload: int | None = None) -> dict[str, int]:
    """A token."""
    token = {"kind": kind, "address": address}
    return token if payload is None else token | {"payload": payload}
