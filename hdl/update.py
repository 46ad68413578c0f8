"""Words that are read, changed and written back, one a cycle, even the same one again and again."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .membranes import Membranes
from .plan import MembraneStore

__all__ = ["UpdateMemory", "cheapest_store"]

_REGISTER_DEPTH = 8


def cheapest_store(depth: int) -> MembraneStore:
    """Block RAM for more than 8 words, else registers: every device has both."""
    return MembraneStore.BLOCK if depth > _REGISTER_DEPTH else MembraneStore.REGISTERS


class UpdateMemory(wiring.Component):
    """A memory in front of logic that decides, from a word, what to write in its place.

    Parameters
    ----------
    depth : words. width : bits of a word. store : where they live.

    Members
    -------
    moves : In, all that is under way moves on. address : In. word : Out, the word of the address of
    ``latency`` moves ago, with all that was written in front of it. write, data : In, with
    ``moves``: what takes the place of ``word``.

    Timing
    ------
    latency : moves from an address to its word, which comes from a register. interval : 1.

    Storage: depth x width bits. Reset does not clear them.
    """

    latency = 2
    interval = 1

    def __init__(self, *, depth: int, width: int, store: MembraneStore) -> None:
        self.depth = depth
        self.width = width
        # A memory has at least one bit of address.
        self.memory = Membranes(groups=max(2, depth), width=width, store=store)
        super().__init__(
            {
                "moves": In(1),
                "address": In(range(depth)),
                "word": Out(width),
                "write": In(1),
                "data": In(width),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """What is written while the same word is read is taken from here, not from the memory."""
        m = Module()
        m.submodules.memory = mem = self.memory
        reads_at = Signal.like(self.address, reset_less=True)
        word_at = Signal.like(self.address, reset_less=True)
        same = Signal(reset_less=True)
        with m.If(self.moves):
            m.d.sync += [
                reads_at.eq(self.address),
                word_at.eq(reads_at),
                same.eq(self.address == reads_at),
                self.word.eq(Mux(self.write & same, self.data, mem.word)),
            ]
        m.d.comb += [
            mem.read_group.eq(self.address),
            mem.read_enable.eq(self.moves),
            mem.write_enable.eq(self.moves & self.write),
            mem.write_group.eq(word_at),
            mem.write_word.eq(self.data),
        ]
        return m
