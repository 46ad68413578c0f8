"""Keeps frames that came until they are executed; one that turns out to be bad never was there."""

from amaranth.hdl import Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError

from .uart import BYTES

__all__ = ["Inbox"]


class Inbox(wiring.Component):
    """A queue of bytes in a block RAM, into which only what is committed goes.

    Parameters
    ----------
    depth : bytes, a power of two, at least 64.

    Members
    -------
    write : In, the byte ``data`` : In is added to what is not committed; where there is no room it
    is lost, and ``crowded`` : Out until the next abort, without a commit before. commit, abort :
    In, what was written is there, or was never; neither comes with a write. o : Out(stream) of
    bytes.

    Timing
    ------
    latency : cycles from commit to the first byte's offer. interval : cycles a byte; one can be
    written in each. A stall of ``o`` stops the reading only.

    Storage: depth bytes. Reset clears.
    """

    latency = 3
    interval = 3

    def __init__(self, *, depth: int) -> None:
        if depth < 64 or depth & (depth - 1):
            raise ConfigurationError(
                "the depth of an inbox must be a power of two, at least 64", found=str(depth)
            )
        self.depth = depth
        super().__init__(
            {
                "write": In(1),
                "data": In(8),
                "commit": In(1),
                "abort": In(1),
                "crowded": Out(1),
                "o": Out(BYTES),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Three places go round: of the next to be read, behind what is there, and what came."""
        m = Module()
        # A byte is never read while it is written: what is not committed is not looked at.
        m.submodules.bytes = mem = memory.Memory(
            shape=8,
            depth=self.depth,
            init=[],
            attrs={"ram_style": "block", "no_rw_check": "1"},
        )
        write, read = mem.write_port(), mem.read_port(domain="comb")
        word, head = Signal(8, reset_less=True), Signal(8, reset_less=True)
        # One bit more than a place has, so that full and empty differ.
        size = (2 * self.depth - 1).bit_length()
        first, end, last = Signal(size), Signal(size), Signal(size)
        room, fetched = Signal(), Signal()
        m.d.comb += [
            room.eq(last ^ first != self.depth),
            write.addr.eq(last),
            write.data.eq(self.data),
            write.en.eq(self.write & room),
            read.addr.eq(first),
            self.o.payload.eq(head),
        ]
        m.d.sync += [word.eq(read.data), head.eq(word)]
        with m.If(write.en):
            m.d.sync += last.eq(last + 1)
        with m.Elif(self.write):
            m.d.sync += self.crowded.eq(1)
        with m.If(self.commit):
            m.d.sync += end.eq(last)
        with m.If(self.abort):
            m.d.sync += [last.eq(end), self.crowded.eq(0)]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += [first.eq(first + 1), fetched.eq(0), self.o.valid.eq(0)]
        with m.Else():
            m.d.sync += [fetched.eq(first != end), self.o.valid.eq(fetched)]
        return m
