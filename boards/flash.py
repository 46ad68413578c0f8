"""Reads what lies behind the bitstream in a board's flash memory."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError
from spikewright.hdl.load import LOAD_BITS, LOAD_SIGNATURE

__all__ = ["FlashLoader"]

_WAKE_UP = 0xAB  # the configuration of an iCE40 leaves its flash asleep
_READ = 0x03
_COMMAND_BITS = 8
_BYTE_BITS = 8  # of which the highest comes first
_ADDRESS_BITS = 24


class FlashLoader(wiring.Component):  # type: ignore[type-arg]  # generic only in its stubs
    """Wakes an SPI flash up and sends what is in it from an offset on, in words of 16 bits.

    It speaks SPI mode 0 with the commands that all such memories know: release from power-down,
    and read. Each word has its first byte in its lower half.

    Parameters
    ----------
    offset : the first byte, below 2**24. wake_cycles : cycles from the first command to the second,
    at least 1; the flash needs 30 us. half : cycles of half a period of clk, at least 1.

    Members
    -------
    o : Out(stream), the words, without an end. stop : In, no more are wanted; obeyed while one is
    offered. cs, clk, copi : Out, from flip-flops; cs is 1 while the flash is selected. cipo : In,
    sampled in the last cycle of a period of clk.

    Timing
    ------
    interval : cycles a word takes where it is taken at once: a bit takes a period. latency : cycles
    from reset to the first word.

    Storage: a command, a word, their counters. Reset begins anew.
    """

    def __init__(self, *, offset: int, wake_cycles: int, half: int) -> None:
        if not 0 <= offset < 1 << _ADDRESS_BITS:
            raise ConfigurationError(
                f"offset must lie in 0..{(1 << _ADDRESS_BITS) - 1}", found=str(offset)
            )
        if wake_cycles < 1:
            raise ConfigurationError("wake_cycles must be at least 1", found=str(wake_cycles))
        if half < 1:
            raise ConfigurationError("half must be at least 1", found=str(half))
        self.offset = offset
        self.wake_cycles = wake_cycles
        self.half = half
        super().__init__(
            {
                "o": Out(LOAD_SIGNATURE),
                "stop": In(1),
                "cs": Out(1),
                "clk": Out(1),
                "copi": Out(1),
                "cipo": In(1),
            }
        )

    @property
    def interval(self) -> int:
        """A period for each bit, and a cycle in which the word is there."""
        return 2 * self.half * LOAD_BITS + 1

    @property
    def latency(self) -> int:
        """Select, wake up, wait, ask, read."""
        bits = _COMMAND_BITS + (_COMMAND_BITS + _ADDRESS_BITS) + LOAD_BITS
        return 1 + 2 * self.half * bits + self.wake_cycles

    def elaborate(self, platform: object) -> Module:
        """A bit is shifted out, and one in, whenever clk falls."""
        m = Module()
        bits = _COMMAND_BITS + _ADDRESS_BITS
        sends = Signal(bits, init=_WAKE_UP << _ADDRESS_BITS)
        left = Signal(range(bits), init=_COMMAND_BITS - 1)
        wait = Signal(range(self.wake_cycles), init=self.wake_cycles - 1)
        came = Signal(LOAD_BITS)
        runs, moves, falls, last = Signal(), Signal(), Signal(), Signal()
        pause = Signal(range(self.half), init=self.half - 1)
        m.d.comb += [
            self.copi.eq(sends[-1]),
            self.o.payload.eq(Cat(came[_BYTE_BITS:], came[:_BYTE_BITS])),
            moves.eq(runs & (pause == 0)),
            falls.eq(moves & self.clk),
            last.eq(falls & (left == 0)),
        ]
        with m.If(runs):
            m.d.sync += pause.eq(Mux(moves, self.half - 1, pause - 1))
        with m.If(moves):
            m.d.sync += self.clk.eq(~self.clk)
        with m.If(falls):
            m.d.sync += [
                sends.eq(sends << 1),
                left.eq(left - 1),
                came.eq((came << 1) | self.cipo),
            ]
        with m.FSM():
            with m.State("WAKE"):
                # A cycle goes by between the selection and the first edge.
                m.d.comb += runs.eq(self.cs)
                m.d.sync += self.cs.eq(~last)
                with m.If(last):
                    m.next = "REST"
            with m.State("REST"):
                m.d.sync += wait.eq(wait - 1)
                with m.If(wait == 0):
                    m.d.sync += [
                        sends.eq(_READ << _ADDRESS_BITS | self.offset),
                        left.eq(bits - 1),
                        self.cs.eq(1),
                    ]
                    m.next = "ASK"
            with m.State("ASK"):
                m.d.comb += runs.eq(1)
                with m.If(last):
                    m.d.sync += left.eq(LOAD_BITS - 1)
                    m.next = "READ"
            with m.State("READ"):
                m.d.comb += runs.eq(1)
                with m.If(last):
                    m.d.sync += left.eq(LOAD_BITS - 1)
                    m.next = "GIVE"
            with m.State("GIVE"):
                m.d.comb += self.o.valid.eq(1)
                with m.If(self.stop):
                    m.d.sync += self.cs.eq(0)
                    m.next = "DONE"
                with m.Elif(self.o.ready):
                    m.next = "READ"
            with m.State("DONE"):
                pass
        return m
