"""The state of a bank of neurons in large RAMs, which read or write in a cycle, never both."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import memory

from .plan import MembraneStore
from .row_membranes import RowMembranes

__all__ = ["LargeMembranes"]


class LargeMembranes(RowMembranes):
    """State words that are read in one cycle, added to and written in the next.

    The RAM has one port: whoever reads in a cycle leaves the next one to the write. So a row has
    written its word before the next one reads, and nothing has to be passed on between them. While
    a word is written the RAM's output is anything, so that a word for the sweep is held.

    Parameters
    ----------
    groups : words. width : bits of a word.

    Members
    -------
    valid, group : In, a row asks for a word, and will write it; never in a cycle behind another
    that asks. before : Out, the word, in the next cycle. after : In, in that cycle: what it
    becomes.
    sweep : In, the sweep reads instead: sweep_group : In; sweep_enable : In, it takes that group's
    word, never in a cycle behind another that it takes. word : Out, ``read_latency`` cycles later,
    held until that of the next one comes. sweep_writes : In, it writes as well: write_enable,
    write_group, write_word : In; with ``sweep_enable``, or while nobody reads.

    Timing
    ------
    latency : cycles from a row's ``valid`` to a ``sweep_group`` that sees it. write_latency : the
    same of a sweep's write; rows see it then, too. read_latency : cycles to ``word``.
    row_latency : to ``before``. interval : 2. It never stalls.

    Model: the sum over connections of ``golden.model``. Storage: groups x width bits, in RAMs of 16
    bits side by side. They begin with anything, and reset does not clear them: the core writes them
    all first.
    """

    latency = 2
    write_latency = 2
    read_latency = 2
    row_latency = 1
    interval = MembraneStore.SPRAM.interval

    def elaborate(self, platform: object) -> Module:
        """Read; then write. Yosys must see one address, and no read beside a write."""
        m = Module()
        m.submodules.memory = mem = memory.Memory(
            shape=self.width,
            depth=self.groups,
            init=[],
            attrs={"ram_style": "huge"},
        )
        write, read = mem.write_port(), mem.read_port()
        writes, swept, arrives = Signal(), Signal(), Signal()
        group = Signal(range(self.groups), reset_less=True)
        decided = Signal(self.width, reset_less=True)
        held = Signal(self.width, reset_less=True)
        m.d.sync += [
            writes.eq(Mux(self.sweep_writes, self.write_enable, self.valid)),
            group.eq(Mux(self.sweep_writes, self.write_group, self.group)),
            swept.eq(self.sweep_writes),
            decided.eq(self.write_word),
            arrives.eq(self.sweep & self.sweep_enable),
        ]
        with m.If(arrives):
            m.d.sync += held.eq(read.data)
        reads = Mux(self.sweep, self.sweep_group, self.group)
        m.d.comb += [
            self.before.eq(read.data),
            self.word.eq(held),
            write.en.eq(writes),
            write.addr.eq(Mux(writes, group, reads)),
            write.data.eq(Mux(swept, decided, self.after)),
            read.en.eq(~write.en),
            read.addr.eq(write.addr),
        ]
        return m
