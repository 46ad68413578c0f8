"""The state of a bank of neurons in block RAM, with rows that are added to it a cycle each."""

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import memory

from .row_membranes import RowMembranes

__all__ = ["BlockMembranes"]


class BlockMembranes(RowMembranes):
    """State words that are read, held in the RAM's output register, chosen, added to, written back.

    A row whose word is still on its way back gets it from there, so that rows may follow each other
    on the same word. That is chosen in a cycle of its own: the wire from the RAM is as long as the
    adder is slow, and neither has the other behind it. A word that is read in the cycle in which it
    is written is never looked at: block RAMs differ in what they answer then.

    Parameters
    ----------
    groups : words. width : bits of a word.

    Members
    -------
    valid, group : In, a row asks for a word, and will write it. before : Out, the word 3 cycles
    later, with all rows in front of it added. after : In, in that cycle: what the word becomes.
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

    latency = 5
    write_latency = 2
    read_latency = 2
    row_latency = 3
    interval = 1

    def elaborate(self, platform: object) -> Module:
        """Ask; read; choose; add; write: a cycle each."""
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
        choosing = self._stage(m, *reading, "choosing")
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
        # The four rows in front have not been written when this one reads. Of the one right before
        # it the word is known as late as it has to be chosen, of the others a cycle earlier.
        behind = self._follows(m, choosing, "behind")
        middle = self._follows(m, adding, "middle")
        far = self._follows(m, writing, "far")
        near, passes = Signal(), Signal()
        following = self._follows(m, reading, "next")
        passed, before = self._word("passed"), self._word("chosen")
        m.d.sync += [
            near.eq(following),
            passes.eq(behind | middle | far),
            passed.eq(Mux(behind, self.after, Mux(middle, written, older))),
            before.eq(Mux(near, self.after, Mux(passes, passed, held))),
        ]
        m.d.comb += self.before.eq(before)
        return m

    def _follows(self, m: Module, stage: tuple[Signal, Signal], name: str) -> Value:
        """Whether the row that asks has the word of that stage, known a cycle later."""
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
