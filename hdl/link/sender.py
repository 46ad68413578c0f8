"""Puts frames together: header, payload, CRC, escapes and flags."""

from amaranth.hdl import Array, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.link import (
    CRC_BYTES,
    ESCAPE,
    FLAG,
    FLIP,
    HEADER_BYTES,
    LINK_VERSION,
    FrameType,
)
from spikewright.hdl.crc import SerialCrc

from .uart import BYTES

__all__ = ["FrameSender"]

_TYPE, _LENGTH = 1, 8  # where they stand in the header
_END = HEADER_BYTES + CRC_BYTES


class FrameSender(wiring.Component):
    """Sends a frame, flag to flag, for each start.

    Parameters
    ----------
    longest : bytes of a payload, below 2**15.

    Members
    -------
    start : In, obeyed while ``idle`` : Out. numbered : In, type, length and payload come by ``i`` :
    In(stream), as ``Outbox`` has them, and ``kind`` : In is 0; else the type is kind, and there is
    no payload. seq, ack : In, of the header; so is tag : In, of a HELLO, and own : In, of all
    others. All of them are read from the cycle behind start on, and are held until done; but ack
    may change, and which one is sent is left open. o : Out(stream), the bytes of the line. done :
    Out, the last one of a frame was taken.

    Timing
    ------
    latency : 2 cycles from start to the first flag's offer. interval : 10 cycles a byte of the
    frame, one more where it is escaped, with a consumer that is always ready; a flag takes 2. A
    stall stops it.

    Storage: a byte and a CRC. Reset forgets a frame in the middle; the next one's flag ends it.
    """

    latency = 2
    interval = 10

    def __init__(self, *, longest: int) -> None:
        if not 1 <= longest < 1 << 15:
            raise ConfigurationError(
                f"the longest payload must lie in 1..{(1 << 15) - 1}", found=str(longest)
            )
        self.longest = longest
        super().__init__(
            {
                "start": In(1),
                "numbered": In(1),
                "kind": In(8),
                "seq": In(8),
                "ack": In(8),
                "tag": In(32),
                "own": In(32),
                "idle": Out(1),
                "i": In(BYTES),
                "o": Out(BYTES),
                "done": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """A byte is got, leaves, perhaps as two, and goes through the CRC.

        ``place`` is that of the byte which is got next: the last one is the flag before the header,
        the first one behind the header is the payload's as long as there is some.
        """
        m = Module()
        m.submodules.crc = crc = SerialCrc()
        place = Signal(range(_END + 2), init=_END + 1)
        left = Signal(range(self.longest + 1))
        byte, got, escaped = Signal(8), Signal(8), Signal()
        raw, special, fetches = Signal(), Signal(), Signal()
        first = Array([LINK_VERSION, self.kind, self.seq, self.ack])[place[:2]]
        hello = self.kind == FrameType.HELLO
        tags = (tag.word_select(place[:2], 8) for tag in (self.tag, self.own))
        header = Mux(place[2], Mux(hello, *tags), first)
        # A length of 0, the crc as it comes down, flags.
        last = Mux(place[1:3] == 0, 0, Mux(place[1:3].all(), FLAG, crc.crc[:8]))
        m.d.comb += [
            fetches.eq(
                (left != 0) | (self.numbered & ((place == _TYPE) | (place[1:] == _LENGTH >> 1)))
            ),
            got.eq(Mux(fetches, self.i.payload, Mux(place[3], last, header))),
            # What was got before: a flag.
            raw.eq((place == 0) | (place == _END + 1)),
            special.eq(~raw & ((byte == FLAG) | (byte == ESCAPE))),
            crc.byte.eq(byte),
            crc.clear.eq(raw),
            crc.empties.eq(place > HEADER_BYTES),
            self.o.payload.eq(Mux(escaped, byte ^ FLIP, Mux(special, ESCAPE, byte))),
        ]
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.idle.eq(1)
                with m.If(self.start):
                    m.next = "GET"
            with m.State("GET"):
                m.d.comb += self.i.ready.eq(fetches & ~crc.busy)
                with m.If(~crc.busy & (self.i.valid | ~fetches)):
                    m.d.sync += byte.eq(got)
                    with m.If(place == _LENGTH):
                        m.d.sync += left.eq(got)
                    with m.Elif(place == _LENGTH + 1):
                        m.d.sync += left[8:].eq(got)
                    with m.Elif(left != 0):
                        m.d.sync += left.eq(left - 1)
                    with m.If((place != HEADER_BYTES) | (left == 0)):
                        m.d.sync += place.eq(place + 1)
                    m.next = "GIVE"
            with m.State("GIVE"):
                m.d.comb += self.o.valid.eq(1)
                with m.If(self.o.ready):
                    m.d.sync += escaped.eq(special & ~escaped)
                    with m.If(escaped | ~special):
                        m.d.comb += crc.start.eq(1)
                        m.next = "GET"
                        with m.If(place == _END + 1):
                            m.d.comb += self.done.eq(1)
                            m.next = "IDLE"
        return m
