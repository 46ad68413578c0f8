"""Adds one row of weights, times a payload, to one group of membranes of each bank a cycle."""

from dataclasses import dataclass, replace

from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError

from .block_membranes import BlockMembranes
from .large_membranes import LargeMembranes
from .membranes import Membranes
from .plan import MembraneStore
from .product import multiplies, subtracts, times_payload
from .row_membranes import RowMembranes
from .sum_checks import check_total
from .token import TokenLayout

__all__ = ["AccumulatorLanes"]


@dataclass(frozen=True)
class _Row:
    """A row in one stage of the pipeline; ``valids`` and ``groups`` by bank."""

    valids: list[Value]
    groups: list[Value]
    negative: Value
    operands: list[Value]


class AccumulatorLanes(wiring.Component):
    """Lanes of v += (operand << shift) * payload, wrapping, so that order cannot matter.

    Parameters
    ----------
    layout : tokens whose payload multiplies the operands; only its range of payloads matters.
    channel_lanes : lanes of a bank. banks : banks along y and x; a bank has its own group of each
    row. groups : words of state of a bank.
    operand_shape : shape of an operand. shift : fraction bits below an operand.
    total_bits : bits of what rows are added to, a membrane or a current. other_bits : bits of
    what a neuron remembers beside it. store : where they live. far : as ``BlockMembranes``.

    Members
    -------
    valid, groups, enables, payload, operands : In, one row to add; ``groups`` and ``enables`` have
    a field for each bank, ``operands`` for each lane. Lanes are counted bank by bank. The membranes
    of a bank that is not enabled stay as they are. busy : Out, rows are under way. recent : Out,
    where ``recent_cycles``: one came so lately that a sweep reading 3 cycles later would miss it.
    sweep : In, the sweep reads: sweep_group, sweep_enable : In; word : Out, ``read_latency`` cycles
    later. sweep_writes : In, the sweep writes: write_enable, write_group, write_word : In. A lane's
    bits are the total, then the others. All banks have the sweep's group.

    Timing
    ------
    latency : cycles from ``valid`` to the updated word. interval : cycles from a row to the next,
    and from a group of the sweep to the next, whatever the groups: 1, or 2 in large RAMs. It never
    stalls.

    Model: the sum over connections of ``golden.model``. Storage: groups x lanes x (total_bits +
    other_bits).
    """

    def __init__(
        self,
        *,
        layout: TokenLayout,
        channel_lanes: int,
        banks: tuple[int, int],
        groups: int,
        operand_shape: Shape,
        shift: int,
        total_bits: int,
        other_bits: int,
        store: MembraneStore,
        far: bool = False,
    ) -> None:
        check_total(total_bits, shift)
        if channel_lanes < 1 or min(banks) < 1:
            raise ConfigurationError(
                "channel lanes and banks must be at least 1", found=f"{channel_lanes} and {banks}"
            )
        self.layout = layout
        self.channel_lanes = channel_lanes
        self.banks = banks
        self.n_groups = groups
        self.operand_shape = Shape.cast(operand_shape)
        self.shift = shift
        self.total_bits = total_bits
        self.other_bits = other_bits
        self.store = store
        self.n_banks = banks[0] * banks[1]
        self.lanes = self.n_banks * channel_lanes
        self.lane_bits = total_bits + other_bits
        self.group_shape = Shape.cast(range(groups))
        width = channel_lanes * self.lane_bits
        self.membranes = [_membranes(groups, width, store, far) for _ in range(self.n_banks)]
        word = self.lanes * self.lane_bits
        super().__init__(
            {
                "valid": In(1),
                "groups": In(self.n_banks * self.group_shape.width),
                "enables": In(self.n_banks),
                "payload": In(layout.payload_shape),
                "operands": In(self.lanes * self.operand_shape.width),
                "busy": Out(1),
                "sweep": In(1),
                "sweep_writes": In(1),
                "sweep_group": In(self.group_shape),
                "sweep_enable": In(1),
                "word": Out(word),
                "write_enable": In(1),
                "write_group": In(self.group_shape),
                "write_word": In(word),
            }
            | ({"recent": Out(1)} if self.recent_cycles else {})
        )

    @property
    def read_latency(self) -> int:
        """Cycles from ``sweep_group`` to ``word``: a slow memory's is held first."""
        first = self.membranes[0]
        if isinstance(first, Membranes):
            return first.latency + first.is_slow
        return first.read_latency

    @property
    def row_latency(self) -> int:
        """Cycles from a row's groups to the words that it is added to."""
        first = self.membranes[0]
        return first.row_latency if isinstance(first, RowMembranes) else self.read_latency

    @property
    def interval(self) -> int:
        """Cycles from a row to the next."""
        return self.store.interval

    @property
    def latency(self) -> int:
        """Cycles from ``valid`` to the updated word: multiply, read, hold what was read, add.

        A word in block RAM is held once more before it is written.
        """
        written = self.store is MembraneStore.BLOCK
        return multiplies(self.layout) + self.row_latency + 1 + written

    @property
    def recent_cycles(self) -> int:
        """Cycles behind ``valid`` in which a row is ``recent``.

        Other stores are read behind the sweep's own register, and need none.
        """
        return self.latency - 3 if self.store is MembraneStore.BLOCK else 0

    def elaborate(self, platform: object) -> Module:
        """Multiply, wait for the words, add; each bank by itself."""
        m = Module()
        for index, membranes in enumerate(self.membranes):
            m.submodules[f"membranes_{index}"] = membranes
        asking = self._arriving()
        busy = []
        if multiplies(self.layout):
            asking = self._register(m, "product", asking)
            busy.append(Cat(*asking.valids).any())
        waiting = [asking]
        for stage in range(self.row_latency):
            row = waiting[-1]
            if not isinstance(self.membranes[0], Membranes):
                row = replace(row, groups=[])  # these membranes keep them
            waiting.append(self._register(m, f"read_{stage}", row))
            busy.append(Cat(*waiting[-1].valids).any())
        if self.recent_cycles:
            written = Signal()
            m.d.sync += written.eq(busy[-1])
            busy.append(written)
            m.d.comb += self.recent.eq(Cat(busy[: self.recent_cycles]).any())
        m.d.comb += self.busy.eq(Cat(*busy).any())
        for bank, membranes in enumerate(self.membranes):
            if isinstance(membranes, Membranes):
                self._bank(m, bank, membranes, waiting)
            else:
                self._block(m, bank, membranes, waiting)
        return m

    def _arriving(self) -> _Row:
        shape, bits = self.operand_shape, self.group_shape.width
        operands: list[Value] = []
        for lane in range(self.lanes):
            field = self.operands.word_select(lane, shape.width)
            signed = field.as_signed() if shape.signed else Cat(field, Const(0, 1)).as_signed()
            operands.append(times_payload(self.layout, signed, self.payload))
        return _Row(
            valids=[self.valid & enable for enable in self.enables],
            groups=[self.groups[b * bits : (b + 1) * bits] for b in range(self.n_banks)],
            negative=self.payload < 0 if subtracts(self.layout) else Const(0, 1),
            operands=operands,
        )

    def _register(self, m: Module, stage: str, row: _Row) -> _Row:
        def held(value: Value, name: str, *, reset_less: bool = True) -> Value:
            register = Signal(value.shape(), name=f"{name}_{stage}", reset_less=reset_less)
            m.d.sync += register.eq(value)
            return register

        return _Row(
            valids=[held(v, f"valid_{b}", reset_less=False) for b, v in enumerate(row.valids)],
            groups=[held(group, f"group_{b}") for b, group in enumerate(row.groups)],
            negative=held(row.negative, "negative") if subtracts(self.layout) else row.negative,
            operands=[held(operand, f"operand_{k}") for k, operand in enumerate(row.operands)],
        )

    def _block(self, m: Module, bank: int, membranes: RowMembranes, waiting: list[_Row]) -> None:
        """Add to one bank in block RAM or large RAMs, which minds the rest by itself."""
        asking = waiting[0]
        m.d.comb += [
            membranes.valid.eq(asking.valids[bank]),
            membranes.group.eq(asking.groups[bank]),
            membranes.after.eq(self._added(bank, membranes.before, waiting[-1])),
            membranes.sweep.eq(self.sweep),
            membranes.sweep_group.eq(self.sweep_group),
            membranes.sweep_enable.eq(self.sweep_enable),
            self.word.word_select(bank, membranes.width).eq(membranes.word),
            membranes.sweep_writes.eq(self.sweep_writes),
            membranes.write_enable.eq(self.write_enable),
            membranes.write_group.eq(self.write_group),
            membranes.write_word.eq(self.write_word.word_select(bank, membranes.width)),
        ]

    def _bank(self, m: Module, bank: int, membranes: Membranes, waiting: list[_Row]) -> None:
        """Read, add and write one bank; ``waiting`` are the rows that ask, wait and add."""
        asking, adding = waiting[0], waiting[-1]
        total = Signal(membranes.width, name=f"total_{bank}")
        word = before = membranes.word
        if membranes.is_slow:
            word = Signal(membranes.width, name=f"word_{bank}", reset_less=True)
            with m.If(membranes.read_enable):
                m.d.sync += word.eq(membranes.word)
            before = self._forwarded(m, bank, waiting, word, total)
        written = self.write_word.word_select(bank, membranes.width)
        m.d.comb += [
            total.eq(self._added(bank, before, adding)),
            self.word.word_select(bank, membranes.width).eq(word),
            membranes.read_group.eq(Mux(self.sweep, self.sweep_group, asking.groups[bank])),
            membranes.read_enable.eq(~self.sweep | self.sweep_enable),
            membranes.write_enable.eq(
                Mux(self.sweep_writes, self.write_enable, adding.valids[bank])
            ),
            membranes.write_group.eq(Mux(self.sweep_writes, self.write_group, adding.groups[bank])),
            membranes.write_word.eq(Mux(self.sweep_writes, written, total)),
        ]

    def _added(self, bank: int, before: Value, row: _Row) -> Value:
        """The words of a bank with a row added."""
        lanes = range(bank * self.channel_lanes, (bank + 1) * self.channel_lanes)
        return Cat(
            self._add(before.word_select(place, self.lane_bits), row.operands[lane], row)
            for place, lane in enumerate(lanes)
        )

    def _forwarded(
        self, m: Module, bank: int, waiting: list[_Row], word: Signal, total: Signal
    ) -> Value:
        """The word from a slow memory, held, or what the row in front made of it.

        That row had not written it yet when this one read it; the one before it had. The comparison
        is made early.
        """
        asking, reading, _ = waiting

        def held(value: Value, name: str) -> Signal:
            register = Signal(value.shape(), name=f"{name}_{bank}", reset_less=True)
            m.d.sync += register.eq(value)
            return register

        same = asking.groups[bank] == reading.groups[bank]
        follows = held(held(reading.valids[bank] & same, "same"), "follows")
        return Mux(follows, held(total, "last"), word)

    def _add(self, word: Value, operand: Value, row: _Row) -> Value:
        before, others = word[: self.total_bits], word[self.total_bits :]
        # The fraction below an operand is never changed by one.
        high = before[self.shift :]
        if subtracts(self.layout):
            total = (Cat(1, high).as_signed() + Cat(row.negative, operand).as_signed())[1:]
        else:
            total = high.as_signed() + operand
        return Cat(before[: self.shift], total[: self.total_bits - self.shift], others)


def _membranes(
    groups: int, width: int, store: MembraneStore, far: bool
) -> Membranes | RowMembranes:
    """A bank of words where they are to live."""
    if store is MembraneStore.BLOCK:
        return BlockMembranes(groups=groups, width=width, far=far)
    if store is MembraneStore.SPRAM:
        return LargeMembranes(groups=groups, width=width)
    return Membranes(groups=groups, width=width, store=store)
