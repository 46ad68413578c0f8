"""Sums up in each step what keys and values store for the spikes of a query."""

from dataclasses import dataclass
from functools import reduce
from math import prod
from operator import or_

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import IntArray

from .pipeline import Flow
from .product import subtracts, times_payload
from .product_memory import stored_port
from .product_schedule import SumRows, shape_of_sums
from .spike_map import SpikeMap
from .tables import Column, ConstantTable
from .token import TokenLayout

__all__ = ["MAX_SEGMENT", "ProductSums", "ahead_size", "segment_of"]

MAX_SEGMENT = 32  # tokens of a channel that are searched for spikes at once
_AHEAD = 8  # words that are read ahead of the search
_QUEUE = 2  # cycles that a word is in the queue
_BANKS = 2


def segment_of(keys: TokenLayout) -> int:
    """Tokens of a word of keys, a power of two."""
    return min(MAX_SEGMENT, 1 << (prod(keys.shape[1:]) - 1).bit_length())


def ahead_size(keys: TokenLayout, rows: SumRows) -> tuple[int, int]:
    """Rows and bits of the memory of words of keys that are read ahead, each with what it is."""
    segment = segment_of(keys)
    segments = -(-prod(keys.shape[1:]) // segment)
    entry = sum(c.width for n, c in _columns(rows).items() if n != "key" and c.support)
    place = (segments - 1).bit_length() + 2  # its segment, and whether it is a last one
    return _AHEAD - 1, segment * max(1, keys.payload_shape.width) + entry + place


class ProductSums(wiring.Component):
    """Stores a step's keys and values, and makes all rows of k^T v, a spike of a key a cycle.

    Keys are kept by channel, values by token. For each row of sums the keys of its channel are gone
    through, ``MAX_SEGMENT`` tokens at a time; for each that is not 0 the values of its token are
    read, and the fields of the row are added to, all at once. Where keys and values are unit or
    sign nothing is multiplied. A row is written once, when it is whole. Meanwhile the query's
    spikes read the sums of the step before, and keys and values of the next step come.

    Parameters
    ----------
    keys, values : tokens that come. rows : what is made, of ``sum_rows``.

    Members
    -------
    keys, values : In(stream). stored : Out(``stored_port``), for the memory that is read. ready :
    Out, the sums of a step are in the bank that is read. release : In, they have been read.
    busy : Out, sums are made.

    Timing
    ------
    latency : cycles from the later of the keys' and the values' STEPs to ``ready``, where no key is
    sent and all is free. interval : from ``ready`` to that of a next step which waits: one for each
    segment of each row, and ``overhead``. Every spike of a key but the first of its segment takes
    one more in each row that it is in.

    Model: ``stored`` of ``golden.model``'s products. Storage: the maps of keys and values, two
    steps each.
    """

    def __init__(self, *, keys: TokenLayout, values: TokenLayout, rows: SumRows) -> None:
        if keys.shape[1:] != values.shape[1:]:
            raise ConfigurationError(
                f"values must have the tokens of the keys, {keys.shape[1:]}",
                found=str(values.shape[1:]),
            )
        self.key_layout, self.value_layout = keys, values
        self.rows = rows
        self.tokens = prod(keys.shape[1:])
        self.segment = segment_of(keys)
        self.segments = -(-self.tokens // self.segment)
        self.key_map = SpikeMap(layout=keys, channels=rows.keys, tokens=self.segment, lanes=1)
        self.value_map = SpikeMap(layout=values, channels=rows.values, tokens=1, lanes=rows.lanes)
        self.shape = shape_of_sums(keys, values)
        self.entries = len(rows.row)
        self.table = ConstantTable(
            index_bits=(self.entries - 1).bit_length(), columns=_columns(rows)
        )
        super().__init__(
            {
                "keys": In(keys.signature),
                "values": In(values.signature),
                "stored": Out(stored_port(rows.depth, rows.lanes * self.shape.width)),
                "ready": Out(1),
                "release": In(1),
                "busy": Out(1),
            }
        )

    @property
    def overhead(self) -> int:
        """Cycles of a step beside those in which keys are gone through."""
        reading = self.table.latency + self.key_map.latency + _QUEUE + 1
        return reading + 1 + self.value_map.latency + 3

    @property
    def interval(self) -> int:
        """Cycles of a step in which no key is sent."""
        return self.entries * self.segments + self.overhead

    @property
    def latency(self) -> int:
        """Cycles from the later STEP to ``ready``, where no key is sent."""
        return self.key_map.closing + self.interval

    @property
    def most_cycles(self) -> int:
        """The same where all keys are sent."""
        most = max(self.segments, self.tokens)
        return self.latency + self.entries * (most - self.segments)

    def elaborate(self, platform: object) -> Module:
        """Begin where both maps are full; read words; search; read values; add; write."""
        m = Module()
        m.submodules.key_map, m.submodules.value_map = key_map, value_map = (
            self.key_map,
            self.value_map,
        )
        wiring.connect(m, wiring.flipped(self.keys), key_map.i)
        wiring.connect(m, wiring.flipped(self.values), value_map.i)
        stored, filled, done = self.stored, Signal(range(_BANKS + 1)), Signal()
        begins = Signal()
        m.d.comb += [
            begins.eq(~self.busy & key_map.full & value_map.full & (filled != _BANKS)),
            self.ready.eq(filled != 0),
            key_map.done.eq(done),
            value_map.done.eq(done),
        ]
        m.d.sync += filled.eq(filled + done - self.release)
        with m.If(done):
            m.d.sync += [self.busy.eq(0), stored.bank.eq(~stored.bank)]
        with m.If(begins):
            m.d.sync += self.busy.eq(1)
        with m.If(self.release):
            m.d.sync += stored.read_bank.eq(~stored.read_bank)
        words = self._words(m, begins)
        found = self._search(m, words)
        self._sum(m, found, done)
        return m

    def _words(self, m: Module, begins: Value) -> "_Words":
        """Words of keys, in the order of rows and segments, each with what is to be made of it."""
        table, key_map = self.table, self.key_map
        m.submodules.table = table
        entry, segment = Signal(range(self.entries)), Signal(range(self.segments))
        reads, issues, room = Signal(), Signal(), Signal(range(_AHEAD + 1), init=_AHEAD)
        final = entry == self.entries - 1
        last = segment == self.segments - 1
        m.d.comb += [table.index.eq(entry), issues.eq(reads & (room != 0))]
        with m.If(issues):
            m.d.sync += segment.eq(segment + 1)
            with m.If(last):
                m.d.sync += [segment.eq(0), entry.eq(entry + 1)]
                with m.If(final):
                    m.d.sync += [entry.eq(0), reads.eq(0)]
        with m.If(begins):
            m.d.sync += reads.eq(1)
        flow = Flow(
            m,
            issues,
            {"segment": segment, "last": last, "final": last & final},
            name="word",
        )
        flow.wait(table.latency)
        m.d.comb += key_map.row.eq(Cat(flow.values["segment"], table.value("key")))
        flow.values |= {name: table.value(name) for name in ("row", "block", "mask")}
        flow.wait(key_map.latency)
        values = flow.values | {"word": key_map.word}
        kept = {name: value for name, value in values.items() if not isinstance(value, Const)}
        layout = data.StructLayout({name: value.shape() for name, value in kept.items()})
        m.submodules.words = words = SyncFIFOBuffered(width=layout.size, depth=_AHEAD)
        takes = Signal()
        m.d.comb += [
            words.w_en.eq(flow.valid),
            words.w_data.eq(Cat(*kept.values())),
            words.r_en.eq(takes),
        ]
        m.d.sync += room.eq(room - issues + (words.r_rdy & takes))
        out = data.View(layout, words.r_data)
        return _Words(
            valid=words.r_rdy,
            takes=takes,
            values=values | {name: out[name] for name in kept},
        )

    def _search(self, m: Module, words: "_Words") -> Flow:
        """The spikes of each word, the first token's first; of a word without any, once nothing."""
        field = self.key_map.field
        holds, fresh = Signal(), Signal(reset_less=True)
        rest = Signal(self.segment * field.width, reset_less=True)
        values = {
            name: value if isinstance(value, Const) else Signal.like(value, name=f"word_{name}")
            for name, value in words.values.items()
            if name != "word"
        }
        present = Signal(self.segment)
        lowest = Signal(self.segment)
        ends = Signal()
        fields = [rest.word_select(k, field.width) for k in range(self.segment)]
        m.d.comb += [
            present.eq(Cat(each.any() for each in fields)),
            lowest.eq(present & -present),
            ends.eq(present == lowest),
            words.takes.eq(~holds | ends),
        ]
        m.d.sync += [
            rest.eq(
                Cat(
                    each & ~bit.replicate(field.width)
                    for each, bit in zip(fields, lowest, strict=True)
                )
            ),
            fresh.eq(0),
        ]
        with m.If(words.takes):
            m.d.sync += [
                holds.eq(words.valid),
                rest.eq(words.values["word"]),
                fresh.eq(1),
                *(
                    value.eq(words.values[name])
                    for name, value in values.items()
                    if not isinstance(value, Const)
                ),
            ]
        index_bits = (self.segment - 1).bit_length()
        index = Cat(
            Cat(bit for k, bit in enumerate(lowest) if k >> place & 1).any()
            for place in range(index_bits)
        )
        key = reduce(
            or_,
            (each & bit.replicate(field.width) for each, bit in zip(fields, lowest, strict=True)),
        )
        found = {
            "spike": present.any(),
            "key": key,
            "token": Cat(index, values["segment"])[: self.value_map.token_bits],
            "first": fresh & (values["segment"] == 0),
            "last": ends & values["last"],
            "final": ends & values["final"],
            **{name: values[name] for name in ("row", "block", "mask")},
        }
        flow = Flow(m, holds, found, name="found")
        flow.wait(1)
        return flow

    def _sum(self, m: Module, flow: Flow, done: Signal) -> None:
        """Read the token's values; multiply by the key; add; write the row that is whole."""
        values, keys = self.value_map, self.key_layout
        m.d.comb += values.row.eq(Cat(flow.take("token"), flow.take("block")))
        flow.wait(values.latency)
        spike, mask = flow.take("spike"), flow.take("mask")
        key = flow.take("key")
        key = key.as_signed() if self.key_map.field.signed else key
        for lane in range(self.rows.lanes):
            field = values.word.word_select(lane, values.field.width)
            operand = field if values.field.signed else Cat(field, Const(0, 1))
            made = times_payload(keys, operand.as_signed(), key)
            if subtracts(keys):
                made = made + (key < 0)
            bits = self.shape.width + 1  # with a sign
            made = (
                made[:bits]
                if len(made) >= bits
                else Cat(made, made[-1].replicate(bits - len(made)))
            )
            flow.values[f"made_{lane}"] = Mux(spike & _bit(mask, lane), made, 0)
        flow.wait(1)
        sums = []
        for lane in range(self.rows.lanes):
            total = Signal(self.shape.width, name=f"sum_{lane}", reset_less=True)
            with m.If(flow.valid):
                m.d.sync += total.eq(
                    (Mux(flow.values["first"], 0, total) + flow.values[f"made_{lane}"])[
                        : self.shape.width
                    ]
                )
            sums.append(total)
        m.d.sync += [
            self.stored.write.eq(flow.valid & flow.values["last"]),
            self.stored.row.eq(flow.values["row"]),
            done.eq(flow.valid & flow.values["final"]),
        ]
        m.d.comb += self.stored.word.eq(Cat(sums))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Words:
    """Words that wait, and ``takes`` one."""

    valid: Value
    takes: Signal
    values: dict[str, Value]


def _bit(mask: Value, lane: int) -> Value:
    """Of a mask whose highest bits, where they are always 0, are left out."""
    return mask[lane] if lane < len(mask) else Const(0, 1)


def _columns(rows: SumRows) -> dict[str, Column]:
    """What is known of each entry, by name."""
    values = {"row": rows.row, "key": rows.key - rows.keys[0], "block": rows.block}
    values["mask"] = rows.mask @ (1 << np.arange(rows.lanes))
    return {name: _column(each) for name, each in values.items()}


def _column(values: IntArray) -> Column:
    """A table of the entries there are."""
    spread = np.zeros(1 << (len(values) - 1).bit_length(), np.int64)
    spread[: len(values)] = values
    return Column(spread, np.arange(len(spread)) < len(values))
