"""From the payload of a TOKENS frame to tokens of the accelerator's inputs."""

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.link import Spikes
from spikewright.golden.spec import TokenKind
from spikewright.hdl.token import TokenLayout

from .uart import BYTES

__all__ = ["Feeder"]

_MOST_INPUTS = 16
_BYTE_BITS = 8


class Feeder(wiring.Component):
    """Writes out what bytes say: tokens as they are, a bit an address, or a value an address.

    Parameters
    ----------
    layouts : of the inputs. framed : of each, whether an encoder takes its tokens and makes STEPs.

    Members
    -------
    begin : In, for a cycle: how many ``steps`` : In follow, sampled with it; the input ``index``,
    how ``spikes`` are written, whether ``end`` follows and ``keep`` is its flag : In, held from
    begin to done. i : In(stream) of the bytes behind; last : In, there are no more, once all were
    taken. done : Out, for a cycle: all tokens were taken. o_0, o_1, ... : Out(stream), of the
    inputs. steps_of_frame : Out, T, of an input that is framed.

    Timing
    ------
    latency : cycles from the last byte of a word or a value to its token's offer, or from that of a
    bitmap to the offer of its first bit. interval : a cycle a token and one a byte; a byte of a
    bitmap takes 9 cycles, but 2 where it is 0. A stall of the accelerator stops it.

    Storage: a word. Reset waits for begin.
    """

    latency = 1

    def __init__(self, *, layouts: Sequence[TokenLayout], framed: Sequence[bool]) -> None:
        if not 1 <= len(layouts) <= _MOST_INPUTS:
            raise ConfigurationError(
                f"a link must have 1 to {_MOST_INPUTS} inputs", found=str(len(layouts))
            )
        self.layouts = tuple(layouts)
        self.framed = tuple(framed)
        self.word_bytes = tuple(_bytes(layout.width) for layout in layouts)
        self.value_bytes = tuple(max(1, _bytes(layout.payload_shape.width)) for layout in layouts)
        self.most_bytes = max(self.word_bytes + self.value_bytes)
        super().__init__(
            {
                "begin": In(1),
                "index": In(4),
                "spikes": In(2),
                "end": In(1),
                "keep": In(1),
                "steps": In(8),
                "i": In(BYTES),
                "last": In(1),
                "done": Out(1),
                "steps_of_frame": Out(8),
                **{f"o_{k}": Out(layout.signature) for k, layout in enumerate(layouts)},
            }
        )

    @property
    def outputs(self) -> list[Any]:
        """The streams in order."""
        return [getattr(self, f"o_{k}") for k in range(len(self.layouts))]

    def elaborate(self, platform: object) -> Module:
        """Bytes are gathered to words or values; a bitmap's byte is gone through."""
        m = Module()
        index = self.index[: (len(self.layouts) - 1).bit_length()]
        words, bits = self.spikes == Spikes.WORDS, self.spikes == Spikes.BITMAP
        # Bytes come in on top and move down, so that a word or a value ends on top.
        word = Signal(_BYTE_BITS * self.most_bytes)
        byte = word[-_BYTE_BITS:]
        have, left = Signal(range(max(self.most_bytes, _BYTE_BITS))), Signal(8)
        address = Signal(max(layout.address_bits for layout in self.layouts))
        offered, taken, kind = Signal(), Signal(), Signal(2)
        empty, moves = Signal(), Signal()
        self._offer(m, index, kind, words, word, address, offered, taken)
        with m.If(moves):
            m.d.sync += address.eq(address + Mux(empty, _BYTE_BITS, 1))
        with m.FSM():
            with m.State("WAIT"), m.If(self.begin):
                m.d.sync += [left.eq(self.steps), have.eq(0)]
                m.next = "LOW"
                with m.If(words):
                    m.next = "GATHER"
            for state, after, part in (
                ("LOW", "HIGH", address[:_BYTE_BITS]),
                ("HIGH", "GATHER", address[_BYTE_BITS:]),
            ):
                with m.State(state):
                    m.d.comb += self.i.ready.eq(1)
                    with m.If(self.i.valid):
                        m.d.sync += part.eq(self.i.payload)
                        m.next = after
                    with m.Elif(self.last):
                        m.next = "STEPS"
            with m.State("GATHER"):
                m.d.comb += self.i.ready.eq(1)
                with m.If(self.i.valid):
                    m.d.sync += [word.eq(Cat(word[_BYTE_BITS:], self.i.payload))]
                    with m.If(bits):
                        m.d.sync += empty.eq(self.i.payload == 0)
                        m.next = "BITS"
                    with m.Elif(have == self._last(index, words)):
                        m.d.sync += have.eq(0)
                        m.next = "WORD"
                    with m.Else():
                        m.d.sync += have.eq(have + 1)
                with m.Elif(self.last):
                    m.next = "STEPS"
            with m.State("BITS"):
                m.d.comb += [offered.eq(byte[0]), kind.eq(TokenKind.SPIKE.value)]
                with m.If(empty):
                    m.d.comb += moves.eq(1)
                    m.d.sync += empty.eq(0)
                    m.next = "GATHER"
                with m.Elif(~byte[0] | taken):
                    m.d.comb += moves.eq(1)
                    m.d.sync += [byte.eq(byte >> 1), have.eq(have + 1)]
                    with m.If(have == _BYTE_BITS - 1):
                        m.d.sync += have.eq(0)
                        m.next = "GATHER"
            with m.State("WORD"):
                m.d.comb += [
                    offered.eq(words | self._any(index, word)),
                    kind.eq(TokenKind.SPIKE.value),
                ]
                with m.If(~offered | taken):
                    m.d.comb += moves.eq(1)
                    m.next = "GATHER"
            with m.State("STEPS"):
                m.d.comb += kind.eq(TokenKind.STEP.value)
                framed = Cat(self.framed).bit_select(index, 1)
                with m.If(framed):
                    with m.If(self.end):
                        m.d.sync += self.steps_of_frame.eq(left)
                    m.next = "END"
                with m.Elif(left == 0):
                    m.next = "END"
                with m.Else():
                    m.d.comb += offered.eq(1)
                    with m.If(taken):
                        m.d.sync += left.eq(left - 1)
            with m.State("END"):
                m.d.comb += [kind.eq(TokenKind.END.value), offered.eq(self.end)]
                with m.If(~self.end | taken):
                    m.d.comb += self.done.eq(1)
                    m.next = "WAIT"
        return m

    def _last(self, index: Value, words: Value) -> Value:
        """Number of the last byte of a word, or of a value."""
        return Mux(
            words,
            _chosen(index, [size - 1 for size in self.word_bytes]),
            _chosen(index, [size - 1 for size in self.value_bytes]),
        )

    def _any(self, index: Value, word: Value) -> Value:
        """Whether a value is not 0."""
        values = (word[-_BYTE_BITS * size :].any() for size in self.value_bytes)
        return _chosen(index, list(values))

    def _offer(
        self,
        m: Module,
        index: Value,
        kind: Value,
        words: Value,
        word: Value,
        address: Value,
        offered: Value,
        taken: Signal,
    ) -> None:
        """The token on the stream of its input."""
        accepts = []
        spikes = kind == TokenKind.SPIKE.value
        bits = self.spikes == Spikes.BITMAP
        for k, (layout, output) in enumerate(zip(self.layouts, self.outputs, strict=True)):
            token = output.payload
            m.d.comb += [
                output.valid.eq(offered & (index == k)),
                token.kind.eq(kind),
                token.address.eq(Mux(spikes, address, self.keep)),
            ]
            if layout.payload_shape.width:
                value = word[-_BYTE_BITS * self.value_bytes[k] :]
                m.d.comb += token.payload.eq(Mux(spikes & ~bits, value, 1))
            with m.If(words & spikes):
                m.d.comb += token.as_value().eq(word[-_BYTE_BITS * self.word_bytes[k] :])
            accepts.append(output.ready & (index == k))
        m.d.comb += taken.eq(Cat(accepts).any())


def _bytes(bits: int) -> int:
    return -(-bits // _BYTE_BITS)


def _chosen(index: Value, numbers: Sequence[Value | int]) -> Value:
    """One of several."""
    found: Value = Mux(index == 0, numbers[0], 0)
    for k, number in enumerate(numbers[1:], 1):
        found = found | Mux(index == k, number, 0)
    return found
