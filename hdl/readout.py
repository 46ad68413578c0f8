"""What leaves an accelerator: a value of each neuron, and the neuron of the largest."""

from collections.abc import Mapping

import numpy as np
from amaranth.hdl import Array, Module, Mux, Shape, Signal, Value, ValueLike
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.spec import Interval, Network, Ranges, ReadoutKind, TokenKind

from .token import TokenLayout

__all__ = ["ArgmaxReadout", "TallyReadout", "tally_range"]


def tally_range(network: Network, ranges: Mapping[str, Ranges]) -> Interval | None:
    """What a ``TallyReadout`` of the network's readout can hold; None where it needs none."""
    readout = network.readout
    read = ranges[readout.population]
    match readout.kind:
        case ReadoutKind.COUNT:
            return read.total
        case ReadoutKind.FIRST_SPIKE:
            # the number of the step after the last one
            return Interval(0, network.max_steps + 1)
        case ReadoutKind.MAXIMUM:
            return read.v
    return None


class TallyReadout(wiring.Component):
    """Makes one value of all that each neuron sends in a sample; at END sends them, then END.

    Parameters
    ----------
    layout : tokens of the population. kind : ``COUNT`` adds levels up, ``FIRST_SPIKE`` counts the
    steps from the first spike on, ``MAXIMUM`` keeps the largest of a population that sends all its
    membranes in every step. low, high : range of a value, 0 if it is not in it.

    Members
    -------
    i : In(stream) of spikes. o : Out(stream): STEP passes, SPIKE(n, value) of every n at END.

    Timing
    ------
    latency : cycles from a STEP's acceptance to its offer. interval : 1 a spike; END takes as many
    cycles as there are neurons, then 1. END(keep) keeps the values.

    Model: ``golden.model``'s readout of that kind. Storage: neurons x value bits, and for the first
    spike the number of the step; cleared by reset.
    """

    latency = 0
    interval = 1

    def __init__(self, *, layout: TokenLayout, kind: ReadoutKind, low: int, high: int) -> None:
        self.layout = layout
        self.kind = kind
        self.target = TokenLayout(axes=layout.axes, low=min(low, 0), high=max(high, 0), valued=True)
        super().__init__({"i": In(layout.signature), "o": Out(self.target.signature)})

    def elaborate(self, platform: object) -> Module:
        """Take spikes while they come; show all values in front of END."""
        m = Module()
        n = self.layout.neurons
        codes = [int(code) for code in self.layout.encode(np.arange(n))]
        shape = self.target.payload_shape
        start = self.target.low if self.kind is ReadoutKind.MAXIMUM else 0
        registers = [Signal(shape, name=f"value_{k}", init=start) for k in range(n)]
        # An address that no neuron has never comes; it may mean any of them.
        neuron_of = {code: k for k, code in enumerate(codes)}
        values = Array(registers[neuron_of.get(code, 0)] for code in range(max(codes) + 1))
        index = Signal(range(n + 1))
        address: ValueLike = index if codes == list(range(n)) else Array([*codes, 0])[index]
        token, out = self.i.payload, self.o.payload
        is_spike = token.kind == TokenKind.SPIKE.value
        shows = (token.kind == TokenKind.END.value) & (index != n)
        m.d.comb += [
            self.o.valid.eq(self.i.valid & ~is_spike),
            self.i.ready.eq(is_spike | (self.o.ready & ~shows)),
            out.kind.eq(Mux(shows, TokenKind.SPIKE.value, token.kind)),
            out.address.eq(Mux(shows, address, token.address)),
        ]
        clear = [register.eq(register.init) for register in registers]
        old = values[token.address]
        shown: Value = Array(registers)[index]
        if self.kind is ReadoutKind.FIRST_SPIKE:
            step = Signal(shape, init=1)  # the number of the step, from 1
            clear.append(step.eq(1))
            with m.If(self.i.valid & self.i.ready & (token.kind == TokenKind.STEP.value)):
                m.d.sync += step.eq(step + 1)
            shown = Mux(shown != 0, step - shown, 0)
            new: ValueLike = Mux(old == 0, step, old)
        else:
            payload = 1 if self.layout.is_unit else token.payload
            new = old + payload
            if self.kind is ReadoutKind.MAXIMUM:
                new = Mux(payload > old, payload, old)
        m.d.comb += out.payload.eq(Mux(shows, shown, 0))
        with m.If(self.i.valid & is_spike):
            m.d.sync += values[token.address].eq(new)
        with m.If(self.o.valid & self.o.ready):
            with m.If(shows):
                m.d.sync += index.eq(index + 1)
            with m.Elif(token.kind == TokenKind.END.value):
                m.d.sync += index.eq(0)
                with m.If(~token.address[0]):
                    m.d.sync += clear
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
