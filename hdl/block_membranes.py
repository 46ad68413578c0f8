"""The state of a bank of neurons in block RAM, with rows that are added to it a cycle each."""

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import memory

from .row_membranes import RowMembranes

__all__ = ["BlockMembranes"]


class BlockMembranes(RowMembranes):
    """State words that are read, held in the RAM's output register, added to and written back.

    A row whose word is still on its way back gets it from there, so that rows may follow each other
    on the same word. A word that is read in the cycle in which it is written is never looked at:
    block RAMs differ in what they answer then.

    Parameters
    ----------
    groups : words. width : bits of a word. far : the RAM is far from its adders, so that a row's
    word is chosen in a cycle of its own: neither the wire nor the adder has the other behind it.

    Members
    -------
    valid, group : In, a row asks for a word, and will write it. before : Out, the word, with all
    rows in front of it added, ``row_latency`` cycles later. after : In, in that cycle: what the
    word becomes.
    sweep : In, the sweep reads instead: sweep_group : In; sweep_enable : In, 0 holds what was read.
    word : Out, 2 cycles later. sweep_writes : In, it writes as well: write_enable, write_group,
    write_word : In.

    Timing
    ------
    latency : cycles from a row's ``valid`` to a ``sweep_group`` that sees it. write_latency : the
    same of a sweep's write; rows see it a cycle after it. read_latency, row_latency : cycles to
    ``word`` and ``before``. interval : 1. It never stalls.

    Model: the sum over connections of ``golden.model``. Storage: groups x width bits. Reset does
    not clear them: the core writes them all first.
    """

    write_latency = 2
    read_latency = 2
    interval = 1

    def __init__(self, *, groups: int, width: int, far: bool = False) -> None:
        super().__init__(groups=groups, width=width)
        self.far = far
        self.row_latency = 2 + far
        self.latency = self.row_latency + 2

    def elaborate(self, platform: object) -> Module:
        """Ask; read; choose, if that is far; add; write: a cycle each."""
        m = Module()
        m.submodules.memory = mem = memory.Memory(
            shape=self.width,
            depth=self.groups,
            init=[],
            # Yosys would add a multiplexer behind the RAM for reads of what is being written.
            attrs={"ram_style": "block", "no_rw_check": "1"},
        )
        # Of the two registers behind this port one becomes the RAM's own, the other that of its
        # output: they must not have a reset.
        read, write = mem.read_port(domain="comb"), mem.write_port()
        reading = self._stage(m, self.valid, self.group, "reading")
        choosing = self._stage(m, *reading, "choosing") if self.far else reading
        adding = self._stage(m, *choosing, "adding")
        writing = self._stage(
            m,
            Mux(self.sweep_writes, self.write_enable, adding[0]),
            Mux(self.sweep_writes, self.write_group, adding[1]),
            "writing",
        )
        written, older = self._word("written"), self._word("older")
        fetched, held = self._word("fetched"), self._word("held")
        m.d.sync += [
            written.eq(Mux(self.sweep_writes, self.write_word, self.after)),
            older.eq(written),
        ]
        with m.If(~self.sweep | self.sweep_enable):
            m.d.sync += [fetched.eq(read.data), held.eq(fetched)]
        m.d.comb += [
            self.word.eq(held),
            read.addr.eq(Mux(self.sweep, self.sweep_group, self.group)),
            write.en.eq(writing[0]),
            write.addr.eq(writing[1]),
            write.data.eq(written),
        ]
        # The three rows in front of the word that the RAM gives have not been written yet.
        near = self._follows(m, choosing, "near")
        middle = self._follows(m, adding, "middle")
        far = self._follows(m, writing, "far")
        passed, passes = self._word("passed"), Signal()
        m.d.sync += [
            passes.eq(near | middle | far),
            passed.eq(Mux(near, self.after, Mux(middle, written, older))),
        ]
        before = Mux(passes, passed, held)
        if self.far:
            before = self._chosen(m, reading, before)
        m.d.comb += self.before.eq(before)
        return m

    def _chosen(self, m: Module, reading: tuple[Signal, Signal], word: Value) -> Signal:
        """The word, a cycle later, or what the row right in front makes of it in that cycle."""
        follows, chosen = Signal(name="next_held"), self._word("chosen")
        m.d.sync += [
            follows.eq(self._follows(m, reading, "next")),
            chosen.eq(Mux(follows, self.after, word)),
        ]
        return chosen

    def _follows(self, m: Module, stage: tuple[Signal, Signal], name: str) -> Value:
        """Whether the row that asks has the word of that stage, known a cycle later.

        While it waits for the RAM what it gets instead is chosen, so that the adder has no more
        than one multiplexer in front of it.
        """
        valid, group = stage
        follows = Signal(name=name)
        m.d.sync += follows.eq(valid & (group == self.group))
        return follows

    def _stage(self, m: Module, valid: Value, group: Value, name: str) -> tuple[Signal, Signal]:
        """Which word is in the next stage of the pipeline, if any."""
        valid_held = Signal(name=f"{name}_valid")
        group_held = Signal(range(self.groups), name=f"{name}_group", reset_less=True)
        m.d.sync += [valid_held.eq(valid), group_held.eq(group)]
        return valid_held, group_held

    def _word(self, name: str) -> Signal:
        return Signal(self.width, name=name, reset_less=True)
