"""Takes frames apart: header, payload, and whether all of it came as it was sent."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.link import (
    CRC_BYTES,
    HEADER_BYTES,
    LINK_VERSION,
    NUMBERED,
    FrameType,
)
from spikewright.hdl.crc import SerialCrc

from .deframer import SYMBOLS

__all__ = ["FrameReceiver"]

_BEHIND = HEADER_BYTES + CRC_BYTES + 1  # of a frame that is longer than its length says


class FrameReceiver(wiring.Component):
    """Gives the bytes of numbered frames for the inbox as they come, and judges at their end.

    What it writes of a frame: its type, its length in two bytes, in whose highest bit is whether
    the frame's tag was ``own``, and its payload.

    Parameters
    ----------
    longest : bytes of a payload, below 2**15.

    Members
    -------
    i : In(stream) of symbols. own : In, the tag of the device's network. write, data : Out, to the
    inbox. good : Out, for a cycle at the end of a frame that is whole; bad : Out, of one that is
    not. other, kind, seq, ack, oversized : Out, of the header, valid with good: other is one of
    another version, oversized one of which nothing but the header was kept. tag : Out, of the last
    frame of type CONNECT, good or not.

    Timing
    ------
    latency : cycles from a frame's end to good or bad. interval : cycles a byte; an end takes 2.

    Storage: the header and a CRC. Reset begins a frame.
    """

    latency = 2
    interval = 9

    def __init__(self, *, longest: int) -> None:
        if not 1 <= longest < 1 << 15:
            raise ConfigurationError(
                f"the longest payload must lie in 1..{(1 << 15) - 1}", found=str(longest)
            )
        self.longest = longest
        super().__init__(
            {
                "i": In(SYMBOLS),
                "own": In(32),
                "write": Out(1),
                "data": Out(8),
                "good": Out(1),
                "bad": Out(1),
                "other": Out(1),
                "kind": Out(8),
                "seq": Out(8),
                "ack": Out(8),
                "tag": Out(32),
                "oversized": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """``place`` is that of the next byte: in the header, the payload, the crc, or behind it."""
        m = Module()
        m.submodules.crc = crc = SerialCrc()
        symbol = self.i.payload
        place = Signal(range(_BEHIND + 1))
        left = Signal(16)
        takes, ends, ended, cut = Signal(), Signal(), Signal(), Signal()
        numbered, ours = Signal(), Signal()
        m.d.comb += [
            self.i.ready.eq(~crc.busy & ~ended),
            takes.eq(self.i.valid & self.i.ready & ~symbol.end),
            ends.eq(self.i.valid & self.i.ready & symbol.end),
            crc.byte.eq(symbol.byte),
            crc.start.eq(takes),
            crc.clear.eq(ended),
            numbered.eq(self.kind >= NUMBERED),
        ]
        # From flip-flops, since a block RAM is far.
        m.d.sync += [self.write.eq(0), self.data.eq(symbol.byte)]
        with m.If(takes):
            with m.If((place == HEADER_BYTES) & (left != 0)):
                m.d.sync += left.eq(left - 1)
                m.d.sync += self.write.eq(numbered & ~self.oversized)
            with m.Elif(place != _BEHIND):
                m.d.sync += place.eq(place + 1)
            with m.Switch(place):
                with m.Case(0):
                    m.d.sync += self.other.eq(symbol.byte != LINK_VERSION)
                with m.Case(1):
                    m.d.sync += self.kind.eq(symbol.byte)
                    m.d.sync += self.write.eq(symbol.byte >= NUMBERED)
                with m.Case(2):
                    m.d.sync += self.seq.eq(symbol.byte)
                with m.Case(3):
                    m.d.sync += [self.ack.eq(symbol.byte), ours.eq(1)]
                with m.Case(4, 5, 6, 7):
                    m.d.sync += ours.eq(ours & (symbol.byte == self.own.word_select(place[:2], 8)))
                    with m.If(self.kind == FrameType.CONNECT):
                        m.d.sync += self.tag.word_select(place[:2], 8).eq(symbol.byte)
                with m.Case(8):
                    m.d.sync += left[:8].eq(symbol.byte)
                    m.d.sync += self.write.eq(numbered)
                with m.Case(9):
                    m.d.sync += left[8:].eq(symbol.byte)
                    m.d.sync += self.oversized.eq(Cat(left[:8], symbol.byte) > self.longest)
                    m.d.sync += [
                        self.write.eq(numbered),
                        self.data.eq(Cat(symbol.byte[:7], ours)),
                    ]
        m.d.sync += ended.eq(ends)
        whole = (place == _BEHIND - 1) & crc.right & ~cut
        m.d.sync += [
            self.good.eq(ended & whole),
            self.bad.eq(ended & ~whole & ((place != 0) | cut)),
        ]
        with m.If(ends):
            m.d.sync += cut.eq(symbol.cut)
        with m.If(ended):
            m.d.sync += place.eq(0)
        return m
