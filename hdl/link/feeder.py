"""From the payload of a TOKENS frame to tokens of the accelerator's inputs."""

from collections.abc import Sequence

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


class Feeder(wiring.Component):
    """Writes out what bytes say: tokens as they are, a bit an address, or a value an address.

    Parameters
    ----------
    layouts : of the inputs. framed : of each, whether an encoder takes its tokens and makes STEPs.

    Members
    -------
    begin : In, for a cycle: the input ``index``, how ``spikes`` are written, whether ``end`` follows
    and ``keep`` is its flag, and how many ``steps`` do : In, sampled with it. i : In(stream) of the
    bytes behind; last : In, there are no more, once all were taken. done : Out, for a cycle: all
    tokens were taken. o_0, o_1, ... : Out(stream), of the inputs. steps_of_frame : Out, T, of an
    input that is framed.

    Timing
    ------
    latency : 2 cycles from the last byte of a word or a value to its token; 1 to that of a bitmap's
    first bit. interval : a cycle a token, 8 cycles a byte of a bitmap, 1 where it is 0. A stall of
    the accelerator stops it.

    Storage: a word. Reset waits for begin.
    """

    def __init__(self, *, layouts: Sequence[TokenLayout], framed: Sequence[bool]) -> None:
        if not 1 <= len(layouts) <= _MOST_INPUTS:
            raise ConfigurationError(
                f"a link must have 1 to {_MOST_INPUTS} inputs", found=str(len(layouts))
            )
        self.layouts = tuple(layouts)
        self.framed = tuple(framed)
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
    def outputs(self) -> list[object]:
        """The streams in order."""
        return [getattr(self, f"o_{k}") for k in range(len(self.layouts))]

    def elaborate(self, platform: object) -> Module:
        """Bytes are gathered to words or values; a bitmap's byte is gone through."""
        m = Module()
        index, spikes = Signal(range(len(self.layouts))), Signal(2)
        end, keep, left = Signal(), Signal(), Signal(8)
        sizes = [
            max(_bytes(layout.width), _bytes(layout.payload_shape.width)) for layout in self.layouts
        ]
        word = Signal(8 * max(sizes))
        have, need = Signal(range(max(sizes) + 1)), Signal(range(max(sizes) + 1))
        address, bit = Signal(16), Signal(range(8))
        offered, taken, kind = Signal(), Signal(), Signal(2)
        whole, value = Signal(), Signal()
        self._offer(m, index, kind, whole, value, word, address, keep, offered, taken)
        m.d.comb += need.eq(self._need(index, spikes))
        framed = Cat(self.framed).bit_select(index, 1)
        with m.FSM():
            with m.State("WAIT"), m.If(self.begin):
                m.d.sync += [
                    index.eq(self.index),
                    spikes.eq(self.spikes),
                    end.eq(self.end),
                    keep.eq(self.keep),
                    left.eq(self.steps),
                    have.eq(0),
                    bit.eq(0),
                    word.eq(0),
                ]
                with m.If(self.spikes == Spikes.WORDS):
                    m.next = "GATHER"
                with m.Else():
                    m.next = "LOW"
            for state, after, bits in (
                ("LOW", "HIGH", address[:8]),
                ("HIGH", "GATHER", address[8:]),
            ):
                with m.State(state):
                    m.d.comb += self.i.ready.eq(1)
                    with m.If(self.i.valid):
                        m.d.sync += bits.eq(self.i.payload)
                        m.next = after
                    with m.Elif(self.last):
                        m.next = "STEPS"
            with m.State("GATHER"):
                m.d.comb += self.i.ready.eq(1)
                with m.If(self.i.valid):
                    m.d.sync += have.eq(have + 1)
                    # Lowest byte first: what comes last ends up on top of ``need`` bytes.
                    for k in range(max(sizes)):
                        with m.If(have == k):
                            m.d.sync += word[8 * k : 8 * k + 8].eq(self.i.payload)
                    with m.If(spikes == Spikes.BITMAP):
                        m.d.sync += [word[:8].eq(self.i.payload), have.eq(0)]
                        with m.If(self.i.payload == 0):
                            m.d.sync += address.eq(address + 8)
                        with m.Else():
                            m.next = "BITS"
                    with m.Elif(have + 1 == need):
                        m.d.sync += have.eq(0)
                        m.next = "WORD"
                with m.Elif(self.last):
                    m.next = "STEPS"
            with m.State("BITS"):
                m.d.comb += [offered.eq(word[0]), kind.eq(TokenKind.SPIKE.value)]
                with m.If(~word[0] | taken):
                    m.d.sync += [word[:8].eq(word[1:8]), address.eq(address + 1)]
                    m.d.sync += bit.eq(bit + 1)
                    with m.If(bit == 7):
                        m.next = "GATHER"
            with m.State("WORD"):
                is_value = spikes == Spikes.VALUES
                empty = is_value & (word == 0)
                m.d.comb += [
                    offered.eq(~empty),
                    kind.eq(TokenKind.SPIKE.value),
                    whole.eq(~is_value),
                    value.eq(is_value),
                ]
                with m.If(empty | taken):
                    m.d.sync += [address.eq(address + 1), word.eq(0)]
                    m.next = "GATHER"
            with m.State("STEPS"):
                m.d.comb += kind.eq(TokenKind.STEP.value)
                with m.If(framed):
                    with m.If(end):
                        m.d.sync += self.steps_of_frame.eq(left)
                    m.next = "END"
                with m.Elif(left == 0):
                    m.next = "END"
                with m.Else():
                    m.d.comb += offered.eq(1)
                    with m.If(taken):
                        m.d.sync += left.eq(left - 1)
            with m.State("END"):
                m.d.comb += [kind.eq(TokenKind.END.value), offered.eq(end)]
                with m.If(~end | taken):
                    m.d.comb += self.done.eq(1)
                    m.next = "WAIT"
        return m

    def _need(self, index: Value, spikes: Value) -> Value:
        """Bytes of a word, or of a value."""
        words = [_bytes(layout.width) for layout in self.layouts]
        values = [max(1, _bytes(layout.payload_shape.width)) for layout in self.layouts]
        return Mux(spikes == Spikes.WORDS, _chosen(index, words), _chosen(index, values))

    def _offer(
        self,
        m: Module,
        index: Value,
        kind: Value,
        whole: Value,
        value: Value,
        word: Value,
        address: Value,
        keep: Value,
        offered: Value,
        taken: Signal,
    ) -> None:
        """The token on the stream of its input."""
        accepts = []
        for k, (layout, output) in enumerate(zip(self.layouts, self.outputs, strict=True)):
            token = output.payload  # type: ignore[attr-defined]
            m.d.comb += [
                output.valid.eq(offered & (index == k)),  # type: ignore[attr-defined]
                token.kind.eq(kind),
                token.address.eq(Mux(kind == TokenKind.SPIKE.value, address, keep)),
            ]
            if layout.payload_shape.width:
                m.d.comb += token.payload.eq(Mux(value, word, 1))
            with m.If(whole):
                m.d.comb += token.as_value().eq(word)
            accepts.append(output.ready & (index == k))  # type: ignore[attr-defined]
        m.d.comb += taken.eq(Cat(accepts).any())


def _bytes(bits: int) -> int:
    return -(-bits // 8)


def _chosen(index: Value, numbers: Sequence[int]) -> Value:
    """One of several constants."""
    found: Value = Mux(index == 0, numbers[0], 0)
    for k, number in enumerate(numbers[1:], 1):
        found = found | Mux(index == k, number, 0)
    return found
