"""Writes the rows of an image into the memories that they are for."""

from collections.abc import Sequence

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import enum, wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError

from .load import END_OF_IMAGE, LOAD_BITS, MOST_MEMORIES, load_port, row_words

__all__ = ["SegmentWriter"]

_MOST_ROWS = (1 << LOAD_BITS) - 1


class _State(enum.Enum, shape=2):  # type: ignore[call-arg]  # a shape, as Amaranth has it
    """What the next word is."""

    MEMORY = 0
    FIRST = 1
    COUNT = 2
    ROWS = 3


class SegmentWriter(wiring.Component):
    """Reads segments: number of a memory, first row, how many rows, their words.

    Parameters
    ----------
    shapes : (rows, bits) of each memory, by its number.

    Members
    -------
    word : In, sampled with takes : In. ended : Out, it is the end of an image, and no segment.
    anew : In, the next word is the first of a segment, and nothing was wrong. wrong : Out, there
    was a segment without rows, or with one that no memory has; such a row is not written.
    clear : In, no memory counts as filled. filled : Out, each was, by one segment that had all of
    its rows. active : In, writes may come. port_0, port_1, ... : Out, to the memories.

    Timing
    ------
    latency : cycles from a word to the port that writes it. interval : 1. It never stalls.

    Storage: counters, a bit for each memory, a word on its way.
    """

    latency = 1
    interval = 1

    def __init__(self, *, shapes: Sequence[tuple[int, int]]) -> None:
        if not 1 <= len(shapes) <= MOST_MEMORIES:
            raise ConfigurationError(
                f"the memories that are loaded must be 1 to {MOST_MEMORIES}",
                found=str(len(shapes)),
            )
        for rows, width in shapes:
            if not 1 <= rows <= _MOST_ROWS or width < 1:
                raise ConfigurationError(
                    f"a memory must have bits, and 1 to {_MOST_ROWS} rows",
                    found=f"{rows} rows of {width} bits",
                )
        self.shapes = tuple(shapes)
        super().__init__(
            {
                "word": In(LOAD_BITS),
                "takes": In(1),
                "ended": Out(1),
                "anew": In(1),
                "wrong": Out(1),
                "clear": In(1),
                "filled": Out(1),
                "active": In(1),
                **{f"port_{k}": Out(load_port(*shape)) for k, shape in enumerate(shapes)},
            }
        )

    def elaborate(self, platform: object) -> Module:
        """A word of a row goes where a bit that moves up says."""
        m = Module()
        state, word, shapes = Signal(_State), self.word, self.shapes
        turn = Signal(max(row_words(width) for _, width in shapes), init=1)
        chosen, full = Signal(len(shapes)), Signal(len(shapes))
        row, left = Signal(LOAD_BITS), Signal(LOAD_BITS)
        whole, ends, past, last = Signal(), Signal(), Signal(), Signal(LOAD_BITS)
        for k, (rows, width) in enumerate(shapes):
            with m.If(chosen[k]):
                m.d.comb += [last.eq(rows - 1), ends.eq(turn[row_words(width) - 1])]
        writes = Signal()
        m.d.comb += [
            past.eq((row > last) | ~chosen.any()),
            writes.eq(self.takes & (state == _State.ROWS) & ~past),
            self.filled.eq(full.all()),
            self.ended.eq(self.takes & (state == _State.MEMORY) & (word == END_OF_IMAGE)),
        ]
        with m.If(self.takes), m.Switch(state):
            with m.Case(_State.MEMORY), m.If(~self.ended):
                m.d.sync += [
                    *(chosen[k].eq(word == k) for k in range(len(shapes))),
                    turn.eq(1),
                    state.eq(_State.FIRST),
                ]
            with m.Case(_State.FIRST):
                m.d.sync += [row.eq(word), whole.eq(word == 0), state.eq(_State.COUNT)]
            with m.Case(_State.COUNT):
                m.d.sync += [left.eq(word), state.eq(_State.ROWS)]
                with m.If(word == 0):
                    m.d.sync += [self.wrong.eq(1), state.eq(_State.MEMORY)]
            with m.Case(_State.ROWS):
                m.d.sync += [self.wrong.eq(self.wrong | past), turn.eq(turn << 1)]
                # Nobody knows how long the rows of an unknown memory are: a word.
                with m.If(ends | ~chosen.any()):
                    m.d.sync += [turn.eq(1), row.eq(row + 1), left.eq(left - 1)]
                    with m.If(whole & (row == last)):
                        m.d.sync += full.eq(full | chosen)
                    with m.If(left == 1):
                        m.d.sync += state.eq(_State.MEMORY)
        with m.If(self.clear):
            m.d.sync += full.eq(0)
        with m.If(self.anew):
            m.d.sync += [state.eq(_State.MEMORY), self.wrong.eq(0)]
        self._ports(m, Mux(writes, chosen, 0), turn, row)
        return m

    def _ports(self, m: Module, chosen: Value, turn: Signal, row: Signal) -> None:
        """To every memory from registers; only what is enabled counts."""
        data, place = Signal(LOAD_BITS, reset_less=True), Signal(LOAD_BITS, reset_less=True)
        enables, writes = Signal(len(turn)), Signal(len(self.shapes))
        m.d.sync += [data.eq(self.word), place.eq(row), enables.eq(turn), writes.eq(chosen)]
        for k in range(len(self.shapes)):
            port = getattr(self, f"port_{k}")
            m.d.comb += [
                port.active.eq(self.active),
                port.enables.eq(Mux(writes[k], enables, 0)),
                port.row.eq(place),
                port.data.eq(data),
            ]
