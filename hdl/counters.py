"""Counts what a core does, for whoever reads it."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError

__all__ = ["COUNTER_BITS", "CoreCounters"]

COUNTER_BITS = 32


class CoreCounters(wiring.Component):
    """Free-running counters, modulo 2**32.

    Parameters
    ----------
    neurons : synaptic updates of one spike.

    Members
    -------
    clear : In, zeroes all. row, spike_in, spike_out, stall, busy : In, count this cycle.
    rows, synops, spikes_in, spikes_out, stalls, busy_cycles : Out.

    Timing
    ------
    latency : 1. interval : 1. It never stalls. Storage: 6 x 32 bits, cleared by reset.
    """

    latency = 1
    interval = 1

    def __init__(self, *, neurons: int) -> None:
        if neurons < 1:
            raise ConfigurationError("neurons must be at least 1", found=str(neurons))
        self.neurons = neurons
        events = {
            name: In(1) for name in ("clear", "row", "spike_in", "spike_out", "stall", "busy")
        }
        names = ("rows", "synops", "spikes_in", "spikes_out", "stalls", "busy_cycles")
        super().__init__({**events, **{name: Out(COUNTER_BITS) for name in names}})

    def elaborate(self, platform: object) -> Module:
        """One adder a counter."""
        m = Module()
        pairs = (
            (self.row, self.rows, 1),
            (self.spike_in, self.synops, self.neurons),
            (self.spike_in, self.spikes_in, 1),
            (self.spike_out, self.spikes_out, 1),
            (self.stall, self.stalls, 1),
            (self.busy, self.busy_cycles, 1),
        )
        for event, counter, amount in pairs:
            with m.If(self.clear):
                m.d.sync += counter.eq(0)
            with m.Elif(event):
                m.d.sync += counter.eq(counter + amount)
        return m
