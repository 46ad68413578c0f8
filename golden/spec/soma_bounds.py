"""One soma, run on intervals instead of numbers: what every register can hold, per neuron."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikewright.golden.errors import RangeError
from spikewright.golden.spec.limits import LIMITS, Interval
from spikewright.golden.spec.normalise import IntArray
from spikewright.golden.spec.parts import Mode, Population
from spikewright.golden.spec.soma import BiasWhen, Fire, Leak, LeakOrder, Reset
from spikewright.golden.spec.transfer import Bounds

__all__ = ["Registers", "SomaBounds"]

FAR = 1 << 60
WORDS = {"charge": "summed input", "v": "membrane", "i": "current"}
Where = npt.NDArray[np.intp]


class Registers:
    """Hull of all that was seen in each register of a population, refused beyond its limit."""

    def __init__(self, population: Population, mode: Mode) -> None:
        self._where = f"population {population.name!r}"
        self._mode = mode
        self.seen: dict[str, Interval] = {}

    def see(self, register: str, low: IntArray, high: IntArray) -> None:
        """Widen the hull of a register."""
        if not low.size:
            return
        least, most = int(low.min()), int(high.max())
        last = self.seen.get(register)
        if last is not None:
            if last.low <= least and most <= last.high:
                return
            least, most = min(least, last.low), max(most, last.high)
        hull = Interval(least, most)
        self.seen[register] = hull
        if hull.bits > LIMITS.register:
            raise RangeError(
                f"{WORDS[register]} must fit {LIMITS.register} bits",
                found=f"values from {least} to {most}, {hull.bits} bits",
                where=f"{self._where}, mode {self._mode}",
                action="use smaller weights, inputs or shifts, fewer steps, or a leak or clip",
            )


@dataclass
class _Piece:
    """Some neurons whose membrane lies in [low, high] and which fired ``level``."""

    where: Where
    low: IntArray
    high: IntArray
    level: int = 0


def _leak(leak: Leak | None, values: IntArray) -> IntArray:
    return values if leak is None else (leak.multiplier * values) >> leak.shift


class SomaBounds:
    """Bounds of a population's state, step by step."""

    def __init__(self, population: Population, registers: Registers) -> None:
        soma = population.soma
        self.soma = soma
        self.n = population.n
        self.registers = registers
        self.threshold = population.per_neuron(soma.threshold)
        self.negative = population.per_neuron(
            soma.threshold if soma.threshold_negative is None else soma.threshold_negative
        )
        self.amount = population.per_neuron(soma.amount)
        self.bias = population.per_neuron(soma.bias)
        self.initial_v = population.per_neuron(soma.initial_v)
        if soma.phases is not None and soma.phases.slope is not None:
            self.slope = population.per_neuron(soma.phases.slope)
        self.zero = np.zeros(self.n, np.int64)
        everywhere = np.arange(self.n)
        self.pieces = [_Piece(everywhere, self.initial_v, self.initial_v)]
        self.held = _Piece(np.arange(0), self.zero[:0], self.zero[:0])
        self.current: Bounds = (self.zero, self.zero)
        self.total: Bounds = (self.zero, self.zero)  # net level emitted: S, bounded or not
        self.level: Bounds = (self.zero, self.zero)
        self.charged: Bounds = (self.zero, self.zero)  # sum I of all steps, bias included
        self._extremes: Bounds = (self.initial_v, self.initial_v)  # of v0 + sum I
        self._step = 0
        registers.see("v", self.initial_v, self.initial_v)
        if soma.current:
            registers.see("i", self.zero, self.zero)

    @property
    def invariant(self) -> bool:
        """Whether v = v0 + sum I - amount * S holds, which bounds v however long it runs."""
        soma = self.soma
        plain = soma.leak_v is None and not soma.current
        plain = plain and soma.v_min is None and soma.v_max is None and not soma.reset_delay
        plain = plain and not soma.refractory
        return plain and (soma.fire is Fire.NONE or soma.reset is not Reset.VALUE)

    @property
    def wants_totals(self) -> bool:
        """Whether what came in so far bounds a register: v, or a current without leak."""
        return self.invariant or (self.soma.current and self.soma.leak_i is None)

    def advance(self, charge: Bounds, prefix: Bounds | None, step: int) -> None:
        """One step. ``charge``: its input; ``prefix``: the input so far, where that is known."""
        soma = self.soma
        self._step = step
        first = soma.bias_when is BiasWhen.FIRST
        bias = self.bias if step == 0 or not first else self.zero
        low, high = charge[0] + bias, charge[1] + bias
        self.registers.see("charge", np.minimum(charge[0], low), np.maximum(charge[1], high))
        if self.wants_totals:
            self._charge(low, high, prefix, 1 if first else step + 1)
        if soma.current:
            low, high = self._conduct(low, high)
        v_low, v_high = self._integrate(low, high)
        if soma.fire is Fire.BURST:
            after = self._burst(v_low, v_high)
        else:
            after = self._fire(v_low, v_high)
        self._count()
        if soma.refractory:
            self._hold(after)
            after = [*after, self.held]
        self.pieces = after if soma.reset_delay else [self._join(after)]
        if self.invariant:
            self._tighten(self.pieces[0])
        for piece in self.pieces:
            self.registers.see("v", piece.low, piece.high)

    def _charge(self, low: IntArray, high: IntArray, prefix: Bounds | None, biases: int) -> None:
        low, high = self.charged[0] + low, self.charged[1] + high
        if prefix is not None:
            low = np.maximum(low, prefix[0] + biases * self.bias)
            high = np.minimum(high, prefix[1] + biases * self.bias)
        self.charged = (low, high)
        self._extremes = (
            np.minimum(self._extremes[0], self.initial_v + low),
            np.maximum(self._extremes[1], self.initial_v + high),
        )

    def _conduct(self, low: IntArray, high: IntArray) -> Bounds:
        """The current of this step, from what came in."""
        soma = self.soma
        phases, step = soma.phases, self._step
        if phases is not None and step == phases.receive:
            leaked = [self.slope] * 2
        else:
            leaked = [_leak(soma.leak_i, side) for side in self.current]
        self.registers.see("i", leaked[0], leaked[1])
        low, high = leaked[0] + low, leaked[1] + high
        if soma.leak_i is None and (phases is None or step < phases.receive):
            low, high = np.maximum(low, self.charged[0]), np.minimum(high, self.charged[1])
        self.registers.see("i", low, high)
        self.current = (low, high)
        return self.current

    def _tighten(self, piece: _Piece) -> None:
        """Cut a membrane's bounds with the invariant and the levels emitted so far."""
        taken = self.amount if self.soma.reset is Reset.SUBTRACT else self.zero
        low = self.initial_v + self.charged[0] - taken * self.total[1]
        high = self.initial_v + self.charged[1] - taken * self.total[0]
        piece.low, piece.high = np.maximum(piece.low, low), np.minimum(piece.high, high)

    def _integrate(self, low: IntArray, high: IntArray) -> Bounds:
        """Leak, input, the delayed reset and the clip."""
        soma, see = self.soma, self.registers.see
        moved = []
        for piece in self.pieces:
            v_low, v_high, at = piece.low, piece.high, piece.where
            if soma.leak_v is not None and soma.leak_order is LeakOrder.BEFORE:
                v_low, v_high = _leak(soma.leak_v, v_low), _leak(soma.leak_v, v_high)
                see("v", v_low, v_high)
            v_low, v_high = v_low + low[at], v_high + high[at]
            if self.invariant:
                whole = _Piece(at, v_low, v_high)
                self._tighten(whole)
                v_low, v_high = whole.low, whole.high
            see("v", v_low, v_high)
            if soma.leak_v is not None and soma.leak_order is LeakOrder.AFTER:
                v_low, v_high = _leak(soma.leak_v, v_low), _leak(soma.leak_v, v_high)
                see("v", v_low, v_high)
            if piece.level:
                taken = piece.level * self.amount[at]
                v_low, v_high = v_low - taken, v_high - taken
                see("v", v_low, v_high)
            moved.append(_Piece(at, v_low, v_high))
        joined = self._join(moved)
        v_low, v_high = joined.low, joined.high
        if soma.v_min is not None:
            v_low, v_high = np.maximum(v_low, soma.v_min), np.maximum(v_high, soma.v_min)
        if soma.v_max is not None:
            v_low, v_high = np.minimum(v_low, soma.v_max), np.minimum(v_high, soma.v_max)
        see("v", v_low, v_high)
        return v_low, v_high

    def _join(self, pieces: list[_Piece]) -> _Piece:
        low, high = np.full(self.n, FAR), np.full(self.n, -FAR)
        for piece in pieces:
            low[piece.where] = np.minimum(low[piece.where], piece.low)
            high[piece.where] = np.maximum(high[piece.where], piece.high)
        return _Piece(np.arange(self.n), low, high)

    def _hold(self, after: list[_Piece]) -> None:
        """What firing leaves stays while the neuron is refractory, and then takes input again.

        All steps so far are held together: a neuron may be let go in any later one. None that is
        held needs ``_fire``, and one that is not fires as if it had never been.
        """
        held = self._join([self.held, *(piece for piece in after if piece.level)])
        where = np.flatnonzero(held.low <= held.high)
        self.held = _Piece(where, held.low[where], held.high[where])

    def _room(self) -> tuple[npt.NDArray[np.bool_], ...]:
        """Whether S may leave room to rise, may block it, and the same for falling."""
        yes, no = np.ones(self.n, np.bool_), np.zeros(self.n, np.bool_)
        rise, blocked, fall, blocked_fall = yes, no, yes, no
        if self.soma.s_max is not None:
            rise, blocked = self.total[0] < self.soma.s_max, self.total[1] >= self.soma.s_max
        if self.soma.s_min is not None:
            fall, blocked_fall = self.total[1] > self.soma.s_min, self.total[0] <= self.soma.s_min
        if self.soma.phases is not None and not self.soma.phases.may_fire(self._step):
            rise = fall = no
        if not rise.any():
            blocked = blocked_fall = yes
        return rise, blocked, fall, blocked_fall

    def _fire(self, low: IntArray, high: IntArray) -> list[_Piece]:
        """Split by level; the reset is applied unless it is delayed."""
        soma = self.soma
        if soma.fire is Fire.NONE:
            return [_Piece(np.arange(self.n), low, high)]
        rise, blocked, fall, blocked_fall = self._room()
        if soma.fire is Fire.PATTERN:
            return self._pattern(low, high, rise)
        ternary = soma.fire is Fire.TERNARY
        least = 1 - self.negative if ternary else low  # above it, nothing fires downward
        pieces = [self._cut((low, high), least, self.threshold - 1, 0)]
        if soma.fire is Fire.ONEHOT:
            level = 1
            while level <= soma.max_level:
                most = 2 * level * self.threshold - 1 if level < soma.max_level else high
                pieces.append(self._cut((low, high), level * self.threshold, most, level, rise))
                level *= 2
            pieces.append(self._cut((low, high), self.threshold, high, 0, blocked))
        else:
            pieces.append(self._cut((low, high), self.threshold, high, 1, rise))
            pieces.append(self._cut((low, high), self.threshold, high, 0, blocked))
        if ternary:
            pieces.append(self._cut((low, high), low, -self.negative, -1, fall))
            pieces.append(self._cut((low, high), low, -self.negative, 0, blocked_fall))
        self._levels(pieces)
        if not soma.reset_delay:
            for piece in pieces:
                self._reset(piece)
        return [piece for piece in pieces if piece.where.size]

    def _pattern(self, low: IntArray, high: IntArray, may: npt.NDArray[np.bool_]) -> list[_Piece]:
        """One level a step, where any is."""
        soma = self.soma
        assert soma.phases is not None
        level = soma.max_level >> max(0, self._step - soma.phases.receive)
        below = np.where(may, level * self.threshold - 1, high)
        pieces = [self._cut((low, high), low, below, 0)]
        pieces.append(self._cut((low, high), level * self.threshold, high, level, may))
        self._levels(pieces)
        self._reset(pieces[1])
        return [piece for piece in pieces if piece.where.size]

    def _cut(
        self,
        v: Bounds,
        least: IntArray,
        most: IntArray,
        level: int,
        may: npt.NDArray[np.bool_] | None = None,
    ) -> _Piece:
        cut_low, cut_high = np.maximum(v[0], least), np.minimum(v[1], most)
        holds = cut_low <= cut_high
        if may is not None:
            holds &= may
        where = np.flatnonzero(holds)
        return _Piece(where, cut_low[where], cut_high[where], level)

    def _levels(self, pieces: list[_Piece]) -> None:
        low, high = self.zero.copy(), self.zero.copy()
        for piece in pieces:
            low[piece.where] = np.minimum(low[piece.where], piece.level)
            high[piece.where] = np.maximum(high[piece.where], piece.level)
        self.level = (low, high)

    def _reset(self, piece: _Piece) -> None:
        if not piece.level:
            return
        if self.soma.reset is Reset.SUBTRACT:
            taken = piece.level * self.amount[piece.where]
            piece.low, piece.high = piece.low - taken, piece.high - taken
        elif self.soma.reset is Reset.VALUE:
            piece.low = piece.high = np.full_like(piece.low, self.soma.reset_value)

    def _burst(self, low: IntArray, high: IntArray) -> list[_Piece]:
        """As many subtractions as fit; amount <= threshold, so v never crosses both thresholds."""
        soma, amount = self.soma, self.amount
        rise, blocked, fall, blocked_fall = self._room()
        most = soma.max_level
        blocked = blocked | (rise & self._may_reach(self.total[1] + most, soma.s_max, above=True))
        signed = soma.threshold_negative is not None
        least = 1 - self.negative if signed else low
        pieces = [self._cut((low, high), least, self.threshold - 1, 0)]
        up = self._cut((low, high), self.threshold, high, 1, rise | blocked)
        at = up.where
        # The remainder lies below the threshold, unless the levels ran out or S stopped it.
        up_high = np.maximum(self.threshold[at] - 1, up.high - most * amount[at])
        up_high = np.where(blocked[at], up.high, up_high)
        up_low = np.maximum(self.threshold[at] - amount[at], up.low - most * amount[at])
        pieces.append(_Piece(at, up_low, np.minimum(up_high, up.high), 1))
        level_low, level_high = self.zero.copy(), self.zero.copy()
        count = (up.high - self.threshold[at]) // amount[at] + 1
        level_high[at] = np.where(rise[at], np.minimum(most, count), 0)
        if signed:
            blocked_fall = blocked_fall | (
                fall & self._may_reach(self.total[0] - most, soma.s_min, above=False)
            )
            down = self._cut((low, high), low, -self.negative, -1, fall | blocked_fall)
            at = down.where
            down_low = np.minimum(1 - self.negative[at], down.low + most * amount[at])
            down_low = np.where(blocked_fall[at], down.low, down_low)
            down_high = np.minimum(amount[at] - self.negative[at], down.high + most * amount[at])
            pieces.append(_Piece(at, np.maximum(down_low, down.low), down_high, -1))
            count = (-self.negative[at] - down.low) // amount[at] + 1
            level_low[at] = np.where(fall[at], -np.minimum(most, count), 0)
        self.level = (level_low, level_high)
        return [piece for piece in pieces if piece.where.size]

    def _may_reach(
        self, total: IntArray, bound: int | None, *, above: bool
    ) -> npt.NDArray[np.bool_]:
        if bound is None:
            return np.zeros(self.n, np.bool_)
        return total >= bound if above else total <= bound

    def _count(self) -> None:
        """S += level, within its bounds and within what the charge so far can have earned."""
        soma = self.soma
        low, high = self.total[0] + self.level[0], self.total[1] + self.level[1]
        if soma.s_min is not None:
            low = np.maximum(low, soma.s_min)
        if soma.s_max is not None:
            high = np.minimum(high, soma.s_max)
        earns = self.invariant and soma.reset is Reset.SUBTRACT and soma.fire is not Fire.ONEHOT
        if earns and soma.fire is not Fire.NONE:
            # It rises to k only from v0 + sum I - amount * (k - 1) >= threshold.
            rises = (self._extremes[1] - self.threshold) // self.amount + 1
            high = np.minimum(high, np.maximum(rises, 0))
            if soma.threshold_negative is not None:
                falls = -((-self._extremes[0] - self.negative) // self.amount + 1)
                low = np.maximum(low, np.minimum(falls, 0))
        self.total = (low, high)

    def state(self) -> list[IntArray]:
        """All that the next step depends on."""
        arrays = [side for piece in self.pieces for side in (piece.where, piece.low, piece.high)]
        arrays.append(np.array([piece.level for piece in self.pieces]))
        arrays += [self.held.where, self.held.low, self.held.high]
        arrays += [*self.current, *self.level]
        if self.soma.traced or self.invariant:
            arrays += [*self.total]
        if self.wants_totals:
            arrays += [*self.charged]
        if self.soma.phases is not None:
            arrays.append(np.array([min(self._step, self.soma.phases.last)]))
        return arrays
