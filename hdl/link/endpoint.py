"""Numbers frames, acknowledges them, and says what is sent next."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.link import LINK_COUNTERS, LINK_VERSION, NUMBERED, FrameType

__all__ = ["LINK_COUNTER_BITS", "Endpoint"]

LINK_COUNTER_BITS = 8
_ACK_WAITS_BITS = 6


class Endpoint(wiring.Component):
    """Judges each frame that came, and chooses the frame that goes next.

    Members
    -------
    good, bad, version, kind, seq, ack, tag, oversized : In, as of ``FrameReceiver``. crowded : In,
    the inbox had no room. commit, abort : Out, to the inbox. executed : In, a frame of the inbox is
    done with. connect : Out, for a cycle: everything but this begins anew.
    acked, host_ack, again : Out, to the outbox; none, frame, frame_seq, frame_kind, frame_length :
    In, from it; taken : Out, it is being sent.
    own : In, tag of the device's network. idle : In, the sender can begin; start, send_kind,
    send_seq, send_ack, send_tag, send_length : Out, to it.
    connected : Out. bad_frames, missed_frames, repeated_frames : Out, which stop at their highest
    value.

    Timing
    ------
    latency : 0 from good to commit or abort; 1 to whatever is sent for it. A frame that is to be
    sent begins in the cycle in which the sender is idle; but an ACK waits 64 cycles for a frame that
    would bring it.

    Storage: numbers and what is asked for. Reset is not connected.
    """

    def __init__(self) -> None:
        flags_in = ("good", "bad", "oversized", "crowded", "executed", "none", "frame", "idle")
        bytes_in = ("version", "kind", "seq", "ack", "frame_seq", "frame_kind")
        flags_out = ("commit", "abort", "connect", "acked", "again", "taken", "start", "connected")
        bytes_out = ("host_ack", "send_kind", "send_seq", "send_ack")
        super().__init__(
            {
                **{name: In(1) for name in flags_in},
                **{name: In(8) for name in bytes_in},
                **{name: Out(1) for name in flags_out},
                **{name: Out(8) for name in bytes_out},
                **{name: Out(LINK_COUNTER_BITS) for name in LINK_COUNTERS},
                "tag": In(32),
                "own": In(32),
                "frame_length": In(16),
                "send_tag": Out(32),
                "send_length": Out(16),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """What came asks for answers; these go by their urgency."""
        m = Module()
        wanted = {
            kind: Signal(name=f"wants_{kind.name.lower()}")
            for kind in (
                FrameType.HELLO,
                FrameType.DOWN,
                FrameType.VERSION,
                FrameType.OVERSIZED,
                FrameType.NAK,
                FrameType.ACK,
            )
        }
        hello_tag = Signal(32)
        self._send(m, wanted, hello_tag)
        self._judge(m, wanted, hello_tag)
        return m

    def _judge(self, m: Module, wanted: dict[FrameType, Signal], hello_tag: Signal) -> None:
        """Of each frame that came whether it is kept, and what is said to it."""
        next_seq, ahead = Signal(8), Signal(8)
        counts = {name: Signal(name=f"counts_{name}") for name in LINK_COUNTERS}
        m.d.comb += [
            ahead.eq(self.seq - next_seq),
            self.host_ack.eq(self.ack),
            self.abort.eq((self.good | self.bad) & ~self.commit),
        ]
        with m.If(self.bad):
            m.d.comb += counts["bad_frames"].eq(1)
            m.d.sync += wanted[FrameType.NAK].eq(self.connected)
        with m.If(self.executed):
            m.d.sync += [self.send_ack.eq(self.send_ack + 1), wanted[FrameType.ACK].eq(1)]
        with m.If(self.good):
            with m.If(self.version != LINK_VERSION):
                m.d.sync += wanted[FrameType.VERSION].eq(1)
            with m.Elif(self.oversized):
                m.d.sync += wanted[FrameType.OVERSIZED].eq(1)
            with m.Elif(self.kind == FrameType.CONNECT):
                m.d.comb += self.connect.eq(1)
                m.d.sync += [hello_tag.eq(self.tag), next_seq.eq(0), self.connected.eq(1)]
                m.d.sync += self.send_ack.eq(0)
                m.d.sync += [flag.eq(kind is FrameType.HELLO) for kind, flag in wanted.items()]
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
                        m.d.comb += self.commit.eq(1)
                        m.d.sync += next_seq.eq(next_seq + 1)
                    with m.Elif(ahead[-1]):
                        m.d.comb += counts["repeated_frames"].eq(1)
                        m.d.sync += wanted[FrameType.ACK].eq(1)
                    with m.Else():
                        m.d.comb += counts["missed_frames"].eq(1)
                        m.d.sync += wanted[FrameType.NAK].eq(1)
        for name, count in counts.items():
            counter = getattr(self, name)
            with m.If(count & ~counter.all()):
                m.d.sync += counter.eq(counter + 1)

    def _send(self, m: Module, wanted: dict[FrameType, Signal], hello_tag: Signal) -> None:
        """The most urgent one; an ack by itself only where no other frame has it."""
        m.d.comb += [
            self.send_seq.eq(Mux(self.taken, self.frame_seq, 0)),
            self.send_length.eq(Mux(self.taken, self.frame_length, 0)),
            self.send_tag.eq(self.own),
        ]
        waited = Signal(_ACK_WAITS_BITS)
        with m.If(~wanted[FrameType.ACK]):
            m.d.sync += waited.eq(0)
        with m.Elif(~waited.all()):
            m.d.sync += waited.eq(waited + 1)
        urgent = [kind for kind in wanted if kind is not FrameType.ACK]
        with m.If(self.idle):
            for index, kind in enumerate(urgent):
                branch = m.If if index == 0 else m.Elif
                with branch(wanted[kind]):
                    m.d.comb += [self.start.eq(1), self.send_kind.eq(kind)]
                    m.d.sync += wanted[kind].eq(0)
                    if kind is FrameType.HELLO:
                        m.d.comb += self.send_tag.eq(hello_tag)
            with m.Elif(self.frame):
                m.d.comb += [
                    self.start.eq(1),
                    self.taken.eq(1),
                    self.send_kind.eq(self.frame_kind),
                ]
                m.d.sync += wanted[FrameType.ACK].eq(0)
            with m.Elif(wanted[FrameType.ACK] & waited.all()):
                m.d.comb += [self.start.eq(1), self.send_kind.eq(FrameType.ACK)]
                m.d.sync += wanted[FrameType.ACK].eq(0)
