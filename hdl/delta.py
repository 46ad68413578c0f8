"""Turns spikes into the changes of a function of their sums: exact max pooling, tables, clips."""

from dataclasses import dataclass
from functools import reduce
from operator import or_

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, Value, unsigned
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError, RangeError
from spikewright.golden.spec import Delta, DeltaFunction, EndFlag, TokenKind

from .plan import MembraneStore
from .token import TokenLayout
from .update import UpdateMemory, cheapest_store
from .windows import Bank, WindowWalk, by_code, window_axis

__all__ = ["DeltaUnit", "change_range", "epoch_bits"]

# Words that a sample leaves time to clear: few beside the tokens of a plane that has more.
_CLEARED = 128


def change_range(delta: Delta, source: TokenLayout, x_low: int, x_high: int) -> tuple[int, int]:
    """Least and largest change of y that one spike can cause, while X stays in x_low..x_high.

    A maximum and a clip change by no more than the payload, and in its direction.
    """
    low, high = min(x_low, 0), max(x_high, 0)
    if delta.table is not None:
        used = delta.table[low - delta.low : high - delta.low + 1]
        span = int(used.max() - used.min())
        return -span, span
    if delta.function is DeltaFunction.CLIP:
        low, high = max(low, delta.low), min(high, delta.high)
    span = high - low
    return max(min(source.low, 0), -span), min(max(source.high, 0), span)


