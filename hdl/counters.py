"""Counts what a core does, for whoever reads it."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError

__all__ = ["COUNTERS", "COUNTER_BITS", "CoreCounters"]

COUNTER_BITS = 32
COUNTERS = ("rows", "synops", "spikes_in", "spikes_out", "stalls", "busy")


class CoreCounters(wiring.Component):
    """Free-running counters, modulo 2**32.

    Parameters
    ----------
    lanes : most synaptic updates of a row. rows : most rows of one cycle. taken, sent : most spikes
    that are taken, and sent, in one cycle.

    Members
    -------
    clear : In, zeroes all. stall, works : In, count this cycle; row, updates, spikes, spike_out :
    In, how many happen in it. All of ``COUNTERS`` : Out.

    Timing
    ------
    latency : 1. interval : 1. It never stalls. Storage: 6 x 32 bits, cleared by reset.
    """

    latency = 1
    interval = 1

    def __init__(self, *, lanes: int, rows: int, taken: int, sent: int) -> None:
        if min(lanes, rows, taken, sent) < 1:
            raise ConfigurationError(
                "lanes, rows and spikes must be at least 1",
                found=f"{lanes}, {rows}, {taken} and {sent}",
            )
        self.lanes = lanes
        self.most_rows = rows
        self.most_taken = taken
        self.most_sent = sent
        events = {name: In(1) for name in ("clear", "stall", "works")}
        events |= {
            "row": In(range(rows + 1)),
            "updates": In(range(rows * lanes + 1)),
            "spikes": In(range(taken + 1)),
            "spike_out": In(range(sent + 1)),
        }
        super().__init__({**events, **{name: Out(COUNTER_BITS) for name in COUNTERS}})

    def elaborate(self, platform: object) -> Module:
        """One adder a counter."""
        m = Module()
        amounts = (self.row, self.updates, self.spikes, self.spike_out, self.stall, self.works)
        for name, amount in zip(COUNTERS, amounts, strict=True):
            counter = getattr(self, name)
            with m.If(self.clear):
                m.d.sync += counter.eq(0)
            with m.Else():
                m.d.sync += counter.eq(counter + amount)
        return m
