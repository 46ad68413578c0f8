"""One dense connection: the spikes of a token become rows of operands, all in the same cycle."""

from amaranth.hdl import Cat, Module, Mux, Shape, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError

from .address import AddressGenerator
from .geometry import PortSchedule
from .loaded_memory import LoadedMemory
from .pipeline import Flow
from .plan import WeightStore
from .rows import RowTables
from .synapses import as_operand, operand_bits
from .token import TokenLayout
from .weights import WeightMemory, pack_rows

__all__ = ["WideSynapses"]


class WideSynapses(wiring.Component):
    """Address generators of a token's slots, and one weight memory with a read port for each.

    Parameters
    ----------
    layout : tokens of the source, of several slots. schedule : what they do: one row a spike, for
    all lanes. channel_lanes : lanes, all in one bank. operand_shape : shape of an operand, signed.
    shift : fraction bits below an operand, at most the schedule's. store : where the weights live.
    loads : whether they are loaded while the hardware runs.

    Members
    -------
    As of ``Synapses``; row_valid has a bit for each slot, row_operands and row_payload fields for
    the slots one after the other. row_synops : Out, neurons that the rows update.

    Timing
    ------
    latency : cycles from ``valid`` to the rows. interval : 1, a token. It never stalls.

    Model: the connection of ``golden.model``. Storage: the weights, and a row of zeros.
    """

    interval = 1

    def __init__(
        self,
        *,
        layout: TokenLayout,
        schedule: PortSchedule,
        channel_lanes: int,
        operand_shape: Shape,
        shift: int,
        store: WeightStore,
        loads: bool = False,
    ) -> None:
        weights = schedule.weights
        lanes = () if weights is None else weights.shape[1:]
        if weights is None or lanes != (1, 1, channel_lanes) or schedule.place is not None:
            raise ConfigurationError(
                "several spikes a cycle must each add one row of all lanes",
                found=f"{lanes} weights a row for {channel_lanes} lanes",
            )
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
        self.channel_lanes = channel_lanes
        self.operand_shape = operand_shape
        self.shift = shift
        self.store = store
        self.slots = layout.slots
        tables = RowTables(layout=layout.single, schedule=schedule, first_group=0)
        self.addresses = [AddressGenerator(tables=tables, groups=1) for _ in range(self.slots)]
        # A slot without a spike adds a row of zeros, which costs less than gates on all lanes.
        rows = pack_rows(weights, weight_bits=schedule.weight_bits)
        self.nothing = len(rows)
        kind = LoadedMemory if loads else WeightMemory
        self.memory: LoadedMemory | WeightMemory = kind(
            rows=[*rows, 0],
            width=channel_lanes * schedule.weight_bits,
            store=store,
            ports=self.slots,
        )
        super().__init__(
            {
                "valid": In(1),
                "spike": In(layout.struct),
                "accept": Out(1),
                "busy": Out(1),
                "row_valid": Out(self.slots),
                "row_enables": Out(self.slots),
                "row_operands": Out(self.slots * channel_lanes * operand_shape.width),
                "row_payload": Out(self.slots * layout.payload_shape.width),
                "row_synops": Out(range(self.slots * channel_lanes + 1)),
                **({"load": self.loaded.signature.members["load"]} if self.loaded else {}),
            }
        )

    @property
    def loaded(self) -> LoadedMemory | None:
        """The memory that is loaded, if there is one."""
        return self.memory if isinstance(self.memory, LoadedMemory) else None

    @property
    def latency(self) -> int:
        """Cycles from ``valid`` to the rows."""
        return self.addresses[0].latency + WeightMemory.latency

    @property
    def lag(self) -> int:
        """Cycles from a token's acceptance to its rows."""
        return self.latency

    def elaborate(self, platform: object) -> Module:
        """Each slot asks for its row; all rows come together."""
        m = Module()
        m.submodules.memory = self.memory
        if self.loaded is not None:
            wiring.connect(m, wiring.flipped(self.load), self.loaded.load)
        spikes = [self.spike, *(self.spike[f"slot_{k}"] for k in range(1, self.slots))]
        valids = [self.valid, *(self.valid & spike.spikes for spike in spikes[1:])]
        rows, busy = [], []
        for index, (address, spike, valid) in enumerate(
            zip(self.addresses, spikes, valids, strict=True)
        ):
            m.submodules[f"address_{index}"] = address
            m.d.comb += [
                address.valid.eq(valid),
                address.spike.address.eq(spike.address),
                address.spike.payload.eq(spike.payload),
            ]
            flow = Flow(m, address.row_valid, {"payload": address.payload}, name=f"row_{index}")
            flow.wait(WeightMemory.latency)
            rows.append(flow)
            busy += [address.busy, flow.busy]
        m.d.comb += [
            self.accept.eq(self.valid),
            self.busy.eq(Cat(busy).any()),
            self.memory.address.eq(Cat(self._row(address) for address in self.addresses)),
            self.row_valid.eq(Cat(flow.valid for flow in rows)),
            self.row_enables.eq(self.row_valid),
            self.row_operands.eq(Cat(self._operands(k) for k in range(self.slots))),
            self.row_payload.eq(Cat(Mux(flow.valid, flow.values["payload"], 0) for flow in rows)),
            # No multiplier: the counter behind it is wide.
            self.row_synops.eq(sum(Mux(flow.valid, self.channel_lanes, 0) for flow in rows)),
        ]
        return m

    def _row(self, address: AddressGenerator) -> Value:
        """The row to read in this cycle."""
        bits = self.memory.address_bits
        return Mux(address.row_valid, address.address, self.nothing)[:bits]

    def _operands(self, slot: int) -> Value:
        """The row of a slot as operands."""
        bits, width = self.schedule.weight_bits, self.operand_shape.width
        row = self.memory.row.word_select(slot, self.memory.width)
        up = self.schedule.shift - self.shift
        fields = (row.word_select(lane, bits) for lane in range(self.channel_lanes))
        return Cat(as_operand(weight, shift=up, bits=width) for weight in fields)
