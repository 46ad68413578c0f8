"""Keeps what a sample settled to for the sample after: connections with a delay, in settle mode."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring

from spikewright.golden.spec import EndFlag, Interval, TokenKind

from .delay import delay_members
from .sum_bank import SumBank
from .token import TokenLayout

__all__ = ["SumDelay"]


class SumDelay(wiring.Component):
    """Adds up each neuron's spikes over a sample, and sends the sums in the next one's first step.

    What came up and went down again is not sent. In a first sample, and behind END(reset), nothing
    is. Two banks take turns, one of which counts while the other sends, so that the consumer may
    read the same source without a delay too. The unit lets a step through as ``DelayUnit`` does, so
    it never waits for its own consumer.

    Parameters
    ----------
    layout : tokens that pass. sums : what a neuron's spikes can add up to in a sample.

    Members
    -------
    As ``DelayUnit``; the queue in front need not hold a sample.

    Timing
    ------
    latency : 0, of a marker before which nothing is sent; else a cycle, and what ``SumBank`` takes.
    interval : 1. An END waits 2 cycles for spikes before it, and until what the sample before left
    is sent.

    Model: a connection of delay 1 in ``golden.model``'s settle. Storage: two ``SumBank``.
    """

    latency = 0
    interval = 1

    def __init__(self, *, layout: TokenLayout, sums: Interval) -> None:
        self.layout = layout
        self.sums = sums
        self.banks = [SumBank(layout=layout, sums=sums) for _ in range(2)]
        super().__init__(delay_members(layout))

    def elaborate(self, platform: object) -> Module:
        """One bank counts what comes; the other one's sums pass before the first marker."""
        m = Module()
        m.submodules.bank_0, m.submodules.bank_1 = self.banks
        turn = Signal()  # the bank that counts
        with m.Switch(turn):
            for k, bank in enumerate(self.banks):
                with m.Case(k):
                    self._count(m, bank, self.banks[1 - k], turn)
        self._send(m, turn)
        return m

    def _count(self, m: Module, bank: SumBank, other: SumBank, turn: Signal) -> None:
        source, token = self.i, self.i.payload
        ends = token.kind == TokenKind.END.value
        m.d.comb += [
            bank.token.eq(token),
            source.ready.eq(bank.counts & (~ends | (~bank.under_way & other.counts))),
            bank.spike.eq(source.valid & bank.counts & (token.kind == TokenKind.SPIKE.value)),
            bank.closes.eq(source.valid & source.ready & ends),
            bank.keep.eq(token.address[0] == EndFlag.KEEP.value),
        ]
        with m.If(bank.closes):
            m.d.sync += turn.eq(~turn)

    def _send(self, m: Module, turn: Signal) -> None:
        fresh, first, marked = Signal(init=1), Signal(init=1), Signal()
        sink = self.o
        asks = ~marked & (self.steps | self.ends)
        remembers = first & ~fresh
        m.d.comb += sink.payload.eq(Mux(turn, *(bank.o.payload for bank in self.banks)))
        for k, bank in enumerate(self.banks):
            m.d.comb += bank.o.ready.eq(sink.ready & (turn != k))
            with m.If(turn != k):
                m.d.comb += [bank.send.eq(asks & remembers), sink.valid.eq(bank.o.valid)]
        sending = Signal()
        holds = Mux(turn, *(bank.holds for bank in self.banks))
        counts = Mux(turn, *(bank.counts for bank in self.banks))
        with m.If(asks & remembers & holds):
            m.d.sync += sending.eq(1)
        with m.If(sending & counts):
            m.d.sync += [sending.eq(0), first.eq(0)]
        with m.If(self.passed):
            m.d.sync += marked.eq(0)
        with m.If(asks & ~remembers):
            m.d.comb += [
                sink.valid.eq(1),
                sink.payload.kind.eq(Mux(self.ends, TokenKind.END.value, TokenKind.STEP.value)),
                sink.payload.address.eq(self.ends & self.keep),
            ]
            with m.If(sink.ready):
                m.d.sync += [
                    first.eq(self.ends),
                    fresh.eq(Mux(self.ends, self.keep == EndFlag.RESET.value, fresh)),
                ]
                with m.If(~self.passed):
                    m.d.sync += marked.eq(1)
