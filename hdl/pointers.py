"""Looks up which rows each spike adds, ahead of time, and asks for them one after the other."""

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out

from .pipeline import Flow
from .sparse_schedule import SparseSchedule
from .tables import Column, ConstantTable
from .token import TokenLayout

__all__ = ["RowPointers", "pointer_columns"]

AHEAD = 4  # spikes that are looked up ahead: one more than the cycles that it takes


def pointer_columns(schedule: SparseSchedule) -> dict[str, Column]:
    """First row and number of rows, by the spike's address."""
    size = 1 << (len(schedule.start) - 1).bit_length()
    values = np.zeros((2, size), np.int64)
    known = np.zeros((2, size), np.bool_)
    values[:, : len(schedule.start)] = schedule.start, schedule.count
    known[1, : len(schedule.known)] = schedule.known
    known[0] = known[1] & (values[1] > 0)  # where no row is fetched any start will do
    return {
        "start": Column(values[0], known[0]),
        "count": Column(values[1], known[1]),
    }


class RowPointers(wiring.Component):
    """A table of pointers, a queue of those that were looked up, and a counter of rows.

    A spike is taken before its rows are issued, as long as fewer than ``AHEAD`` wait. So the
    table's latency is never seen between spikes: a row is issued in every cycle until none waits.

    Parameters
    ----------
    layout : tokens of the source. schedule : what they do. closes : whether markers go the same
    way, each in place of a row.

    Members
    -------
    valid, spike : In, the spike at the head of the queue. accept : Out, it is taken. Where markers
    come, room : Out, a spike or a marker would be taken; marks : In, a marker is; mark : Out, it
    has come behind the rows of the spikes in front of it.
    busy : Out, spikes that were taken have rows to issue, the one that leaves included.
    row_valid, address, payload : Out, a row to fetch.

    Timing
    ------
    latency : cycles from ``valid`` to the first row, when idle. interval : rows of the most
    expensive spike. A spike without rows takes a cycle that no other spike's rows wait for, as long
    as others are ahead. It never stalls.

    Model: ``SparseSchedule``. Storage: the table; ``AHEAD`` pointers, cleared by reset.
    """

    def __init__(
        self, *, layout: TokenLayout, schedule: SparseSchedule, closes: bool = False
    ) -> None:
        self.layout = layout
        self.schedule = schedule
        self.closes = closes
        columns = pointer_columns(schedule)
        self.table = ConstantTable(
            index_bits=(len(schedule.start) - 1).bit_length(), columns=columns
        )
        marker = {"room": Out(1), "marks": In(1), "mark": Out(1)} if closes else {}
        super().__init__(
            marker
            | {
                "valid": In(1),
                "spike": In(layout.struct),
                "accept": Out(1),
                "busy": Out(1),
                "row_valid": Out(1),
                "address": Out(range(len(schedule.weights))),
                "payload": Out(layout.payload_shape),
            }
        )

    @property
    def latency(self) -> int:
        """Cycles from a spike to its first row: the table, and the register of the row."""
        return self.table.latency + 1

    @property
    def interval(self) -> int:
        """Rows of the most expensive spike, at least 1."""
        return max(1, int(self.schedule.rows_per_neuron.max()))

    @property
    def lag(self) -> int:
        """Cycles from the acceptance of a spike to its last row, at most."""
        return self.latency + (AHEAD + 1) * self.interval

    def elaborate(self, platform: object) -> Module:
        """Look up; wait in the queue, or pass it where it is empty; count rows."""
        m = Module()
        m.submodules.table = table = self.table
        waiting = Signal(range(AHEAD + 1))  # spikes that were taken and have not issued a row
        marks = self.marks if self.closes else Const(0, 1)
        takes = self.accept | marks
        m.d.comb += [
            self.accept.eq(self.valid & (waiting != AHEAD)),
            table.index.eq(self.spike.address),
        ]
        flow = Flow(m, takes, {"payload": self.spike.payload, "mark": marks}, name="spike")
        flow.wait(table.latency)
        is_mark = flow.take("mark")
        counts = len(table.value("count"))
        found = Cat(table.value("start"), table.value("count"), flow.values["payload"])
        end = len(found)
        if self.closes:
            found = Cat(found, is_mark)
        m.submodules.queue = queue = SyncFIFO(width=max(1, len(found)), depth=AHEAD)
        comes = flow.valid & (is_mark | (table.value("count") != 0))
        left = Signal(max(1, counts))  # rows from the one that is out on, or the marker
        free, load, mark = Signal(), Signal(), Signal()
        head = Mux(queue.r_rdy, queue.r_data, found)
        marked = head[end] if self.closes else Const(0, 1)
        m.d.comb += [
            free.eq(left <= 1),
            load.eq(free & (queue.r_rdy | comes)),
            queue.r_en.eq(free),
            queue.w_data.eq(found),
            queue.w_en.eq(comes & ~(free & ~queue.r_rdy)),
            self.row_valid.eq((left != 0) & ~mark),
            self.busy.eq((left != 0) | (waiting != 0)),
        ]
        m.d.sync += waiting.eq(waiting + takes - load - (flow.valid & ~comes))
        starts = len(table.value("start"))
        row = Signal(self.address.shape(), reset_less=True)
        payload = Signal(len(self.payload), reset_less=True)
        with m.If(load):
            m.d.sync += [
                row.eq(head[:starts]),
                left.eq(Mux(marked, 1, head[starts : starts + counts])),
                payload.eq(head[starts + counts : end]),
                mark.eq(marked),
            ]
        with m.Elif(left != 0):
            m.d.sync += [row.eq(row + 1), left.eq(left - 1)]
        m.d.comb += [self.address.eq(row), self.payload.eq(payload)]
        if self.closes:
            m.d.comb += [self.room.eq(waiting != AHEAD), self.mark.eq((left != 0) & mark)]
        return m
