"""A reset that lasts until what is under way has run out."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["RESTART_CYCLES", "Restart"]

RESTART_CYCLES = 32
"""Cycles of a reset: wide registers have none themselves, and must run empty."""


class Restart(wiring.Component):
    """Makes any reset long enough.

    Members
    -------
    restart : In. active : Out, from a flip-flop: everything is to be reset, and nothing taken; for
    ``RESTART_CYCLES`` behind ``restart``, and behind the reset of the domain.

    Timing
    ------
    latency : cycles from ``restart`` to ``active``.
    """

    latency = 1

    def __init__(self) -> None:
        super().__init__({"restart": In(1), "active": Out(1, init=1)})

    def elaborate(self, platform: object) -> Module:
        """Count down."""
        m = Module()
        left = Signal(range(RESTART_CYCLES), init=RESTART_CYCLES - 1)
        with m.If(self.restart):
            m.d.sync += [self.active.eq(1), left.eq(RESTART_CYCLES - 1)]
        with m.Elif(left != 0):
            m.d.sync += left.eq(left - 1)
        with m.Else():
            m.d.sync += self.active.eq(0)
        return m
