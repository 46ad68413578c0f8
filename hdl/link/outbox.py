"""Keeps answers until the host says that it has them, and finds them again where it has not."""

from amaranth.hdl import Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError

from .uart import BYTES

__all__ = ["Outbox"]

_HEADER = 3  # type, and length in two bytes
_SEQ_BITS = 8


class Outbox(wiring.Component):
    """Frames in a block RAM, numbered as they are committed.

    Parameters
    ----------
    depth : bytes, a power of two in 64..2**15; a frame takes three beside its payload.

    Members
    -------
    i : In(stream), bytes of a payload, which fits. commit : In, those since the last one are a
    frame of type ``kind`` : In; obeyed while ``open`` : Out, and no byte may come with it. There is
    room for 128 frames at most, since of more the numbers would be ambiguous.
    acked : In, the host has all frames before number ``ack`` : In; ignored where that is not the
    number of one that is there, or the next. again : In, send from the oldest one on.
    frame : Out, one is to be sent, of number ``seq`` : Out. taken : In, obeyed while frame is 1: it
    is being sent. o : Out(stream), its type, its length in two bytes, its payload; what is offered
    behind is not of it, and is withdrawn by ``sent`` : In, all of it was taken. Acks wait until
    then.

    Timing
    ------
    latency : cycles from commit to frame, where nothing else is to be done. interval : cycles a
    byte takes that is sent; a payload comes in at a byte a cycle, and is kept waiting 8 cycles
    behind a commit. A stall of ``o`` stops the sending only.

    Storage: depth bytes. Reset clears, and begins to number at 0.
    """

    latency = 5
    interval = 3

    def __init__(self, *, depth: int) -> None:
        if not 64 <= depth <= 1 << 15 or depth & (depth - 1):
            raise ConfigurationError(
                f"the depth of an outbox must be a power of two in 64..{1 << 15}", found=str(depth)
            )
        self.depth = depth
        super().__init__(
            {
                "i": In(BYTES),
                "commit": In(1),
                "kind": In(8),
                "open": Out(1),
                "ack": In(8),
                "acked": In(1),
                "again": In(1),
                "frame": Out(1),
                "seq": Out(_SEQ_BITS),
                "taken": In(1),
                "sent": In(1),
                "o": Out(BYTES),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """A writer and a reader of the memory, who share where frames begin and end."""
        m = Module()
        # No byte is read while it is written: nothing is looked for before it is committed.
        m.submodules.bytes = mem = memory.Memory(
            shape=8,
            depth=self.depth,
            init=[],
            attrs={"ram_style": "block", "no_rw_check": "1"},
        )
        # One bit more than a place has, so that full and empty differ.
        oldest = Signal((2 * self.depth - 1).bit_length())
        next_seq, acked, few = Signal(_SEQ_BITS), Signal(_SEQ_BITS), Signal()
        self._write(m, mem.write_port(), oldest, next_seq, few)
        self._hear(m, next_seq, acked, few)
        self._read(m, mem.read_port(domain="comb"), oldest, next_seq, acked)
        return m

    def _hear(self, m: Module, next_seq: Signal, acked: Signal, few: Signal) -> None:
        """All modulo 256: how far an ack is from the last one must be as far as it can be."""
        waiting, ahead = Signal(_SEQ_BITS), Signal(_SEQ_BITS)
        m.d.comb += [
            waiting.eq(next_seq - acked),
            ahead.eq(self.ack - acked),
            few.eq(~waiting[-1]),
        ]
        with m.If(self.acked & (ahead <= waiting)):
            m.d.sync += acked.eq(self.ack)

    def _write(
        self, m: Module, port: memory.WritePort, oldest: Signal, next_seq: Signal, few: Signal
    ) -> None:
        """A payload goes behind room for its header, which is written when it is committed."""
        place, begin = Signal.like(oldest, init=_HEADER), Signal.like(oldest)
        length, used = Signal(self.depth.bit_length()), Signal.like(oldest)
        kind = Signal(8)
        m.d.comb += [
            used.eq(place - oldest),
            port.addr.eq(place),
            port.en.eq(1),
        ]
        m.d.sync += [kind.eq(self.kind), place.eq(place + 1)]
        with m.FSM(name="writer"):
            with m.State("OPEN"):
                m.d.comb += [
                    self.open.eq((used <= self.depth) & few),
                    self.i.ready.eq(~used[-1]),
                    port.data.eq(self.i.payload),
                    port.en.eq(self.i.valid & self.i.ready),
                ]
                with m.If(port.en):
                    m.d.sync += length.eq(length + 1)
                with m.Else():
                    m.d.sync += place.eq(place)
                with m.If(self.commit & self.open):
                    m.d.sync += [place.eq(begin), begin.eq(place)]
                    m.next = "TYPE"
            for state, after, byte in (
                ("TYPE", "LOW", kind),
                ("LOW", "HIGH", length[:8]),
                ("HIGH", "BEHIND", length[8:]),
            ):
                with m.State(state):
                    m.d.comb += port.data.eq(byte)
                    m.next = after
                    if state == "HIGH":
                        m.d.sync += [next_seq.eq(next_seq + 1), length.eq(0)]
            with m.State("BEHIND"):
                m.d.comb += port.en.eq(0)
                m.d.sync += place.eq(begin)
                m.next = "PASS_1"
            for k in range(_HEADER):
                with m.State(f"PASS_{k + 1}"):
                    m.d.comb += port.en.eq(0)
                    m.next = f"PASS_{k + 2}" if k + 1 < _HEADER else "OPEN"

    def _read(
        self,
        m: Module,
        port: memory.ReadPort,
        oldest: Signal,
        next_seq: Signal,
        acked: Signal,
    ) -> None:
        """Forget what was acknowledged; go back; or offer the next frame."""
        oldest_seq, back = Signal(_SEQ_BITS), Signal()
        at, sends, step = Signal.like(oldest), Signal.like(oldest), Signal.like(oldest)
        word, head, fetched = Signal(8, reset_less=True), Signal(8, reset_less=True), Signal()
        m.d.comb += [port.addr.eq(at), self.o.payload.eq(head)]
        m.d.sync += [word.eq(port.data), head.eq(word), at.eq(at + step)]
        with m.If(self.again):
            m.d.sync += back.eq(1)
        with m.FSM(name="reader"):
            with m.State("LOOK"):
                with m.If(oldest_seq != acked):
                    m.d.sync += at.eq(oldest)
                    m.next = "TYPE"
                with m.Elif(back):
                    m.d.sync += [sends.eq(oldest), self.seq.eq(oldest_seq), back.eq(self.again)]
                with m.Elif(self.seq != next_seq):
                    m.d.sync += at.eq(sends)
                    m.next = "FRAME"
            # Over the header, whose bytes come two cycles late, then over the payload.
            for state, after, bytes_over in (
                ("TYPE", "LOW", 1),
                ("LOW", "HIGH", 1),
                ("HIGH", "ADD_LOW", 1),
                ("ADD_LOW", "ADD_HIGH", head),
                ("ADD_HIGH", "FORGET", head << 8),
            ):
                with m.State(state):
                    m.d.comb += step.eq(bytes_over)
                    m.next = after
            with m.State("FORGET"):
                m.d.sync += [oldest.eq(at), oldest_seq.eq(oldest_seq + 1)]
                with m.If(self.seq == oldest_seq):
                    m.d.sync += [sends.eq(at), self.seq.eq(self.seq + 1)]
                m.next = "LOOK"
            with m.State("FRAME"):
                m.d.comb += self.frame.eq(1)
                with m.If(self.taken):
                    m.next = "SEND"
                with m.Elif(back | (oldest_seq != acked)):
                    m.next = "LOOK"
            with m.State("SEND"):
                m.d.sync += [fetched.eq(1), self.o.valid.eq(fetched)]
                with m.If(self.o.valid & self.o.ready):
                    m.d.comb += step.eq(1)
                    m.d.sync += [fetched.eq(0), self.o.valid.eq(0)]
                with m.If(self.sent):
                    m.d.sync += [
                        sends.eq(at),
                        self.seq.eq(self.seq + 1),
                        fetched.eq(0),
                        self.o.valid.eq(0),
                    ]
                    m.next = "LOOK"
