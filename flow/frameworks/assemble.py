"""What was followed of a module, as a NIR graph and its discretisation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import nir
import numpy as np

from spikewright.flow.nir import Discretisation
from spikewright.golden.errors import UnsupportedError
from spikewright.golden.spec import Reset

from .neuron import Neuron, Shape
from .trace import Trace
from .values import INPUT, OUTPUT, READOUT, Edge, Source, Value, WrongForm

__all__ = ["Imported", "Read", "assemble"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Imported:
    """What a module is.

    Parameters
    ----------
    framework : its name. graph : of NIR. rule : of all its populations, with a step of 1.
    reads : what is read at the end, in words. silent : layers that fired on no input tried.
    """

    framework: str
    graph: nir.NIRGraph
    rule: Discretisation
    reads: str
    silent: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Read:
    """What is read of a module.

    Parameters
    ----------
    name : the population. sources : what a returned tensor comes from that is read.
    """

    name: str
    sources: frozenset[Source]


def assemble(
    trace: Trace, values: Sequence[Value], shape: Shape, framework: str
) -> tuple[Imported, Read]:
    """Graph and readout; ``values`` are what the module returned last, ``shape`` of its input.

    Raises
    ------
    UnsupportedError
        If a layer gets something else in another step, or what is returned is not of one layer.
    """
    if not trace.calls:
        raise WrongForm("no neuron is called")
    edges = {name: _steady(name, call.heard) for name, call in trace.calls.items()}
    neurons = dict(trace.neurons)
    for name, neuron in neurons.items():
        if neuron.loop is not None:
            inner = f"{name}.recurrent"
            trace.nodes[inner] = neuron.loop
            edges[name] = edges[name] | {Edge(name, 1, (inner,))}
    sources = _read(trace, values, edges)
    first = sources[0]
    name = first.name
    if first.chain:
        # The sum over the steps of what a last layer brings.
        size = trace.widths[first.chain[-1]]
        node = nir.I(r=np.ones(size))
        name = READOUT
        neurons[READOUT] = Neuron(node=node, rule=Discretisation(dt=1.0))
        edges[READOUT] = frozenset({Edge(s.name, 0, s.chain) for s in sources})
        reads = f"the sum over the steps of what {first.chain[-1]} brings"
    else:
        if first.state:
            neurons[name] = _silent(name, neurons[name])
        fires = hasattr(neurons[name].node, "v_threshold")
        reads = f"the spikes of {name}, counted" if fires else f"the last membrane of {name}"
    graph = _graph(trace, neurons, edges, name, shape)
    imported = Imported(framework=framework, graph=graph, rule=_together(neurons), reads=reads)
    return imported, Read(name=name, sources=frozenset(sources))


def _together(neurons: Mapping[str, Neuron]) -> Discretisation:
    """The rule of the first layer, and of those that have another."""
    first, *_ = (neuron.rule for neuron in neurons.values())
    own = {name: neuron.rule for name, neuron in neurons.items() if neuron.rule != first}
    return replace(first, populations=own)


def _steady(name: str, heard: list[frozenset[Edge]]) -> frozenset[Edge]:
    """What a layer hears in every step in which there is something to hear."""
    whole = frozenset[Edge]().union(*heard)
    for step, found in enumerate(heard):
        if found != {edge for edge in whole if edge.delay <= step}:
            raise UnsupportedError(
                "a layer must get the same in every step",
                found=f"something else in step {step}",
                where=name,
            )
    return whole


def _read(
    trace: Trace, outputs: Sequence[Value], edges: Mapping[str, frozenset[Edge]]
) -> list[Source]:
    """What the module returns: spikes before states, and the last of several populations.

    Several sources where they end in the same last layer.
    """
    sources = {source for value in outputs for source in value.sources if source.name != INPUT}
    led = {edge.source for name, each in edges.items() for edge in each if edge.source != name}
    last = {source for source in sources if source.chain or source.name not in led} or sources
    chained = {source for source in last if source.chain}
    if len({source.chain[-1] for source in chained}) == 1:
        return sorted(chained, key=lambda source: source.name)
    spikes = {source for source in last if not source.state and not source.chain}
    kept = spikes or last
    if chained or len(kept) != 1:
        raise UnsupportedError(
            "the module must return the spikes, or a state, of one layer",
            found=", ".join(sorted({s.name for s in last})) or "nothing that is known",
            where=type(trace.module).__name__,
        )
    return [*kept]


def _silent(name: str, neuron: Neuron) -> Neuron:
    """A layer of which only the membrane is read; it must not reset."""
    node = neuron.node
    if not hasattr(node, "v_threshold"):
        return neuron
    if neuron.rule.reset is not Reset.NONE:
        raise UnsupportedError(
            "a layer whose membrane is read must not reset",
            found=f"reset {neuron.rule.reset}",
            where=name,
            action='return its spikes, or train it with reset_mechanism="none"',
        )
    plain = {nir.IF: nir.I, nir.LIF: nir.LI, nir.CubaLIF: nir.CubaLI}[type(node)]
    names = ("r", "tau", "tau_mem", "tau_syn", "v_leak", "w_in")
    kept = {n: getattr(node, n) for n in names if hasattr(node, n)}
    return replace(neuron, node=plain(**kept))


def _graph(
    trace: Trace,
    neurons: Mapping[str, Neuron],
    edges: Mapping[str, frozenset[Edge]],
    read: str,
    shape: Shape,
) -> nir.NIRGraph:
    nodes: dict[str, nir.NIRNode] = {INPUT: nir.Input({"input": np.array(shape)})}
    joined: dict[tuple[str, str], None] = {}
    for target, neuron in neurons.items():
        nodes[target] = neuron.node
        ordered = sorted(edges[target], key=lambda edge: (edge.delay, edge.source, edge.chain))
        for edge in ordered:
            at = edge.source
            way = list(edge.chain)
            nodes |= {name: trace.nodes[name] for name in way}
            if edge.delay:
                way.append(f"{target}.later{edge.delay}")
                delay = np.full(neuron.node.r.shape, float(edge.delay))
                nodes[way[-1]] = nir.Delay(delay=delay)
            for name in (*way, target):
                joined[at, name] = None
                at = name
    nodes[OUTPUT] = nir.Output({"output": np.array(neurons[read].node.r.shape)})
    joined[read, OUTPUT] = None
    return nir.NIRGraph(nodes=nodes, edges=[*joined], type_check=False)
