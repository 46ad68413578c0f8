"""From tokens of the accelerator's output to PART and RESULT frames."""

from amaranth.hdl import Cat, Module, Mux, Signal
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
    token is begun, and what was written is a frame.

    Timing
    ------
    latency : cycles from a token's offer to its first byte. interval : cycles a token, where a byte
    is taken in each; an END takes 9 more, and a frame that is full one. A stall of the outbox stops
    the accelerator.

    Storage: the times. Reset forgets a token in the middle, which the accelerator offers still.
    """

    latency = 0

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

    @property
    def interval(self) -> int:
        """A cycle a byte, and one to take the token."""
        return self.token_bytes + 1

    def elaborate(self, platform: object) -> Module:
        """A frame is ended when the sample is, when it is full, or when somebody else waits.

        A token is written while it is offered, and taken then; so only the times are kept.
        """
        m = Module()
        spare = self.longest - self.token_bytes - STAMP_BYTES
        room = Signal(range(-self.token_bytes - STAMP_BYTES, spare + 1), init=spare)
        place = Signal(range(max(self.token_bytes, STAMP_BYTES) + 1))
        written, ends, waits = Signal(), Signal(), Signal()
        times = Signal(STAMP_BITS * 2)
        token = self.i.payload
        is_end = token.kind == TokenKind.END.value
        writes, fresh = Signal(), Signal()
        m.d.comb += [writes.eq(self.o.valid & self.o.ready), fresh.eq(self.commit & self.open)]
        m.d.sync += waits.eq(self.o.valid & ~self.o.ready)
        with m.If(writes | fresh):
            m.d.sync += [room.eq(Mux(fresh, spare, room - 1)), written.eq(writes)]
        with m.If(writes | self.i.ready | fresh):
            m.d.sync += place.eq(Mux(writes, place + 1, 0))
        with m.FSM():
            with m.State("TOKEN"):
                m.d.comb += self.o.payload.eq(token.as_value().word_select(place, 8))
                # What was offered is not withdrawn.
                with m.If((place == 0) & ~waits & (self.wanted | (room < 0))):
                    m.d.comb += self.free.eq(~written)
                    with m.If(written):
                        m.next = "COMMIT"
                with m.Else():
                    m.d.comb += self.o.valid.eq(self.i.valid)
                    with m.If(self.i.valid & self.o.ready & (place == self.token_bytes - 1)):
                        m.next = "TAKE"
            with m.State("TAKE"):
                m.d.comb += self.i.ready.eq(1)
                m.d.sync += [times.eq(Cat(self.now, self.took)), ends.eq(is_end)]
                m.next = "TOKEN"
                with m.If(is_end):
                    m.next = "TIMES"
            with m.State("TIMES"):
                m.d.comb += [self.o.valid.eq(1), self.o.payload.eq(times[:8])]
                with m.If(self.o.ready):
                    m.d.sync += times.eq(times >> 8)
                    with m.If(place == STAMP_BYTES - 1):
                        m.next = "COMMIT"
            with m.State("COMMIT"):
                m.d.comb += [
                    self.commit.eq(1),
                    self.kind.eq(Mux(ends, FrameType.RESULT, FrameType.PART)),
                ]
                with m.If(self.open):
                    m.next = "TOKEN"
        return m
