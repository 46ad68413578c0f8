"""Encoders: from a frame of values, once a sample, to spikes in every step."""

from amaranth.hdl import Cat, Const, Module, Signal, Value, ValueLike
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import UnsupportedError
from spikewright.golden.spec import Encoding, Input, Network, TokenKind

from .plan import HardwarePlan
from .token import TokenLayout

__all__ = ["Encoder", "encoded", "frame_layout"]

_ENCODED = (
    Encoding.ONCE,
    Encoding.CONSTANT,
    Encoding.THRESHOLD,
    Encoding.RATE,
    Encoding.PHASE,
    Encoding.LATENCY,
)


def encoded(network: Network, plan: HardwarePlan) -> tuple[Input, ...]:
    """The inputs that have an encoder in the plan."""
    if not plan.encoders:
        return ()
    given = (Encoding.EVENTS, Encoding.SPREAD, Encoding.CHANGE)
    return tuple(each for each in network.inputs if each.encoding not in given)


def frame_layout(source: Input, layout: TokenLayout) -> TokenLayout:
    """The tokens of an input's frames, whose spikes are of ``layout``."""
    return TokenLayout(axes=layout.axes, low=min(source.low, 0), high=max(source.high, 0))


class Encoder(wiring.Component):
    """Keeps the values of a frame that are not 0, and goes through them once a step.

    Parameters
    ----------
    source : the input, which says how. frame : tokens that come: SPIKE(n, x) for every x that is
    not 0, by ascending address, then END. layout : tokens that leave. replayed : whether a constant
    input comes in the first step only.

    Members
    -------
    i : In(stream) of frames; each STEP in it is dropped. steps : In, T of the samples that begin,
    read as END is taken. o : Out(stream): T steps, then END with the frame's flag.

    The host keeps what nothing here checks: T is at least 1 (0 counts as 1), addresses ascend and
    come once, and no x is 0. ``rate`` draws a number for each spike of the frame, in their order.

    Timing
    ------
    latency : cycles from END's acceptance to the first value. interval : a cycle for each value in
    each step that can have spikes, and two for each STEP, one of which the memory takes. A frame is
    taken when the steps of the one before have been sent.

    Model: ``golden.model``'s encodings. Storage: neurons x (address, x), and for ``rate`` the 32
    bits of the generator.
    """

    latency = 2

    def __init__(
        self,
        *,
        source: Input,
        frame: TokenLayout,
        layout: TokenLayout,
        max_steps: int,
        replayed: bool = False,
    ) -> None:
        if source.encoding not in _ENCODED:
            raise UnsupportedError(
                f"an encoder in hardware must be one of {', '.join(_ENCODED)}",
                found=str(source.encoding),
                where=f"input {source.name!r}",
                action="let the host send its spikes, without an encoder in the plan",
            )
        if source.threshold is not None and source.threshold < 1:
            raise UnsupportedError(
                "the threshold of an encoder in hardware, which sees no zeros, must be at least 1",
                found=str(source.threshold),
                where=f"input {source.name!r}",
            )
        self.source = source
        self.frame = frame
        self.layout = layout
        self.max_steps = max_steps
        self.replayed = replayed
        super().__init__(
            {
                "i": In(frame.signature),
                "steps": In(range(max_steps + 1)),
                "o": Out(layout.signature),
            }
        )

    @property
    def depth(self) -> int:
        """Values that it can keep."""
        return max(2, self.frame.neurons)

    @property
    def busy_steps(self) -> int:
        """Steps of a sample that can have spikes; those behind are empty."""
        match self.source.encoding:
            case Encoding.ONCE | Encoding.THRESHOLD:
                return 1
            case Encoding.CONSTANT if self.replayed:
                return 1
            case Encoding.PHASE | Encoding.LATENCY:
                return self.source.least_steps()
        return self.max_steps

    def elaborate(self, platform: object) -> Module:
        """Fill the list; go through it, step by step."""
        m = Module()
        entry = data.StructLayout(
            {"address": self.frame.address_bits, "x": self.frame.payload_shape}
        )
        neurons = self.frame.neurons
        m.submodules.values = values = memory.Memory(shape=entry, depth=self.depth, init=[])
        write, read = values.write_port(), values.read_port()
        count, index = Signal(range(neurons + 1)), Signal(range(neurons + 1))
        step, steps = Signal(range(self.max_steps + 1)), Signal(range(self.max_steps + 1))
        flag, holds, generator = Signal(), Signal(), None
        token, out = self.i.payload, self.o.payload
        seed = self.source.seed
        if seed is not None:
            generator = Signal(32, init=seed)
        m.d.comb += [
            write.addr.eq(count),
            write.data.address.eq(token.address),
            write.data.x.eq(1 if self.frame.is_unit else token.payload),
            read.addr.eq(index),
        ]
        x = Const(1, 1) if self.frame.is_unit else read.data.x
        payload = self._payload(x, step, generator)
        fires = Signal()
        m.d.comb += fires.eq(payload != 0)
        with m.FSM():
            with m.State("FRAME"):
                m.d.comb += self.i.ready.eq(1)
                with m.If(self.i.valid & (token.kind == TokenKind.SPIKE.value)):
                    m.d.comb += write.en.eq(1)
                    m.d.sync += count.eq(count + 1)
                with m.Elif(self.i.valid & (token.kind == TokenKind.END.value)):
                    # No steps at all would never end.
                    m.d.sync += steps.eq(self.steps | (self.steps == 0))
                    m.d.sync += [flag.eq(token.address[0]), step.eq(0)]
                    m.d.sync += [index.eq(0), holds.eq(0)]
                    if generator is not None:
                        m.d.sync += generator.eq(seed)
                    m.next = "STEP"
            with m.State("STEP"):
                # The entry at ``index - 1`` is at the memory's output where ``holds``.
                goes = ~holds | ~fires | self.o.ready
                listed = (index != count) & (step < self.busy_steps)
                m.d.comb += read.en.eq(goes & listed)
                with m.If(holds):
                    m.d.comb += [
                        self.o.valid.eq(fires),
                        out.kind.eq(TokenKind.SPIKE.value),
                        out.address.eq(read.data.address),
                    ]
                    if not self.layout.is_unit:
                        m.d.comb += out.payload.eq(payload)
                    with m.If(goes):
                        m.d.sync += holds.eq(listed)
                        if generator is not None:
                            m.d.sync += generator.eq(_xorshift(generator))
                with m.Elif(listed):
                    m.d.sync += holds.eq(1)
                with m.Else():
                    m.d.comb += [self.o.valid.eq(1), out.kind.eq(TokenKind.STEP.value)]
                    with m.If(self.o.ready):
                        m.d.sync += [step.eq(step + 1), index.eq(0)]
                        with m.If(step + 1 == steps):
                            m.next = "END"
                with m.If(goes & listed):
                    m.d.sync += index.eq(index + 1)
            with m.State("END"):
                m.d.comb += [
                    self.o.valid.eq(1),
                    out.kind.eq(TokenKind.END.value),
                    out.address.eq(flag),
                ]
                with m.If(self.o.ready):
                    m.d.sync += count.eq(0)
                    m.next = "FRAME"
        return m

    def _payload(self, x: Value, step: Value, generator: Value | None) -> ValueLike:
        source = self.source
        match source.encoding:
            case Encoding.THRESHOLD:
                assert source.threshold is not None  # the contract says
                return x >= source.threshold
            case Encoding.RATE:
                assert generator is not None
                return _xorshift(generator)[32 - source.bits :] < x
            case Encoding.PHASE:
                # the highest bit first: bit k in step bits - 1 - k
                flags = (x[k] & (step == source.bits - 1 - k) for k in range(source.bits))
                return Cat(*flags)
            case Encoding.LATENCY:
                return step == source.high - x
        return x


def _xorshift(state: Value) -> Value:
    """The next state of Marsaglia's generator."""
    first = state ^ (state << 13)[:32]
    second = first ^ (first >> 17)
    return second ^ (second << 5)[:32]
