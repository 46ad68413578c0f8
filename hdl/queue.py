"""Holds tokens between two stages, in order."""

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import memory, wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError

from .token import TokenLayout

__all__ = ["SHALLOW_QUEUE", "SpikeQueue"]

SHALLOW_QUEUE = 4  # tokens up to which a queue is registers


class SpikeQueue(wiring.Component):
    """A first-in first-out queue of tokens that keeps their shape.

    Its output is a register, which a token that finds the queue empty enters at once; between it
    and a block RAM, whose output is slow, there is another one, which becomes the RAM's own.

    Parameters
    ----------
    layout : tokens it holds.
    depth : tokens it can hold, at least 2.

    Members
    -------
    i : In(stream), o : Out(stream).

    Timing
    ------
    latency : cycles from a token's acceptance by an empty queue to its offer. interval : 1; up to 3
    cycles are lost when the stored tokens run out while others follow. A stall of the consumer
    fills the queue, then stalls the producer.

    Model: the identity on a sequence. Storage: depth x token bits, cleared by reset.
    """

    latency = 1
    interval = 1

    def __init__(self, *, layout: TokenLayout, depth: int) -> None:
        if depth < 2:
            raise ConfigurationError("a queue must hold at least 2 tokens", found=str(depth))
        self.layout = layout
        self.depth = depth
        super().__init__({"i": In(layout.signature), "o": Out(layout.signature)})

    def elaborate(self, platform: object) -> Module:
        """What is stored, and the register behind it, which a token may enter at once."""
        m = Module()
        room, past, keeps, none = Signal(), Signal(), Signal(), Signal(init=1)
        payload, token = self.o.payload.as_value(), self.i.payload.as_value()
        m.d.comb += [
            room.eq(~self.o.valid | self.o.ready),
            # Past what is stored, but never past a token that is in it.
            past.eq(room & none),
            keeps.eq(self.i.valid & self.i.ready & ~past),
        ]
        stored = self._in_registers if self.depth <= SHALLOW_QUEUE else self._in_memory
        waits, head, last = stored(m, room, keeps, token)
        with m.If(keeps):
            m.d.sync += none.eq(0)
        with m.Elif(room & waits & last):
            m.d.sync += none.eq(1)
        with m.If(room):
            m.d.sync += [
                self.o.valid.eq(waits | (past & self.i.valid)),
                payload.eq(Mux(waits, head, token)),
            ]
        return m

    def _in_registers(
        self, m: Module, room: Signal, keeps: Signal, token: Value
    ) -> tuple[Value, Value, Value]:
        """Whether a token waits, the token, and whether it is the last; ``room`` takes it."""
        m.submodules.fifo = fifo = SyncFIFO(width=self.layout.width, depth=self.depth - 1)
        m.d.comb += [
            self.i.ready.eq(fifo.w_rdy),
            fifo.w_data.eq(token),
            fifo.w_en.eq(keeps),
            fifo.r_en.eq(room),
        ]
        return fifo.r_rdy, fifo.r_data, fifo.level == 1

    def _in_memory(
        self, m: Module, room: Signal, keeps: Signal, token: Value
    ) -> tuple[Value, Value, Value]:
        """The same of words, the memory's register and one more, which becomes a block RAM's own.

        What goes past is written too, and the next token over it: so the memory, which is far, need
        not wait for who takes what. A word is never read while it is written; Yosys does not see
        that, and would put a multiplexer between a block RAM and its register.
        """
        words = self.depth - 3
        m.submodules.storage = storage = memory.Memory(
            shape=self.layout.width, depth=words, init=[], attrs={"no_rw_check": "1"}
        )
        # Only of a register behind a port that answers at once does Yosys look at the attribute.
        write, read = storage.write_port(), storage.read_port(domain="comb")
        word = Signal(self.layout.width, reset_less=True)
        level, full = Signal(range(words + 1)), Signal()
        fetched, waits, takes, reads = Signal(), Signal(), Signal(), Signal()
        head = Signal(self.layout.width, reset_less=True)
        m.d.comb += [
            full.eq(level == words),
            takes.eq(room | ~waits),
            reads.eq((level != 0) & (takes | ~fetched)),
            self.i.ready.eq(~full),
            write.data.eq(token),
            write.en.eq(self.i.valid & ~full),
        ]
        for port, moves in ((write, keeps), (read, reads)):
            with m.If(moves):
                m.d.sync += port.addr.eq(Mux(port.addr == words - 1, 0, port.addr + 1))
        with m.If(keeps & ~reads):
            m.d.sync += level.eq(level + 1)
        with m.Elif(reads & ~keeps):
            m.d.sync += level.eq(level - 1)
        with m.If(takes):
            m.d.sync += [waits.eq(fetched), head.eq(word)]
        with m.If(reads):
            m.d.sync += [fetched.eq(1), word.eq(read.data)]
        with m.Elif(takes):
            m.d.sync += fetched.eq(0)
        return waits, head, (level == 0) & ~fetched
