"""Intervals: what values every register can take, proven from the actual weights.

The analysis runs per neuron and reports hulls over the neurons of a population. It is sound for
every input within its bounds, for every order of events within a step, and for every number of
steps up to ``max_steps``; ``settle`` and ``collapsed`` need no bound on the steps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from spikewright.golden.errors import ConfigurationError, RangeError
from spikewright.golden.spec.filters import filter_bounds
from spikewright.golden.spec.input_bounds import input_signal
from spikewright.golden.spec.limits import LIMITS, Interval
from spikewright.golden.spec.parts import Connection, Input, Mode, Population
from spikewright.golden.spec.settled import settled_bounds
from spikewright.golden.spec.soma import Fire
from spikewright.golden.spec.soma_bounds import Registers
from spikewright.golden.spec.stepwise import Stepwise
from spikewright.golden.spec.transfer import Node, Transfer, transfer

if TYPE_CHECKING:
    from spikewright.golden.spec.network import Network

__all__ = ["Analysis", "Ranges", "analyse", "analyse_whole", "partial_sum_bound"]


@dataclass(frozen=True, kw_only=True)
class Ranges:
    """What an input or a population can do in one mode; registers are None for inputs.

    Parameters
    ----------
    emitted : payload of one spike; 0..0 where it never fires. Collapsed: s_min..s_max, or how far
        that can change where the state is kept.
    total : net sum of payloads a neuron emitted over any prefix of a sample, or since the reset
        where the state is kept; s_min..s_max where the tracer is bounded.
    charge : a step's (collapsed: the sample's) summed input, every partial sum of it, with the
        bias and without.
    v : the membrane at any point of a step. Collapsed: v0, every partial sum on top of it, with the
        bias and without, the whole less s_min * threshold, and what firing leaves.
    i : the current, leaked and updated; None without one.
    tracer : S; None where it is not bounded and so needs no register.
    """

    emitted: Interval
    total: Interval
    charge: Interval | None = None
    v: Interval | None = None
    i: Interval | None = None
    tracer: Interval | None = None

    def sample(self, *, keeps_state: bool) -> Interval:
        """Net sum over one whole sample: what a delay brings of it in ``settle``."""
        low, high = min(self.total.low, 0), max(self.total.high, 0)
        return Interval(low - high, high - low) if keeps_state else Interval(low, high)


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """Ranges by input and population name; largest partial sums by connection, in order."""

    ranges: Mapping[str, Ranges]
    partial_sums: tuple[int, ...]


def analyse(network: "Network", mode: Mode) -> Mapping[str, Ranges]:
    """Ranges of every input and population, in one of the modes that the network lists."""
    return _analysis(network, mode).ranges


def partial_sum_bound(network: "Network", connection: Connection, mode: Mode) -> int:
    """Largest magnitude of any partial sum of (weight << shift) * payload of a connection.

    Below 2**24 float32 carries the sum exactly, below 2**53 float64, in any order of summation.
    """
    for item, bound in zip(network.connections, _analysis(network, mode).partial_sums, strict=True):
        if item is connection:
            return bound
    raise ConfigurationError(
        "a connection of the network must be given",
        found=f"another one, {connection.source!r} -> {connection.target!r}",
    )


def _analysis(network: "Network", mode: Mode) -> Analysis:
    if mode not in network.analyses:
        raise ConfigurationError(
            f"mode must be one of the network's: {', '.join(network.modes)}",
            found=str(mode),
            where=f"network {network.name!r}",
        )
    return network.analyses[mode]


def analyse_whole(network: "Network", mode: Mode) -> Analysis:
    """Analyse a network; raises RangeError where a register would need more than LIMITS."""
    parts: tuple[Node, ...] = (*network.inputs, *network.populations)
    nodes = {part.name: part for part in parts}
    transfers = tuple(transfer(connection, nodes) for connection in network.connections)
    if mode is Mode.STEPWISE:
        ranges = _stepwise(network, transfers)
    else:
        ranges = _settled(network, transfers, mode)
    for name, item in ranges.items():
        if item.emitted.bits > LIMITS.payload:
            raise RangeError(
                f"payload must fit {LIMITS.payload} bits",
                found=f"values from {item.emitted.low} to {item.emitted.high}, "
                f"{item.emitted.bits} bits",
                where=f"{_kind(nodes[name])} {name!r}, mode {mode}",
                action="use fewer levels or fewer steps",
            )
    _check_filter(network, ranges)
    largest = {name: _magnitude(item.emitted) for name, item in ranges.items()}
    # A sum of a whole sample, where that is what a delay brings.
    sums = {
        name: _magnitude(item.sample(keeps_state=network.keeps_state))
        for name, item in ranges.items()
    }
    late = largest if mode is Mode.STEPWISE else sums
    return Analysis(
        ranges=MappingProxyType(ranges),
        partial_sums=tuple(
            item.largest(late if item.connection.delay else largest) for item in transfers
        ),
    )


def _magnitude(values: Interval) -> int:
    return max(-values.low, values.high)


def _check_filter(network: "Network", ranges: Mapping[str, Ranges]) -> None:
    """Raises RangeError where filtered values do not fit."""
    read = ranges[network.readout.population]
    if network.readout.biquads:
        silent = network.population(network.readout.population).soma.fire is Fire.NONE
        value = read.v if silent else read.emitted
        assert value is not None  # a population has a membrane
        filter_bounds(network.readout, value)


def _kind(node: Node) -> str:
    return "input" if isinstance(node, Input) else "population"


def _stepwise(network: "Network", transfers: Sequence[Transfer]) -> dict[str, Ranges]:
    stepwise = Stepwise(network, transfers)
    stepwise.run()
    ranges = {
        source.name: Ranges(
            emitted=stepwise.emitted[source.name], total=stepwise.totals[source.name]
        )
        for source in network.inputs
    }
    for population in network.populations:
        name = population.name
        ranges[name] = _ranges(
            population, stepwise.registers[name], stepwise.emitted[name], stepwise.totals[name]
        )
    return ranges


def _settled(network: "Network", transfers: Sequence[Transfer], mode: Mode) -> dict[str, Ranges]:
    signals = {
        source.name: input_signal(source, mode, network.max_steps) for source in network.inputs
    }
    registers: dict[str, Registers] = {}
    for population in network.order():
        incoming = [item for item in transfers if item.target is population]
        registers[population.name], signals[population.name] = settled_bounds(
            population, incoming, signals, mode, keeps=network.keeps_state
        )
    ranges: dict[str, Ranges] = {}
    for name, signal in signals.items():
        emitted = Interval(int(signal.low.min()), int(signal.high.max()))
        total = Interval(int(signal.total_low.min()), int(signal.total_high.max()))
        ranges[name] = Ranges(emitted=emitted, total=total)
    for population in network.populations:
        name = population.name
        soma = population.soma
        emitted = ranges[name].emitted
        if mode is Mode.COLLAPSED and soma.s_min is not None and soma.s_max is not None:
            emitted = Interval(soma.s_min, soma.s_max)
            if network.keeps_state:
                emitted = Ranges(emitted=emitted, total=emitted).sample(keeps_state=True)
        ranges[name] = _ranges(population, registers[name], emitted, ranges[name].total)
    return ranges


def _ranges(
    population: Population, registers: Registers, emitted: Interval, total: Interval
) -> Ranges:
    """Ranges with the tracer's own bounds, where it has any, in place of what was found."""
    soma = population.soma
    if soma.traced:
        total = Interval(
            total.low if soma.s_min is None else soma.s_min,
            total.high if soma.s_max is None else soma.s_max,
        )
    return Ranges(
        emitted=emitted,
        total=total,
        charge=registers.seen["charge"],
        v=registers.seen["v"],
        i=registers.seen.get("i"),
        tracer=total if soma.traced else None,
    )
