"""One connection: each spike becomes rows of operands for the lanes, a row a cycle."""

from collections.abc import Sequence

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError

from .address import AddressGenerator
from .align import WeightAlign, align_latency
from .geometry import PortSchedule
from .loaded_memory import LoadedMemory
from .pipeline import Flow, delayed
from .plan import WeightStore
from .product_memory import ProductMemory
from .rows import RowTables
from .sparse_schedule import SparseSchedule
from .tables import Column, look_up
from .token import TokenLayout
from .weights import WeightMemory, pack_rows

__all__ = ["Synapses", "as_operand", "natural_latency", "operand_bits", "operand_shape"]


def operand_shape(schedules: Sequence[PortSchedule | SparseSchedule], shift: int) -> Shape:
    """The narrowest shape of operands that have ``shift`` fraction bits less than the weights."""
    return signed(max(operand_bits(schedule, shift) for schedule in schedules))


def operand_bits(schedule: PortSchedule | SparseSchedule, shift: int) -> int:
    """Bits of an operand of one connection."""
    own = schedule.weight_bits
    if isinstance(schedule, PortSchedule) and schedule.weights is None:
        own = 2 - schedule.negative  # one is 01, and minus one 1
    return own + schedule.shift - shift


def as_operand(weight: Value, *, shift: int, bits: int) -> Value:
    """A weight in two's complement, moved up, as an operand of so many bits."""
    return Cat(Const(0, shift), weight, weight[-1].replicate(bits - len(weight) - shift))


def natural_latency(
    *,
    layout: TokenLayout,
    schedule: PortSchedule,
    first_group: int,
    channel_lanes: int,
    held: bool,
) -> int:
    """Cycles from a spike to its first row that ``Synapses`` take by default."""
    tables = RowTables(layout=layout, schedule=schedule, first_group=first_group)
    return _latency(tables, channel_lanes, held)


def _latency(tables: RowTables, channel_lanes: int, held: bool) -> int:
    if not tables.weighted:
        return tables.latency + 1
    options = (tables.loops["y"].options, tables.loops["x"].options)
    align = align_latency(*options, masked=_is_masked(tables.schedule, channel_lanes))
    return tables.latency + WeightMemory.latency + (align or held)


def _is_masked(schedule: PortSchedule, channel_lanes: int) -> bool:
    """Whether some lanes of a bank stay out of a row."""
    return schedule.place is not None and channel_lanes > 1


