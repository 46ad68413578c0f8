"""Keeps answers until the host says that it has them, and finds them again where it has not."""

from typing import Any

from amaranth.hdl import Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError

from .uart import BYTES

__all__ = ["Outbox"]

_HEADER = 3  # type, and length in two bytes


class Outbox(wiring.Component):
    """Frames in a block RAM, numbered as they are committed.

    Parameters
    ----------
    depth : bytes, a power of two, at least 64; a frame takes three beside its payload.

    Members
    -------
    i : In(stream), bytes of a payload, which fits. commit : In, those since the last one are a
    frame of type ``kind`` : In; obeyed while ``open`` : Out, and no byte may come with it.
    acked : In, the host has all frames before number ``ack`` : In; ignored where that is not the
    number of one that is there, or the next. again : In, send from the oldest one on.
    frame : Out, one is to be sent: ``seq``, ``type``, ``length`` : Out, valid while it is 1.
    taken : In, it is being sent, its payload by ``o`` : Out(stream); sent : In, it was. Acks wait
    until then. none : Out, nothing waits for an ack.

    Timing
    ------
    latency : cycles from commit to frame, where nothing else is to be done. interval : cycles a
    byte takes that is sent. A stall of ``o`` stops the sending only.

    Storage: depth bytes. Reset clears, and begins to number at 0.
    """

    latency = 9
    interval = 2

    def __init__(self, *, depth: int) -> None:
        if depth < 64 or depth & (depth - 1):
            raise ConfigurationError(
                "the depth of an outbox must be a power of two, at least 64", found=str(depth)
            )
        self.depth = depth
        self.place_bits = (2 * depth - 1).bit_length()  # one more, so that full and empty differ
        self.length_bits = depth.bit_length()
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
                "seq": Out(8),
                "type": Out(8),
                "length": Out(self.length_bits),
                "taken": In(1),
                "sent": In(1),
                "o": Out(BYTES),
                "none": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """A writer and a reader of the memory, who share where frames begin and end."""
        m = Module()
        m.submodules.bytes = mem = memory.Memory(
            shape=8, depth=self.depth, init=[], attrs={"ram_style": "block"}
        )
        oldest, end = Signal(self.place_bits), Signal(self.place_bits)
        next_seq = Signal(8)
        self._write(m, mem.write_port(), oldest, end, next_seq)
        self._read(m, mem.read_port(), oldest, next_seq)
        return m

    def _write(self, m: Module, port: Any, oldest: Signal, end: Signal, next_seq: Signal) -> None:
        """A payload goes behind room for its header, which is written when it is committed."""
        length = Signal(self.length_bits)
        place, used = Signal.like(end), Signal.like(end)
        kind = Signal(8)
        m.d.comb += [place.eq(end + _HEADER + length), used.eq(place - oldest)]
        with m.FSM(name="writer"):
            with m.State("OPEN"):
                m.d.comb += [
                    self.open.eq(used <= self.depth),
                    self.i.ready.eq(used < self.depth),
                    port.addr.eq(place),
                    port.data.eq(self.i.payload),
                    port.en.eq(self.i.valid & self.i.ready),
                ]
                with m.If(port.en):
                    m.d.sync += length.eq(length + 1)
                with m.If(self.commit & self.open):
                    m.d.sync += kind.eq(self.kind)
                    m.next = "TYPE"
            for state, after, index, byte in (
                ("TYPE", "LOW", 0, kind),
                ("LOW", "HIGH", 1, length[:8]),
                ("HIGH", "DONE", 2, length[8:]),
            ):
                with m.State(state):
                    m.d.comb += [port.addr.eq(end + index), port.data.eq(byte), port.en.eq(1)]
                    m.next = after
            with m.State("DONE"):
                m.d.sync += [end.eq(place), next_seq.eq(next_seq + 1), length.eq(0)]
                m.next = "OPEN"

    def _read(self, m: Module, port: Any, oldest: Signal, next_seq: Signal) -> None:
        """Forget what was acknowledged; go back; or offer the next frame."""
        oldest_seq, acked = Signal(8), Signal(8)
        at, sends = Signal.like(oldest), Signal.like(oldest)
        forgets, back = Signal(), Signal()
        m.d.comb += [
            port.addr.eq(at),
            port.en.eq(1),
            self.o.payload.eq(port.data),
            self.none.eq(acked == next_seq),
        ]
        # All modulo 256: how far it is from the newest number that was acknowledged.
        with m.If(self.acked & ((self.ack - acked)[:8] <= (next_seq - acked)[:8])):
            m.d.sync += acked.eq(self.ack)
        with m.If(self.again):
            m.d.sync += back.eq(1)
        with m.FSM(name="reader"):
            with m.State("LOOK"):
                m.d.sync += forgets.eq(oldest_seq != acked)
                with m.If(oldest_seq != acked):
                    m.d.sync += at.eq(oldest)
                    m.next = "READ"
                with m.Elif(back):
                    m.d.sync += [sends.eq(oldest), self.seq.eq(oldest_seq), back.eq(self.again)]
                with m.Elif(self.seq != next_seq):
                    m.d.sync += at.eq(sends)
                    m.next = "READ"
            with m.State("READ"):
                m.d.sync += at.eq(at + 1)
                m.next = "TYPE"
            with m.State("TYPE"):
                m.d.sync += [at.eq(at + 1), self.type.eq(port.data)]
                m.next = "LOW"
            with m.State("LOW"):
                m.d.sync += [at.eq(at + 1), self.length[:8].eq(port.data)]
                m.next = "HIGH"
            with m.State("HIGH"):
                m.d.sync += self.length[8:].eq(port.data)
                with m.If(forgets):
                    m.next = "FORGET"
                with m.Else():
                    m.next = "FRAME"
            with m.State("FORGET"):
                behind = oldest + _HEADER + self.length
                m.d.sync += [oldest.eq(behind), oldest_seq.eq(oldest_seq + 1)]
                with m.If(self.seq == oldest_seq):
                    m.d.sync += [sends.eq(behind), self.seq.eq(self.seq + 1)]
                m.next = "LOOK"
            with m.State("FRAME"):
                m.d.comb += self.frame.eq(1)
                with m.If(self.taken):
                    m.d.sync += self.o.valid.eq(1)
                    m.next = "SEND"
                with m.Elif(back | (oldest_seq != acked)):
                    m.next = "LOOK"
            with m.State("SEND"):
                with m.If(self.o.valid & self.o.ready):
                    m.d.sync += [at.eq(at + 1), self.o.valid.eq(0)]
                with m.Else():
                    m.d.sync += self.o.valid.eq(1)
                with m.If(self.sent):
                    m.d.sync += [
                        sends.eq(sends + _HEADER + self.length),
                        self.seq.eq(self.seq + 1),
                        self.o.valid.eq(0),
                    ]
                    m.next = "LOOK"
