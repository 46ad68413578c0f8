"""Makes a spike a bit of its payload, so that adders do what multipliers would."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.spec import TokenKind

from .token import TokenLayout

__all__ = ["BitSplitter", "split_layout"]


def split_layout(layout: TokenLayout) -> TokenLayout:
    """The tokens that leave: powers of two of the same range."""
    return TokenLayout(axes=layout.axes, low=layout.low, high=layout.high, powers=True)


class BitSplitter(wiring.Component):
    """Sends SPIKE(n, +-2**k) for each bit k of the magnitude of a payload, the lowest first.

    Parameters
    ----------
    layout : tokens that come; those that leave are of ``split_layout``.

    Members
    -------
    i : In(stream). o : Out(stream).

    Timing
    ------
    latency : 1. interval : a cycle a bit that is set. A stall of the consumer stalls the producer.

    Model: weight * payload of ``golden.model``, as a sum over bits. Storage: one token.
    """

    latency = 1

    def __init__(self, *, layout: TokenLayout) -> None:
        self.layout = layout
        self.target = split_layout(layout)
        super().__init__({"i": In(layout.signature), "o": Out(self.target.signature)})

    @property
    def interval(self) -> int:
        """Cycles that the payload with the most bits takes."""
        sizes = range(max(-self.layout.low, self.layout.high) + 1)
        return max(size.bit_count() for size in sizes)

    def elaborate(self, platform: object) -> Module:
        """Take the sign and the bits; send the lowest, keep the rest."""
        m = Module()
        token, out = self.i.payload, self.o.payload
        bits = max(-self.layout.low, self.layout.high).bit_length()
        holds, negative, rest = Signal(), Signal(), Signal(bits)
        kind, address = Signal.like(token.kind), Signal.like(token.address)
        lowest = Signal(bits)
        is_spike = kind == TokenKind.SPIKE.value
        last = ~is_spike | (rest == lowest)
        m.d.comb += [
            lowest.eq(rest & -rest),
            self.i.ready.eq(~holds | (self.o.ready & last)),
            self.o.valid.eq(holds),
            out.kind.eq(kind),
            out.address.eq(address),
            out.payload.eq(Mux(is_spike, Mux(negative, -lowest, lowest), 0)),
        ]
        with m.If(self.o.ready):
            m.d.sync += rest.eq(rest ^ lowest)
        with m.If(self.i.ready):
            payload = token.payload
            m.d.sync += [
                holds.eq(self.i.valid),
                kind.eq(token.kind),
                address.eq(token.address),
                negative.eq(payload < 0),
                rest.eq(Mux(payload < 0, -payload, payload)),
            ]
        return m
