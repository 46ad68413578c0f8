"""What leaves an accelerator: counts, and the neuron of the largest value."""

import numpy as np
from amaranth.hdl import Array, Module, Mux, Shape, Signal, ValueLike
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.spec import TokenKind

from .token import TokenLayout

__all__ = ["ArgmaxReadout", "CountReadout"]


class CountReadout(wiring.Component):
    """Adds up the levels of each neuron; at END sends every count, then END.

    Parameters
    ----------
    layout : tokens of the population. count_low, count_high : range of a count.

    Members
    -------
    i : In(stream) of spikes. o : Out(stream): STEP passes, SPIKE(n, count) of every n at END.

    Timing
    ------
    latency : cycles from a STEP's acceptance to its offer. interval : 1 a spike; END takes as many
    cycles as there are neurons, then 1. END(keep) keeps the counts.

    Model: ``golden.model``'s count readout. Storage: neurons x count bits, cleared by reset.
    """

    latency = 0
    interval = 1

    def __init__(self, *, layout: TokenLayout, count_low: int, count_high: int) -> None:
        self.layout = layout
        self.target = TokenLayout(
            axes=layout.axes, low=min(count_low, 0), high=max(count_high, 0), valued=True
        )
        super().__init__({"i": In(layout.signature), "o": Out(self.target.signature)})

    def elaborate(self, platform: object) -> Module:
        """Count while spikes come; show all counts in front of END."""
        m = Module()
        n = self.layout.neurons
        codes = [int(code) for code in self.layout.encode(np.arange(n))]
        registers = [Signal(self.target.payload_shape, name=f"count_{k}") for k in range(n)]
        # An address that no neuron has never comes; it may mean any of them.
        neuron_of = {code: k for k, code in enumerate(codes)}
        counts = Array(registers[neuron_of.get(code, 0)] for code in range(max(codes) + 1))
        index = Signal(range(n + 1))
        address: ValueLike = index if codes == list(range(n)) else Array([*codes, 0])[index]
        token, out = self.i.payload, self.o.payload
        is_spike = token.kind == TokenKind.SPIKE.value
        shows = (token.kind == TokenKind.END.value) & (index != n)
        payload = 1 if self.layout.is_unit else token.payload
        m.d.comb += [
            self.o.valid.eq(self.i.valid & ~is_spike),
            self.i.ready.eq(is_spike | (self.o.ready & ~shows)),
            out.kind.eq(Mux(shows, TokenKind.SPIKE.value, token.kind)),
            out.address.eq(Mux(shows, address, token.address)),
            out.payload.eq(Mux(shows, Array(registers)[index], 0)),
        ]
        with m.If(self.i.valid & is_spike):
            m.d.sync += counts[token.address].eq(counts[token.address] + payload)
        with m.If(self.o.valid & self.o.ready):
            with m.If(shows):
                m.d.sync += index.eq(index + 1)
            with m.Elif(token.kind == TokenKind.END.value):
                m.d.sync += index.eq(0)
                with m.If(~token.address[0]):
                    m.d.sync += [count.eq(0) for count in registers]
        return m


class ArgmaxReadout(wiring.Component):
    """Passes a stream on and writes the address of its largest payload into that of END.

    The lowest address wins among equals, in whatever order they come.

    Parameters
    ----------
    layout : tokens of the stream.

    Members
    -------
    i : In(stream), o : Out(stream).

    Timing
    ------
    latency : 1. interval : 1. A stall of the consumer stalls the producer.

    Model: ``golden.model``'s argmax. Storage: one token, the best value and its address.
    """

    latency = 1
    interval = 1

    def __init__(self, *, layout: TokenLayout) -> None:
        self.layout = layout
        super().__init__({"i": In(layout.signature), "o": Out(layout.signature)})

    def elaborate(self, platform: object) -> Module:
        """One token is held; its value is compared when it leaves."""
        m = Module()
        shape: Shape = self.layout.payload_shape
        held = Signal(self.layout.struct)
        holds = Signal()
        best = Signal(shape)
        label = Signal(self.layout.address_bits)
        some = Signal()
        is_end = held.kind == TokenKind.END.value
        m.d.comb += [
            self.i.ready.eq(~holds | self.o.ready),
            self.o.valid.eq(holds),
            self.o.payload.eq(held),
        ]
        with m.If(is_end):
            m.d.comb += self.o.payload.address.eq(label)
        with m.If(self.i.ready):
            m.d.sync += [held.eq(self.i.payload), holds.eq(self.i.valid)]
        equal = (held.payload == best) & (held.address < label)
        better = ~some | (held.payload > best) | equal
        with m.If(self.o.valid & self.o.ready):
            with m.If(is_end):
                m.d.sync += [some.eq(0), label.eq(0)]
            with m.Elif((held.kind == TokenKind.SPIKE.value) & better):
                m.d.sync += [some.eq(1), best.eq(held.payload), label.eq(held.address)]
        return m
