"""Numbers frames, acknowledges them, and says what is sent next."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.link import LINK_COUNTERS, NUMBERED, FrameType

__all__ = ["LINK_COUNTER_BITS", "Endpoint"]

LINK_COUNTER_BITS = 8
_ACK_WAITS_BITS = 6
# By their urgency; those of the outbox come behind NAK.
_OWN = (
    FrameType.HELLO,
    FrameType.DOWN,
    FrameType.VERSION,
    FrameType.OVERSIZED,
    FrameType.NAK,
    FrameType.ACK,
)
_OWN_BITS = 3


class Endpoint(wiring.Component):
    """Judges each frame that came, and chooses the frame that goes next.

    Members
    -------
    good, bad, other, oversized, kind, seq, ack : In, as of ``FrameReceiver``. crowded : In,
    the inbox had no room. commit, abort : Out, to the inbox. executed : In, a frame of the inbox is
    done with. connect : Out, from a flip-flop, for a cycle: everything but this begins anew.
    acked, host_ack, again : Out, to the outbox; frame, frame_seq : In, from it; taken : Out, it is
    being sent.
    idle : In, the sender can begin; start, send_numbered, send_kind, send_seq, send_ack : Out, to
    it, of which all but start and send_ack hold until it is idle again.
    connected : Out. bad_frames, missed_frames, repeated_frames : Out, which stop at their highest
    value; clear : In, begins them anew.

    Timing
    ------
    latency : cycles from good or bad to the start of what is sent for it, where the sender is idle;
    1 more of HELLO, and as many to commit or abort. A frame of the outbox that is to be sent
    begins in the cycle in which the sender is idle; but an ACK waits ``ack_waits`` cycles for
    a frame that would bring it.

    Storage: numbers and what is asked for. Reset is not connected.
    """

    latency = 1
    ack_waits = (1 << _ACK_WAITS_BITS) - 1

    def __init__(self) -> None:
        events_in = ("good", "bad", "other", "oversized", "crowded", "executed")
        flags_in = (*events_in, "frame", "idle", "clear")
        bytes_in = ("kind", "seq", "ack", "frame_seq")
        flags_out = ("commit", "abort", "connect", "acked", "again", "taken", "start")
        bytes_out = ("host_ack", "send_kind", "send_seq", "send_ack")
        super().__init__(
            {
                **{name: In(1) for name in flags_in},
                **{name: In(8) for name in bytes_in},
                **{name: Out(1) for name in (*flags_out, "send_numbered", "connected")},
                **{name: Out(8) for name in bytes_out},
                **{name: Out(LINK_COUNTER_BITS) for name in LINK_COUNTERS},
            }
        )

    def elaborate(self, platform: object) -> Module:
        """What came asks for answers; these go by their urgency."""
        m = Module()
        wanted = {kind: Signal(name=f"wants_{kind.name.lower()}") for kind in _OWN}
        self._send(m, wanted)
        self._judge(m, wanted)
        return m

    def _judge(self, m: Module, wanted: dict[FrameType, Signal]) -> None:
        """Of each frame that came whether it is kept, and what is said to it."""
        next_seq, ahead = Signal(8), Signal(8)
        counts = {name: Signal(name=f"counts_{name}") for name in LINK_COUNTERS}
        connects, keeps = Signal(), Signal()
        m.d.comb += [
            ahead.eq(self.seq - next_seq),
            self.host_ack.eq(self.ack),
        ]
        m.d.sync += [
            self.connect.eq(connects),
            self.commit.eq(keeps),
            self.abort.eq((self.good | self.bad) & ~keeps),
        ]
        with m.If(self.bad):
            m.d.comb += counts["bad_frames"].eq(1)
            m.d.sync += wanted[FrameType.NAK].eq(self.connected)
        with m.If(self.executed):
            m.d.sync += [self.send_ack.eq(self.send_ack + 1), wanted[FrameType.ACK].eq(1)]
        with m.If(self.good):
            with m.If(self.other):
                m.d.sync += wanted[FrameType.VERSION].eq(1)
            with m.Elif(self.oversized):
                m.d.sync += wanted[FrameType.OVERSIZED].eq(1)
            with m.Elif(self.kind == FrameType.CONNECT):
                m.d.comb += connects.eq(1)
            with m.Elif(~self.connected):
                m.d.sync += wanted[FrameType.DOWN].eq(1)
            with m.Else():
                m.d.comb += self.acked.eq(1)
                with m.If(self.kind == FrameType.NAK):
                    m.d.comb += self.again.eq(1)
                    # Where there is nothing to send again, the ack alone is the answer.
                    m.d.sync += wanted[FrameType.ACK].eq(1)
                with m.Elif(self.kind >= NUMBERED):
                    with m.If((ahead == 0) & ~self.crowded):
                        m.d.comb += keeps.eq(1)
                        m.d.sync += next_seq.eq(next_seq + 1)
                    with m.Elif(ahead[-1]):
                        m.d.comb += counts["repeated_frames"].eq(1)
                        m.d.sync += wanted[FrameType.ACK].eq(1)
                    with m.Else():
                        m.d.comb += counts["missed_frames"].eq(1)
                        m.d.sync += wanted[FrameType.NAK].eq(1)
        # All that there was goes to reset in this cycle, too.
        with m.If(self.connect):
            m.d.sync += [next_seq.eq(0), self.send_ack.eq(0), self.connected.eq(1)]
            m.d.sync += [flag.eq(kind is FrameType.HELLO) for kind, flag in wanted.items()]
        for name, count in counts.items():
            counter = getattr(self, name)
            more = Signal(LINK_COUNTER_BITS + 1, name=f"{name}_and_one")
            m.d.comb += more.eq(counter + 1)
            with m.If(self.clear):
                m.d.sync += counter.eq(count)
            with m.Elif(count & ~more[-1]):
                m.d.sync += counter.eq(more)

    def _send(self, m: Module, wanted: dict[FrameType, Signal]) -> None:
        """The most urgent one; an ack by itself only where no other frame has it."""
        own, chosen = Signal(_OWN_BITS), Signal(_OWN_BITS)  # 0 is a frame of the outbox
        m.d.comb += [
            self.send_numbered.eq(own == 0),
            self.send_kind.eq(own),
            self.send_seq.eq(Mux(self.send_numbered, self.frame_seq, 0)),
            self.start.eq((chosen != 0) | self.taken),
        ]
        waited = Signal(_ACK_WAITS_BITS)
        with m.If(~wanted[FrameType.ACK]):
            m.d.sync += waited.eq(0)
        with m.Elif(~waited.all()):
            m.d.sync += waited.eq(waited + 1)
        with m.If(self.idle):
            m.d.sync += own.eq(chosen)
            for index, kind in enumerate(_OWN[:-1]):
                with m.If(wanted[kind]) if index == 0 else m.Elif(wanted[kind]):
                    m.d.comb += chosen.eq(kind)
                    m.d.sync += wanted[kind].eq(0)
            with m.Elif(self.frame):
                m.d.comb += self.taken.eq(1)
                m.d.sync += wanted[FrameType.ACK].eq(0)
            with m.Elif(wanted[FrameType.ACK] & waited.all()):
                m.d.comb += chosen.eq(FrameType.ACK)
                m.d.sync += wanted[FrameType.ACK].eq(0)
