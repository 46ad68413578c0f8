"""An integer network as a NIR file, and the discretisation that a reader needs beside it."""

from dataclasses import replace
from math import prod
from pathlib import Path

import nir
import numpy as np
import numpy.typing as npt

from spikewright.flow.files import atomic_files, write_json
from spikewright.golden.errors import UnsupportedError
from spikewright.golden.spec import (
    BiasWhen,
    Connection,
    Dense,
    Fire,
    Identity,
    Input,
    Leak,
    LeakOrder,
    Mode,
    Network,
    Population,
    Reset,
    Window,
    WindowKind,
)
from spikewright.golden.spec.soma import MAX_LEAK_SHIFT

from .discretisation import Compare, Discretisation, Start

__all__ = ["graph_from", "write_graph"]

Floats = npt.NDArray[np.float64]


def write_graph(network: Network, path: Path) -> None:
    """Write FILE.nir and FILE.json, its discretisation, with a time step of 1.

    Raises
    ------
    UnsupportedError
        If the network does what NIR cannot say, by name.
    FileError
        If the files cannot be written.
    """
    graph, rule = graph_from(network)
    path = Path(path)
    with atomic_files(path.parent) as scratch:
        nir.write(scratch / path.name, graph)
        write_json(scratch / path.with_suffix(".json").name, rule.as_dict())


def graph_from(network: Network) -> tuple[nir.NIRGraph, Discretisation]:
    """The graph and its discretisation.

    Leaks are those of the integers, whose rounding NIR does not know: where there are any, a
    simulation in floating point follows the network, but is not equal to it.
    """
    if Mode.STEPWISE not in network.modes:
        raise UnsupportedError(
            "a network for NIR must run stepwise", found=", ".join(network.modes)
        )
    nodes: dict[str, nir.NIRNode] = {
        each.name: nir.Input({"input": np.array(each.shape)}) for each in network.inputs
    }
    edges: list[tuple[str, str]] = []
    for population in network.populations:
        nodes[population.name] = _neuron(population)
    for index, connection in enumerate(network.connections):
        _connect(network, connection, index, nodes, edges)
    biased = {name for name, node in nodes.items() if isinstance(node, nir.Affine)}
    for population in network.populations:
        if population.soma.bias.any() and not _takes_bias(network, population, nodes, biased):
            raise UnsupportedError(
                "a population with a bias must have a dense or convolutional connection, where NIR "
                "keeps it",
                found="none",
                where=f"population {population.name!r}",
            )
    read = network.readout.population
    nodes["output"] = nir.Output({"output": np.array(network.population(read).shape)})
    edges.append((read, "output"))
    graph = nir.NIRGraph(nodes=nodes, edges=edges, type_check=False)
    return graph, _together(network)


def _together(network: Network) -> Discretisation:
    """The rule of the first population that fires, and of those that have another."""
    rules = {p.name: _rule(p) for p in network.populations if p.soma.fire is not Fire.NONE}
    first = next(iter(rules.values()), Discretisation(dt=1.0, reset=Reset.SUBTRACT))
    own = {name: rule for name, rule in rules.items() if rule != first}
    return replace(first, populations=own)


def _rule(population: Population) -> Discretisation:
    """What a population that fires does in a step of 1."""
    soma = population.soma
    if _forgets(population):
        return Discretisation(dt=1.0, compare=Compare.REACHED)
    threshold, amount, floor = _numbers(population)
    subtracts = soma.reset is Reset.SUBTRACT
    other = subtracts and not np.array_equal(amount, threshold)
    return Discretisation(
        dt=1.0,
        reset=soma.reset,
        reset_delay=soma.reset_delay,
        compare=Compare.ABOVE if _above(population) else Compare.REACHED,
        bursts=soma.max_level,
        floor=floor,
        amount=float(amount[0]) if other else None,
        refractory=soma.refractory,
        start=Start.RESET if soma.initial_v.any() else Start.ZERO,
    )


def _forgets(population: Population) -> bool:
    """Whether it fires by what comes in a step alone, as a threshold of NIR does.

    What falls short lies from 0 up to the threshold, of which the leak leaves nothing.
    """
    soma = population.soma
    return (
        soma.fire is Fire.BINARY
        and soma.leak_v == Leak(shift=MAX_LEAK_SHIFT)
        and soma.leak_order is LeakOrder.BEFORE
        and soma.v_min == 0
        and int(soma.threshold.max()) <= 1 << MAX_LEAK_SHIFT
        and (soma.reset is Reset.VALUE and soma.reset_value == 0)
        and not (soma.current or soma.refractory or soma.initial_v.any())
        and not (soma.v_max is not None or soma.traced or soma.phases)
        and (soma.bias_when is BiasWhen.EVERY or not soma.bias.any())
    )


