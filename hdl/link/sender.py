"""Puts frames together: header, payload, CRC, escapes and flags."""

from amaranth.hdl import Array, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.link import CRC_BYTES, ESCAPE, FLAG, FLIP, HEADER_BYTES, LINK_VERSION

from .crc import SerialCrc
from .uart import BYTES

__all__ = ["FrameSender"]


class FrameSender(wiring.Component):
    """Sends a frame, flag to flag, for each start.

    Members
    -------
    start : In, obeyed while ``idle`` : Out; kind, seq, ack, tag, length : In, of the header,
    sampled with it. i : In(stream), the payload's bytes, of which it takes length. o : Out(stream),
    the bytes of the line. done : Out, the last one of a frame was taken.

    Timing
    ------
    latency : 1 cycle from start to the first flag. interval : 10 cycles a byte of the frame, with
    a consumer that is always ready. A stall stops it.

    Storage: the header and a CRC. Reset forgets a frame in the middle; the next one's flag ends it.
    """

    latency = 1
    interval = 10

    def __init__(self) -> None:
        super().__init__(
            {
                "start": In(1),
                "kind": In(8),
                "seq": In(8),
                "ack": In(8),
                "tag": In(32),
                "length": In(16),
                "idle": Out(1),
                "i": In(BYTES),
                "o": Out(BYTES),
                "done": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """A byte is got, goes through the CRC, and leaves, perhaps as two."""
        m = Module()
        m.submodules.crc = crc = SerialCrc()
        kind, seq, ack = Signal(8), Signal(8), Signal(8)
        tag, length = Signal(32), Signal(16)
        place = Signal(range(HEADER_BYTES + 1))
        tail = Signal(range(CRC_BYTES + 1))
        byte, escaped = Signal(8), Signal()
        header = Array(
            [
                LINK_VERSION,
                kind,
                seq,
                ack,
                *(tag[8 * k : 8 * k + 8] for k in range(4)),
                *(length[8 * k : 8 * k + 8] for k in range(2)),
            ]
        )
        left = Signal(16)
        special = (byte == FLAG) | (byte == ESCAPE)
        m.d.comb += crc.byte.eq(byte)
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += [self.idle.eq(1), crc.clear.eq(1)]
                m.d.sync += [place.eq(0), tail.eq(0)]
                with m.If(self.start):
                    m.d.sync += [
                        kind.eq(self.kind),
                        seq.eq(self.seq),
                        ack.eq(self.ack),
                        tag.eq(self.tag),
                        length.eq(self.length),
                        left.eq(self.length),
                    ]
                    m.next = "BEGIN"
            with m.State("BEGIN"):
                m.d.comb += [self.o.valid.eq(1), self.o.payload.eq(FLAG)]
                with m.If(self.o.ready):
                    m.next = "GET"
            with m.State("GET"):
                with m.If(place != HEADER_BYTES):
                    m.d.sync += [byte.eq(header[place]), place.eq(place + 1)]
                    m.next = "CHECK"
                with m.Elif(left != 0):
                    m.d.comb += self.i.ready.eq(1)
                    with m.If(self.i.valid):
                        m.d.sync += [byte.eq(self.i.payload), left.eq(left - 1)]
                        m.next = "CHECK"
                with m.Elif(tail != CRC_BYTES):
                    with m.If(~crc.busy):
                        m.d.sync += [
                            byte.eq(crc.crc.word_select(tail[:2], 8)),
                            tail.eq(tail + 1),
                        ]
                        m.next = "GIVE"
                with m.Else():
                    m.next = "END"
            with m.State("CHECK"):
                with m.If(~crc.busy):
                    m.d.comb += crc.start.eq(1)
                    m.next = "GIVE"
            with m.State("GIVE"):
                m.d.comb += [
                    self.o.valid.eq(1),
                    self.o.payload.eq(
                        Mux(escaped, byte ^ FLIP, Mux(special, ESCAPE, byte)),
                    ),
                ]
                with m.If(self.o.ready):
                    m.d.sync += escaped.eq(special & ~escaped)
                    with m.If(escaped | ~special):
                        m.next = "GET"
            with m.State("END"):
                m.d.comb += [self.o.valid.eq(1), self.o.payload.eq(FLAG)]
                with m.If(self.o.ready):
                    m.d.comb += self.done.eq(1)
                    m.next = "IDLE"
        return m
