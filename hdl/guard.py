"""Takes what an input sends that cannot wait: spikes that find no room are dropped and counted."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import TokenKind

from .counters import COUNTER_BITS
from .plan import GuardPlan
from .queue import SpikeQueue
from .token import TokenLayout

__all__ = ["BEHIND", "GUARD_COUNTERS", "InputGuard"]

GUARD_COUNTERS = ("losses", "waits")
BEHIND = 2  # tokens that a queue keeps in registers behind its memory


class InputGuard(wiring.Component):
    """A queue that always takes spikes, and drops those that find it full.

    STEP and END are never dropped, since every step and sample behind them would be another: some
    places are kept free for them. Only where those are taken too, and every place with them, must a
    STEP or END wait for one token to leave. Whether that ever happened is counted as well: a source
    that cannot wait even there has lost the token, and must take the run as void.

    Parameters
    ----------
    layout : tokens. plan : how many places there are, and how many of these spikes do not take. So
    many STEPs and ENDs behind the last spike that was taken never wait, however long the consumer
    stalls. bits : of each counter.

    Members
    -------
    i : In(stream), ready in every cycle with a spike; with a STEP or END unless all places are
    taken. o : Out(stream), the same tokens in the same order, less those dropped. clear : In,
    zeroes the counters. losses : Out, spikes dropped; waits : Out, cycles in which a STEP or END
    waited. Both stop at 2**bits - 1, which then says "so many, or more".

    Timing
    ------
    latency : cycles from a token's acceptance by an empty guard to its offer. interval : 1. A stall
    of the consumer fills the queue, then spikes are lost; a spike counts as finding no room in the
    cycle in which a place becomes free, too.

    Model: the identity on the tokens that are kept; losses + kept = sent. Storage: depth + 2 tokens
    (the queue's registers are beside its places), cleared by reset.
    """

    latency = SpikeQueue.latency
    interval = SpikeQueue.interval

    def __init__(self, *, layout: TokenLayout, plan: GuardPlan, bits: int = COUNTER_BITS) -> None:
        if bits < 1:
            raise ConfigurationError("a counter must have at least 1 bit", found=str(bits))
        self.layout = layout
        self.depth = plan.depth
        self.reserve = plan.reserve
        self.bits = bits
        counters = {name: Out(bits) for name in GUARD_COUNTERS}
        super().__init__(
            {"i": In(layout.signature), "o": Out(layout.signature), "clear": In(1), **counters}
        )

    def elaborate(self, platform: object) -> Module:
        """Count places; drop, hold or pass; count that."""
        m = Module()
        m.submodules.queue = queue = SpikeQueue(layout=self.layout, depth=self.depth + BEHIND)
        held = Signal(range(self.depth + 1))
        is_spike, full, crowded = Signal(), Signal(), Signal()
        m.d.comb += [
            is_spike.eq(self.i.payload.kind == TokenKind.SPIKE.value),
            full.eq(held == self.depth),
            crowded.eq(held >= self.depth - self.reserve),
            self.i.ready.eq(is_spike | ~full),
            # While a place is free the queue itself has room: its memory holds ``depth`` tokens.
            queue.i.valid.eq(self.i.valid & ~full & ~(is_spike & crowded)),
            queue.i.payload.eq(self.i.payload),
            self.o.valid.eq(queue.o.valid),
            self.o.payload.eq(queue.o.payload),
            queue.o.ready.eq(self.o.ready),
        ]
        m.d.sync += held.eq(held + queue.i.valid - (self.o.valid & self.o.ready))
        amounts = (self.i.valid & is_spike & crowded, self.i.valid & ~self.i.ready)
        for name, amount in zip(GUARD_COUNTERS, amounts, strict=True):
            counter = getattr(self, name)
            with m.If(self.clear):
                m.d.sync += counter.eq(0)
            with m.Elif(amount & ~counter.all()):
                m.d.sync += counter.eq(counter + 1)
        return m
