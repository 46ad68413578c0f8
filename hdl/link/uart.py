"""Bytes over two wires: a start bit, 8 bits, a stop bit, no parity."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

from spikewright.golden.link import INCREMENT_BITS

__all__ = ["BYTES", "UartReceiver", "UartTransmitter", "increment_of"]

BYTES = stream.Signature(8)

_BYTE_BITS = 8
_FRAME_BITS = 10  # with start and stop
_HALF = 1 << INCREMENT_BITS - 1
_LEAST_CYCLES = 4  # of a bit: it is sampled up to a cycle before or behind its middle


def increment_of(baud: float, clock_hz: float) -> int | None:
    """What makes ``baud`` of a clock; None where a bit has too few of its cycles."""
    if clock_hz < _LEAST_CYCLES * baud:
        return None
    return round(baud / clock_hz * (1 << INCREMENT_BITS))


class UartReceiver(wiring.Component):
    """Samples each bit in its middle and gives the bytes whose stop bit is 1.

    Members
    -------
    rx : In, asynchronous; 1 while nothing is sent. increment : In, 2**20 bits a cycle. o :
    Out(stream) of bytes; one that is not taken until the next one has come is lost.

    Timing
    ------
    latency : cycles from the middle of the stop bit to the byte's offer, or one more or less.
    interval : ten bits. A consumer that needs fewer cycles a byte than that never loses one.
    tolerance : the sender's bits may be longer or shorter by this part of them, at 4 cycles a bit
    and more. A start bit shorter than half a bit is none; a byte whose stop bit is 0 is dropped,
    and a line that stays at 0 gives nothing until it rises, which may look like a byte's end.

    Storage: two bytes, the phase of a bit. Reset waits for a start bit.
    """

    latency = 4
    tolerance = 0.02

    def __init__(self) -> None:
        super().__init__({"rx": In(1), "increment": In(INCREMENT_BITS), "o": Out(BYTES)})

    def elaborate(self, platform: object) -> Module:
        """From the falling edge on half a bit, then whole ones."""
        m = Module()
        # An edge is seen a cycle late, and acted on another one later: so what is sampled is late,
        # too.
        line, before = Signal(init=1), Signal(init=1)
        m.submodules.cross = FFSynchronizer(self.rx, line, init=1)
        phase = Signal(INCREMENT_BITS + 1)
        bits = Signal(_BYTE_BITS)
        left = Signal(range(_FRAME_BITS + 1))
        m.d.sync += [before.eq(line), phase.eq(phase[:-1] + self.increment)]
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(left == 0):
            with m.If(line):
                m.d.sync += phase.eq(_HALF)
            with m.Else():
                m.d.sync += left.eq(_FRAME_BITS)
        with m.Elif(phase[-1]):
            m.d.sync += [bits.eq(Cat(bits[1:], before)), left.eq(left - 1)]
            with m.If((left == _FRAME_BITS) & before):
                m.d.sync += left.eq(0)  # a glitch, no start bit
            with m.If(left == 1):
                m.d.sync += phase.eq(_HALF)  # the next start bit may be there
                with m.If(before):
                    m.d.sync += [self.o.payload.eq(bits), self.o.valid.eq(1)]
        return m


class UartTransmitter(wiring.Component):
    """Sends bytes one after the other, without a pause where the next one is there.

    Members
    -------
    i : In(stream) of bytes. increment : In, 2**20 bits a cycle. tx : Out, from a flip-flop; 1 while
    nothing is sent.

    Timing
    ------
    latency : up to a bit and 3 cycles from a byte's acceptance to its start bit. interval : ten
    bits, whose edges are less than a cycle late. A pause of the source is one of ones.

    Storage: a byte, the phase of a bit. Reset sends nothing.
    """

    def __init__(self) -> None:
        line = Out(1, init=1)  # type: ignore[call-arg]  # not in the stubs
        super().__init__({"i": In(BYTES), "increment": In(INCREMENT_BITS), "tx": line})

    def elaborate(self, platform: object) -> Module:
        """A shift register that fills with ones."""
        m = Module()
        phase = Signal(INCREMENT_BITS + 1)
        bits = Signal(_BYTE_BITS + 1, init=-1)  # start and byte; the stop bit moves in
        left = Signal(range(_FRAME_BITS + 1))
        m.d.sync += phase.eq(phase[:-1] + self.increment)
        m.d.comb += self.i.ready.eq(left == 0)
        with m.If(self.i.ready):
            with m.If(self.i.valid):
                m.d.sync += [bits.eq(Cat(0, self.i.payload)), left.eq(_FRAME_BITS)]
        with m.Elif(phase[-1]):
            m.d.sync += [
                self.tx.eq(bits[0]),
                bits.eq(Cat(bits[1:], 1)),
                left.eq(left - 1),
            ]
        return m
