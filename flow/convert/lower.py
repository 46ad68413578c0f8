"""Quantised stages become one integer network: thresholds, biases, initial membranes.

With acc the integer charge of a hidden neuron, it must reach
S = cut(floor((acc + c) / theta + offset)), where theta = spacing step / (scale |gain| unit), c
holds every constant, and spacing, offset and cut are those of its ``Levels``. With F fraction bits,
th = round(theta 2**F) and the constants are floor(c 2**F + offset th): exact for that th, since
floor((A + y) / th) = floor((A + floor(y)) / th) for integer A. A constant that meets zero padding
differs by position: then the bias is per neuron.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, log2, prod

import numpy as np

from spikewright.flow.convert.calibrate import InputRange
from spikewright.flow.convert.code import Code
from spikewright.flow.convert.config import (
    MOST_AUTOMATIC_BITS,
    MOST_SHIFT,
    ConvertConfig,
    MaxPool,
)
from spikewright.flow.convert.connect import Sender, constants, operator, reach
from spikewright.flow.convert.corrective import as_corrective
from spikewright.flow.convert.latency import as_latency
from spikewright.flow.convert.pattern import as_pattern
from spikewright.flow.convert.quantised import QuantisedStage, weight_limit
from spikewright.flow.convert.relay import relay
from spikewright.flow.importers import (
    INPUT,
    BranchKind,
    FloatArray,
    Graph,
    MaxStage,
    Shape,
    Stage,
)
from spikewright.golden.errors import RangeError, UnsupportedError
from spikewright.golden.spec import (
    LIMITS,
    BiasWhen,
    Connection,
    Decision,
    Encoding,
    Fire,
    Input,
    IntArray,
    Mode,
    Network,
    Payload,
    Population,
    Readout,
    ReadoutKind,
    Reset,
    Soma,
    int_vector,
)

__all__ = ["Lowered", "lower"]

ROUNDING_LEVELS = 1 / 16
READOUT_RESOLUTION = 64
TOO_FINE = "convert with fewer fraction_bits"
TOO_LARGE = (
    "check the layer for a batch norm of almost no gain, and for a bias far above what its weights "
    "can add"
)
FEWER = "convert with fewer weight_bits, levels, input_levels, fraction_bits or max_steps"


@dataclass(frozen=True, kw_only=True, eq=False)
class Lowered:
    """The network, and the real value of one unit of its readout."""

    network: Network
    logit_step: float
    fraction_bits: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Neurons:
    """A population, and what its connections need: fraction bits, and 1, -1 or 0 per channel."""

    population: Population
    fraction: int
    factor: IntArray


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
    # What is sent cannot be taken back where an OR may have passed it on.
    payload = Payload.UNIT if max_pool is MaxPool.OR else Payload.SIGN
    senders = {INPUT: _sender(INPUT, graph.input_shape, source.payload, input_range)}
    made: list[Population] = []
    fractions: list[int] = []
    given = config.layer_fractions(sum(isinstance(node, Stage) for node in graph.stages))
    connections: list[Connection] = []
    for node in graph.stages:
        name = node.name
        if not isinstance(node, Stage):
            sender = senders[node.source]
            if config.code is Code.ONEHOT:
                raise UnsupportedError(
                    "one-hot levels must be read by layers with weights, by sums or means",
                    found=f"{type(node).__name__.removesuffix('Stage').lower()} of them",
                    where=name,
                    action="leave it out, or convert with another code",
                )
            population, connection = relay(name, node, sender, max_pool)
            made.append(population)
            connections.append(connection)
            high = sender.high
            if isinstance(node, MaxStage) and max_pool is MaxPool.OR:
                # Spikes under the window need not coincide, but an OR fires once a step.
                high = min(high * prod(node.kernel), config.most_steps)
            levels = InputRange(low=sender.low, high=high, step=sender.step)
            senders[node.name] = _sender(name, node.shape, population.payload, levels)
            continue
        stage = stages[node.name]
        neurons = _neurons(name, stage, senders, given[len(fractions)], payload)
        made.append(neurons.population)
        fractions.append(neurons.fraction)
        connections += _connections(name, stage, senders, neurons)
        if stage.step is not None:
            senders[node.name] = Sender(
                name=name,
                seen=stage.shape,
                payload=neurons.population.payload,
                low=0,
                high=stage.levels.highest,
                step=stage.step,
                sign=stage.sign,
                after=stage.after,
            )
    modes = _modes(max_pool, config.code)
    network = _network(config, source, made, connections, modes, provenance)
    if config.code is Code.FIRST_SPIKE:
        network = as_latency(network)
    if config.code is Code.PATTERN:
        network = as_pattern(network)
    if config.code is Code.CORRECTIVE:
        network = as_corrective(network, config.most_steps)
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


def _modes(max_pool: MaxPool, code: Code) -> tuple[Mode, ...]:
    if max_pool is MaxPool.OR or code is Code.ONEHOT:
        return (Mode.STEPWISE,)
    return (Mode.STEPWISE, Mode.SETTLE, Mode.COLLAPSED)


def _input(graph: Graph, levels: InputRange, config: ConvertConfig) -> Input:
    """The network's input; flat where nothing looks at its positions."""
    payload = Payload.SHIFT if config.encoding is Encoding.PHASE else Payload.GRADED
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
        encoding=config.encoding,
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
    name: str, stage: QuantisedStage, senders: Mapping[str, Sender], neurons: _Neurons
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


