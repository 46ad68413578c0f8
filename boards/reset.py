"""Holds the design in reset until its clock is stable."""

from amaranth.hdl import ClockDomain, ClockSignal, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError

__all__ = ["PowerOnReset"]


class PowerOnReset(wiring.Component):  # type: ignore[type-arg]  # generic only in its stubs
    """Asserts ``reset`` until ``locked`` was 1 for ``wait`` cycles; a lost lock starts again.

    It runs on the clock of domain ``sync`` and must not be reset by it: its state begins with what
    the bitstream says. The wait also covers the first microseconds after configuration in which
    the block RAMs of an iCE40 read as zero.

    Parameters
    ----------
    wait : cycles, at least 1.

    Members
    -------
    locked : In, asynchronous. reset : Out, from a flip-flop.

    Timing
    ------
    latency : cycles from ``locked`` to the end of the reset.

    Storage: a counter.
    """

    def __init__(self, *, wait: int) -> None:
        if wait < 1:
            raise ConfigurationError("wait must be at least 1", found=str(wait))
        self.wait = wait
        super().__init__({"locked": In(1), "reset": Out(1)})

    @property
    def latency(self) -> int:
        """Two cycles to cross the clocks, the wait, and the flip-flop of the output."""
        return 2 + self.wait + 1

    def elaborate(self, platform: object) -> Module:
        """Count while locked."""
        m = Module()
        m.domains.power_on = ClockDomain("power_on", reset_less=True, local=True)
        m.d.comb += ClockSignal("power_on").eq(ClockSignal("sync"))
        locked = Signal()
        m.submodules.cross = FFSynchronizer(self.locked, locked, o_domain="power_on")
        count = Signal(range(self.wait + 1))
        done = Signal()
        held = Signal(init=1)
        m.d.comb += done.eq(count == self.wait)
        with m.If(~locked):
            m.d.power_on += count.eq(0)
        with m.Elif(~done):
            m.d.power_on += count.eq(count + 1)
        m.d.power_on += held.eq(~done)
        m.d.comb += self.reset.eq(held)
        return m
