"""The state of a bank of neurons, one word for each group of lanes."""

from amaranth.hdl import Array, Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError

from .plan import MembraneStore

__all__ = ["Membranes"]

_LUTRAM_ROWS = 16  # words of one LUT RAM; more need a multiplexer


class Membranes(wiring.Component):
    """State words with one read and one write a cycle.

    Parameters
    ----------
    groups : words. width : bits of a word. store : flip-flops, LUT RAM or block RAM.

    Members
    -------
    read_group : In; read_enable : In, samples ``read_group``; word : Out, the word, ``latency``
    cycles later, held. write_enable, write_group, write_word : In. A write is seen by a read whose
    group is presented in the same cycle or later.

    Timing
    ------
    latency : cycles from ``read_group`` to ``word``. interval : 1. It never stalls. ``is_slow`` :
    the word comes so late in its cycle that nothing can be added to it before the next.

    Storage: groups x width bits. Reset does not clear them: the core writes them all first.
    """

    latency = 1
    interval = 1

    def __init__(self, *, groups: int, width: int, store: MembraneStore) -> None:
        if groups < 1 or width < 1:
            raise ConfigurationError(
                "there must be at least one group of one bit", found=f"{groups} of {width}"
            )
        if store.interval > 1:
            raise ConfigurationError(
                "words that are read and written in a cycle must be in a store of two ports",
                found=str(store),
            )
        self.groups = groups
        self.width = width
        self.store = store
        super().__init__(
            {
                "read_group": In(range(groups)),
                "read_enable": In(1),
                "word": Out(width),
                "write_enable": In(1),
                "write_group": In(range(groups)),
                "write_word": In(width),
            }
        )

    @property
    def is_slow(self) -> bool:
        """Whether the word comes late in its cycle: from block RAM, or several rows of LUT RAM."""
        deep = self.store is MembraneStore.LUTRAM and self.groups > _LUTRAM_ROWS
        return self.store is MembraneStore.BLOCK or deep

    def elaborate(self, platform: object) -> Module:
        """Registers are written one group at a time; memories have two ports."""
        m = Module()
        # The address is a register of its own, so that lanes hang on nothing but a flip-flop.
        group = Signal(range(self.groups), reset_less=True)
        with m.If(self.read_enable):
            m.d.sync += group.eq(self.read_group)
        if self.store is MembraneStore.REGISTERS:
            words = Array(
                Signal(self.width, name=f"word_{g}", reset_less=True) for g in range(self.groups)
            )
            m.d.comb += self.word.eq(words[group])
            for index in range(self.groups):
                with m.If(self.write_enable & (self.write_group == index)):
                    m.d.sync += words[index].eq(self.write_word)
            return m
        block = self.store is MembraneStore.BLOCK
        m.submodules.memory = mem = memory.Memory(
            shape=self.width,
            depth=self.groups,
            init=[],
            attrs={"ram_style": "block" if block else "distributed"},
        )
        write = mem.write_port()
        if block:
            # Yosys builds no block RAM on ECP5 without a multiplexer behind it: this one is of use.
            read = mem.read_port(transparent_for=(write,))
            m.d.comb += [read.en.eq(self.read_enable), read.addr.eq(self.read_group)]
        else:
            read = mem.read_port(domain="comb")
            m.d.comb += read.addr.eq(group)
        m.d.comb += [
            self.word.eq(read.data),
            write.en.eq(self.write_enable),
            write.addr.eq(self.write_group),
            write.data.eq(self.write_word),
        ]
        return m
