"""Quantised stages become one integer network: populations, connections, the readout."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from spikewright.flow.convert.calibrate import InputRange
from spikewright.flow.convert.code import Code
from spikewright.flow.convert.config import MOST_SHIFT, ConvertConfig, MaxPool
from spikewright.flow.convert.connect import Sender, operator
from spikewright.flow.convert.methods.st_bif import ST_BIF
from spikewright.flow.convert.neurons import Neurons, Wanted, level_neurons, readout_neurons
from spikewright.flow.convert.quantised import QuantisedStage
from spikewright.flow.convert.rates import rate_neurons
from spikewright.flow.convert.relay import relay
from spikewright.flow.importers import INPUT, BranchKind, Graph, MaxStage, Shape, Stage
from spikewright.golden.errors import RangeError, UnsupportedError
from spikewright.golden.spec import (
    BiasWhen,
    Connection,
    Decision,
    Encoding,
    Input,
    Mode,
    Network,
    Payload,
    Population,
    Readout,
    ReadoutKind,
)

__all__ = ["Lowered", "lower"]

FEWER = "convert with fewer weight_bits, levels, input_levels, fraction_bits or max_steps"


@dataclass(frozen=True, kw_only=True, eq=False)
class Lowered:
    """The network, and the real value of one unit of its readout."""

    network: Network
    logit_step: float
    fraction_bits: tuple[int, ...]


def lower(
    graph: Graph,
    stages: Mapping[str, QuantisedStage],
    *,
    input_range: InputRange,
    config: ConvertConfig,
    provenance: Mapping[str, str],
) -> Lowered:
    """Integers for ``graph``, whose stages with branches are quantised in ``stages``, by name."""
    source = _input(graph, input_range, config)
    max_pool = _max_pool(graph, config)
    method = config.chosen
    hidden = rate_neurons if method.repeats else level_neurons
    senders = {INPUT: _sender(INPUT, graph.input_shape, source.payload, input_range)}
    made: list[Population] = []
    fractions: list[int] = []
    given = config.layer_fractions(sum(isinstance(node, Stage) for node in graph.stages))
    connections: list[Connection] = []
    for node in graph.stages:
        name = node.name
        if not isinstance(node, Stage):
            sender = senders[node.source]
            if method.code is Code.ONEHOT:
                raise UnsupportedError(
                    "one-hot levels must be read by layers with weights, by sums or means",
                    found=f"{type(node).__name__.removesuffix('Stage').lower()} of them",
                    where=name,
                    action="leave it out, or convert with another method",
                )
            most = 1
            if method.repeats:
                # Its bounds are those of all steps together, and it follows in every step.
                most = max(sender.high, -sender.low)
                low = sender.low if node.source == INPUT else 0
                sender = replace(
                    sender, low=low * config.most_steps, high=sender.high * config.most_steps
                )
            population, connection = relay(name, node, sender, max_pool, most=most)
            made.append(population)
            connections.append(connection)
            high = sender.high
            if isinstance(node, MaxStage) and max_pool is MaxPool.OR:
                # Spikes under the window need not coincide, but an OR fires once a step.
                high = min(high * prod(node.kernel), config.most_steps)
            low = sender.low
            if method.repeats:
                low, high = population.soma.levels
            levels = InputRange(low=low, high=high, step=sender.step)
            senders[node.name] = _sender(name, node.shape, population.payload, levels)
            continue
        stage = stages[node.name]
        fraction = given[len(fractions)]
        wanted = Wanted(
            shape=_shape(stage, senders),
            given=fraction,
            most=_most_fraction(stage, fraction),
            neuron=method.neuron,
            # What is sent cannot be taken back where an OR may have passed it on.
            unsigned=max_pool is MaxPool.OR,
        )
        if stage.step is None:
            neurons = readout_neurons(
                stage,
                senders,
                shape=wanted.shape,
                given=fraction,
                bias_when=BiasWhen.EVERY if method.repeats else BiasWhen.FIRST,
                leak=method.neuron.leak if method.leaky_readout else None,
            )
        else:
            neurons = hidden(stage, senders, wanted)
        made.append(neurons.population)
        fractions.append(neurons.fraction)
        connections += _connections(name, stage, senders, neurons)
        if stage.step is not None:
            lowest, _ = neurons.population.soma.levels
            senders[node.name] = Sender(
                name=name,
                seen=stage.shape,
                payload=neurons.population.payload,
                low=lowest if method.repeats else 0,
                high=stage.levels.highest,
                step=stage.step,
                sign=stage.sign,
                after=stage.after,
            )
    modes = (Mode.STEPWISE,) if max_pool is MaxPool.OR else method.modes
    if method.rewrite is not None:
        modes = ST_BIF.modes  # of the network that another is made of
    network = _network(config, source, made, connections, modes, provenance)
    if method.rewrite is not None:
        network = method.rewrite(network, config.most_steps)
    readout = stages[graph.readout.name]
    return Lowered(
        network=network,
        logit_step=float(readout.unit[0]) / 2.0**neurons.fraction,
        fraction_bits=tuple(fractions),
    )


def _sender(name: str, shape: Shape, payload: Payload, levels: InputRange) -> Sender:
    return Sender(
        name=name,
        seen=shape,
        payload=payload,
        low=levels.low,
        high=levels.high,
        step=levels.step,
        sign=np.ones(shape[0], dtype=np.int64),
        after=np.zeros(shape[0]),
    )


def _network(
    config: ConvertConfig,
    source: Input,
    made: list[Population],
    connections: list[Connection],
    modes: tuple[Mode, ...],
    provenance: Mapping[str, str],
) -> Network:
    try:
        return Network(
            name=config.name,
            inputs=(source,),
            populations=tuple(made),
            connections=tuple(connections),
            readout=Readout(
                population=made[-1].name, kind=ReadoutKind.MEMBRANE, decision=Decision.ARGMAX
            ),
            modes=modes,
            max_steps=config.most_steps,
            provenance=provenance,
        )
    except RangeError as error:
        if not error.action:
            raise  # one value by itself; what all of them add up to comes with an action
        raise RangeError(error.must, found=error.found, where=error.where, action=FEWER) from error


def _max_pool(graph: Graph, config: ConvertConfig) -> MaxPool:
    """How the network pools; one without a maximum is exact."""
    pools = any(isinstance(stage, MaxStage) for stage in graph.stages)
    return config.max_pool if pools else MaxPool.EXACT


def _input(graph: Graph, levels: InputRange, config: ConvertConfig) -> Input:
    """The network's input; flat where nothing looks at its positions."""
    encoding = Encoding.CONSTANT if config.chosen.repeats else config.encoding
    payload = Payload.SHIFT if encoding is Encoding.PHASE else Payload.GRADED
    if payload is Payload.SHIFT and levels.low < 0:
        raise UnsupportedError(
            "inputs that come bit by bit must not be negative",
            found=f"levels from {levels.low}",
            where="encoding phase",
            action="use encoding once or spread, or add a constant to the data",
        )
    if levels.high <= 1:
        payload = Payload.SIGN if levels.low < 0 else Payload.UNIT
    flat = all(
        isinstance(stage, Stage)
        and all(
            branch.kind is BranchKind.LINEAR and branch.pool is None
            for branch in stage.branches
            if branch.source == INPUT
        )
        for stage in graph.stages
        if INPUT in stage.sources
    )
    return Input(
        name=INPUT,
        shape=(prod(graph.input_shape),) if flat else graph.input_shape,
        payload=payload,
        low=levels.low,
        high=levels.high,
        encoding=encoding,
        step=levels.step,
    )


