"""Adds up the spikes of each neuron, and sends the sums when it is asked to."""

import numpy as np
from amaranth.hdl import Const, Module, Mux, Signal, ValueLike, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.spec import Interval, TokenKind

from .token import TokenLayout
from .update import UpdateMemory, cheapest_store

__all__ = ["SumBank", "bank_size"]


def bank_size(layout: TokenLayout, sums: Interval) -> tuple[int, int]:
    """Words of a bank, and bits of a word."""
    low, high = min(sums.low, 0), max(sums.high, 0)
    depth = int(layout.encode(np.array(layout.neurons - 1))) + 1
    return depth, max((~low).bit_length(), high.bit_length()) + 1


class SumBank(wiring.Component):
    """One sum a neuron. It counts; then it holds the sums; then it sends them and is empty again.

    A sum is sent as spikes that the payload allows, as few as that takes, of ascending addresses.

    Parameters
    ----------
    layout : the spikes. sums : what a neuron's can add up to.

    Members
    -------
    counts : Out, it is empty or counting. spike : In, while it counts: token : In is added. closes
    : In, while it counts and nothing is ``under_way`` : Out; the sums are complete, and kept if
    keep : In, else dropped. holds : Out, they wait for send : In, which stays until they are sent.
    o : Out(stream), those spikes.

    Timing
    ------
    latency : cycles from ``closes``, or from ``send``, until it counts again, where every sum is 0
    or dropped; each spike that is sent takes a cycle more but the first of each sum. interval : 1,
    of a spike that comes. A stall of ``o`` stops the sending.

    Model: a sum. Storage: ``depth`` sums; the pass that sends them, and one after reset, make them
    0.
    """

    interval = 1

    def __init__(self, *, layout: TokenLayout, sums: Interval) -> None:
        self.layout = layout
        self.sums = Interval(min(sums.low, 0), max(sums.high, 0))
        self.depth, self.bits = bank_size(layout, sums)
        self.memory = UpdateMemory(
            depth=self.depth, width=self.bits, store=cheapest_store(self.depth)
        )
        super().__init__(
            {
                "counts": Out(1),
                "spike": In(1),
                "token": In(layout.struct),
                "closes": In(1),
                "keep": In(1),
                "under_way": Out(1),
                "holds": Out(1),
                "send": In(1),
                "o": Out(layout.signature),
            }
        )

    @property
    def latency(self) -> int:
        """Cycles of a pass that sends nothing."""
        return self.depth + self.memory.latency + 1

    def elaborate(self, platform: object) -> Module:
        """A word moves from the memory to where it is decided what takes its place."""
        m = Module()
        m.submodules.memory = mem = self.memory
        sweeps, sends = Signal(), Signal()
        place = Signal(range(self.depth + 1))
        # Of the two words on their way: whether there is one, and what is added to it.
        valid, added = Signal(2), [Signal(signed(self.bits), name=f"added_{k}") for k in range(2)]
        enters = Mux(sweeps, place != self.depth, self.spike)
        with m.If(mem.moves):
            m.d.sync += [
                valid.eq(valid << 1 | enters),
                added[0].eq(self._worth()),
                added[1].eq(added[0]),
            ]
            with m.If(sweeps & (place != self.depth)):
                m.d.sync += place.eq(place + 1)
        done = self._send(m, sweeps & sends & valid[1])
        m.d.comb += [
            mem.moves.eq(~sweeps | ~sends | ~valid[1] | done),
            mem.address.eq(Mux(sweeps, place, self.token.address)),
            mem.write.eq(valid[1]),
            mem.data.eq(Mux(sweeps, 0, mem.word.as_signed() + added[1])),
            self.under_way.eq(valid.any()),
        ]
        with m.FSM():
            with m.State("SWEEP"):
                m.d.comb += sweeps.eq(1)
                with m.If((place == self.depth) & ~valid.any()):
                    m.d.sync += [place.eq(0), sends.eq(0)]
                    m.next = "COUNT"
            with m.State("COUNT"):
                m.d.comb += self.counts.eq(1)
                with m.If(self.closes & self.keep):
                    m.next = "HOLD"
                with m.Elif(self.closes):
                    m.next = "SWEEP"
            with m.State("HOLD"):
                m.d.comb += self.holds.eq(1)
                with m.If(self.send):
                    m.d.sync += sends.eq(1)
                    m.next = "SWEEP"
        return m

    def _worth(self) -> ValueLike:
        return Const(1) if self.layout.is_unit else self.token.payload

    def _send(self, m: Module, offers: ValueLike) -> Signal:
        """Sends the word at the memory's output in parts; high when nothing is left of it."""
        sent, rest = Signal(signed(self.bits)), Signal(signed(self.bits + 1))
        part, done = Signal(signed(self.bits)), Signal()
        least, most = self.layout.parts
        m.d.comb += [
            rest.eq(self.memory.word.as_signed() - sent),
            part.eq(Mux(rest > most, most, Mux(rest < least, least, rest))),
            self.o.valid.eq(offers & (rest != 0)),
            self.o.payload.kind.eq(TokenKind.SPIKE.value),
            done.eq((rest == 0) | ((rest == part) & self.o.ready)),
        ]
        at = [Signal.like(self.token.address, name=f"at_{k}") for k in range(2)]
        with m.If(self.memory.moves):
            m.d.sync += [at[0].eq(self.memory.address), at[1].eq(at[0])]
        m.d.comb += self.o.payload.address.eq(at[1])
        if not self.layout.is_unit:
            m.d.comb += self.o.payload.payload.eq(part)
        with m.If(offers & done):
            m.d.sync += sent.eq(0)
        with m.Elif(self.o.valid & self.o.ready):
            m.d.sync += sent.eq(sent + part)
        return done
