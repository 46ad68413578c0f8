"""Adds rows whose lanes have groups of their own to the sums of a step, and never waits."""

from amaranth.hdl import Array, Cat, Const, Module, Mux, Shape, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError

from .membranes import Membranes
from .pipeline import Flow
from .plan import MembraneStore
from .product import multiplies, subtracts, times_payload
from .sum_checks import check_slices, check_total
from .token import TokenLayout

__all__ = ["SumBanks"]


class SumBanks(wiring.Component):
    """Two banks of sums a lane, a sum for each group: one is added to, one holds the step before.

    A held sum becomes 0 when its group's next state is written, so that a bank is empty when it is
    its turn.

    Parameters
    ----------
    layout : tokens whose payload multiplies the operands; only its range of payloads matters.
    lanes : lanes of a row. groups : sums of a lane.
    operand_shape : shape of an operand, signed. shift : fraction bits below an operand.
    total_bits : bits of a sum, which wraps. store : where sums live: registers or LUT RAM.
    slices : first lane of each part that can be read. slice_lanes : lanes of such a part.

    Members
    -------
    ready : Out, rows may come: after reset the sums are made 0 first.
    valid, groups, payload, operands : In, one row to add; fields for each lane. closes : In, in
    place of a row: the step's rows have all come. closed : Out, its sums are held from the next
    cycle on. busy : Out, rows or ``closes`` are under way.
    read_group, read_slice : In; read_enable : In, samples them; sums : Out, the held sums of a
    slice, a cycle later, held until the next sample.
    write_enable, write_group, write_slice : In, the held sums of a group become 0 with its last
    slice.

    Timing
    ------
    latency : cycles from ``closes`` to ``closed``. interval : 1, a row or ``closes`` a cycle,
    whatever the groups. clearing : cycles after reset until ``ready``.

    Model: the sum over connections of ``golden.model``. Storage: 2 x lanes x groups x total_bits.
    """

    interval = 1
    read_latency = 1

    def __init__(
        self,
        *,
        layout: TokenLayout,
        lanes: int,
        groups: int,
        operand_shape: Shape,
        shift: int,
        total_bits: int,
        store: MembraneStore,
        slices: tuple[int, ...],
        slice_lanes: int,
    ) -> None:
        check_total(total_bits, shift)
        if store is MembraneStore.BLOCK:
            raise ConfigurationError(
                "sums that are added to in every cycle must be in registers or LUT RAM",
                found=str(store),
            )
        check_slices(slices, slice_lanes)
        self.layout = layout
        self.lanes = lanes
        self.n_groups = groups
        self.operand_shape = Shape.cast(operand_shape)
        self.shift = shift
        self.total_bits = total_bits
        self.store = store
        self.slices = slices
        self.slice_lanes = slice_lanes
        self.group_shape = Shape.cast(range(groups))
        self.banks = [
            [Membranes(groups=groups, width=total_bits, store=store) for _ in range(lanes)]
            for _ in range(2)
        ]
        super().__init__(
            {
                "ready": Out(1),
                "valid": In(1),
                "groups": In(lanes * self.group_shape.width),
                "payload": In(layout.payload_shape),
                "operands": In(lanes * self.operand_shape.width),
                "closes": In(1),
                "closed": Out(1),
                "busy": Out(1),
                "read_group": In(self.group_shape),
                "read_slice": In(range(len(slices))),
                "read_enable": In(1),
                "sums": Out(slice_lanes * total_bits),
                "write_enable": In(1),
                "write_group": In(self.group_shape),
                "write_slice": In(range(len(slices))),
            }
        )

    @property
    def latency(self) -> int:
        """Cycles from ``closes`` to ``closed``: multiply; read, then add."""
        return multiplies(self.layout) + 1

    @property
    def clearing(self) -> int:
        """Cycles after reset until rows may come."""
        return self.n_groups

    def elaborate(self, platform: object) -> Module:
        """Multiply; read; add and write. The bank that is held is the sweep's."""
        m = Module()
        place = self._clear(m)
        asking = Flow(m, self.valid | self.closes, self._row(), name="row")
        asking.wait(int(multiplies(self.layout)))
        asks, groups, closes = asking.valid, asking.values["groups"], asking.values["closes"]
        adding = Flow(m, asks, asking.values, name="add")
        adding.take("groups")
        adding.wait(1)
        # Rows are read by one bank, and added to it a cycle later.
        reads, adds = Signal(), Signal()
        with m.If(asks & closes):
            m.d.sync += reads.eq(~reads)
        m.d.comb += [
            self.closed.eq(adding.valid & adding.values["closes"]),
            self.busy.eq(asking.busy | adding.valid),
        ]
        with m.If(self.closed):
            m.d.sync += adds.eq(~adds)
        adding_group = [Signal(self.group_shape, name=f"group_{k}") for k in range(self.lanes)]
        held = []
        last = self.write_slice == len(self.slices) - 1
        empties = self.write_enable & last
        for lane in range(self.lanes):
            group = groups.word_select(lane, self.group_shape.width)
            m.d.sync += adding_group[lane].eq(group)
            words = []
            for bank, parts in enumerate(self.banks):
                m.submodules[f"sums_{bank}_{lane}"] = part = parts[lane]
                mine, added = reads == bank, adds == bank
                m.d.comb += [
                    part.read_group.eq(Mux(mine, group, self.read_group)),
                    part.read_enable.eq(mine | self.read_enable),
                ]
                with m.If(~self.ready):
                    m.d.comb += [part.write_enable.eq(1), part.write_group.eq(place)]
                with m.Elif(added):
                    m.d.comb += [
                        part.write_enable.eq(adding.valid & ~adding.values["closes"]),
                        part.write_group.eq(adding_group[lane]),
                        part.write_word.eq(self._add(part.word, adding, lane)),
                    ]
                with m.Else():
                    m.d.comb += [
                        part.write_enable.eq(empties),
                        part.write_group.eq(self.write_group),
                    ]
                words.append(part.word)
            held.append(Mux(adds, words[0], words[1]))
        self._read(m, held)
        return m

    def _clear(self, m: Module) -> Signal:
        """After reset all sums become 0, a group of both banks a cycle."""
        place = Signal(range(self.n_groups))
        with m.If(~self.ready):
            m.d.sync += [place.eq(place + 1), self.ready.eq(place == self.n_groups - 1)]
        return place

    def _row(self) -> dict[str, Value]:
        """A row's operands times its payload, and whether they are taken off."""
        shape = self.operand_shape
        negative = self.payload < 0 if subtracts(self.layout) else Const(0, 1)
        values: dict[str, Value] = {
            "negative": negative,
            "closes": self.closes,
            "groups": self.groups,
        }
        for lane in range(self.lanes):
            operand = self.operands.word_select(lane, shape.width).as_signed()
            values[f"operand_{lane}"] = times_payload(self.layout, operand, self.payload)
        return values

    def _add(self, total: Value, flow: Flow, lane: int) -> Value:
        # The fraction below an operand is never changed by one.
        high, operand = total[self.shift :].as_signed(), flow.values[f"operand_{lane}"]
        if subtracts(self.layout):
            added = Cat(1, high).as_signed() + Cat(flow.values["negative"], operand).as_signed()
            return Cat(total[: self.shift], added[1 : 1 + len(high)])
        return Cat(total[: self.shift], (high + operand)[: len(high)])

    def _read(self, m: Module, held: list[Value]) -> None:
        """The lanes of the slice that was asked for."""
        read = Signal(range(len(self.slices)))
        with m.If(self.read_enable):
            m.d.sync += read.eq(self.read_slice)
        parts = [
            Cat(held[min(first + k, self.lanes - 1)] for k in range(self.slice_lanes))
            for first in self.slices
        ]
        m.d.comb += self.sums.eq(Array(parts)[read] if len(parts) > 1 else parts[0])