def _shape(stage: QuantisedStage, senders: Mapping[str, Sender]) -> Shape:
    """The population's shape: a window over a whole plane leaves its axes, of size 1."""
    for part in stage.branches:
        branch = part.branch
        if branch.kind is BranchKind.LINEAR and branch.pool is not None:
            rank = len(senders[branch.source].seen)
            return (*stage.shape, *(1,) * (rank - 1))
    return stage.shape


def _connections(
    name: str, stage: QuantisedStage, senders: Mapping[str, Sender], neurons: Neurons
) -> list[Connection]:
    return [
        Connection(
            source=senders[part.branch.source].name,
            target=name,
            operator=operator(
                part,
                senders[part.branch.source],
                neurons.factor,
                bits=stage.weight_bits,
                fraction=neurons.fraction,
            ),
        )
        for part in stage.branches
    ]


def _most_fraction(stage: QuantisedStage, given: int | None) -> int:
    """The most fraction bits that shifts leave room for."""
    most = MOST_SHIFT - max(part.exponent for part in stage.branches)
    if given is not None and given > most:
        raise RangeError(
            f"fraction_bits must be at most {most}, so that shifts fit {MOST_SHIFT}",
            found=str(given),
            where=f"population {stage.name!r}",
            action="convert with fewer fraction_bits",
        )
    return most
