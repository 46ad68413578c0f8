"""What one neuron does at the end of a step: leak, compare, reset."""

from amaranth.hdl import Module, Mux, Shape, Signal, Value, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.spec import BiasWhen, Fire, LeakOrder, Reset, Soma

__all__ = ["SomaLane"]


class SomaLane(wiring.Component):
    """One step of one neuron, without registers.

    The stored v already holds what the next step starts from (leak and bias applied), so that a
    row is a plain addition.

    Parameters
    ----------
    soma : its options; parameters that differ by neuron come through the ports.
    v_bits : bits of v, proven sufficient. tracer : shape of S, None where nothing bounds it.
    threshold_shape, threshold_negative_shape, bias_shape : shapes of the parameters.

    Members
    -------
    v, tracer, threshold, threshold_negative, bias : In. membrane : Out, v as compared. level :
    Out, -1, 0 or 1. v_next, tracer_next : Out, to store.

    Model: the step of ``golden.spec.Soma`` for fire none, binary and ternary. latency : 0.
    """

    latency = 0
    interval = 1

    def __init__(
        self,
        *,
        soma: Soma,
        v_bits: int,
        tracer: Shape | None,
        threshold_shape: Shape,
        threshold_negative_shape: Shape,
        bias_shape: Shape,
    ) -> None:
        self.soma = soma
        self.v_bits = v_bits
        self.tracer_shape = tracer
        super().__init__(
            {
                "v": In(signed(v_bits)),
                "tracer": In(tracer if tracer is not None else unsigned(0)),
                "threshold": In(threshold_shape),
                "threshold_negative": In(threshold_negative_shape),
                "bias": In(bias_shape),
                "membrane": Out(signed(v_bits)),
                "level": Out(signed(2)),
                "v_next": Out(signed(v_bits)),
                "tracer_next": Out(tracer if tracer is not None else unsigned(0)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Leak after the input; compare; reset; leak before the next input; bias."""
        m = Module()
        soma = self.soma
        v = Signal(signed(self.v_bits))
        after = soma.leak_v is not None and soma.leak_order is LeakOrder.AFTER
        m.d.comb += [v.eq(self._leak(self.v) if after else self.v), self.membrane.eq(v)]

        post = Signal(signed(self.v_bits))
        m.d.comb += [post.eq(v), self.tracer_next.eq(self.tracer)]
        if soma.fire is not Fire.NONE:
            self._fire(m, v, post)

        stored = self._leak(post) if soma.leak_v is not None and not after else post
        if soma.bias_when is BiasWhen.EVERY:
            stored = stored + self.bias
        m.d.comb += self.v_next.eq(stored)
        return m

    def _leak(self, value):
        leak = self.soma.leak_v
        return (value * leak.multiplier if leak.multiplier != 1 else value) >> leak.shift

    def _fire(self, m: Module, v: Signal, post: Signal) -> None:
        soma = self.soma
        # One adder serves both signs: a membrane below zero can only fire downwards.
        down_side = v[-1] if soma.fire is Fire.TERNARY else 0
        # A threshold out of the membrane's reach is wider than the membrane.
        bits = max(self.v_bits, Value.cast(self.threshold).shape().width + 1) + 1
        moved = Signal(signed(bits))
        m.d.comb += moved.eq(Mux(down_side, v + self.threshold, v - self.threshold))
        up = Signal()
        down = Signal()
        can_rise = 1 if soma.s_max is None else self.tracer != soma.s_max
        m.d.comb += up.eq(~v[-1] & ~moved[-1] & can_rise)
        if soma.fire is Fire.TERNARY:
            can_fall = 1 if soma.s_min is None else self.tracer != soma.s_min
            m.d.comb += down.eq(v[-1] & (v <= -self.threshold_negative) & can_fall)
        m.d.comb += self.level.eq(up - down)
        with m.If(up | down):
            if soma.reset is Reset.SUBTRACT:
                m.d.comb += post.eq(moved)
            elif soma.reset is Reset.VALUE:
                m.d.comb += post.eq(soma.reset_value)
            if self.tracer_shape is not None:
                m.d.comb += self.tracer_next.eq(self.tracer + self.level)