def _above(population: Population) -> bool:
    """Whether v >= th and a subtraction of th - 1 are v > th - 1."""
    soma = population.soma
    if soma.fire is Fire.NONE or soma.reset is not Reset.SUBTRACT:
        return False
    return np.array_equal(
        population.per_neuron(soma.threshold), population.per_neuron(soma.amount) + 1
    )


def _numbers(population: Population) -> tuple[Floats, Floats, float | None]:
    """Threshold and amount of each neuron as NIR has them, and v_min in thresholds."""
    soma = population.soma
    threshold = population.per_neuron(soma.threshold) - _above(population)
    amount = population.per_neuron(soma.amount)
    floor = None if soma.v_min is None else -soma.v_min / float(threshold[0])
    return threshold.astype(np.float64), amount.astype(np.float64), floor


def _neuron(population: Population) -> nir.NIRNode:
    soma, shape, where = population.soma, population.shape, f"population {population.name!r}"
    if _forgets(population):
        threshold = population.per_neuron(soma.threshold).astype(np.float64)
        return nir.Threshold(threshold=threshold.reshape(shape))
    whole, amount, floor = _numbers(population)
    other = soma.reset is Reset.SUBTRACT and not np.array_equal(amount, whole)
    starts = population.per_neuron(soma.initial_v)
    begins = soma.reset is Reset.VALUE and bool((starts == soma.reset_value).all())
    # -floor * th must be v_min again, for every neuron.
    clips = floor is None or (floor >= 0 and bool((-floor * whole == soma.v_min).all()))
    reasons = {
        "fires downwards": soma.threshold_negative is not None,
        "fires one-hot": soma.fire is Fire.ONEHOT,
        "bounds the spikes of a sample": soma.traced,
        "clips its membrane from above": soma.v_max is not None,
        "clips its membrane at no share of its threshold": not clips,
        "clips its membrane and never fires": soma.v_min is not None and soma.fire is Fire.NONE,
        "has phases": soma.phases is not None,
        "begins with a membrane": bool(starts.any()) and not begins,
        "adds its bias once": bool(soma.bias.any()) and soma.bias_when is BiasWhen.FIRST,
        "leaks behind its input": soma.leak_v is not None and soma.leak_order is LeakOrder.AFTER,
        "resets by other amounts than its thresholds": (
            soma.fire is not Fire.NONE and other and bool((amount != amount[0]).any())
        ),
        "has a current without leak": soma.current and soma.leak_i is None,
    }
    reason = next((text for text, holds in reasons.items() if holds), None)
    if reason is not None:
        raise UnsupportedError(
            "NIR has no such population",
            found=f"one that {reason}",
            where=where,
            action="export networks that came from NIR or from spiking modules, or that fire "
            "upwards only; of a plain module, whose integer neurons fire both ways, other "
            "frameworks take the module itself",
        )

    def full(value: float) -> Floats:
        return np.full(shape, float(value))

    threshold = whole.reshape(shape)
    fires = soma.fire is not Fire.NONE
    firing = {"v_threshold": threshold, "v_reset": full(soma.reset_value)} if fires else {}
    # Euler with dt 1 leaves 1 - 1 / tau, and r * dt / tau of the input; r = tau makes that 1.
    tau = 0.0 if soma.leak_v is None else 1 / (1 - _share(soma.leak_v))
    if soma.current:
        assert soma.leak_i is not None  # refused above
        if soma.leak_v is None:
            raise UnsupportedError(
                "NIR has no such population",
                found="one with a current whose membrane does not leak",
                where=where,
            )
        tau_i = 1 / (1 - _share(soma.leak_i))
        kind = nir.CubaLIF if fires else nir.CubaLI
        both = {"tau_syn": full(tau_i), "tau_mem": full(tau), "w_in": full(tau_i)}
        return kind(r=full(tau), v_leak=full(0), **both, **firing)
    if soma.leak_v is not None:
        kind = nir.LIF if fires else nir.LI
        return kind(tau=full(tau), r=full(tau), v_leak=full(0), **firing)
    return nir.IF(r=full(1), **firing) if fires else nir.I(r=full(1))


