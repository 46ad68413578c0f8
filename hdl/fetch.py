"""Turns each spike into the rows of weights that it adds."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError

from .token import TokenLayout

__all__ = ["RowFetch"]


class RowFetch(wiring.Component):
    """Issues one row address a cycle: ``groups`` rows for each spike, spikes without a gap.

    Parameters
    ----------
    layout : tokens of the source. groups : rows of a spike, at least 1. pre : neurons of the
    source; row group * pre + address is the group's row of a spike.

    Members
    -------
    valid, spike : In, the spike at the head of the queue. accept : Out, its last row is issued.
    row_valid, row_address, row_group, row_payload : Out, registered.

    Timing
    ------
    latency : cycles from ``valid`` to the first row. interval : cycles a spike takes. Never stalls.
    """

    latency = 1

    def __init__(self, *, layout: TokenLayout, groups: int, pre: int) -> None:
        if groups < 1 or pre < 1:
            raise ConfigurationError(
                "groups and pre must be at least 1", found=f"{groups} and {pre}"
            )
        self.layout = layout
        self.groups = groups
        self.pre = pre
        super().__init__(
            {
                "valid": In(1),
                "spike": In(layout.struct),
                "accept": Out(1),
                "row_valid": Out(1),
                "row_address": Out(range(groups * pre)),
                "row_group": Out(range(groups)),
                "row_payload": Out(layout.payload_shape),
            }
        )

    @property
    def interval(self) -> int:
        """Cycles a spike takes."""
        return self.groups

    def elaborate(self, platform: object) -> Module:
        """Count groups; the base of a group grows by ``pre``, so that no row is left empty."""
        m = Module()
        group = Signal(range(self.groups))
        base = Signal(range(self.groups * self.pre))
        last = group == self.groups - 1
        m.d.comb += self.accept.eq(self.valid & last)
        m.d.sync += [
            self.row_valid.eq(self.valid),
            self.row_address.eq(base + self.spike.address),
            self.row_group.eq(group),
            self.row_payload.eq(self.spike.payload),
        ]
        with m.If(self.valid):
            with m.If(last):
                m.d.sync += [group.eq(0), base.eq(0)]
            with m.Else():
                m.d.sync += [group.eq(group + 1), base.eq(base + self.pre)]
        return m
