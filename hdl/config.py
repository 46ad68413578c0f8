"""What a core must be, worked out from a network and a plan; what hardware cannot do is refused."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Shape, signed, unsigned

from spikewright.golden.errors import ConfigurationError, UnsupportedError
from spikewright.golden.spec import (
    Connection,
    Decision,
    Dense,
    Fire,
    IntArray,
    Interval,
    LeakOrder,
    Mode,
    Network,
    Population,
    Ranges,
    ReadoutKind,
    Reset,
    analyse,
)

from .plan import CorePlan, HardwarePlan
from .token import TokenLayout

__all__ = ["CoreConfig", "core_configs", "shape_of"]


def shape_of(interval: Interval) -> Shape:
    """The narrowest shape that holds an interval."""
    bits = max((v if v >= 0 else ~v).bit_length() for v in (interval.low, interval.high))
    return signed(bits + 1) if interval.low < 0 else unsigned(max(1, bits))


@dataclass(frozen=True, kw_only=True, eq=False)
class CoreConfig:
    """One core in numbers.

    ``weights`` is [pre, post]. ``source`` and ``target`` are the tokens that come and go.
    ``v_bits`` is the membrane's proven width (two's complement); ``tracer`` the shape of S, None
    where it is not needed.
    """

    population: Population
    mode: Mode
    plan: CorePlan
    weights: IntArray
    weight_bits: int
    shift: int
    source: TokenLayout
    target: TokenLayout
    v_bits: int
    tracer: Shape | None

    @property
    def n(self) -> int:
        """Neurons."""
        return self.population.n

    @property
    def pre(self) -> int:
        """Neurons of the source."""
        return int(self.weights.shape[0])

    @property
    def lanes(self) -> int:
        """Lanes that are built: no more than there are neurons."""
        return min(self.plan.lanes, self.n)

    @property
    def groups(self) -> int:
        """Rows that one spike fetches."""
        return -(-self.n // self.lanes)

    @property
    def fires(self) -> bool:
        """Whether the population spikes."""
        return self.population.soma.fire is not Fire.NONE

    @property
    def divides(self) -> bool:
        """Whether it fires once, by division."""
        return self.fires and self.mode is Mode.COLLAPSED

    def by_group(self, values: IntArray) -> list[list[int]]:
        """A parameter vector as [groups][lanes], the last value repeated past the last neuron."""
        missing = self.groups * self.lanes - self.n
        padded = np.pad(self.population.per_neuron(values), (0, missing), mode="edge")
        return [[int(v) for v in row] for row in padded.reshape(self.groups, self.lanes)]

    @property
    def stored_initial_v(self) -> IntArray:
        """What a membrane holds before the first row: leak and bias are already in it."""
        soma = self.population.soma
        v = self.population.per_neuron(soma.initial_v).copy()
        if self.mode is not Mode.COLLAPSED and soma.leak_v and soma.leak_order is LeakOrder.BEFORE:
            v = (v * soma.leak_v.multiplier) >> soma.leak_v.shift
        v += self.population.per_neuron(soma.bias)
        if self.divides:
            assert soma.s_min is not None  # collapsed networks are bounded, the contract says
            v -= soma.s_min * self.population.per_neuron(soma.threshold)
        return v


def core_configs(network: Network, plan: HardwarePlan) -> tuple[CoreConfig, ...]:
    """The cores of a chain, in order.

    Raises
    ------
    ConfigurationError
        If the plan does not name every population once, in the order of the data's way.
    UnsupportedError
        If the network is not a chain of dense connections, or a soma asks for what is not built.
    """
    if plan.mode not in network.modes:
        raise ConfigurationError(
            f"the plan's mode must be one of {', '.join(network.modes)}",
            found=plan.mode,
            where=f"network {network.name!r}",
        )
    chain = _chain(network)
    names = [population.name for population, _ in chain]
    found = [core.population for core in plan.cores]
    if names != found:
        raise ConfigurationError(
            f"the plan must have one core for each of {', '.join(names)}, in this order",
            found=", ".join(found) or "no core",
        )
    _check_readout(network, names[-1])
    ranges = analyse(network, plan.mode)
    configs = []
    source = network.inputs[0].name
    for (population, connection), core in zip(chain, plan.cores, strict=True):
        _check_soma(population)
        configs.append(_config(population, connection, core, plan.mode, ranges, source, network))
        source = population.name
    return tuple(configs)


def _config(
    population: Population,
    connection: Connection,
    core: CorePlan,
    mode: Mode,
    ranges: Mapping[str, Ranges],
    source: str,
    network: Network,
) -> CoreConfig:
    own = ranges[population.name]
    assert own.v is not None  # only inputs have no membrane
    fires = population.soma.fire is not Fire.NONE
    sent = own.emitted if fires else own.v
    dense = connection.operator
    assert isinstance(dense, Dense)  # _chain refused everything else
    bounded = fires and mode is not Mode.COLLAPSED
    bounded &= population.soma.s_min is not None or population.soma.s_max is not None
    return CoreConfig(
        population=population,
        mode=mode,
        plan=core,
        weights=_matrix(dense),
        weight_bits=dense.weight_bits,
        shift=dense.shift,
        source=_layout(_neurons(network, source), ranges[source].emitted, valued=False),
        target=_layout(population.n, sent, valued=not fires),
        v_bits=max(shape_of(own.v).width + (own.v.low >= 0), dense.shift + 1),
        tracer=shape_of(own.tracer) if bounded and own.tracer is not None else None,
    )


def _layout(neurons: int, sent: Interval, *, valued: bool) -> TokenLayout:
    return TokenLayout(neurons=neurons, low=min(sent.low, 0), high=max(sent.high, 0), valued=valued)


def _neurons(network: Network, name: str) -> int:
    for node in (*network.inputs, *network.populations):
        if node.name == name:
            return node.n
    raise AssertionError(name)


def _matrix(dense: Dense) -> IntArray:
    if dense.weights.ndim == 2:
        return dense.weights
    blocks, pre, post = dense.weights.shape
    matrix = np.zeros((blocks * pre, blocks * post), dtype=np.int64)
    for b in range(blocks):
        matrix[b * pre : (b + 1) * pre, b * post : (b + 1) * post] = dense.weights[b]
    return matrix


def _chain(network: Network) -> list[tuple[Population, Connection]]:
    if len(network.inputs) != 1:
        raise UnsupportedError(
            "hardware takes a chain with one input", found=f"{len(network.inputs)} inputs"
        )
    by_source: dict[str, list[Connection]] = {}
    for connection in network.connections:
        by_source.setdefault(connection.source, []).append(connection)
        where = f"connection {connection.source!r} -> {connection.target!r}"
        if not isinstance(connection.operator, Dense):
            raise UnsupportedError(
                "hardware offers dense connections",
                found=type(connection.operator).__name__.lower(),
                where=where,
            )
        if connection.delay:
            raise UnsupportedError(
                "hardware offers connections without delay", found="delay 1", where=where
            )
    populations = {population.name: population for population in network.populations}
    chain: list[tuple[Population, Connection]] = []
    source = network.inputs[0].name
    while source in by_source:
        outgoing = by_source.pop(source)
        if len(outgoing) != 1:
            raise UnsupportedError(
                "hardware takes a chain: every population feeds one other",
                found=f"{len(outgoing)} targets",
                where=f"population {source!r}",
            )
        source = outgoing[0].target
        chain.append((populations[source], outgoing[0]))
    if by_source or len(chain) != len(populations):
        raise UnsupportedError(
            "hardware takes a chain: every population feeds one other",
            found=f"{len(populations)} populations, of which {len(chain)} form a chain",
        )
    return chain


def _check_readout(network: Network, last: str) -> None:
    readout = network.readout
    offered = (ReadoutKind.MEMBRANE, ReadoutKind.COUNT)
    if readout.kind not in offered or readout.decision is Decision.FILTER:
        raise UnsupportedError(
            "hardware reads membranes or counts, raw or by argmax",
            found=f"{readout.kind} with {readout.decision}",
            where="readout",
        )
    if readout.population != last:
        raise UnsupportedError(
            f"hardware reads the last population, {last!r}",
            found=repr(readout.population),
            where="readout",
        )
    fires = network.population(last).soma.fire is not Fire.NONE
    if fires == (readout.kind is ReadoutKind.MEMBRANE):
        raise UnsupportedError(
            "hardware reads membranes of a population that never fires, counts of one that does",
            found=f"{readout.kind} of a population with fire {network.population(last).soma.fire}",
            where="readout",
        )


def _check_soma(population: Population) -> None:
    soma = population.soma
    spikes = soma.fire is not Fire.NONE
    amount_differs = (
        soma.reset is Reset.SUBTRACT
        and soma.reset_amount is not None
        and bool(
            (
                population.per_neuron(soma.reset_amount) != population.per_neuron(soma.threshold)
            ).any()
        )
    )
    refusals = {
        f"fire {soma.fire}": soma.fire in (Fire.ONEHOT, Fire.BURST),
        "a current state": soma.current,
        "a delayed reset": spikes and soma.reset_delay,
        "a reset amount that differs from the threshold": spikes and amount_differs,
        "a clipped membrane": soma.v_min is not None or soma.v_max is not None,
    }
    for found, refused in refusals.items():
        if refused:
            raise UnsupportedError(
                "hardware offers IF and leaky neurons with fire none, binary or ternary and a "
                "reset by the threshold, to a value or none",
                found=found,
                where=f"population {population.name!r}",
            )
