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
    lanes : most synaptic updates of a row. ports : most spikes that are taken in one cycle.

    Members
    -------
    clear : In, zeroes all. row, spike_out, stall, works : In, count this cycle; updates, spikes :
    In, how many happen in it. All of ``COUNTERS`` : Out.

    Timing
    ------
    latency : 1. interval : 1. It never stalls. Storage: 6 x 32 bits, cleared by reset.
    """

    latency = 1
    interval = 1

    def __init__(self, *, lanes: int, ports: int) -> None:
        if lanes < 1 or ports < 1:
            raise ConfigurationError(
                "lanes and ports must be at least 1", found=f"{lanes} and {ports}"
            )
        self.lanes = lanes
        self.ports = ports
        events = {name: In(1) for name in ("clear", "row", "spike_out", "stall", "works")}
        events |= {"updates": In(range(lanes + 1)), "spikes": In(range(ports + 1))}
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
