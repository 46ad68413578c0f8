"""Tokens as AXI4-Stream (ARM IHI 0051) transfers, and back."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.spec import TokenKind
from spikewright.hdl.token import TokenLayout

__all__ = ["AxiStreamMaster", "AxiStreamSlave", "bytes_of"]


def bytes_of(layout: TokenLayout) -> int:
    """Bytes of tdata."""
    return -(-layout.width // 8)


class AxiStreamSlave(wiring.Component):
    """A token from each transfer: the lowest bits of its data.

    Parameters
    ----------
    layout : tokens.

    Members
    -------
    tdata, tvalid, tlast : In, tready : Out, as AXI4-Stream names them. o : Out(stream). stop : In,
    nothing is taken. framing : Out, the transfer of this cycle has tlast and is no END, or is one
    without it; nothing else depends on tlast.

    Timing
    ------
    latency : 0. interval : 1.

    Model: the identity on tokens. Storage: none.
    """

    latency = 0
    interval = 1

    def __init__(self, *, layout: TokenLayout) -> None:
        self.layout = layout
        super().__init__(
            {
                "tdata": In(8 * bytes_of(layout)),
                "tvalid": In(1),
                "tready": Out(1),
                "tlast": In(1),
                "o": Out(layout.signature),
                "stop": In(1),
                "framing": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Wires."""
        m = Module()
        m.d.comb += [
            self.o.payload.as_value().eq(self.tdata[: self.layout.width]),
            self.o.valid.eq(self.tvalid & ~self.stop),
            self.tready.eq(self.o.ready & ~self.stop),
            self.framing.eq(
                self.tvalid & self.tready & (self.tlast ^ (self.o.payload.kind == TokenKind.END))
            ),
        ]
        return m


class AxiStreamMaster(wiring.Component):
    """A transfer of each token, END with tlast.

    Parameters
    ----------
    layout : tokens.

    Members
    -------
    i : In(stream). tdata, tvalid, tlast : Out, from registers, tready : In, as AXI4-Stream names
    them; bits of tdata beyond a token are 0.

    Timing
    ------
    latency : cycles from a token's acceptance to its offer. interval : 1.

    Model: the identity on tokens. Storage: a token, cleared by reset.
    """

    latency = 1
    interval = 1

    def __init__(self, *, layout: TokenLayout) -> None:
        self.layout = layout
        super().__init__(
            {
                "i": In(layout.signature),
                "tdata": Out(8 * bytes_of(layout)),
                "tvalid": Out(1),
                "tready": In(1),
                "tlast": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """A register that is filled while it is emptied."""
        m = Module()
        m.d.comb += self.i.ready.eq(~self.tvalid | self.tready)
        with m.If(self.i.ready):
            m.d.sync += [
                self.tvalid.eq(self.i.valid),
                self.tdata.eq(self.i.payload.as_value()),
                self.tlast.eq(self.i.payload.kind == TokenKind.END),
            ]
        return m
