"""Keeps the spikes of a step as a map of payloads, to be read while those of the next one come."""

from math import prod

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Shape, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import TokenKind

from .pipeline import delayed
from .token import Axis, TokenLayout
from .update import UpdateMemory, cheapest_store
from .windows import by_code

__all__ = ["SpikeMap", "map_size"]

_BANKS = 2


def map_size(
    layout: TokenLayout, channels: tuple[int, int], tokens: int, lanes: int
) -> tuple[int, int]:
    """Rows and bits of one of the two banks of a ``SpikeMap``."""
    blocks = -(-(channels[1] - channels[0]) // lanes)
    bits = max(1, layout.payload_shape.width)
    return blocks << max(0, _token_bits(layout) - tokens.bit_length() + 1), tokens * lanes * bits


def _token_bits(layout: TokenLayout) -> int:
    """Bits of the number of a token, which is a position of the population."""
    return (prod(layout.shape[1:]) - 1).bit_length()


class SpikeMap(wiring.Component):
    """Stores the payload of every neuron in one step, 0 where it sends nothing.

    A field is a neuron; its position (row x columns + column) is its *token*. A row has so many
    tokens of so many channels, and its number is that of its tokens, with that of its channels
    above. There are two banks: one takes spikes, until their STEP; the other, whose step is whole,
    is read. What was read is cleared, a row a cycle, before it takes spikes again. ENDs are taken,
    and mean nothing here: no step goes beyond one.

    Parameters
    ----------
    layout : tokens that come, each neuron at most once a step. channels : first and last
    (exclusive) channel to keep. tokens : of a row, a power of two. lanes : channels of a row.

    Members
    -------
    i : In(stream). full : Out, a whole step is there. row : In, of it. word : Out, the row's
    fields [lane][token], ``latency`` cycles later. done : In, what is under way is not read any
    more: the step may go.

    Timing
    ------
    latency : cycles from ``row`` to ``word``. closing : from a STEP's acceptance to ``full``, where
    no other step is there. interval : 1, also for spikes. A bank is cleared in
    ``depth`` cycles, after reset too, and in none where no spike came; the stream waits where no
    bank is free.

    Model: the levels of a step in ``golden.model``. Storage: 2 x depth x width bits.
    """

    latency = UpdateMemory.latency + 1
    closing = UpdateMemory.latency + 1
    interval = 1

    def __init__(
        self, *, layout: TokenLayout, channels: tuple[int, int], tokens: int, lanes: int
    ) -> None:
        if not 0 <= channels[0] < channels[1] <= layout.shape[0]:
            raise ConfigurationError(
                f"channels must be first and last (exclusive) of {layout.shape[0]}",
                found=str(channels),
            )
        if tokens < 1 or tokens & (tokens - 1):
            raise ConfigurationError("tokens of a row must be a power of two", found=str(tokens))
        if lanes < 1:
            raise ConfigurationError("lanes must be at least 1", found=str(lanes))
        self.layout = layout
        self.channels = channels
        self.tokens = tokens
        self.lanes = lanes
        self.token_bits = _token_bits(layout)
        self.field = layout.payload_shape if layout.payload_shape.width else Shape(1)
        self.depth, self.width = map_size(layout, channels, tokens, lanes)
        super().__init__(
            {
                "i": In(layout.signature),
                "full": Out(1),
                "row": In(range(self.depth)),
                "word": Out(self.width),
                "done": In(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Find a spike's field; read its row, put it in, write the row."""
        m = Module()
        token = self.i.payload
        takes, reads = Signal(range(_BANKS)), Signal(range(_BANKS))
        opens, fulls = Signal(_BANKS), Signal(_BANKS)
        accepted = Signal()
        is_step = token.kind == TokenKind.STEP.value
        m.d.comb += [
            self.i.ready.eq(opens.bit_select(takes, 1)),
            accepted.eq(self.i.valid & self.i.ready),
            self.full.eq(fulls.bit_select(reads, 1)),
        ]
        with m.If(accepted & is_step):
            m.d.sync += takes.eq(~takes)
        with m.If(self.done):
            m.d.sync += reads.eq(~reads)
        known, row, fields = self._place(m, token.address)
        puts = Signal()
        at, chosen = Signal(range(self.depth), reset_less=True), Signal(len(fields))
        bank, payload = Signal(range(_BANKS), reset_less=True), Signal(self.field, reset_less=True)
        m.d.sync += [
            puts.eq(accepted & known & (token.kind == TokenKind.SPIKE.value)),
            at.eq(row),
            chosen.eq(fields),
            bank.eq(takes),
            payload.eq(1 if self.layout.is_unit else token.payload),
        ]
        put = Signal(self.width)
        m.d.comb += put.eq(
            Cat(payload.as_unsigned() & bit.replicate(self.field.width) for bit in chosen)
        )
        later = UpdateMemory.latency
        put_later = delayed(m, put, later, "put")
        mask = Cat(bit.replicate(self.field.width) for bit in delayed(m, chosen, later, "chosen"))
        words = []
        for b in range(_BANKS):
            puts_here = puts & (bank == b)
            closes = accepted & is_step & (takes == b)
            clears, memory = self._bank(m, b, closes, opens, fulls, reads, puts_here)
            clear_row = Signal(range(self.depth), name=f"clear_row_{b}")
            with m.If(clears):
                m.d.sync += clear_row.eq(clear_row + 1)
                with m.If(clear_row == self.depth - 1):
                    m.d.sync += [clear_row.eq(0), clears.eq(0), opens[b].eq(1)]
            clears_later = delayed(m, clears, later, f"clears_{b}", reset_less=False)
            m.d.comb += [
                memory.moves.eq(1),
                memory.address.eq(Mux(clears, clear_row, Mux(puts_here, at, self.row))),
                memory.write.eq(
                    clears_later | delayed(m, puts_here, later, f"puts_{b}", reset_less=False)
                ),
                memory.data.eq(Mux(clears_later, 0, (memory.word & ~mask) | put_later)),
            ]
            words.append(memory.word)
        m.d.sync += self.word.eq(Mux(reads, words[1], words[0]))
        return m

    def _bank(
        self,
        m: Module,
        b: int,
        closes: Value,
        opens: Signal,
        fulls: Signal,
        reads: Signal,
        puts: Value,
    ) -> tuple[Signal, UpdateMemory]:
        """Open until its STEP has come, full once its spikes are written, then cleared."""
        clears, used = Signal(name=f"clears_{b}", init=1), Signal(name=f"used_{b}")
        whole = delayed(m, closes, UpdateMemory.latency, f"whole_{b}", reset_less=False)
        with m.If(puts):
            m.d.sync += used.eq(1)
        with m.If(closes):
            m.d.sync += opens[b].eq(0)
        with m.If(whole):
            m.d.sync += fulls[b].eq(1)
        with m.If(self.done & (reads == b)):
            m.d.sync += [fulls[b].eq(0), used.eq(0), clears.eq(used), opens[b].eq(~used)]
        memory = UpdateMemory(depth=self.depth, width=self.width, store=cheapest_store(self.depth))
        m.submodules[f"bank_{b}"] = memory
        return clears, memory

    def _place(self, m: Module, address: Value) -> tuple[Value, Value, Value]:
        """Whether a neuron is kept, its row, and its field in it, one bit of all."""
        layout, (first, last) = self.layout, self.channels
        c_axis, y_axis, x_axis = layout.axes
        plane_bits = y_axis.bits + x_axis.bits
        plane = address[:plane_bits]
        code = address[plane_bits : plane_bits + c_axis.bits]
        where = {}
        for y in range(y_axis.size):
            for x in range(x_axis.size):
                at = int(y_axis.encode(np.array(y))) << x_axis.bits
                where[at | int(x_axis.encode(np.array(x)))] = y * x_axis.size + x
        number = Signal(self.token_bits)
        m.d.comb += number.eq(by_code(m, plane, where, "token"))
        own = Axis(size=last - first, banks=self.lanes)
        codes = {c: int(c_axis.encode(np.array(c))) for c in range(c_axis.size)}
        inside = {code: c - first for c, code in codes.items() if first <= c < last}
        known = by_code(m, code, {code: int(code in inside) for code in codes.values()}, "known")
        lane = by_code(m, code, {code: c % self.lanes for code, c in inside.items()}, "lane")
        block = Signal((own.blocks - 1).bit_length())
        m.d.comb += block.eq(
            by_code(m, code, {code: c // self.lanes for code, c in inside.items()}, "block")
        )
        low = self.tokens.bit_length() - 1
        fields = [
            (lane == k) & (number[:low] == t) for k in range(self.lanes) for t in range(self.tokens)
        ]
        return known, Cat(number[low:], block), Cat(fields)
