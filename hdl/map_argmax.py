"""What leaves an accelerator that labels every position: the channel of the largest value there."""

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Signal, Value, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.spec import TokenKind

from .token import Axis, TokenLayout
from .update import UpdateMemory, cheapest_store
from .windows import by_code

__all__ = ["MapArgmaxReadout"]


class MapArgmaxReadout(wiring.Component):
    """Keeps the largest value at each position; at END sends its channel, for every position.

    The lowest channel wins among equals, in whatever order they come. END, with either flag, starts
    the next map.

    Parameters
    ----------
    layout : tokens that come, each with the value of one neuron.

    Members
    -------
    i : In(stream). o : Out(stream): STEP passes, SPIKE(position, channel) of each position at END,
    by ascending address, then END. The positions are those of a population of one channel.

    Timing
    ------
    latency : cycles from a STEP's acceptance to its offer. interval : 1 a value; END is taken after
    ``codes`` cycles. As many pass after reset before the first token is taken. A stall of the
    consumer stalls all.

    Model: ``golden.model``'s argmax. Storage: codes x (1 + value + channel) bits.
    """

    latency = 3
    interval = 1

    def __init__(self, *, layout: TokenLayout) -> None:
        self.layout = layout
        channels, rows, columns = layout.axes
        self.target = TokenLayout(
            axes=(Axis(size=1), rows, columns), low=0, high=channels.size - 1, valued=True
        )
        self.codes = (rows.codes - 1 << columns.bits) + columns.codes
        super().__init__({"i": In(layout.signature), "o": Out(self.target.signature)})

    def elaborate(self, platform: object) -> Module:
        """Read the word of a position, compare, write; send."""
        m = Module()
        sends, out = Signal(), Signal(self.target.struct, reset_less=True)
        moves = Signal()
        m.d.comb += [
            moves.eq(~sends | self.o.ready),
            self.o.valid.eq(sends),
            self.o.payload.eq(out),
        ]
        entering = self._enter(m, moves)

        word = data.StructLayout(
            {
                "seen": 1,
                "value": self.layout.payload_shape,
                "channel": unsigned(self.layout.axes[0].bits),
            }
        )
        m.submodules.words = words = UpdateMemory(
            depth=self.codes, width=word.size, store=cheapest_store(self.codes)
        )
        held, token = entering, self.i.payload
        for stage in range(words.latency):
            later = Signal.like(held, name=f"held_{stage}")
            later_token = Signal.like(token, name=f"token_{stage}", reset_less=True)
            with m.If(moves):
                m.d.sync += [later.eq(held), later_token.eq(token)]
            held, token = later, later_token
        best = data.View(word, words.word)
        new = Signal(word)
        channel = token.address[self.layout.offsets[0] :][: self.layout.axes[0].bits]
        first = ~best.seen | (token.payload > best.value)
        tie = (token.payload == best.value) & (channel < best.channel)
        with m.If(held.spike):
            m.d.comb += [new.seen.eq(1), new.value.eq(token.payload), new.channel.eq(channel)]
        m.d.comb += [
            words.moves.eq(moves),
            words.address.eq(entering.place),
            words.write.eq(held.clear | (held.spike & (first | tie))),
            words.data.eq(new),
        ]
        with m.If(moves):
            m.d.sync += [
                sends.eq(held.mark | held.label),
                out.kind.eq(Mux(held.mark, token.kind, TokenKind.SPIKE.value)),
                out.address.eq(Mux(held.mark, token.address[0], held.place)),
                out.payload.eq(Mux(held.label, self._label(m, best.channel), 0)),
            ]
        return m

    def _enter(self, m: Module, moves: Value) -> Signal:
        """Take a token; in front of an END, and after reset, go through all positions."""
        token = self.i.payload
        flags = dict.fromkeys(("spike", "mark", "clear", "label"), 1)
        tag = Signal(data.StructLayout(flags | {"place": range(self.codes)}))
        next_place = Signal(range(self.codes))
        starts, shown = Signal(init=1), Signal()
        is_end = token.kind == TokenKind.END.value
        is_spike = token.kind == TokenKind.SPIKE.value
        walks, goes = Signal(), Signal()
        m.d.comb += [
            walks.eq(starts | (self.i.valid & is_end & ~shown)),
            goes.eq(self.i.valid & ~walks),
            self.i.ready.eq(moves & ~walks),
            tag.place.eq(Mux(walks, next_place, token.address)),
            tag.spike.eq(goes & is_spike),
            tag.mark.eq(goes & ~is_spike),
            tag.clear.eq(walks),
            tag.label.eq(walks & ~starts & self._is_position(m, next_place)),
        ]
        with m.If(moves & goes & is_end):
            m.d.sync += shown.eq(0)
        with m.If(moves & walks):
            m.d.sync += next_place.eq(next_place + 1)
            with m.If(next_place == self.codes - 1):
                m.d.sync += [next_place.eq(0), starts.eq(0), shown.eq(~starts)]
        return tag

    def _is_position(self, m: Module, code: Value) -> Value:
        """Whether an address is that of a position, and not one that banks leave out."""
        _, rows, columns = self.layout.axes
        padded = Cat(code, 0)
        parts = (
            (columns, padded[: columns.bits], "is_column"),
            (rows, padded[columns.bits : columns.bits + rows.bits], "is_row"),
        )
        flags = []
        for axis, part, name in parts:
            real = set(axis.encode(np.arange(axis.size)).tolist())
            table = {place: int(place in real) for place in range(1 << axis.bits)}
            flags.append(by_code(m, part, table, name))
        return flags[0] & flags[1]

    def _label(self, m: Module, code: Value) -> Value:
        """The channel of a code."""
        channels = np.arange(self.layout.axes[0].size)
        codes = self.layout.axes[0].encode(channels).tolist()
        return by_code(m, code, dict(zip(codes, channels.tolist(), strict=True)), "label")
