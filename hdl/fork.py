"""Sends every token of a stream to several consumers."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError

from .token import TokenLayout

__all__ = ["Fork"]


class Fork(wiring.Component):
    """Gives each token to every branch once, to each as soon as that branch takes it.

    The token leaves the input when the last branch takes it. No branch waits for another one, so a
    fork adds no way to deadlock: a branch that has its token can work on it, and free the others.

    Parameters
    ----------
    layout : tokens. branches : consumers, at least 2.

    Members
    -------
    i : In(stream). o_0, o_1, ... : Out(stream), one a branch.

    Timing
    ------
    latency : 0. interval : 1. A branch that stalls lets the others be ahead by one token, then
    stalls the producer.

    Model: the identity on a sequence, for each branch. Storage: one bit a branch, cleared by reset.
    """

    latency = 0
    interval = 1

    def __init__(self, *, layout: TokenLayout, branches: int) -> None:
        if branches < 2:
            raise ConfigurationError("a fork must have at least 2 branches", found=str(branches))
        self.layout = layout
        self.branches = branches
        members = {f"o_{k}": Out(layout.signature) for k in range(branches)}
        super().__init__({"i": In(layout.signature)} | members)

    @property
    def outputs(self) -> list[stream.Interface]:
        """The branches in order."""
        return [getattr(self, f"o_{k}") for k in range(self.branches)]

    def elaborate(self, platform: object) -> Module:
        """A bit a branch remembers who has the token that waits."""
        m = Module()
        has = Signal(self.branches)
        takes = Signal(self.branches)
        for index, branch in enumerate(self.outputs):
            m.d.comb += [
                branch.payload.eq(self.i.payload),
                branch.valid.eq(self.i.valid & ~has[index]),
            ]
        m.d.comb += [
            takes.eq(has | Cat(branch.ready for branch in self.outputs)),
            self.i.ready.eq(takes.all()),
        ]
        with m.If(self.i.valid):
            m.d.sync += has.eq(takes & ~takes.all().replicate(self.branches))
        return m
