"""One dense connection in compressed rows: each lane of a row has its own group."""

from amaranth.hdl import Cat, Module, Mux, Shape, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError

from .pipeline import Flow
from .plan import WeightStore
from .pointers import RowPointers
from .sparse_schedule import SparseSchedule
from .synapses import as_operand, operand_bits
from .token import TokenLayout
from .weights import WeightMemory, column_slices, pack_rows

__all__ = ["SparseSynapses", "entry_slices"]

_SHAPES = ((512, 36), (1024, 18), (2048, 9))  # rows and bits of a block RAM


class SparseSynapses(wiring.Component):
    """Pointers, and a memory of rows of (weight, group) for each lane.

    Parameters
    ----------
    layout : tokens of the source. schedule : what they do. groups : groups of the core, those of
    the schedule's target. operand_shape : shape of an operand, signed. shift : fraction bits below
    an operand, at most the schedule's. store : where the rows live. closes : whether markers go the
    same way.

    Members
    -------
    valid, spike : In, the spike at the head of the queue. accept : Out, it is taken; its rows
    follow. busy : Out, rows are under way, the one that leaves included. Where markers come: room :
    Out, a spike or a marker would be taken; marks : In, a marker is; row_closes : Out, it comes, in
    place of a row, behind those of the spikes in front of it.
    row_valid : Out. row_groups, row_enables, row_operands : Out, a field for each lane; groups and
    operands are anything while ``row_valid`` is 0. row_payload : Out, 0 while ``row_valid`` is 0.
    row_synops : Out, neurons that the row of the cycle before updates, those whose weight is not 0;
    one cycle late, since the memory is slow and the sum of so many bits is too.

    Timing
    ------
    latency : cycles from ``valid`` to the first row, when idle. interval : rows of the most
    expensive spike. A row a cycle, spikes without a gap; it never stalls.

    Model: the connection of ``golden.model``. Storage: the rows and their pointers.
    """

    def __init__(
        self,
        *,
        layout: TokenLayout,
        schedule: SparseSchedule,
        groups: int,
        operand_shape: Shape,
        shift: int,
        store: WeightStore,
        closes: bool = False,
    ) -> None:
        if shift > schedule.shift:
            raise ConfigurationError(
                f"the shift must be at most the connection's {schedule.shift}", found=str(shift)
            )
        bits = operand_bits(schedule, shift)
        if not operand_shape.signed or operand_shape.width < bits:
            raise ConfigurationError(
                f"an operand of {bits} bits must fit its shape",
                found=f"{operand_shape!r} with shift {shift}",
            )
        group_shape = Shape.cast(range(groups))
        if group_shape.width != schedule.group_bits:
            raise ConfigurationError(
                f"the core's groups must be the target's, {schedule.group_bits} bits of them",
                found=str(groups),
            )
        self.layout = layout
        self.schedule = schedule
        self.groups = groups
        self.operand_shape = operand_shape
        self.shift = shift
        self.store = store
        self.lanes = schedule.lanes
        self.closes = closes
        self.pointers = RowPointers(layout=layout, schedule=schedule, closes=closes)
        self.memory = WeightMemory(
            rows=packed_entries(schedule),
            width=self.lanes * schedule.entry_bits,
            store=store,
            slices=entry_slices(schedule, store),
        )
        marker = {"room": Out(1), "marks": In(1), "row_closes": Out(1)} if closes else {}
        super().__init__(
            marker
            | {
                "valid": In(1),
                "spike": In(layout.struct),
                "accept": Out(1),
                "busy": Out(1),
                "row_valid": Out(1),
                "row_groups": Out(self.lanes * group_shape.width),
                "row_enables": Out(self.lanes),
                "row_operands": Out(self.lanes * operand_shape.width),
                "row_payload": Out(layout.payload_shape),
                "row_synops": Out(range(self.lanes + 1)),
            }
        )

    @property
    def latency(self) -> int:
        """Cycles from ``valid`` to the first row."""
        return self.pointers.latency + WeightMemory.latency

    @property
    def interval(self) -> int:
        """Rows of the most expensive spike, at least 1."""
        return self.pointers.interval

    @property
    def lag(self) -> int:
        """Cycles from a spike's acceptance to its last row, at most."""
        return self.pointers.lag + WeightMemory.latency

    def elaborate(self, platform: object) -> Module:
        """Ask for the row; take it apart."""
        m = Module()
        m.submodules.pointers = pointers = self.pointers
        m.submodules.memory = memory = self.memory
        m.d.comb += [
            pointers.valid.eq(self.valid),
            pointers.spike.eq(self.spike),
            self.accept.eq(pointers.accept),
            memory.address.eq(pointers.address),
        ]
        flow = Flow(m, pointers.row_valid, {"payload": pointers.payload}, name="row")
        flow.wait(WeightMemory.latency)
        busy = pointers.busy | flow.busy
        if self.closes:
            markers = Flow(m, pointers.mark, {}, name="marker")
            markers.wait(WeightMemory.latency)
            busy |= markers.busy
            m.d.comb += [
                pointers.marks.eq(self.marks),
                self.room.eq(pointers.room),
                self.row_closes.eq(markers.valid),
            ]
        schedule = self.schedule
        operands: list[Value] = []
        groups: list[Value] = []
        updates: list[Value] = []
        for lane in range(self.lanes):
            entry = memory.row.word_select(lane, schedule.entry_bits)
            weight = entry[: schedule.weight_bits]
            up, bits = schedule.shift - self.shift, self.operand_shape.width
            operands.append(as_operand(weight, shift=up, bits=bits))
            groups.append(entry[schedule.weight_bits :])
            updates.append(weight.any())
        synops = Signal(self.row_synops.shape())
        m.d.sync += synops.eq(Mux(flow.valid, sum(updates), 0))
        m.d.comb += [
            self.busy.eq(busy),
            self.row_valid.eq(flow.valid),
            self.row_enables.eq(flow.valid.replicate(self.lanes)),
            self.row_groups.eq(Cat(groups)),
            self.row_operands.eq(Cat(operands)),
            self.row_payload.eq(Mux(flow.valid, flow.values["payload"], 0)),
            self.row_synops.eq(synops),
        ]
        return m


def entry_slices(schedule: SparseSchedule, store: WeightStore) -> tuple[int, ...]:
    """Bits of each memory that a row is cut into, lowest bits first.

    As many as a block RAM of 18 kb has at that depth: left alone, a tool saves a block by putting
    several behind each other, and the multiplexer costs their output registers.
    """
    rows, width = len(schedule.weights), schedule.lanes * schedule.entry_bits
    bits = next((bits for deep, bits in _SHAPES if rows <= deep), 0)
    if store is not WeightStore.BLOCK or not bits:
        return column_slices(rows, width, store)
    whole, rest = divmod(width, bits)
    return (bits,) * whole + (rest,) * (rest > 0)


def packed_entries(schedule: SparseSchedule) -> list[int]:
    """Words of the row memory: of each lane the weight, and its group above it."""
    low = schedule.weights & ((1 << schedule.weight_bits) - 1)
    entries = low | schedule.groups << schedule.weight_bits
    # In two's complement, as every word of weights.
    bits = schedule.entry_bits
    return pack_rows(entries - ((entries >> (bits - 1)) << bits), weight_bits=bits)