def _neurons(
    name: str,
    stage: QuantisedStage,
    senders: Mapping[str, Sender],
    given: int | None,
    payload: Payload,
) -> _Neurons:
    """The population of a stage; all constants are in units, [channels, 1 or positions]."""
    constant = stage.constant.reshape(len(stage.unit), -1) / stage.unit[:, None]
    for part in stage.branches:
        constant = constant + constants(part, senders[part.branch.source])
    shape = _shape(stage, senders)
    most = MOST_SHIFT - max(part.exponent for part in stage.branches)
    if given is not None and given > most:
        raise RangeError(
            f"fraction_bits must be at most {most}, so that shifts fit {MOST_SHIFT}",
            found=str(given),
            where=f"population {name!r}",
            action="convert with fewer fraction_bits",
        )
    if stage.step is None:
        return _readout(name, shape, stage, senders, constant, given)
    return _hidden(name, shape, stage, senders, constant, given, most, payload)


def _hidden(
    name: str,
    shape: Shape,
    stage: QuantisedStage,
    senders: Mapping[str, Sender],
    constant: FloatArray,
    given: int | None,
    most: int,
    payload: Payload,
) -> _Neurons:
    assert stage.step is not None
    sign = np.where(stage.gain < 0, -1, 1)
    size = np.abs(stage.gain)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        theta = stage.levels.spacing * stage.step / (stage.scale * size * stage.unit)
        c = sign[:, None] * constant + (stage.shift / (size * stage.unit))[:, None]
    fixed = _constant_levels(stage, senders, sign, theta, c)
    free = (fixed < 0).any(1)
    fraction = given
    if fraction is None:
        fraction = _fraction_bits(theta[free], stage.levels.highest, most)
    threshold = np.full(len(sign), 2, dtype=np.int64)
    initial = np.ones(len(sign), dtype=np.int64)
    bias = 2 * fixed
    _check_register(stage.name, fraction, theta[free], c[free])
    # A threshold below one half saturates at the first unit of charge: 1 does so too.
    threshold[free] = np.maximum(1, np.floor(theta[free] * 2.0**fraction + 0.5)).astype(np.int64)
    ahead = stage.levels.offset * threshold[free]
    initial[free] = np.floor(ahead).astype(np.int64)
    whole = np.floor(c[free] * 2.0**fraction + ahead[:, None]).astype(np.int64)
    bias[free] = whole - initial[free, None]
    if stage.levels.powers:
        soma = Soma(
            fire=Fire.ONEHOT,
            threshold=int_vector(threshold),
            initial_v=int_vector(initial),
            bias=_bias(bias),
            bias_when=BiasWhen.FIRST,
            reset=Reset.NONE,  # the sample ends with the step
            max_level=stage.levels.highest,
        )
        payload = Payload.UNIT if stage.levels.highest == 1 else Payload.SHIFT
    else:
        unit = payload is Payload.UNIT
        soma = Soma(
            fire=Fire.BINARY if unit else Fire.TERNARY,
            threshold=int_vector(threshold),
            threshold_negative=None if unit else int_vector(1),
            initial_v=int_vector(initial),
            bias=_bias(bias),
            bias_when=BiasWhen.FIRST,
            reset=Reset.SUBTRACT,
            s_min=None if unit else 0,
            s_max=stage.levels.highest,
        )
    population = Population(name=name, shape=shape, soma=soma, payload=payload)
    return _Neurons(population=population, fraction=fraction, factor=sign * free)


