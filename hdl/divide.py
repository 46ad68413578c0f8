"""The closed form of a settled neuron: how often the threshold goes into its charge."""

from amaranth.hdl import Module, Mux, Shape, Signal, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError

__all__ = ["DivideLane"]


class DivideLane(wiring.Component):
    """One bit of a restoring division, without registers.

    Fed ``steps`` times it yields clip(floor(v / threshold), 0, s_max - s_min) + s_min in ``level``,
    for v = sum I + v0 - s_min * threshold of any sign and size. The rest moves up against a
    threshold that stands still; a rest below zero or past all quotients stands still too, so that
    it goes on saying no or yes.

    Parameters
    ----------
    v_bits : bits of v. threshold_shape : shape of the threshold. s_min, s_max : the clip.
    level_shape : shape of the emitted level.

    Members
    -------
    rest : In, at first v; quotient : In, bits so far; threshold : In. rest_next, quotient_next :
    Out. level : Out, valid at the last step.

    Model: ``golden.model``'s collapsed soma. latency : 0.
    """

    latency = 0
    interval = 1

    def __init__(
        self, *, v_bits: int, threshold_shape: Shape, s_min: int, s_max: int, level_shape: Shape
    ) -> None:
        if s_max <= s_min:
            raise ConfigurationError("s_max must exceed s_min", found=f"{s_min}..{s_max}")
        self.s_min = s_min
        self.s_max = s_max
        self.steps = (s_max - s_min).bit_length()
        # Twice the aligned threshold fits: what is larger will saturate in any case.
        self.rest_bits = max(v_bits, threshold_shape.width + self.steps + 1)
        super().__init__(
            {
                "rest": In(signed(self.rest_bits)),
                "quotient": In(unsigned(self.steps)),
                "threshold": In(threshold_shape),
                "rest_next": Out(signed(self.rest_bits)),
                "quotient_next": Out(unsigned(self.steps)),
                "level": Out(level_shape),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Subtract where it goes; a quotient past the span means that the clip is active."""
        m = Module()
        less = Signal(signed(self.rest_bits + 1))
        goes, stands = Signal(), Signal()
        m.d.comb += [
            less.eq(self.rest - (self.threshold << (self.steps - 1))),
            goes.eq(~less[-1]),
            stands.eq(self.rest[-1] | (goes & less[self.rest_bits - 2])),
            self.rest_next.eq(Mux(stands, self.rest, Mux(goes, less, self.rest) << 1)),
            self.quotient_next.eq((self.quotient << 1) | goes),
        ]
        span = self.s_max - self.s_min
        clipped = self.quotient_next
        if span != (1 << self.steps) - 1:
            clipped = Mux(self.quotient_next > span, span, self.quotient_next)
        m.d.comb += self.level.eq(clipped + self.s_min)
        return m
