"""A live module of snnTorch, SpikingJelly or sinabs as a NIR graph and its discretisation."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import nir
import numpy as np
import torch
from torch import Tensor, nn

from spikewright.flow.nir import Discretisation
from spikewright.golden.errors import SpikewrightError, UnsupportedError
from spikewright.golden.spec import Reset

from .framework import Framework
from .layers import check_weights
from .neuron import Neuron, Shape
from .sinabs import Sinabs
from .snntorch import Snntorch
from .spikingjelly import Spikingjelly
from .trace import INPUT, OUTPUT, READOUT, Edge, Source, Trace, Value, WrongForm
from .verify import require_same_spikes

__all__ = ["FRAMEWORKS", "Imported", "copied_of", "framework_of", "import_spiking"]

FRAMEWORKS: tuple[type[Framework], ...] = (Snntorch, Spikingjelly, Sinabs)
SAMPLES, STEPS = 11, 7  # two primes: hardly another dimension is taken for them
AMPLITUDES = (1.0, 1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 12.0, 50.0)  # so that deep layers fire
# dimension of steps, and those before the features
FORMS = {"step": (0, 1), "time": (0, 2), "batch": (1, 2), "flat": (1, 1), "frame": (0, 1)}


@dataclass(frozen=True, kw_only=True, eq=False)
class Imported:
    """What a module is.

    Parameters
    ----------
    framework : its name. graph : of NIR. rule : of all its populations, with a step of 1.
    """

    framework: str
    graph: nir.NIRGraph
    rule: Discretisation


def framework_of(module: nn.Module) -> type[Framework] | None:
    """The framework of a module's neurons; None where it has none.

    Raises
    ------
    UnsupportedError
        If there are neurons of two frameworks.
    """
    found = [f for f in FRAMEWORKS if any(f.is_neuron(each) for each in module.modules())]
    if len(found) > 1:
        raise UnsupportedError(
            "the neurons of a module must be of one framework",
            found=" and ".join(each.name for each in found),
            where=type(module).__name__,
        )
    return found[0] if found else None


def import_spiking(module: nn.Module, shape: Shape) -> Imported:
    """Read a module whose samples have ``shape`` in a step, [steps, *shape] as a whole.

    It is run on random inputs, in float64, while what its layers do is followed; every spike of
    every layer of every step is then compared with what was read.

    Raises
    ------
    UnsupportedError
        If a layer, an option or the way between them has no equal here, by name.
    ConfigurationError
        If weights are not finite, or shapes do not fit.
    """
    framework = framework_of(module)
    if framework is None:
        raise UnsupportedError(
            "the module must have neurons of " + ", ".join(f.name for f in FRAMEWORKS),
            found="none",
            where=type(module).__name__,
        )
    _refuse_unknown(module, framework)
    check_weights(module)
    reasons = {}
    refusals: list[SpikewrightError] = []
    for form in framework.forms(module):
        copied = copied_of(module, framework)
        try:
            return _in_form(copied, framework, shape, form)
        except WrongForm as error:
            reasons[form] = str(error)
        except SpikewrightError as error:
            refusals.append(error)
        except Exception as error:  # noqa: BLE001 - whatever a user's own forward raises
            reasons[form] = (str(error) or type(error).__name__).splitlines()[0]
    if refusals:
        raise refusals[0]
    raise UnsupportedError(
        f"the module must take steps [batch, {', '.join(map(str, shape))}], or all steps at once",
        found="; ".join(f"as {form}: {reason}" for form, reason in reasons.items()),
        where=type(module).__name__,
    )


def copied_of(module: nn.Module, framework: type[Framework]) -> nn.Module:
    """A copy in evaluation, in float64, so that the user's own is left alone.

    sinabs' layers have a way of their own to be copied, which fails where they are recurrent; they
    are copied as all modules are.
    """
    memo: dict[int, Any] = {}
    try:
        for each in module.modules():
            if framework is Sinabs and framework.is_neuron(each):
                clone = memo[id(each)] = object.__new__(type(each))
                vars(clone).update(copy.deepcopy(vars(each), memo))
        return copy.deepcopy(module, memo).cpu().eval().double()
    except Exception as error:  # whatever a module holds that cannot be copied
        raise UnsupportedError(
            "the module must be one that copy.deepcopy copies",
            found=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
            where=type(module).__name__,
            action="detach its state, and give it before any run",
        ) from error


def _refuse_unknown(module: nn.Module, framework: type[Framework]) -> None:
    for name, each in module.named_modules():
        if not framework.is_neuron(each):
            continue
        inside = type(each).__module__.split(".")[0] == framework.name
        if not (inside and type(each).__name__ in framework.kinds):
            raise UnsupportedError(
                f"a neuron of {framework.name} must be one of {', '.join(framework.kinds)}",
                found=type(each).__name__,
                where=name or "the module",
                action="" if inside else "a subclass may do something else: use the class itself",
            )
        framework.check(each, name or "the module")


# --- one form of input ----------------------------------------------------------------------------


def _in_form(module: nn.Module, framework: type[Framework], shape: Shape, form: str) -> Imported:
    time, lead = FORMS[form]
    _reset(module, framework)
    draws = torch.Generator().manual_seed(0)
    x = torch.rand((STEPS, SAMPLES, *shape), generator=draws, dtype=torch.float64).lt(0.5).double()
    x = x * torch.tensor(AMPLITUDES, dtype=torch.float64).reshape(1, SAMPLES, *[1] * len(shape))
    trace = Trace(framework(), module, time=time)
    if form == "frame":
        outputs = trace.run([(x[0], None, 1)])
        steps = {len(call.spikes[0]) for call in trace.calls.values()}
        x = x[:1].expand(max(steps, default=1), *x.shape[1:])
    elif form != "step":
        whole = x.transpose(0, time)
        whole = whole.flatten(0, 1) if form == "flat" else whole
        outputs = trace.run([(whole, None, lead)])
    else:
        outputs = trace.run([(x[0], 0, 1)])
        if all(len(call.heard) == 1 for call in trace.calls.values()):
            outputs = trace.run([(x[k], k, 1) for k in range(1, len(x))])
        else:
            # It goes over the steps itself, and shows one frame in every step.
            _reset(module, framework)
            trace = Trace(framework(), module, time=time)
            outputs = trace.run([(x[0], None, 1)])
            x = x[:1].expand(max(len(call.heard) for call in trace.calls.values()), *x.shape[1:])
    return _imported(trace, framework, outputs, shape, x, form)


def _reset(module: nn.Module, framework: type[Framework]) -> None:
    for each in module.modules():
        if framework.is_neuron(each):
            framework.reset(each, SAMPLES)


def _imported(
    trace: Trace,
    framework: type[Framework],
    outputs: list[Value],
    shape: Shape,
    x: Tensor,
    form: str,
) -> Imported:
    if not trace.calls:
        raise WrongForm("no neuron is called")
    edges = {name: _steady(name, call.heard) for name, call in trace.calls.items()}
    neurons = dict(trace.neurons)
    for name, neuron in neurons.items():
        if neuron.loop is not None:
            inner = f"{name}.recurrent"
            trace.nodes[inner] = neuron.loop
            edges[name] = edges[name] | {Edge(name, 1, (inner,))}
    reads = _read(trace, outputs, edges)
    read = reads[0]
    if read.chain:
        # The sum over the steps of what a last layer brings.
        size = trace.widths[read.chain[-1]]
        node = nir.I(r=np.ones(size))
        neurons[READOUT] = Neuron(node=node, rule=Discretisation(dt=1.0))
        edges[READOUT] = frozenset({Edge(s.name, 0, s.chain) for s in reads})
        read = Source(READOUT)
    elif read.state:
        neurons[read.name] = _silent(read.name, neurons[read.name])
    graph = _graph(trace, neurons, edges, read.name, shape)
    imported = Imported(framework=framework.name, graph=graph, rule=_together(neurons))
    require_same_spikes(imported, trace, x, form)
    return imported


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


def _read(trace: Trace, outputs: list[Value], edges: Mapping[str, frozenset[Edge]]) -> list[Source]:
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
