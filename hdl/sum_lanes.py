"""Adds one row of weights, times a payload, to the sums of a step a cycle, and never waits."""

from collections.abc import Sequence
from functools import reduce
from operator import or_

from amaranth.hdl import Array, Cat, Const, Module, Shape, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError

from .pipeline import Flow
from .product import multiplies, subtracts, times_payload
from .sum_checks import check_slices, check_total
from .token import TokenLayout

__all__ = ["SumLanes"]


class SumLanes(wiring.Component):
    """A register of sums a lane, and a second one that holds those of the step before.

    Parameters
    ----------
    layout : tokens whose payload multiplies the operands; only its range of payloads matters.
    channel_lanes : lanes of a bank. banks : banks along y and x.
    operand_shape : shape of an operand. shift : fraction bits below an operand.
    total_bits : bits of a sum, which wraps.
    slices : first lane of each part that can be read. slice_lanes : lanes of such a part.
    rows : rows that are added in a cycle; several only into one bank. chosen_early : the slice is
    chosen by registers of one bit each, a cycle before its sums are read.

    Members
    -------
    valid, enables, payload, operands : In, one row to add, as of ``AccumulatorLanes``, or a field
    for each of several; operands are 0 where ``valid`` is 0. closes : In, in place of a row: the
    step's rows have all come. closed : Out, its sums are held from the next cycle on, and the
    others begin with 0 again. busy : Out, rows or ``closes`` are under way.
    read_slice : In; read_enable : In, samples it; sums : Out, the held sums of a slice, after
    ``read_latency`` cycles in which it is 1, held until the next.

    Timing
    ------
    latency : cycles from ``closes`` to ``closed``. interval : 1, a row or ``closes`` a cycle.

    Model: the sum over connections of ``golden.model``. Storage: 2 x lanes x total_bits, cleared by
    reset.
    """

    interval = 1

    def __init__(
        self,
        *,
        layout: TokenLayout,
        channel_lanes: int,
        banks: tuple[int, int],
        operand_shape: Shape,
        shift: int,
        total_bits: int,
        slices: tuple[int, ...],
        slice_lanes: int,
        rows: int = 1,
        chosen_early: bool = False,
    ) -> None:
        check_total(total_bits, shift)
        check_slices(slices, slice_lanes)
        self.layout = layout
        self.channel_lanes = channel_lanes
        self.banks = banks
        self.operand_shape = Shape.cast(operand_shape)
        self.shift = shift
        self.total_bits = total_bits
        self.slices = slices
        self.slice_lanes = slice_lanes
        self.rows = rows
        self.read_latency = 1 + chosen_early
        self.n_banks = banks[0] * banks[1]
        self.lanes = self.n_banks * channel_lanes
        if rows < 1 or rows & (rows - 1) or (rows > 1 and self.n_banks > 1):
            raise ConfigurationError(
                "the rows of a cycle must be a power of two, and 1 where there are several banks",
                found=f"{rows}, banks {banks}",
            )
        super().__init__(
            {
                "valid": In(rows),
                "enables": In(rows * self.n_banks),
                "payload": In(rows * layout.payload_shape.width)
                if rows > 1
                else In(layout.payload_shape),
                "operands": In(rows * self.lanes * self.operand_shape.width),
                "closes": In(1),
                "closed": Out(1),
                "busy": Out(1),
                "read_slice": In(range(len(slices))),
                "read_enable": In(1),
                "sums": Out(slice_lanes * total_bits),
            }
        )

    @property
    def latency(self) -> int:
        """Cycles from ``closes`` to ``closed``: multiply; hold, or add the rows in pairs."""
        return multiplies(self.layout) + max(1, (self.rows - 1).bit_length())

    def elaborate(self, platform: object) -> Module:
        """Multiply; hold; add, or begin anew."""
        m = Module()
        flow = self._rows(m) if self.rows > 1 else self._row(m)
        m.d.comb += [
            self.busy.eq(flow.busy),
            self.closed.eq(flow.valid & flow.values["closes"]),
        ]
        held = []
        for lane in range(self.lanes):
            total = Signal(self.total_bits, name=f"total_{lane}")
            before = Signal(self.total_bits, name=f"held_{lane}")
            with m.If(self.closed):
                m.d.sync += [before.eq(total), total.eq(0)]
            # Operands that are not enabled are 0 where there is one bank.
            bank = lane // self.channel_lanes
            with m.Elif(flow.values[f"enable_{bank}"] if self.n_banks > 1 else Const(1, 1)):
                m.d.sync += total.eq(self._add(total, flow, lane))
            held.append(before)
        parts = [
            Cat(held[min(first + k, self.lanes - 1)] for k in range(self.slice_lanes))
            for first in self.slices
        ]
        sums = Array(parts)[self.read_slice] if self.read_latency == 1 else self._chosen(m, parts)
        with m.If(self.read_enable):
            m.d.sync += self.sums.eq(sums)
        return m

    def _chosen(self, m: Module, parts: Sequence[Value]) -> Value:
        """The part whose register is set: what reaches all lanes comes from flip-flops."""
        chosen = Signal(len(parts), reset_less=True)
        with m.If(self.read_enable):
            m.d.sync += chosen.eq(Cat(self.read_slice == k for k in range(len(parts))))
        fields = (part & bit.replicate(len(part)) for part, bit in zip(parts, chosen, strict=True))
        return reduce(or_, fields)

    def _row(self, m: Module) -> Flow:
        """One row: its operands, and whether they are taken off."""
        negative = self.payload < 0 if subtracts(self.layout) else Const(0, 1)
        values: dict[str, Value] = {"negative": negative, "closes": self.closes}
        if self.n_banks > 1:
            values |= {f"enable_{b}": bit & self.valid for b, bit in enumerate(self.enables)}
        values |= {f"operand_{k}": operand for k, operand in enumerate(self._operands(0))}
        flow = Flow(m, self.valid | self.closes, values, name="row")
        flow.wait(self.latency)
        return flow

    def _rows(self, m: Module) -> Flow:
        """Several rows, added in pairs, a level of pairs a cycle."""
        values: dict[str, Value] = {"closes": self.closes}
        for row in range(self.rows):
            values |= {f"{row}_{k}": value for k, value in enumerate(self._operands(row))}
        flow = Flow(m, self.valid.any() | self.closes, values, name="row")
        flow.wait(int(multiplies(self.layout)))
        count = self.rows
        while count > 1:
            count //= 2
            for lane in range(self.lanes):
                pairs = [
                    flow.take(f"{2 * row}_{lane}").as_signed()
                    + flow.take(f"{2 * row + 1}_{lane}").as_signed()
                    for row in range(count)
                ]
                flow.values |= {f"{row}_{lane}": pair for row, pair in enumerate(pairs)}
            flow.wait(1)
        for lane in range(self.lanes):
            flow.values[f"operand_{lane}"] = flow.take(f"0_{lane}")
        return flow

    def _operands(self, row: int) -> list[Value]:
        """Products of a row; of several rows whole, of one what ``_add`` makes whole."""
        shape = self.operand_shape
        payload = self.payload
        if self.rows > 1 and not self.layout.is_unit:
            payload = payload.word_select(row, self.layout.payload_shape.width)
            payload = payload.as_signed() if self.layout.payload_shape.signed else payload
        found = []
        for lane in range(self.lanes):
            field = self.operands.word_select(row * self.lanes + lane, shape.width)
            signed = field.as_signed() if shape.signed else Cat(field, Const(0, 1)).as_signed()
            product = times_payload(self.layout, signed, payload)
            if self.rows > 1 and subtracts(self.layout):
                product = product + (payload < 0)
            found.append(product)
        return found

    def _add(self, total: Signal, flow: Flow, lane: int) -> Value:
        # The fraction below an operand is never changed by one.
        high, operand = total[self.shift :].as_signed(), flow.values[f"operand_{lane}"]
        if subtracts(self.layout) and self.rows == 1:
            added = Cat(1, high).as_signed() + Cat(flow.values["negative"], operand).as_signed()
            return Cat(total[: self.shift], added[1 : 1 + len(high)])
        return Cat(total[: self.shift], (high + operand)[: len(high)])
