"""Tokens that a host writes and reads as words of a register, with room for some of them."""

from amaranth.hdl import Array, Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import TokenKind
from spikewright.hdl.queue import SpikeQueue
from spikewright.hdl.token import TokenLayout

from .register_map import DATA_BITS

__all__ = ["TokenReader", "TokenWriter", "words_of"]

_BEHIND = 2  # tokens that a queue keeps in registers behind its memory
_THROUGH = 4  # cycles from a queue's input to its output: memory and three registers


def words_of(layout: TokenLayout) -> int:
    """Words of a token."""
    return -(-layout.width // DATA_BITS)


def _check(depth: int) -> None:
    if depth < 1:
        raise ConfigurationError("there must be room for at least 1 token", found=str(depth))


class TokenWriter(wiring.Component):
    """Puts words together to tokens, and holds these until they are taken.

    Parameters
    ----------
    layout : tokens. depth : how many it holds, at least 1.

    Members
    -------
    word : In, the next of a token, the lowest bits first; bits beyond the token mean nothing.
    written : In, it is there, which must not be while ``free`` is 0. free : Out, tokens that there
    is room for. o : Out(stream).

    Timing
    ------
    latency : cycles from a token's last word to its offer, where none is held. interval : cycles
    between tokens, a word each.

    Model: the identity on tokens. Storage: depth tokens, and the words of the next; cleared by
    reset.
    """

    latency = SpikeQueue.latency

    def __init__(self, *, layout: TokenLayout, depth: int) -> None:
        _check(depth)
        self.layout = layout
        self.depth = depth
        super().__init__(
            {
                "word": In(DATA_BITS),
                "written": In(1),
                "free": Out(range(depth + 1)),
                "o": Out(layout.signature),
            }
        )

    @property
    def interval(self) -> int:
        """A cycle a word."""
        return words_of(self.layout)

    def elaborate(self, platform: object) -> Module:
        """Keep all words but the last; count room."""
        m = Module()
        m.submodules.queue = queue = SpikeQueue(layout=self.layout, depth=self.depth + _BEHIND)
        wiring.connect(m, queue.o, wiring.flipped(self.o))
        words = words_of(self.layout)
        kept = Signal((words - 1) * DATA_BITS)
        index = Signal(range(words))
        held = Signal(range(self.depth + 1))
        last = Signal()
        m.d.comb += [
            self.free.eq(self.depth - held),
            last.eq(index == words - 1),
            queue.i.valid.eq(self.written & last),
            queue.i.payload.as_value().eq(Cat(kept, self.word)),
        ]
        with m.If(self.written):
            m.d.sync += [
                kept.eq(Cat(kept, self.word)[DATA_BITS:]),
                index.eq(Mux(last, 0, index + 1)),
            ]
        m.d.sync += held.eq(held + queue.i.valid - (self.o.valid & self.o.ready))
        return m


class TokenReader(wiring.Component):
    """Holds tokens until a host has read all their words.

    Parameters
    ----------
    layout : tokens. depth : how many it holds, at least 1.

    Members
    -------
    i : In(stream). word : Out, the next of the first token, the lowest bits first, valid where
    ``level`` is not 0; bits beyond the token are 0. taken : In, it was read, which must not be
    while ``level`` is 0. level : Out, tokens that can be read, one after the other. result : Out,
    an END is among them, or there is no room for more.

    Timing
    ------
    latency : cycles from a token's acceptance until ``level`` has it, as many as the queue takes at
    the most, also behind others. interval : cycles between tokens,
    a word each. What finds no room waits.

    Model: the identity on tokens. Storage: depth tokens; cleared by reset.
    """

    latency = _THROUGH

    def __init__(self, *, layout: TokenLayout, depth: int) -> None:
        _check(depth)
        self.layout = layout
        self.depth = depth
        super().__init__(
            {
                "i": In(layout.signature),
                "word": Out(DATA_BITS),
                "taken": In(1),
                "level": Out(range(depth + 1)),
                "result": Out(1),
            }
        )

    @property
    def interval(self) -> int:
        """A cycle a word."""
        return words_of(self.layout)

    def elaborate(self, platform: object) -> Module:
        """Show a word of the first token; count tokens and ENDs."""
        m = Module()
        m.submodules.queue = queue = SpikeQueue(layout=self.layout, depth=self.depth + _BEHIND)
        words = words_of(self.layout)
        bits = queue.o.payload.as_value()
        index, ends = Signal(range(words)), Signal(range(self.depth + 1))
        held = Signal(range(self.depth + 1))
        full, comes, leaves = Signal(), Signal(), Signal()
        # On their way through the queue: whether there is a token, and whether it is an END.
        tokens, markers = Signal(self.latency - 1), Signal(self.latency - 1)
        m.d.comb += [
            full.eq(held == self.depth),
            self.i.ready.eq(~full),
            queue.i.valid.eq(self.i.valid & ~full),
            queue.i.payload.eq(self.i.payload),
            comes.eq(self.i.valid & ~full),
            leaves.eq(self.taken & (index == words - 1)),
            queue.o.ready.eq(leaves),
            self.word.eq(Array(bits.word_select(k, DATA_BITS) for k in range(words))[index]),
            self.result.eq(full | (ends != 0)),
        ]
        with m.If(self.taken):
            m.d.sync += index.eq(Mux(leaves, 0, index + 1))
        end = TokenKind.END.value
        fewer = leaves & (queue.o.payload.kind == end)
        m.d.sync += [
            tokens.eq(Cat(comes, tokens)),
            markers.eq(Cat(comes & (self.i.payload.kind == end), markers)),
            held.eq(held + comes - leaves),
            self.level.eq(self.level + tokens[-1] - leaves),
            ends.eq(ends + markers[-1] - fewer),
        ]
        return m
