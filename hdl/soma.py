"""What one neuron does at the end of a step: leak, compare, reset."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_
from types import MappingProxyType

from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, Value, ValueLike, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Member, Out

from spikewright.golden.spec import Fire, Leak, LeakOrder, Reset, Soma

from .state import StateLayout

__all__ = [
    "BurstLane",
    "SomaLane",
    "SomaShapes",
    "level_shape",
    "needs_pending",
    "phase_members",
]


def level_shape(soma: Soma) -> Shape:
    """The narrowest shape of what one step can emit."""
    low, high = soma.levels
    return signed(max(high, -low - 1).bit_length() + 1) if low < 0 else unsigned(high.bit_length())


def phase_members(soma: Soma) -> dict[str, Member]:
    """What a neuron must be told of where it is in its sample, all In.

    ``may_fire``; ``switches``, where there is a current: it is the slope from the next step on;
    ``slot``, of fire pattern: the level of this step, 0 where there is none.
    """
    if soma.phases is None:
        return {}
    found = {"may_fire": In(1)}
    if soma.current:
        found["switches"] = In(1)
    if soma.fire is Fire.PATTERN:
        found["slot"] = In(level_shape(soma))
    return found


def needs_pending(soma: Soma) -> bool:
    """Whether the reset to come must be kept as a level: a leak comes between, with the input."""
    return soma.reset_delay and soma.leak_v is not None and soma.leak_order is LeakOrder.AFTER


@dataclass(frozen=True, kw_only=True)
class SomaShapes:
    """Shapes of a neuron's parameters; None where it does without.

    ``threshold`` none where nothing fires, ``negative`` none where nothing falls, ``amount`` none
    where a reset takes the threshold, ``bias`` none where it does not come every step, ``slope``
    none without phases of a current.
    """

    threshold: Shape | None = None
    negative: Shape | None = None
    amount: Shape | None = None
    bias: Shape | None = None
    slope: Shape | None = None

    @property
    def members(self) -> dict[str, Shape]:
        """Those there are, by name."""
        return {name: shape for name, shape in vars(self).items() if shape is not None}


class _Neuron(wiring.Component):
    """What is the same however a neuron fires: the way to v, and from v to what is stored."""

    def __init__(
        self,
        *,
        soma: Soma,
        state: StateLayout,
        v_bits: int,
        shapes: SomaShapes,
        replays: bool = False,
        members: Mapping[str, Member] = MappingProxyType({}),
    ) -> None:
        self.soma = soma
        self.replays = replays
        self.state = state
        self.v_bits = v_bits
        self.shapes = shapes
        super().__init__(
            {name: In(shape) for name, shape in shapes.members.items()}
            | {
                "word": In(state.bits),
                "membrane": Out(signed(v_bits)),
                "level": Out(level_shape(soma)),
                "following": Out(state.bits),
            }
            | phase_members(soma)
            | dict(members)
        )

    def get_amount(self) -> Value:
        """What one level takes off the membrane."""
        return self.threshold if self.shapes.amount is None else self.amount

    def integrate(self, m: Module) -> dict[str, Value]:
        """Drive ``membrane``, v as it is compared; the registers of the word."""
        soma, parts = self.soma, self.state.split(self.word)
        v = parts["total"] + parts["v"] if "v" in parts else parts["total"]
        if soma.leak_order is LeakOrder.AFTER:
            v = _leak(v, soma.leak_v)
        if "pending" in parts:
            v = v - self.taken(parts["pending"])
        if soma.v_min is not None or soma.v_max is not None:
            # The sum before the clip fits, so it may be compared once it is cut.
            whole = Signal(signed(self.v_bits))
            m.d.comb += whole.eq(v)
            v = whole
            if soma.v_min is not None:
                v = Mux(v < soma.v_min, soma.v_min, v)
            if soma.v_max is not None:
                v = Mux(whole > soma.v_max, soma.v_max, v)
        if "wait" in parts:
            v = Mux(parts["wait"] != 0, parts["v"], v)
        m.d.comb += self.membrane.eq(v)
        return parts

    def fires(self, parts: dict[str, Value]) -> ValueLike:
        """Whether the neuron may fire at all in this step."""
        ready = parts["wait"] == 0 if "wait" in parts else 1
        return ready if self.soma.phases is None else self.may_fire & ready

    def taken(self, level: Value) -> Value:
        """What a reset of so many levels takes off the membrane."""
        amount = self.get_amount()
        if self.soma.fire is Fire.ONEHOT:
            return reduce(or_, (Mux(bit, amount << k, 0) for k, bit in enumerate(level)))
        if level.shape().signed:
            return Mux(level[0], Mux(level[-1], -amount, amount), 0)
        return Mux(level[0], amount, 0)

    def keep(self, m: Module, parts: dict[str, Value], post: Value, tracer: Value | None) -> None:
        """Drive ``following``: leak and bias that come before the next input are in it."""
        soma = self.soma
        kept = _leak(post, soma.leak_v) if soma.leak_order is LeakOrder.BEFORE else post
        if soma.reset_delay and "pending" not in parts:
            kept = kept - self.taken(self.level)
        following: dict[str, ValueLike] = {"pending": self.level}
        if "wait" in parts:
            wait = parts["wait"]
            left = Mux(wait != 0, wait - 1, 0)
            following["wait"] = Mux(self.level != 0, soma.refractory, left)
            kept = Mux((self.level != 0) | (wait > 1), post, kept)
        total: ValueLike = kept
        if soma.current:
            total = _leak(parts["total"], soma.leak_i)
            if soma.phases is not None:
                total = Mux(self.switches, self.slope, total)
        elif self.replays:
            total = parts["total"]
        elif "v" in parts:
            total = 0
        bias: ValueLike = self.bias if self.shapes.bias is not None else 0
        following |= {"total": total + bias, "v": kept}
        if tracer is not None:
            following["tracer"] = tracer
        m.d.comb += self.following.eq(self.state.join(following))


class SomaLane(_Neuron):
    """One step of one neuron, without registers.

    The stored state already holds what the next step starts from (leak and bias applied), so that a
    row is a plain addition.

    Parameters
    ----------
    soma : its options; parameters that differ by neuron come through the ports.
    state : its registers. v_bits : bits of v, proven sufficient. shapes : of the parameters.
    replays : ``total`` is the same input for every step, bias included.

    Members
    -------
    word : In, the state; threshold, negative, amount, bias, slope : In, those there are; may_fire,
    switches, slot : In, those of ``phase_members``.
    membrane : Out, v as compared. level : Out. following : Out, the state to store.

    Model: the step of ``golden.spec.Soma`` for fire none, binary, ternary, onehot and pattern.
    latency : 0.
    """

    latency = 0
    interval = 1

    def elaborate(self, platform: object) -> Module:
        """Leak after the input; compare; reset; leak before the next input; bias."""
        m = Module()
        parts = self.integrate(m)
        post = Signal(signed(self.v_bits))
        m.d.comb += post.eq(self.membrane)
        tracer = None
        if self.soma.fire is Fire.ONEHOT:
            self._onehot(m, parts, post)
        elif self.soma.fire is Fire.PATTERN:
            self._pattern(m, post)
        elif self.soma.fire is not Fire.NONE:
            tracer = self._fire(m, parts, post)
        self.keep(m, parts, post, tracer)
        return m

    def _onehot(self, m: Module, parts: dict[str, Value], post: Signal) -> None:
        """The largest power of two that the threshold fits into v, up to the highest level."""
        soma, v = self.soma, self.membrane
        fits = [v >= self.threshold << k for k in range(soma.max_level.bit_length())]
        above = [*fits[1:], Const(0, 1)]
        may = self.fires(parts)
        m.d.comb += self.level.eq(Cat(a & ~b & may for a, b in zip(fits, above, strict=True)))
        if soma.reset is Reset.SUBTRACT and not soma.reset_delay:
            m.d.comb += post.eq(v - self.taken(self.level))
        elif soma.reset is Reset.VALUE:
            with m.If(fits[0] & may):
                m.d.comb += post.eq(soma.reset_value)

    def _pattern(self, m: Module, post: Signal) -> None:
        """The one power of two of this step, if the threshold fits into v as often."""
        v, slot = self.membrane, self.slot
        reached = reduce(or_, (Mux(bit, self.threshold << k, 0) for k, bit in enumerate(slot)))
        left = Signal(signed(max(self.v_bits, len(reached) + 1) + 1))
        fits = Signal()
        m.d.comb += [
            left.eq(v - reached),
            fits.eq(~left[-1] & self.may_fire),
            self.level.eq(slot & fits.replicate(len(slot))),
        ]
        with m.If(fits):
            m.d.comb += post.eq(left)

    def _fire(self, m: Module, parts: dict[str, Value], post: Signal) -> Value | None:
        soma, v, tracer = self.soma, self.membrane, parts.get("tracer")
        may = self.fires(parts)
        # One adder serves both signs: a membrane below zero can only fire downwards. Without a
        # reset it serves the threshold alone, and one above zero may fire downwards, too.
        signs = soma.fire is Fire.TERNARY and soma.reset is not Reset.NONE
        down_side = v[-1] if signs else 0
        # A threshold out of the membrane's reach is wider than the membrane.
        bits = max(self.v_bits, len(self.threshold) + 1) + 1
        moved, reach = Signal(signed(bits)), Signal(signed(bits))
        amount = self.get_amount()
        m.d.comb += moved.eq(Mux(down_side, v + amount, v - amount))
        m.d.comb += reach.eq(moved if self.shapes.amount is None else v - self.threshold)
        up = Signal()
        down = Signal()
        can_rise = 1 if soma.s_max is None or tracer is None else tracer != soma.s_max
        m.d.comb += up.eq(~v[-1] & ~reach[-1] & can_rise & may)
        if soma.fire is Fire.TERNARY:
            can_fall = 1 if soma.s_min is None or tracer is None else tracer != soma.s_min
            below = v <= -self.negative
            m.d.comb += down.eq((v[-1] & below if signs else below) & can_fall & may)
        m.d.comb += self.level.eq(up - down)
        with m.If(up | down):
            if soma.reset is Reset.SUBTRACT and not soma.reset_delay:
                m.d.comb += post.eq(moved)
            elif soma.reset is Reset.VALUE:
                m.d.comb += post.eq(soma.reset_value)
        return None if tracer is None else tracer + self.level


class BurstLane(_Neuron):
    """One cycle of a neuron that fires several times in a step, without registers.

    Levels are found bit by bit, the highest first, as the quotient of a division is: what exceeds
    the threshold moves up against an amount that stands still. ``room`` leaves ``count`` at the top
    as the levels enter at the bottom.

    Parameters
    ----------
    soma, state, v_bits, shapes, replays : as of ``SomaLane``.

    Members
    -------
    word and the parameters : In, as of ``SomaLane``. rest, count, tight : In, registers of the
    lane; rest_start, count_start : Out, what they begin with (tight with 1); rest_next, count_next,
    tight_next : Out, after one of ``steps`` cycles. membrane : Out. level, following : Out, valid
    once rest and count are those after the last cycle.

    Model: the step of ``golden.spec.Soma`` for fire burst. latency : 0.
    """

    latency = 0
    interval = 1

    def __init__(
        self,
        *,
        soma: Soma,
        state: StateLayout,
        v_bits: int,
        shapes: SomaShapes,
        replays: bool = False,
    ) -> None:
        self.steps = soma.max_level.bit_length()
        widest = max(shape.width for shape in shapes.members.values())
        self.rest_bits = max(v_bits, widest + 1) + 2 + self.steps
        super().__init__(
            soma=soma,
            state=state,
            v_bits=v_bits,
            shapes=shapes,
            replays=replays,
            members={
                "rest": In(signed(self.rest_bits)),
                "count": In(unsigned(self.steps)),
                "tight": In(1),
                "rest_start": Out(signed(self.rest_bits)),
                "count_start": Out(unsigned(self.steps)),
                "rest_next": Out(signed(self.rest_bits)),
                "count_next": Out(unsigned(self.steps)),
                "tight_next": Out(1),
            },
        )

    def elaborate(self, platform: object) -> Module:
        """What exceeds the threshold; one bit of the level; the membrane that is left."""
        m = Module()
        parts = self.integrate(m)
        v, amount, tracer = self.membrane, self.get_amount(), parts.get("tracer")
        # A membrane below zero can only fire downwards.
        down: Value = Const(0, 1)
        threshold: Value = self.threshold
        if self.shapes.negative is not None:
            down = v[-1]
            threshold = Mux(down, self.negative, self.threshold)
        m.d.comb += [
            self.rest_start.eq(Mux(down, -v, v) + amount - threshold),
            self.count_start.eq(Mux(self.fires(parts), self._room(down, tracer), 0)),
        ]
        less = Signal(signed(self.rest_bits + 1))
        goes, free = Signal(), Signal()
        m.d.comb += [
            free.eq(~self.tight | self.count[-1]),
            less.eq(self.rest - (amount << (self.steps - 1))),
            goes.eq(~less[-1] & free),
            self.rest_next.eq(Mux(goes, less, self.rest) << 1),
            self.count_next.eq(Cat(goes, self.count[:-1])),
            self.tight_next.eq(self.tight & (goes == self.count[-1])),
        ]
        left = (self.rest >> self.steps) + threshold - amount
        post = Signal(signed(self.v_bits))
        m.d.comb += [
            self.level.eq(Mux(down, -self.count, self.count)),
            post.eq(Mux(down, -left, left)),
        ]
        self.keep(m, parts, post, None if tracer is None else tracer + self.level)
        return m

    def _room(self, down: Value, tracer: Value | None) -> ValueLike:
        """How many levels S leaves, up to the highest."""
        soma = self.soma
        if tracer is None:
            return soma.max_level

        def least(room: ValueLike) -> Value:
            return Mux(room < soma.max_level, room, soma.max_level)

        up = soma.max_level if soma.s_max is None else least(soma.s_max - tracer)
        fall = soma.max_level if soma.s_min is None else least(tracer - soma.s_min)
        return Mux(down, fall, up)


def _leak(value: Value, leak: Leak | None) -> Value:
    if leak is None:
        return value
    return (value * leak.multiplier if leak.multiplier != 1 else value) >> leak.shift
