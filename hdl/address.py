"""Turns each spike into the rows of weights that it adds, and into where they go."""

from collections.abc import Mapping
from functools import reduce
from operator import or_

from amaranth.hdl import Cat, Const, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError

from .pipeline import Flow, delayed
from .rows import RowTables
from .tables import Column, ConstantTable, look_up

__all__ = ["AddressGenerator"]

Terms = list[tuple[Value, int]]
"""Summands, each with the bits that may be set in it."""
_NOTHING = (Const(0, 1), 0)
_SUMMANDS = ("row", "first")


class AddressGenerator(wiring.Component):
    """Issues one row a cycle: for each pass along y and along x all channel blocks of a spike.

    A spike that reaches nothing takes one cycle and issues no row. Rows come out in parts: a bank's
    group is plane + y block + x block.

    Parameters
    ----------
    tables : what the spikes do. groups : groups of the core. delay : cycles to wait on top.

    Members
    -------
    valid, spike : In, the spike at the head of the queue. accept : Out, its last row is issued.
    busy : Out, rows are under way, the one that leaves included.
    row_valid, address, plane, payload : Out. Besides, one Out for each column of the tables that is
    no summand of these, such as ``y_enable_0``; see ``Loop``.

    Timing
    ------
    latency : cycles from ``valid`` to the first row. interval : cycles a spike takes at most. A row
    a cycle, spikes without a gap. Never stalls.

    Model: ``PortSchedule``.
    """

    def __init__(self, *, tables: RowTables, groups: int, delay: int = 0) -> None:
        blocks = tables.schedule.target[0].blocks
        last = tables.first_group + blocks * tables.plane_stride - 1
        if tables.first_group < 0 or last >= groups:
            raise ConfigurationError(
                f"the target's groups must lie within the core's {groups}",
                found=f"{tables.first_group}..{last}",
            )
        if delay < 0:
            raise ConfigurationError("a delay must be at least 0 cycles", found=str(delay))
        self.tables = tables
        self.groups = groups
        self.delay = delay
        layout = tables.layout
        super().__init__(
            {
                "valid": In(1),
                "spike": In(layout.struct),
                "accept": Out(1),
                "busy": Out(1),
                "row_valid": Out(1),
                "address": Out(range(tables.n_rows)),
                "plane": Out(range(groups)),
                "payload": Out(layout.payload_shape),
                **{name: Out(column.width) for name, column in self._outputs().items()},
            }
        )

    @property
    def latency(self) -> int:
        """Cycles from ``valid`` to the first row."""
        return self.delay + self.tables.latency

    @property
    def interval(self) -> int:
        """Cycles that a spike takes at most."""
        return self.tables.interval

    def _outputs(self) -> dict[str, Column]:
        names = {name for loop in self.tables.loops.values() for name in loop.columns}
        return self.tables.named(*sorted(names - {*_SUMMANDS}))

    def fields(self) -> dict[str, Value]:
        """The outputs that are columns; where one is a constant, the constant."""
        return {
            name: getattr(self, name)
            if column.constant is None
            else Const(column.constant, column.width)
            for name, column in self._outputs().items()
        }

    def elaborate(self, platform: object) -> Module:
        """Loops; then translation, tables and sums, as far as there are any."""
        m = Module()
        flow = self._loops(m)
        flow.wait(self.delay)
        if self.tables.translation is not None:
            self._translate(m, flow, self.tables.translation)
        self._look_up(m, flow)
        self._add_up(flow)
        flow.wait(self.tables.sum_latency)
        m.d.comb += [
            self.busy.eq(flow.busy),
            self.row_valid.eq(flow.valid),
            *(getattr(self, name).eq(value) for name, value in flow.values.items()),
        ]
        return m

    def _loops(self, m: Module) -> Flow:
        """Count turns; what a turn of the channel blocks adds to address and plane counts along."""
        tables = self.tables
        turn = {
            axis: Signal(range(loop.turns), name=f"{axis}_turn")
            for axis, loop in tables.loops.items()
        }
        last_row = tables.first_row + (tables.turns - 1) * tables.row_stride
        row = Signal(range(last_row + 1), init=tables.first_row)
        plane = Signal(range(self.groups), init=tables.first_plane)
        values = {"payload": self.spike.payload, "base": row, "plane": plane}
        if tables.translation is not None:
            m.d.comb += self.accept.eq(self.valid)
            return Flow(m, self.valid, values | {"address": self.spike.address}, name="row")
        codes = self._codes(self.spike.address)
        indices = {axis: Cat(turn[axis], code) for axis, code in codes.items()}
        last = {
            axis: look_up(m, loop.last, indices[axis], f"{axis}_last")
            for axis, loop in tables.loops.items()
        }
        issue, reach = Signal(), Signal()
        m.d.comb += [
            reach.eq(self._reach(m, codes)),
            issue.eq(self.valid & reach),
            self.accept.eq(self.valid & (~reach | (last["c"] & last["y"] & last["x"]))),
        ]
        with m.If(issue):
            m.d.sync += [
                turn["c"].eq(turn["c"] + 1),
                row.eq(row + tables.row_stride),
                plane.eq(plane + tables.plane_stride),
            ]
            with m.If(last["c"]):
                m.d.sync += [turn["c"].eq(0), row.eq(row.init), plane.eq(plane.init)]
                m.d.sync += turn["x"].eq(turn["x"] + 1)
                with m.If(last["x"]):
                    m.d.sync += [turn["x"].eq(0), turn["y"].eq(turn["y"] + 1)]
                    with m.If(last["y"]):
                        m.d.sync += turn["y"].eq(0)
        return Flow(m, issue, values | indices, name="row")

    def _codes(self, address: Value) -> dict[str, Value]:
        """Codes of channel, row and column in an address; the column's are lowest."""
        codes, first = {}, 0
        for axis in "xyc":
            bits = self.tables.loops[axis].code_bits
            codes[axis] = address[first : first + bits]
            first += bits
        return codes

    def _reach(self, m: Module, codes: Mapping[str, Value]) -> Value:
        """Whether a spike reaches anything."""
        c, y, x = (
            look_up(m, loop.reach, codes[axis], f"{axis}_reach")
            for axis, loop in self.tables.loops.items()
        )
        return c & y & x

    def _translate(self, m: Module, flow: Flow, column: Column) -> None:
        """Replace the address; a spike that reaches nothing goes no further."""
        bits = (len(column.values) - 1).bit_length()
        m.submodules.translation = table = ConstantTable(
            index_bits=bits, columns={"address": column}
        )
        m.d.comb += table.index.eq(flow.take("address"))
        flow.wait(table.latency)
        address = Signal(sum(loop.code_bits for loop in self.tables.loops.values()))
        m.d.comb += address.eq(table.value("address"))
        codes = self._codes(address)
        flow.values |= codes
        flow.valid = flow.valid & self._reach(m, codes)

    def _look_up(self, m: Module, flow: Flow) -> None:
        """Replace the codes by what the tables say of them."""
        looked = {}
        for axis, loop in self.tables.loops.items():
            table = ConstantTable(index_bits=loop.index_bits, columns=loop.columns)
            m.submodules[f"{axis}_table"] = table
            m.d.comb += table.index.eq(flow.take(axis))
            wait = self.tables.table_latency - table.latency
            for name in loop.columns:
                key = f"{axis}_{name}"
                looked[key] = delayed(m, table.value(name), wait, key)
        flow.wait(self.tables.table_latency)
        flow.values |= looked

    def _add_up(self, flow: Flow) -> None:
        """Make address and plane of their summands."""
        tables = self.tables
        columns = tables.named("row", "first")
        masks = {name: column.mask for name, column in columns.items() if column.constant is None}
        masks["base"] = _multiples(tables.first_row, tables.row_stride, tables.turns)
        masks["plane"] = _multiples(tables.first_plane, tables.plane_stride, tables.turns)
        terms = {name: (flow.take(name), mask) for name, mask in masks.items()}
        flow.values["plane"] = _sum([terms.pop("plane"), terms.pop("c_first", _NOTHING)])
        flow.values["address"] = _sum([*terms.values()])
        for name in columns:
            flow.values.pop(name, None)


def _multiples(first: int, stride: int, count: int) -> int:
    """The bits that may be set in ``first`` plus up to ``count - 1`` strides."""
    return reduce(or_, (first + turn * stride for turn in range(count)))


def _sum(terms: Terms) -> Value:
    """The sum, with no more adders than needed: summands that share no bit are only wires."""
    terms = [term for term in terms if term[1]] or [_NOTHING]
    while len(terms) > 1:
        (left, left_mask), (right, right_mask), *others = terms
        if left_mask & right_mask:
            most = left_mask + right_mask
            terms = [*others, (left + right, (1 << most.bit_length()) - 1)]
        else:
            terms = [*others, (left | right, left_mask | right_mask)]
    return terms[0][0]