def _constant_levels(
    stage: QuantisedStage,
    senders: Mapping[str, Sender],
    sign: IntArray,
    theta: FloatArray,
    c: FloatArray,
) -> IntArray:
    """The level of each neuron that no legal input can change, -1 for all others.

    Channels of nothing else (dead, or with a gain of zero) need no synapse, and their threshold
    may be out of any range.
    """
    lowest = highest = np.zeros(len(sign), dtype=np.int64)
    for part in stage.branches:
        least, most = reach(part, senders[part.branch.source], sign)
        lowest, highest = lowest + least, highest + most
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        low, high = (
            stage.levels.cut(np.floor((acc[:, None] + c) / theta[:, None] + stage.levels.offset))
            for acc in (lowest, highest)
        )
    assert stage.step is not None
    still = stage.scale * stage.shift / (stage.levels.spacing * stage.step)
    still = stage.levels.cut(np.floor(still + stage.levels.offset))
    no_gain = (stage.gain == 0) | (stage.scale == 0)
    result = np.where(low == high, low, -1)
    return np.where(no_gain[:, None], still[:, None], result).astype(np.int64)


def _readout(
    name: str,
    shape: Shape,
    stage: QuantisedStage,
    senders: Mapping[str, Sender],
    constant: FloatArray,
    fraction: int | None,
) -> _Neurons:
    if fraction is None:
        largest = max(
            senders[part.branch.source].high
            * (weight_limit(stage.weight_bits) if part.codes is not None else 1 << part.exponent)
            for part in stage.branches
        )
        fraction = max(0, ceil(log2(READOUT_RESOLUTION / largest)))
    _check_register(stage.name, fraction, constant)
    soma = Soma(
        fire=Fire.NONE,
        bias=_bias(np.floor(constant * 2.0**fraction + 0.5).astype(np.int64)),
        bias_when=BiasWhen.FIRST,
        reset=Reset.NONE,
    )
    population = Population(name=name, shape=shape, soma=soma, payload=Payload.GRADED)
    ones = np.ones(len(stage.unit), dtype=np.int64)
    return _Neurons(population=population, fraction=fraction, factor=ones)


def _bias(values: IntArray) -> IntArray:
    """A bias [channels, 1 or positions], per channel where positions do not differ."""
    if (values == values[:, :1]).all():
        return int_vector(values[:, 0])
    return int_vector(values.reshape(-1))


def _fraction_bits(theta: FloatArray, levels: int, most: int) -> int:
    """The fewest bits that keep half a unit of threshold, S times over, below 1/16 level."""
    if theta.size == 0:
        return 0
    needed = levels / 2 / ROUNDING_LEVELS / float(theta.min())
    return int(np.clip(ceil(log2(needed)), 0, min(MOST_AUTOMATIC_BITS, most)))


def _check_register(name: str, fraction: int, *values: FloatArray) -> None:
    """Thresholds and biases, in units, fit a register with ``fraction`` bits more."""
    limit = 2.0 ** (LIMITS.register - 1)
    magnitudes = np.abs(np.concatenate([array.reshape(-1) for array in values]))
    largest = float(magnitudes.max(initial=0.0))
    if not largest * 2.0**fraction < limit:
        raise RangeError(
            f"thresholds and biases must fit {LIMITS.register} bits",
            found=f"{largest * 2.0**fraction:.3g}",
            where=name,
            action=TOO_FINE if largest < limit else TOO_LARGE,
        )
