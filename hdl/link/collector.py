"""From tokens of the accelerator's output to PART and RESULT frames."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.link import FrameType
from spikewright.golden.spec import TokenKind
from spikewright.hdl.token import TokenLayout

from .uart import BYTES

__all__ = ["STAMP_BITS", "STAMP_BYTES", "Collector"]

STAMP_BITS = 32
STAMP_BYTES = 8  # when END came, and how long the sample took


class Collector(wiring.Component):
    """Writes each token in whole bytes, and two times behind END.

    Parameters
    ----------
    layout : of the output. longest : bytes of a payload; a token and the times must fit.

    Members
    -------
    i : In(stream), the accelerator's output. now, took : In, the times, sampled as an END is
    taken. o : Out(stream), bytes of a payload; commit, kind : Out, to the outbox, which is ``open``
    : In. wanted : In, somebody else has a frame for the outbox; free : Out, it may be written: no
    token is taken, and what was written is a frame.

    Timing
    ------
    latency : 1 cycle from a token's acceptance to its first byte. interval : a cycle a byte, one
    more a token, two more a frame. A stall of the outbox stops the accelerator.

    Storage: a token and the times. Reset forgets them.
    """

    latency = 1

    def __init__(self, *, layout: TokenLayout, longest: int) -> None:
        self.layout = layout
        self.longest = longest
        self.token_bytes = -(-layout.width // 8)
        if longest < self.token_bytes + STAMP_BYTES:
            raise ConfigurationError(
                f"the longest payload must hold a token and its times, "
                f"{self.token_bytes + STAMP_BYTES} bytes",
                found=str(longest),
            )
        super().__init__(
            {
                "i": In(layout.signature),
                "now": In(STAMP_BITS),
                "took": In(STAMP_BITS),
                "o": Out(BYTES),
                "commit": Out(1),
                "kind": Out(8),
                "open": In(1),
                "wanted": In(1),
                "free": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """A frame is ended when the sample is, when it is full, or when somebody else waits."""
        m = Module()
        most = self.token_bytes + STAMP_BYTES
        word = Signal(8 * most)
        left = Signal(range(most + 1))
        size = Signal(range(self.longest + 1))
        ends = Signal()
        token = self.i.payload
        is_end = token.kind == TokenKind.END.value
        full = size > self.longest - most
        padding = Const(0, -self.layout.width % 8)
        with m.FSM():
            with m.State("TAKE"):
                with m.If(self.wanted | full):
                    with m.If(size == 0):
                        m.d.comb += self.free.eq(1)
                    with m.Else():
                        m.next = "COMMIT"
                with m.Else():
                    m.d.comb += self.i.ready.eq(1)
                    with m.If(self.i.valid):
                        m.d.sync += [
                            word.eq(Cat(token.as_value(), padding, self.now, self.took)),
                            ends.eq(is_end),
                            left.eq(Mux(is_end, most, self.token_bytes)),
                        ]
                        m.next = "WRITE"
            with m.State("WRITE"):
                m.d.comb += [self.o.valid.eq(1), self.o.payload.eq(word[:8])]
                with m.If(self.o.ready):
                    m.d.sync += [word.eq(word >> 8), left.eq(left - 1), size.eq(size + 1)]
                    with m.If(left == 1):
                        m.next = "TAKE"
                        with m.If(ends):
                            m.next = "COMMIT"
            with m.State("COMMIT"):
                m.d.comb += [
                    self.commit.eq(1),
                    self.kind.eq(Mux(ends, FrameType.RESULT, FrameType.PART)),
                ]
                with m.If(self.open):
                    m.d.sync += [size.eq(0), ends.eq(0)]
                    m.next = "TAKE"
        return m