class Synapses(wiring.Component):
    """Address generator, weight memory and alignment of one connection.

    Parameters
    ----------
    layout : tokens of the source. schedule : what they do. first_group : group of the target's
    first neuron. groups : groups of the core.
    channel_lanes : lanes of a bank. operand_shape : shape of an operand, signed. shift : fraction
    bits below an operand, at most the schedule's.
    store : where the weights live. loads : whether they are loaded while the hardware runs. held :
    whether words have a cycle for the wire to the lanes, unless they are aligned, which has
    registers anyway. sums : of a product, the shape of what takes the place of a weight, and is
    summed anew in each step. latency : cycles from ``valid`` to the first row, at least
    ``natural_latency``, which it is by default; all ports of a core must agree.

    Members
    -------
    valid, spike : In, the spike at the head of the queue. accept : Out, its last row is issued.
    busy : Out, rows are under way, the one that leaves included.
    row_valid : Out. row_groups, row_enables : Out, a field for each bank, those of a row of banks
    side by side. row_operands : Out, a field for each lane, bank by bank; 0 in lanes that take no
    part, but anything in banks that are not enabled. row_payload : Out. row_synops : Out, neurons
    that the row updates. All are 0 while ``row_valid`` is 0.
    load : In, of a ``LoadedMemory``, where weights are loaded; no spike may come meanwhile.
    stored : In, of a ``ProductMemory``, where there are ``sums``.

    Timing
    ------
    latency : cycles from ``valid`` to the first row. interval : cycles a spike takes at most. A
    row a cycle, spikes without a gap; it never stalls.

    Model: the connection of ``golden.model``. Storage: the weights.
    """

    def __init__(
        self,
        *,
        layout: TokenLayout,
        schedule: PortSchedule,
        first_group: int,
        groups: int,
        channel_lanes: int,
        operand_shape: Shape,
        shift: int,
        store: WeightStore,
        loads: bool = False,
        held: bool = False,
        sums: Shape | None = None,
        latency: int | None = None,
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
        self.layout = layout
        self.schedule = schedule
        self.first_group = first_group
        self.groups = groups
        self.channel_lanes = channel_lanes
        self.operand_shape = operand_shape
        self.shift = shift
        self.store = store
        self.loads = loads
        self.held = held
        self.sums = sums
        self.banks = (schedule.y.banks, schedule.x.banks)
        self.n_banks = schedule.y.banks * schedule.x.banks
        self.lanes = self.n_banks * channel_lanes
        self.group_shape = Shape.cast(range(groups))
        self.masked = _is_masked(schedule, channel_lanes)
        tables = RowTables(layout=layout, schedule=schedule, first_group=first_group)
        self.natural_latency = _latency(tables, channel_lanes, held)
        self.latency = self.natural_latency if latency is None else latency
        if self.latency < self.natural_latency:
            raise ConfigurationError(
                f"the latency must be at least {self.natural_latency} cycles",
                found=str(self.latency),
            )
        # Waiting costs least where a row is still a spike.
        self.address = AddressGenerator(
            tables=tables, groups=groups, delay=self.latency - self.natural_latency
        )
        self.memory, self.align = self._weights(tables)
        self.synops, self._counts = self._synop_column()
        super().__init__(
            {
                "valid": In(1),
                "spike": In(layout.struct),
                "accept": Out(1),
                "busy": Out(1),
                "row_valid": Out(1),
                "row_groups": Out(self.n_banks * self.group_shape.width),
                "row_enables": Out(self.n_banks),
                "row_operands": Out(self.lanes * operand_shape.width),
                "row_payload": Out(layout.payload_shape),
                "row_synops": Out(self.synops.width),
                **({"load": self.loaded.signature.members["load"]} if self.loaded else {}),
                **({"stored": self.product.signature.members["stored"]} if self.product else {}),
            }
        )

    @property
    def loaded(self) -> LoadedMemory | None:
        """The memory that is loaded, if there is one."""
        return self.memory if isinstance(self.memory, LoadedMemory) else None

    @property
    def product(self) -> ProductMemory | None:
        """The memory of the sums of a product, if there is one."""
        return self.memory if isinstance(self.memory, ProductMemory) else None

    @property
    def interval(self) -> int:
        """Cycles that a spike takes at most."""
        return self.address.interval

    @property
    def lag(self) -> int:
        """Cycles from a spike's acceptance, with its last row, until that row has come."""
        return self.latency

    def _weights(
        self, tables: RowTables
    ) -> tuple[WeightMemory | LoadedMemory | ProductMemory | None, WeightAlign | None]:
        weights, bits = self.schedule.weights, self.schedule.weight_bits
        if weights is None:
            return None, None
        _, rows, columns, each = weights.shape
        memory: WeightMemory | LoadedMemory | ProductMemory
        words, width = pack_rows(weights, weight_bits=bits), rows * columns * each * bits
        if self.sums is not None:
            memory = ProductMemory(rows=len(words), fields=each, shape=self.sums, bits=bits)
        elif self.loads:
            memory = LoadedMemory(rows=words, width=width, store=self.store)
        else:
            memory = WeightMemory(rows=words, width=width, store=self.store)
        align = WeightAlign(
            positions=(rows, columns),
            weights=each,
            weight_bits=bits,
            channel_lanes=self.channel_lanes,
            masked=self.masked,
            y_options=tables.loops["y"].options,
            x_options=tables.loops["x"].options,
        )
        return memory, align

    def _synop_column(self) -> tuple[Column, list[str]]:
        """Neurons of a row, by the counts of banks and channels."""
        loops = self.address.tables.loops
        values = np.ones(1, dtype=np.int64)
        known = np.ones(1, dtype=np.bool_)
        for options in (loop.counts for loop in loops.values()):
            spare = (1 << (len(options) - 1).bit_length()) - len(options)
            padded = np.array([*options, *[0] * spare])
            values = np.multiply.outer(padded, values).reshape(-1)
            known = np.logical_and.outer(np.arange(len(padded)) < len(options), known).reshape(-1)
        return Column(values, known), [f"{axis}_count" for axis in loops]

    def elaborate(self, platform: object) -> Module:
        """Ask for the word; bring its weights to the lanes; find the banks' groups meanwhile."""
        m = Module()
        m.submodules.address = address = self.address
        m.d.comb += [
            address.valid.eq(self.valid),
            address.spike.eq(self.spike),
            self.accept.eq(address.accept),
        ]
        values = address.fields() | {"plane": address.plane, "payload": address.payload}
        flow = Flow(m, address.row_valid, values, name="row")
        if self.memory is None or self.align is None:
            self._place(m, flow)
        else:
            self._fetch(m, flow, self.memory, self.align)
        self._finish(m, flow)
        m.d.comb += self.busy.eq(address.busy | flow.busy)
        return m

    def _lane_enables(self, flow: Flow) -> list[Value]:
        """Which channel lanes take part."""
        if not self.masked:
            return [Const(1, 1)] * self.channel_lanes
        place = flow.take("c_place")
        if isinstance(place, Const):
            return [Const(place.value == lane, 1) for lane in range(self.channel_lanes)]
        return [place == lane for lane in range(self.channel_lanes)]

    def _place(self, m: Module, flow: Flow) -> None:
        """Every weight is 1."""
        one = (-1 if self.schedule.negative else 1) << (self.schedule.shift - self.shift)
        enables = self._lane_enables(flow)
        fields = [Mux(enable, Const(one, self.operand_shape), 0) for enable in enables]
        width = self.operand_shape.width
        bank = Cat(field[:width] for field in fields)
        operands = Signal(len(self.row_operands), name="operands", reset_less=True)
        m.d.sync += operands.eq(Mux(flow.valid, bank.replicate(self.n_banks), 0))
        m.d.comb += self.row_operands.eq(operands)

    def _fetch(
        self,
        m: Module,
        flow: Flow,
        memory: WeightMemory | LoadedMemory | ProductMemory,
        align: WeightAlign,
    ) -> None:
        """Read the word and align it; leaves the flow one stage before the operands."""
        m.submodules.memory = memory
        m.submodules.align = align
        if self.loaded is not None:
            wiring.connect(m, wiring.flipped(self.load), self.loaded.load)
        if self.product is not None:
            wiring.connect(m, wiring.flipped(self.stored), self.product.stored)
        m.d.comb += memory.address.eq(self.address.address)
        if self.held and not align.latency:
            m.d.comb += align.word.eq(delayed(m, memory.row, 1, "word"))
            flow.wait(1)
        else:
            m.d.comb += align.word.eq(memory.row)
        flow.wait(1)
        if align.latency:
            if self.masked:
                flow.values["lanes"] = Cat(self._lane_enables(flow))
            flow.wait(1)
            if self.masked:
                m.d.comb += align.lane_enables.eq(flow.take("lanes"))
            for axis, banks in zip("yx", self.banks, strict=True):
                for bank in range(banks):
                    name = f"{axis}_select_{bank}"
                    m.d.comb += getattr(align, name).eq(flow.take(name))
            flow.wait(align.latency - 1)
        bits, width = self.schedule.weight_bits, self.operand_shape.width
        up = self.schedule.shift - self.shift
        fields = [
            as_operand(align.lane_weights.word_select(lane, bits), shift=up, bits=width)
            for lane in range(self.lanes)
        ]
        # A gate here is part of the adder's; a register in front of it has block RAM to wait for.
        m.d.comb += self.row_operands.eq(Mux(self.row_valid, Cat(fields), 0))

    def _finish(self, m: Module, flow: Flow) -> None:
        """Groups, enables, payload and synops, in step with the operands."""
        values, valid = flow.values, flow.valid
        groups, enables = [], []
        for y in range(self.banks[0]):
            for x in range(self.banks[1]):
                group = values["plane"] + values[f"y_block_{y}"] + values[f"x_block_{x}"]
                groups.append(group[: self.group_shape.width])
                # A bank that never takes part has an enable of no bits.
                enables.append((values[f"y_enable_{y}"] & values[f"x_enable_{x}"]).any())
        index = Cat(values[name] for name in self._counts)
        results = {
            "groups": Cat(groups),
            "enables": Cat(enables),
            "payload": values["payload"],
            "synops": look_up(m, self.synops, index, "synops_table"),
        }
        for name, value in results.items():
            output = getattr(self, f"row_{name}")
            register = Signal(output.shape(), name=name, reset_less=True)
            m.d.sync += register.eq(Mux(valid, value, 0))
            m.d.comb += output.eq(register)
        flow.values.clear()
        flow.wait(1)
        m.d.comb += self.row_valid.eq(flow.valid)
