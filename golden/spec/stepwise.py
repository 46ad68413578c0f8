"""The stepwise mode on intervals: step after step until nothing changes any more."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from spikewright.golden.spec.input_bounds import input_signal
from spikewright.golden.spec.limits import Interval, hull
from spikewright.golden.spec.parts import Mode, Population
from spikewright.golden.spec.soma_bounds import Registers, SomaBounds
from spikewright.golden.spec.transfer import Bounds, Signal, Transfer

if TYPE_CHECKING:
    from spikewright.golden.spec.network import Network

__all__ = ["Stepwise"]


class Stepwise:
    """Bounds of all populations over the steps of one sample."""

    def __init__(self, network: "Network", transfers: Sequence[Transfer]) -> None:
        self._network = network
        self._order = network.order()
        self._incoming = {
            population.name: [item for item in transfers if item.target is population]
            for population in self._order
        }
        self.registers = {
            population.name: Registers(population, Mode.STEPWISE) for population in self._order
        }
        self._somas = {
            population.name: SomaBounds(population, self.registers[population.name])
            for population in self._order
        }
        # totals matter only to targets whose bounds are cut by the sum of all input
        self._totalled = {
            name
            for population in self._order
            if self._somas[population.name].wants_totals
            for item in self._incoming[population.name]
            for name in item.reads
        }
        self.emitted: dict[str, Interval] = {}
        self.totals: dict[str, Interval] = {}

    def run(self) -> None:
        """Go on to ``max_steps``, or to the step that changed nothing."""
        zero = {part.name: _silence(part.n) for part in self._network.inputs}
        zero |= {population.name: _silence(population.n) for population in self._order}
        before: Mapping[str, Signal] = zero
        state: list[np.ndarray[tuple[int, ...], np.dtype[np.integer]]] = []
        for step in range(self._network.max_steps):
            now = self._step(step, before)
            last, state = state, self._state(now)
            self._see(now)
            if len(last) == len(state) and all(map(np.array_equal, last, state)):
                self._extend(before, now, self._network.max_steps - step - 1)
                return
            before = now

    def _step(self, step: int, before: Mapping[str, Signal]) -> dict[str, Signal]:
        steps = self._network.max_steps
        now = {
            source.name: input_signal(source, Mode.STEPWISE, steps, step)
            for source in self._network.inputs
        }
        for population in self._order:
            soma = self._somas[population.name]
            charge, prefix = self._charge(population, now, before, wants_prefix=soma.wants_totals)
            soma.advance(charge, prefix, step)
            now[population.name] = Signal(
                low=soma.level[0],
                high=soma.level[1],
                total_low=soma.total[0],
                total_high=soma.total[1],
            )
        return now

    def _charge(
        self,
        population: Population,
        now: Mapping[str, Signal],
        before: Mapping[str, Signal],
        *,
        wants_prefix: bool,
    ) -> tuple[Bounds, Bounds | None]:
        zero = np.zeros(population.n, np.int64)
        charge, prefix = (zero, zero), (zero, zero)
        incoming = self._incoming[population.name]
        wants_prefix = wants_prefix and all(item.timeless for item in incoming)
        for item in incoming:
            signals = before if item.connection.delay else now
            step = item.step(signals)
            charge = (charge[0] + step[0], charge[1] + step[1])
            if wants_prefix:
                total = item.total(signals)
                prefix = (prefix[0] + total[0], prefix[1] + total[1])
        return charge, prefix if wants_prefix else None

    def _state(
        self, now: Mapping[str, Signal]
    ) -> list[np.ndarray[tuple[int, ...], np.dtype[np.integer]]]:
        arrays: list[np.ndarray[tuple[int, ...], np.dtype[np.integer]]] = []
        for soma in self._somas.values():
            arrays += soma.state()
        for source in self._network.inputs:
            arrays += [now[source.name].low, now[source.name].high]
        for name in sorted(self._totalled):
            arrays += [now[name].total_low, now[name].total_high]
        return arrays

    def _see(self, now: Mapping[str, Signal]) -> None:
        for name, signal in now.items():
            emitted = Interval(int(signal.low.min()), int(signal.high.max()))
            total = Interval(int(signal.total_low.min()), int(signal.total_high.max()))
            self.emitted[name] = hull(emitted, self.emitted.get(name, emitted))
            self.totals[name] = hull(total, self.totals.get(name, total))

    def _extend(self, before: Mapping[str, Signal], now: Mapping[str, Signal], steps: int) -> None:
        """Totals that nothing depends on grow on, by the same each step."""
        for name, signal in now.items():
            low = signal.total_low + steps * (signal.total_low - before[name].total_low)
            high = signal.total_high + steps * (signal.total_high - before[name].total_high)
            grown = Interval(int(low.min()), int(high.max()))
            self.totals[name] = hull(self.totals[name], grown)


def _silence(n: int) -> Signal:
    zero = np.zeros(n, np.int64)
    return Signal(low=zero, high=zero, total_low=zero, total_high=zero)