def _share(leak: Leak) -> float:
    return float(leak.multiplier / 2**leak.shift)


def _connect(
    network: Network,
    connection: Connection,
    index: int,
    nodes: dict[str, nir.NIRNode],
    edges: list[tuple[str, str]],
) -> None:
    """The nodes of a connection, one after the other."""
    source, target = network.node(connection.source), network.node(connection.target)
    assert isinstance(target, Population)  # connections lead to populations
    chain = _linear(connection, source, target)
    if connection.delay:
        chain.append(nir.Delay(delay=np.full(target.shape, 1.0)))
    at = connection.source
    for k, node in enumerate(chain):
        name = f"{connection.source}_{connection.target}_{index}_{k}"
        nodes[name] = node
        edges.append((at, name))
        at = name
    edges.append((at, connection.target))


def _linear(
    connection: Connection, source: Input | Population, target: Population
) -> list[nir.NIRNode]:
    operator, where = connection.operator, f"{connection.source!r} -> {connection.target!r}"
    match operator:
        case Dense():
            weights = operator.weights
            if weights.ndim == 3:
                blocks, rows, columns = weights.shape
                whole = np.zeros((blocks * rows, blocks * columns), dtype=np.int64)
                for b in range(blocks):
                    part = np.s_[b * rows : (b + 1) * rows, b * columns : (b + 1) * columns]
                    whole[part] = weights[b]
                weights = whole
            return [_dense(weights.T.astype(np.float64) * 2**operator.shift, target)]
        case Identity():
            if source.n != target.n or operator.negative or operator.shift or operator.offset:
                matrix = np.zeros((target.n, source.n))
                sign = -1 if operator.negative else 1
                places = np.arange(source.n)
                matrix[places + operator.offset, places] = sign * 2.0**operator.shift
                return [_dense(matrix, target)]
            return []
        case Window() if operator.kind is WindowKind.CONVOLUTION:
            chain = [] if operator.pool is None else [_pool(operator.pool, where)]
            seen = (
                source.shape if operator.pool is None else operator.pool.output_shape(source.shape)
            )
            return [*chain, _convolution(operator, seen, target)]
        case Window() if operator.kind is WindowKind.SUM_POOL and not operator.shift:
            return [_pool(operator, where)]
    raise UnsupportedError(
        "NIR has no such connection", found=type(operator).__name__.lower(), where=where
    )


def _dense(weights: Floats, target: Population) -> nir.NIRNode:
    return nir.Affine(weight=weights, bias=np.zeros(target.n))


def _convolution(window: Window, seen: tuple[int, ...], target: Population) -> nir.NIRNode:
    assert window.weights is not None  # a convolution has them
    kind = nir.Conv1d if len(window.kernel) == 1 else nir.Conv2d
    one = len(window.kernel) == 1

    def plain(values: tuple[int, ...]) -> int | tuple[int, ...]:
        return values[0] if one else values

    return kind(
        input_shape=plain(seen[1:]),
        weight=window.weights * 2.0**window.shift,
        stride=plain(window.stride),
        padding=plain(window.padding),
        dilation=plain(window.dilation),
        groups=window.groups,
        bias=np.zeros(target.channels),
    )


def _pool(window: Window, where: str) -> nir.NIRNode:
    if len(window.kernel) != 2 or prod(window.dilation) != 1:
        raise UnsupportedError(
            "NIR pools planes, without dilation", found=f"kernel {window.kernel}", where=where
        )
    return nir.SumPool2d(
        kernel_size=np.array(window.kernel),
        stride=np.array(window.stride),
        padding=np.array(window.padding),
    )


def _takes_bias(
    network: Network, population: Population, nodes: dict[str, nir.NIRNode], biased: set[str]
) -> bool:
    """Put a population's bias into one of its connections, where there is room for it."""
    bias = population.per_neuron(population.soma.bias).astype(np.float64)
    for index, connection in enumerate(network.connections):
        if connection.target != population.name:
            continue
        prefix = f"{connection.source}_{connection.target}_{index}_"
        for name in (name for name in nodes if name.startswith(prefix)):
            node = nodes[name]
            if name in biased:
                node.bias = bias
                return True
            if isinstance(node, nir.Conv1d | nir.Conv2d):
                channels = bias.reshape(population.channels, -1)
                if (channels == channels[:, :1]).all():
                    node.bias = channels[:, 0].copy()
                    return True
    return False
