"""Keeps answers until the host says that it has them, and finds them again where it has not."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError

from .uart import BYTES

__all__ = ["Outbox"]

_HEADER = 3  # type, and length in two bytes
_SEQ_BITS = 8
_MOST_FRAMES = 1 << _SEQ_BITS - 1  # of more the numbers would be ambiguous


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
    byte takes that is sent; a payload comes in at a byte in 3 cycles, and is kept waiting 9 cycles
    behind a commit. A stall of ``o`` stops the sending only.

    Storage: depth bytes. Reset clears, and begins to number at 0.
    """

    latency = 6
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
        # Numbers of the next frame, and of the first that was not acknowledged; each bit the other
        # way round, since to add costs less than to subtract.
        next_not, acked_not = Signal(_SEQ_BITS, init=-1), Signal(_SEQ_BITS, init=-1)
        self._hear(m, next_not, acked_not)
        self._write(m, mem.write_port(), oldest, next_not, acked_not)
        self._read(m, mem.read_port(domain="comb"), oldest, next_not, acked_not)
        return m

    def _hear(self, m: Module, next_not: Signal, acked_not: Signal) -> None:
        """All modulo 256, of 128 frames at most: an ack is above the last one, and not above next.

        The last one again changes nothing, and so is none.
        """
        above, behind = Signal(_SEQ_BITS), Signal(_SEQ_BITS)
        m.d.comb += [above.eq(self.ack + acked_not), behind.eq(self.ack + next_not)]
        with m.If(self.acked & ~above[-1] & behind[-1]):
            m.d.sync += acked_not.eq(~self.ack)

    def _write(
        self,
        m: Module,
        port: memory.WritePort,
        oldest: Signal,
        next_not: Signal,
        acked_not: Signal,
    ) -> None:
        """A payload goes behind room for its header, which is written when it is committed."""
        place = Signal.like(oldest)
        begin = Signal.like(oldest)
        length = Signal(self.depth.bit_length())
        byte = Signal(8)  # that is written next, since a block RAM is far from who gives it
        full, many, moves, returns = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            full.eq((place ^ oldest) == self.depth),
            port.addr.eq(place),
            port.data.eq(byte),
        ]
        m.d.sync += [
            many.eq((next_not ^ acked_not) == _MOST_FRAMES),
            byte.eq(Mux(self.i.valid, self.i.payload, self.kind)),
        ]
        with m.If(returns):
            m.d.sync += place.eq(begin)
        with m.Elif(moves):
            m.d.sync += place.eq(place + 1)
        with m.FSM(name="writer"):
            for k in range(_HEADER):
                with m.State(f"PASS_{k}"):
                    m.d.comb += moves.eq(~full)
                    with m.If(~full):
                        m.next = f"PASS_{k + 1}" if k + 1 < _HEADER else "ROOM"
            for state in ("ROOM", "OPEN"):
                with m.State(state):
                    m.d.comb += self.open.eq(~many)
                    if state == "ROOM":
                        with m.If(~full):
                            m.next = "OPEN"
                    else:
                        m.d.comb += self.i.ready.eq(1)
                        with m.If(self.i.valid):
                            m.next = "BYTE"
                    with m.If(self.commit & self.open):
                        m.d.comb += returns.eq(1)
                        m.d.sync += begin.eq(place)
                        m.next = "TYPE"
            with m.State("BYTE"):
                m.d.comb += [port.en.eq(1), moves.eq(1)]
                m.d.sync += length.eq(length + 1)
                m.next = "ROOM"
            for state, after, then in (
                ("TYPE", "LOW", length[:8]),
                ("LOW", "HIGH", length[8:]),
                ("HIGH", "BEHIND", 0),
            ):
                with m.State(state):
                    m.d.comb += [port.en.eq(1), moves.eq(1)]
                    m.d.sync += byte.eq(then)
                    m.next = after
            with m.State("BEHIND"):
                m.d.comb += returns.eq(1)
                m.d.sync += [length.eq(0), next_not.eq(next_not - 1)]
                m.next = "PASS_0"

    def _read(
        self,
        m: Module,
        port: memory.ReadPort,
        oldest: Signal,
        next_not: Signal,
        acked_not: Signal,
    ) -> None:
        """Forget what was acknowledged; go back; or offer the next frame."""
        oldest_seq, forgets, back = Signal(_SEQ_BITS), Signal(), Signal()
        at = Signal.like(oldest)
        step = Signal.like(oldest)
        over, fetched = Signal(), Signal()
        word = Signal(8, reset_less=True)
        head = Signal(8, reset_less=True)
        m.d.comb += [
            port.addr.eq(Mux(over, oldest, at)),
            self.o.payload.eq(head),
            forgets.eq(~(oldest_seq ^ acked_not).all()),
        ]
        m.d.sync += [word.eq(port.data), head.eq(word), oldest.eq(oldest + step)]
        with m.If(self.again):
            m.d.sync += back.eq(1)
        with m.FSM(name="reader"):
            with m.State("LOOK"):
                with m.If(forgets):
                    m.next = "TYPE"
                with m.Elif(back):
                    m.d.sync += [at.eq(oldest), self.seq.eq(oldest_seq), back.eq(0)]
                with m.Elif(~(self.seq ^ next_not).all()):
                    m.next = "FRAME"
            # Over the header, whose bytes come two cycles late, then over the payload.
            for state, after, bytes_over in (
                ("TYPE", "LOW", 1),
                ("LOW", "HIGH", 1),
                ("HIGH", "ADD_LOW", 1),
                ("ADD_LOW", "ADD_HIGH", head),
                ("ADD_HIGH", "LOOK", head << 8),
            ):
                with m.State(state):
                    m.d.comb += [over.eq(1), step.eq(bytes_over)]
                    m.next = after
                    if after == "LOOK":
                        m.d.sync += oldest_seq.eq(oldest_seq + 1)
                        with m.If(self.seq == oldest_seq):
                            m.d.sync += back.eq(1)  # it goes without having been sent
            with m.State("FRAME"):
                m.d.comb += self.frame.eq(1)
                with m.If(self.taken):
                    m.next = "SEND"
                with m.Elif(back | forgets):
                    m.next = "LOOK"
            with m.State("SEND"):
                m.d.sync += [fetched.eq(1), self.o.valid.eq(fetched)]
                with m.If(self.o.valid & self.o.ready):
                    m.d.sync += [at.eq(at + 1), fetched.eq(0), self.o.valid.eq(0)]
                with m.If(self.sent):
                    m.d.sync += [self.seq.eq(self.seq + 1), fetched.eq(0), self.o.valid.eq(0)]
                    m.next = "LOOK"