def epoch_bits(depth: int) -> int:
    """Bits of a sample's number: the fewest that leave few of ``depth`` words a sample to clear."""
    return 1 + (-(-depth // _CLEARED) - 1).bit_length()


class DeltaUnit(wiring.Component):
    """Adds spikes up, X += payload, and sends how y = f(X) changes, where it does.

    f is the maximum over a window (over those of its positions that are in the plane), a table or a
    clip. At first X is 0, and y f(0). STEP and END pass in order; END(reset) makes all X 0 again,
    END(keep) keeps them. A spike in no window ends here.

    X lies in as many banks as it takes to read any window at once. Each word says of which sample
    it is, by a number that wraps; a word of another sample counts as 0. While numbers of one half
    are given out, words of the other half are cleared, in cycles in which no token comes.

    Parameters
    ----------
    source : tokens that come. target : tokens to send; its payload holds ``change_range``.
    delta : the function. x_low, x_high : range of X. channels : first and last (exclusive) channel
    of the changes to send; all by default. keeps : whether END(keep) keeps X; else every END makes
    it 0, as where each sample sends its whole sums anew. store : where X lives; by default
    ``cheapest_store``.

    Members
    -------
    i : In(stream). o : Out(stream).

    Timing
    ------
    latency : cycles from a token's acceptance to its offer. interval : cycles that the spike in the
    most windows takes: one a window, and at least one. Every 2**(epoch_bits - 1)th END(reset) waits
    until all words have been visited: ``depth`` cycles, less those without a token since the last
    such END. As many pass after reset before the first token is taken. A stall of the consumer
    stalls all.

    Model: ``golden.model``'s delta connection. Storage: banks x depth x (X + epoch_bits) bits.
    """

    def __init__(
        self,
        *,
        source: TokenLayout,
        target: TokenLayout,
        delta: Delta,
        x_low: int,
        x_high: int,
        channels: tuple[int, int] | None = None,
        keeps: bool = True,
        store: MembraneStore | None = None,
    ) -> None:
        self.source = source
        self.target = target
        self.delta = delta
        self.x_low, self.x_high = min(x_low, 0), max(x_high, 0)
        self.channels = channels or (0, target.axes[0].size)
        self.keeps = keeps
        self._check()
        # Where the shape changes, every address is first made one of the target's.
        reshapes = delta.window is None and source.shape != target.shape
        self._seen = target if reshapes else source
        self._rows, self._columns = (
            window_axis(delta.window, self._seen.axes[1 + k], target.axes[1 + k], k) for k in (0, 1)
        )
        self.banks = self._rows.banks * self._columns.banks
        self._plane = self._rows.blocks * self._columns.blocks
        self.depth = self._plane * (self.channels[1] - self.channels[0])
        self.epoch_bits = epoch_bits(self.depth)
        self.store = store or cheapest_store(self.depth)
        super().__init__({"i": In(source.signature), "o": Out(target.signature)})

    def _check(self) -> None:
        delta, target = self.delta, self.target
        if delta.window is None and self.source.neurons != target.neurons:
            raise ConfigurationError(
                f"{delta.function} must have as many targets as its {self.source.neurons} sources",
                found=str(target.neurons),
            )
        if not 0 <= self.channels[0] < self.channels[1] <= target.axes[0].size:
            raise ConfigurationError(
                f"channels must be first and last (exclusive) of {target.axes[0].size}",
                found=str(self.channels),
            )
        holds = delta.low <= self.x_low and self.x_high <= delta.high
        if delta.table is not None and not holds:
            raise RangeError(
                f"the table must hold every X that can occur, {self.x_low}..{self.x_high}",
                found=f"a table of {delta.low}..{delta.high}",
            )
        low, high = change_range(delta, self.source, self.x_low, self.x_high)
        if low < target.low or high > target.high:
            raise RangeError(
                f"the payload must hold the changes {low}..{high}",
                found=f"{target.low}..{target.high}",
            )

    @property
    def latency(self) -> int:
        """Cycles from a token's acceptance to its offer; a maximum takes one more."""
        return 7 if self.delta.function is DeltaFunction.MAX else 6

    @property
    def interval(self) -> int:
        """Cycles of the spike that is in the most windows."""
        return self._rows.most * self._columns.most

    def elaborate(self, platform: object) -> Module:
        """Look up, read, add and write back, take the function, send the change."""
        m = Module()
        sends, out = Signal(), Signal(self.target.struct, reset_less=True)
        pipe = _Pipe(m)
        m.d.comb += [
            pipe.moves.eq(~sends | self.o.ready),
            self.o.valid.eq(sends),
            self.o.payload.eq(out),
        ]
        old, new, others = self._sums(m, pipe, self._enter(m, pipe))
        match self.delta.function:
            case DeltaFunction.MAX:
                rest = pipe.later(_largest(others), "rest")
                old, new = pipe.later(old, "old"), pipe.later(new, "new")
                pipe.step()
                y_old = pipe.later(_largest([rest, old]), "y_old")
                y_new = pipe.later(_largest([rest, new]), "y_new")
            case DeltaFunction.CLIP:
                y_old = pipe.later(self._clipped(old), "y_old")
                y_new = pipe.later(self._clipped(new), "y_new")
            case DeltaFunction.TABLE:
                y_old, y_new = self._entries(m, pipe, old, new)
        pipe.step()
        tag = pipe.tag
        with m.If(pipe.moves):
            m.d.sync += [
                sends.eq(tag.mark | (tag.spike & (y_old != y_new))),
                out.kind.eq(tag.kind),
                out.address.eq(tag.address),
                out.payload.eq(Mux(tag.spike, y_new - y_old, 0)),
            ]
        return m

    def _enter(self, m: Module, pipe: "_Pipe") -> "_Entry":
        """Take a token, of a spike one window a cycle; or else clear a word."""
        token, moves = self.i.payload, pipe.moves
        is_spike = token.kind == TokenKind.SPIKE.value
        is_reset = token.kind == TokenKind.END.value
        if self.keeps:
            is_reset &= token.address[0] == EndFlag.RESET.value
        epoch = Signal(self.epoch_bits)
        clears, starts, turns = Signal(init=1), Signal(init=1), Signal()
        word = Signal(range(self.depth))
        goes, last = Signal(), Signal()
        may = ~starts & ~(is_reset & turns & clears)
        m.d.comb += [
            # The next sample's number is of the other half.
            turns.eq((epoch + 1)[self.epoch_bits - 1] != epoch[-1]),
            goes.eq(self.i.valid & may),
            self.i.ready.eq(may & moves & (~is_spike | last)),
        ]

        codes = self._codes(m, token.address)
        rows = WindowWalk(m, self._rows, codes[1], "row", scale=self._columns.blocks)
        columns = WindowWalk(m, self._columns, codes[2], "column", scale=1)
        base, channel, known = self._channel(m, codes[0])
        reached = known & rows.some & columns.some
        m.d.comb += last.eq(~reached | (rows.last & columns.last))
        with m.If(moves & goes & is_spike):
            columns.step(m, restart=last | columns.last)
            with m.If(last | columns.last):
                rows.step(m, restart=last)

        with m.If(moves & ~goes & clears):
            m.d.sync += word.eq(word + 1)
            with m.If(word == self.depth - 1):
                m.d.sync += [word.eq(0), clears.eq(0), starts.eq(0)]
        with m.If(moves & goes & is_reset):
            m.d.sync += epoch.eq(epoch + 1)
            with m.If(turns):
                m.d.sync += clears.eq(1)

        tag = Signal(_tag(self.target, self.epoch_bits), name="tag")
        address = _joined(self.target, (channel, rows.target, columns.target))
        m.d.comb += [
            tag.mark.eq(goes & ~is_spike),
            tag.spike.eq(goes & is_spike & reached),
            tag.last.eq(last),
            tag.clear.eq(clears & ~goes),
            tag.start.eq(starts),
            tag.epoch.eq(epoch),
            tag.kind.eq(token.kind),
            tag.address.eq(Mux(is_spike, address, token.address[0])),
        ]
        # A word to clear stands where a channel's first one does, at row and column 0.
        return _Entry(
            tag=tag,
            payload=Const(1, unsigned(1)) if self.source.is_unit else token.payload,
            base=Mux(tag.clear, word, base),
            rows=[_without(bank, tag.clear) for bank in rows.banks],
            columns=[_without(bank, tag.clear) for bank in columns.banks],
        )

    def _codes(self, m: Module, address: Value) -> list[Value]:
        """Codes of channel, row and column, as the tables take them."""
        seen = self._seen
        if seen is not self.source:
            neurons = np.arange(seen.neurons)
            old, new = self.source.encode(neurons).tolist(), seen.encode(neurons).tolist()
            address = by_code(m, address, dict(zip(old, new, strict=True)), "seen")
        return [
            address[offset : offset + axis.bits]
            for axis, offset in zip(seen.axes, seen.offsets, strict=True)
        ]

    def _channel(self, m: Module, code: Value) -> tuple[Value, Value, Value]:
        """First word of a channel, its code for the target, and whether it is one of ours."""
        source, target = self._seen.axes[0], self.target.axes[0]
        first, last = self.channels
        channels = np.arange(source.size)
        known = dict(zip(source.encode(channels).tolist(), channels.tolist(), strict=True))
        own = {code: c for code, c in known.items() if first <= c < last}
        words = {code: (c - first) * self._plane for code, c in own.items()}
        targets = {code: int(target.encode(np.array(c))) for code, c in own.items()}
        flags = {code: int(code in own) for code in known}
        return (
            by_code(m, code, words, "channel_word"),
            by_code(m, code, targets, "channel_target"),
            by_code(m, code, flags, "channel_known"),
        )

    def _sums(self, m: Module, pipe: "_Pipe", entry: "_Entry") -> tuple[Value, Value, list[Value]]:
        """A cycle to look up, two to read, one to add and write: X, X after it, and the others."""
        shape = Shape.cast(range(self.x_low, self.x_high + 1))
        pipe.step(entry.tag)
        payload = pipe.later(entry.payload, "payload")
        base = pipe.later(entry.base, "base")
        rows = [_later(pipe, bank, f"row_{k}") for k, bank in enumerate(entry.rows)]
        columns = [_later(pipe, bank, f"column_{k}") for k, bank in enumerate(entry.columns)]
        pipe.step()
        pipe.step()
        payload = pipe.later(pipe.later(payload, "payload_read"), "payload_added")
        olds, news, others = [], [], []
        for k, (row, column) in enumerate((r, c) for r in rows for c in columns):
            enable, own = (
                pipe.later(pipe.later(flag, f"{name}_read_{k}"), f"{name}_{k}")
                for flag, name in (
                    (row.enable & column.enable, "enable"),
                    (row.own & column.own, "own"),
                )
            )
            width = shape.width + self.epoch_bits
            words = UpdateMemory(depth=self.depth, width=width, store=self.store)
            m.submodules[f"bank_{k}"] = words
            m.d.comb += [
                words.moves.eq(pipe.moves),
                words.address.eq(base + row.word + column.word),
            ]
            old, new = Signal(shape, name=f"old_{k}"), Signal(shape, name=f"new_{k}")
            self._add(m, pipe.tag, words, old, new, payload, own)
            olds.append(Mux(own, old, 0))
            news.append(Mux(own, new, 0))
            others.append(pipe.later(Mux(enable & ~own, old, self.x_low), f"other_{k}"))
        pipe.step()
        x, after = (
            pipe.later(reduce(or_, parts), name) for parts, name in ((olds, "x"), (news, "x_after"))
        )
        return x, after, others

    def _add(
        self,
        m: Module,
        tag: Signal,
        words: UpdateMemory,
        old: Signal,
        new: Signal,
        payload: Value,
        own: Value,
    ) -> None:
        """A spike is added to its own bank's word; a word of the other half is cleared."""
        sums, epoch = words.word[: -self.epoch_bits], words.word[-self.epoch_bits :]
        clears = tag.clear & ((epoch[-1] != tag.epoch[-1]) | tag.start)
        zero = Const(0, new.shape())  # a plain 0 would make a sum of one signed bit two bits wide
        m.d.comb += [
            old.eq(Mux(epoch != tag.epoch, 0, sums)),
            new.eq(old + payload),
            words.write.eq(clears | (tag.spike & tag.last & own)),
            words.data.eq(Cat(Mux(tag.clear, zero, new), tag.epoch)),
        ]

    def _clipped(self, x: Value) -> Value:
        low, high = self.delta.low, self.delta.high
        return Mux(x < low, low, Mux(x > high, high, x))

    def _entries(self, m: Module, pipe: "_Pipe", *sums: Value) -> list[Value]:
        """The table's entries a cycle later, from a memory addressed by the low bits of X."""
        table = self.delta.table
        assert table is not None
        shape = Shape.cast(range(int(table.min()), int(table.max()) + 1))
        if not shape.width:  # a memory of no bits is none
            return [Const(0, shape) for _ in sums]
        words = [0] * (1 << len(sums[0]))
        for value in range(self.x_low, self.x_high + 1):
            words[value % len(words)] = int(table[value - self.delta.low]) % (1 << shape.width)
        m.submodules.table = mem = memory.Memory(
            shape=unsigned(shape.width), depth=len(words), init=words
        )
        found: list[Value] = []
        for k, x in enumerate(sums):
            port = mem.read_port()
            entry = Signal(shape, name=f"entry_{k}")
            m.d.comb += [port.addr.eq(x), port.en.eq(pipe.moves), entry.eq(port.data)]
            found.append(entry)
        return found


class _Pipe:
    """Registers that move together, when ``moves``; every stage has a ``tag``."""

    def __init__(self, m: Module) -> None:
        self.m = m
        self.moves = Signal()
        self.tags: list[Signal] = []

    @property
    def tag(self) -> Signal:
        """What is in the stage that was stepped to last."""
        return self.tags[-1]

    def step(self, tag: Signal | None = None) -> None:
        """Begin the next stage; the first one is entered by the tag given."""
        tag = self.tag if tag is None else tag
        later = Signal(tag.shape(), name=f"tag_{len(self.tags)}")
        with self.m.If(self.moves):
            self.m.d.sync += later.eq(tag)
        self.tags.append(later)

    def later(self, value: Value, name: str) -> Value:
        """The value in the next stage."""
        if isinstance(value, Const) or not len(value):
            return value
        register = Signal.like(value, name=name, init=0, reset_less=True)
        with self.m.If(self.moves):
            self.m.d.sync += register.eq(value)
        return register


@dataclass(frozen=True, kw_only=True)
class _Entry:
    """What enters the first stage."""

    tag: Signal
    payload: Value
    base: Value
    rows: list[Bank]
    columns: list[Bank]


def _tag(target: TokenLayout, epoch_bits: int) -> data.StructLayout:
    """What a stage holds.

    ``mark``: a STEP or END. ``spike``: a spike in one window, its ``last`` or not. ``clear``: a
    word to clear, after reset (``start``) whatever is in it. ``epoch``: of the sample.
    """
    flags = dict.fromkeys(("mark", "spike", "last", "clear", "start"), 1)
    return data.StructLayout(
        flags | {"epoch": epoch_bits, "kind": 2, "address": target.address_bits}
    )


def _joined(layout: TokenLayout, codes: tuple[Value, Value, Value]) -> Value:
    """The address that the codes of channel, row and column make."""
    parts = (code << offset for code, offset in zip(codes, layout.offsets, strict=True))
    return reduce(or_, parts)


def _without(bank: Bank, clear: Value) -> Bank:
    return Bank(enable=bank.enable, own=bank.own, word=Mux(clear, 0, bank.word))


def _later(pipe: _Pipe, bank: Bank, name: str) -> Bank:
    return Bank(
        enable=pipe.later(bank.enable, f"{name}_enable"),
        own=pipe.later(bank.own, f"{name}_own"),
        word=pipe.later(bank.word, f"{name}_word"),
    )


def _largest(values: list[Value]) -> Value:
    """The largest, by a tree of comparisons."""
    while len(values) > 1:
        pairs = zip(values[::2], values[1::2], strict=False)
        odd = values[-1:] if len(values) % 2 else []
        values = [Mux(a > b, a, b) for a, b in pairs] + odd
    return values[0]
