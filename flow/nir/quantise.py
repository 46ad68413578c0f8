"""Integers for a network that a discretisation made definite."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil, log2, prod

import nir
import numpy as np
import numpy.typing as npt
import torch

from spikewright.golden.errors import ConfigurationError, RangeError, UnsupportedError
from spikewright.golden.spec import (
    BiasWhen,
    Connection,
    Decision,
    Dense,
    Encoding,
    Fire,
    Identity,
    Input,
    Leak,
    Mode,
    Network,
    Operator,
    Payload,
    Population,
    Readout,
    ReadoutKind,
    Reset,
    Soma,
    Window,
    WindowKind,
)
from spikewright.golden.spec.soma import MAX_LEAK_SHIFT, MAX_LEVEL

from .discretisation import Compare, Order, Start
from .dynamics import Dynamics
from .graph import Route
from .linear import _each
from .reference import Reference

__all__ = ["Precision", "network_of"]

Floats = npt.NDArray[np.float64]
_MOST_SYNAPSES = 1 << 24
_WEIGHTS = (nir.Linear, nir.Affine, nir.Conv1d, nir.Conv2d, nir.Scale)
_POOLS = (nir.SumPool2d, nir.AvgPool2d)


@dataclass(frozen=True, kw_only=True)
class Precision:
    """How finely a network is quantised.

    Parameters
    ----------
    weight_bits : of each weight. fraction_bits : of membranes and currents below a weight's unit.
    leak_bits : the largest k of a leak m / 2**k.
    """

    weight_bits: int = 8
    fraction_bits: int = 6
    leak_bits: int = 8


@dataclass(frozen=True, kw_only=True, eq=False)
class _Wire:
    """A path as an operator with weights of doubles, and what it brings without a spike."""

    path: Route
    operator: Operator | None  # with the right geometry, and no weights yet
    weights: Floats | None  # None where each spike counts ``unit``
    unit: float
    bias: Floats  # [neurons]


def network_of(
    reference: Reference,
    precision: Precision,
    *,
    name: str,
    max_steps: int,
    levels: Mapping[str, tuple[int, int, float | None]] | None = None,
) -> Network:
    """The integer network, in stepwise mode.

    Every population counts in a unit of its own, such that the weights of all that comes in are
    integers of it, times a power of two each; thresholds are what their gain makes of them.

    Parameters
    ----------
    reference : what is meant. precision : how finely. max_steps : T up to which widths are proven.
    levels : (low, high, step) of each input's payload, in units of ``step`` where it is not whole;
        by default spikes of 1.

    Raises
    ------
    ConfigurationError, UnsupportedError
        If a semantics has no equal among the contract's somas; RangeError if a register would need
        too many bits.
    """
    wires = [_wire(reference, path) for path in reference.graph.paths]
    _refuse_endless_bursts(reference)
    ends = [*reference.graph.outputs]
    if len(ends) != 1:
        raise UnsupportedError(
            "one population must be read",
            found=", ".join(ends) or "none: an output must follow a population directly",
            where=reference.where,
        )
    given = dict(levels or {})
    inputs = [
        _input(reference, each, given.get(each, (0, 1, None))) for each in reference.graph.inputs
    ]
    steps = {each.name: each.step or 1.0 for each in inputs}
    names = {each: _name(each) for each in (*reference.graph.inputs, *reference.graph.populations)}
    populations: list[Population] = []
    connections: list[Connection] = []
    relays: dict[tuple[str, int], str] = {}
    for target, dynamics in reference.dynamics.items():
        incoming = [wire for wire in wires if wire.path.target == target]
        scaled = [(wire, wire.unit * steps.get(names[wire.path.source], 1.0)) for wire in incoming]
        unit = _unit(scaled, precision)
        fraction = precision.fraction_bits
        bias = sum((wire.bias for wire in incoming), np.zeros(dynamics.gain.size))
        soma = _soma(reference, target, dynamics, bias, unit / 2**fraction, precision)
        populations.append(_population(reference, names[target], dynamics, soma))
        for wire, size in scaled:
            # A current of the step before is one of inputs that come a step later.
            delay = reference.delays[wire.path] + _takes_old(reference, target)
            source = names[wire.path.source]
            for k in range(1, delay):
                source = _relay(
                    reference,
                    wire.path.source,
                    names,
                    k,
                    given.get(wire.path.source, (0, 1, None))[:2],
                    relays,
                    populations,
                    connections,
                )
            connections.append(
                Connection(
                    source=source,
                    target=names[target],
                    operator=_operator(wire, size, unit, precision),
                    delay=min(delay, 1),
                )
            )
    read = names[ends[0]]
    fires = reference.dynamics[ends[0]].threshold is not None
    network = Network(
        name=name,
        inputs=tuple(inputs),
        populations=tuple(populations),
        connections=tuple(connections),
        readout=Readout(
            population=read,
            kind=ReadoutKind.COUNT if fires else ReadoutKind.MEMBRANE,
            decision=Decision.ARGMAX,
        ),
        modes=(Mode.STEPWISE,),
        max_steps=max_steps,
        provenance={"discretisation": str(reference.rule.as_dict())},
    )
    endless = {names[each] for each in _endless(reference)}
    endless |= {relay for (source, _), relay in relays.items() if names[source] in endless}
    return _with_what_fits(network, endless)


def _takes_old(reference: Reference, name: str) -> bool:
    """Whether the membranes of a population take in the current of the step before."""
    current = reference.dynamics[name].left_i is not None
    return current and reference.rules[name].order is Order.OLD


def _endless(reference: Reference) -> list[str]:
    """Populations that fire as often in a step as their threshold fits."""
    return [
        name
        for name, dynamics in reference.dynamics.items()
        if reference.rules[name].bursts is None and dynamics.threshold is not None
    ]


def _reached(reference: Reference, start: str) -> set[str]:
    """Populations that a population's spikes lead to, itself included."""
    reached, waiting = {start}, [start]
    while waiting:
        name = waiting.pop()
        after = {path.target for path in reference.graph.paths if path.source == name} - reached
        reached |= after
        waiting += after
    return reached


def _refuse_endless_bursts(reference: Reference) -> None:
    """In a loop spikes may bring forth more spikes without a bound."""
    for path in reference.graph.paths if _endless(reference) else ():
        if path.source in _reached(reference, path.target):
            raise UnsupportedError(
                "spikes of a step must be bounded where paths lead back",
                found=f"bursts none, and {path.source!r} -> {path.target!r}",
                where=reference.where,
                action="give bursts, the most spikes of a neuron in a step",
            )


def _with_what_fits(network: Network, names: set[str]) -> Network:
    """Most levels as the analysis of intervals proves them, which no legal input can exceed."""
    if not names:
        return network
    ranges = network.analyses[Mode.STEPWISE].ranges
    populations = []
    for each in network.populations:
        if each.name in names:
            high = max(1, ranges[each.name].emitted.high)
            fire = Fire.BURST if high > 1 else Fire.BINARY
            each = replace(
                each,
                soma=replace(each.soma, fire=fire, max_level=high),
                payload=Payload.GRADED if high > 1 else Payload.UNIT,
            )
        populations.append(each)
    return replace(network, populations=tuple(populations))


def _name(name: str) -> str:
    plain = "".join(c if c.isalnum() and c.isascii() else "_" for c in name)
    return plain if plain[:1].isalpha() else f"n{plain}"


def _input(reference: Reference, name: str, levels: tuple[int, int, float | None]) -> Input:
    low, high, step = levels
    payload = Payload.UNIT if (low, high) == (0, 1) else Payload.GRADED
    return Input(
        name=_name(name),
        shape=reference.shapes[name],
        payload=Payload.SIGN if (low, high) == (-1, 1) else payload,
        low=low,
        high=high,
        encoding=Encoding.EVENTS,
        step=step,
    )


def _wire(reference: Reference, path: Route) -> _Wire:
    zero = torch.zeros(1, *reference.shapes[path.source], dtype=torch.float64)
    silent = reference.charge(path, zero).flatten().numpy()
    size = reference.dynamics[path.target].gain.size
    bias = np.broadcast_to(silent, (size,)).copy()
    nodes = [reference.graph.nodes[name] for name in path.nodes]
    kinds = [n for n in nodes if not isinstance(n, nir.Flatten | nir.Delay)]
    if not kinds:
        return _Wire(path=path, operator=Identity(), weights=None, unit=1.0, bias=bias)
    window = _window(kinds, reference.shapes[path.source])
    if window is not None:
        operator, weights, unit = window
        return _Wire(path=path, operator=operator, weights=weights, unit=unit, bias=bias)
    n = prod(reference.shapes[path.source])
    if n * size > _MOST_SYNAPSES:
        raise UnsupportedError(
            f"linear nodes that do not make one convolution must have at most {_MOST_SYNAPSES} "
            "weights together",
            found=f"{n} x {size}",
            where=f"{reference.where}: {' -> '.join((path.source, *path.nodes, path.target))}",
        )
    basis = torch.eye(n, dtype=torch.float64).reshape(n, *reference.shapes[path.source])
    matrix = reference.charge(path, basis).flatten(1).numpy() - silent
    return _Wire(path=path, operator=None, weights=matrix, unit=1.0, bias=bias)


def _window(
    nodes: list[nir.NIRNode], shape: tuple[int, ...]
) -> tuple[Operator, Floats | None, float] | None:
    """One convolution, behind one pool or none; or one pool; None where it is something else."""
    pool, unit = None, 1.0
    if isinstance(nodes[0], _POOLS) and len(shape) == 3:
        pool = _pool(nodes[0])
        unit = 1.0 if isinstance(nodes[0], nir.SumPool2d) else 1.0 / prod(pool.kernel)
        nodes = nodes[1:]
        if not nodes:
            return pool, None, unit
    if len(nodes) != 1 or not isinstance(nodes[0], nir.Conv1d | nir.Conv2d):
        return None
    node = nodes[0]
    n = node.weight.ndim - 2
    if isinstance(node.padding, str) or len(shape) != n + 1 or (pool is not None and n != 2):
        return None
    weights = np.asarray(node.weight, dtype=np.float64)
    window = Window(
        kind=WindowKind.CONVOLUTION,
        kernel=weights.shape[2:],
        stride=_each(node.stride, n),
        padding=_each(node.padding, n),
        dilation=_each(node.dilation, n),
        output_padding=(0,) * n,
        groups=int(node.groups),
        weights=np.zeros(weights.shape, dtype=np.int64),
        weight_bits=2,
        pool=pool,
    )
    return window, weights, unit


def _pool(node: nir.NIRNode) -> Window:
    return Window(
        kind=WindowKind.SUM_POOL,
        kernel=_each(node.kernel_size, 2),
        stride=_each(node.stride, 2),
        padding=_each(node.padding, 2),
        dilation=(1, 1),
        output_padding=(0, 0),
    )


def _quantum(wire: _Wire, size: float, precision: Precision) -> float:
    """What one of a weight's integers counts at the least."""
    if wire.weights is None:
        return size
    most = 2 ** (precision.weight_bits - 1) - 1
    grid = _grid(wire.weights, most)
    return size * (float(np.abs(wire.weights).max()) / most if grid is None else grid)


def _grid(weights: Floats, most: int) -> float | None:
    """The step of which all weights are multiples, up to ``most``, as after quantised training.

    Euclid's algorithm on their magnitudes; None where there is none.
    """
    values = np.unique(np.abs(weights))
    values = values[values > 0]
    if not values.size:
        return None
    largest = float(values[-1])
    step = float(values[0])
    for value in values[1:]:
        rest = float(value)
        while rest > 1e-9 * largest:
            step, rest = rest, float(step % rest)
            if min(rest, step - rest) < 1e-9 * largest:
                rest = 0.0
        if step * most < largest * (1 - 1e-9):
            return None
    whole = np.rint(values / step)
    return step if np.allclose(values, whole * step, rtol=1e-12, atol=0) else None


def _unit(scaled: list[tuple[_Wire, float]], precision: Precision) -> float:
    quanta = [q for q in (_quantum(wire, size, precision) for wire, size in scaled) if q > 0]
    return min(quanta, default=1.0)


def _operator(wire: _Wire, size: float, unit: float, precision: Precision) -> Operator:
    """Integers of the unit, times the least power of two that makes them fit."""
    largest = size if wire.weights is None else size * float(np.abs(wire.weights).max())
    most = 1 if wire.weights is None else 2 ** (precision.weight_bits - 1) - 1
    # The least that makes them fit loses the least.
    shift = max(0, ceil(log2(largest / (most * unit)) - 1e-9)) if largest > 0 else 0
    total = shift + precision.fraction_bits
    if wire.weights is None:
        quantum = size
        assert wire.operator is not None  # a spike that counts by itself is one
        if not np.isclose(quantum, unit * 2.0**shift, rtol=1e-9):
            # Another branch has the finer unit: a diagonal or a pool becomes weights.
            raise UnsupportedError(
                "a branch without weights must count a power of two of the others' unit",
                found=f"{quantum / unit:g} times",
                where=f"{wire.path.source!r} -> {wire.path.target!r}",
                action="put a Scale or Linear node there",
            )
        if isinstance(wire.operator, Identity):
            return Identity(shift=total)
        assert isinstance(wire.operator, Window)
        return _replaced(wire.operator, shift=total)
    weights = np.rint(wire.weights * size / (unit * 2.0**shift)).astype(np.int64)
    if isinstance(wire.operator, Window):
        return _replaced(
            wire.operator, weights=weights, weight_bits=precision.weight_bits, shift=total
        )
    return Dense(weights=weights, weight_bits=precision.weight_bits, shift=total)


def _replaced(window: Window, **changes: object) -> Window:
    names = ("kind", "kernel", "stride", "padding", "dilation", "output_padding", "groups", "pool")
    fields = {name: getattr(window, name) for name in names}
    return Window(**(fields | changes))


def _leak(share: float, precision: Precision, where: str) -> Leak | None:
    """The nearest m / 2**k; None where all is left."""
    if share == 1.0:
        return None
    best: tuple[float, int, int] | None = None
    for shift in range(1, precision.leak_bits + 1):
        m = min(max(1, round(share * 2**shift)), 2**shift - 1)
        while m % 2 == 0:
            m //= 2
            shift -= 1  # the same share, in its lowest terms
        error = abs(m / 2**shift - share)
        if best is None or error < best[0] - 1e-15:
            best = (error, m, shift)
    assert best is not None
    error, m, shift = best
    if error > min(share, 1 - share) / 2:
        raise ConfigurationError(
            f"a leak of m / 2**k with k up to {precision.leak_bits} must come near {share:g}, "
            "which leaves something and takes some",
            found=f"{m} / {2**shift}",
            where=where,
            action="give dt in the file's unit of time: next to its time constants it is too "
            + ("short" if share > 0.5 else "long"),
        )
    return Leak(multiplier=m, shift=shift)


def _soma(
    reference: Reference,
    name: str,
    dynamics: Dynamics,
    bias: Floats,
    unit: float,
    precision: Precision,
) -> Soma:
    """All in units; v is counted from its rest, so that the leak goes to 0."""
    rule, where = reference.rules[name], f"{reference.where}: node {name!r}"
    if _takes_old(reference, name) and np.any(bias != 0):
        raise UnsupportedError(
            "a current that is taken in a step later must have no bias, which would come early",
            found=f"order old, and a bias of up to {np.abs(bias).max():g}",
            where=where,
            action="leave the bias out, or use order new",
        )
    if np.any(dynamics.gain <= 0):
        raise ConfigurationError(
            "r and w_in must be above 0", found=f"{dynamics.gain.min():g}", where=where
        )
    scale = dynamics.gain * unit  # one unit of v, in the file's volts, per neuron
    rest = dynamics.drift / (1 - dynamics.left_v) if dynamics.left_v < 1 else 0 * dynamics.drift
    start = (dynamics.reset_value if rule.start is Start.RESET else 0.0) - rest
    options: dict[str, object] = {
        "bias": _rounded(bias / unit, "bias", where),
        "bias_when": BiasWhen.EVERY,
        "initial_v": _rounded(start / scale, "initial v", where),
        "leak_v": _leak(dynamics.left_v, precision, where)
        if dynamics.left_v > 0
        else Leak(shift=MAX_LEAK_SHIFT),
        "current": dynamics.left_i is not None,
    }
    if dynamics.left_i is not None:
        options["leak_i"] = _leak(dynamics.left_i, precision, where)
    if dynamics.threshold is None:
        return Soma(fire=Fire.NONE, **options)  # type: ignore[arg-type]
    exact = (dynamics.threshold - rest) / scale
    # What is a whole number but for the rounding of doubles is meant to be one.
    exact = np.where(np.isclose(exact, np.rint(exact), rtol=1e-9, atol=0), np.rint(exact), exact)
    if np.any(exact <= 0):
        raise ConfigurationError(
            "a threshold must lie above the rest, v_leak",
            found=f"{float((dynamics.threshold - rest).min()):g} above it",
            where=where,
        )
    # v > th is v >= floor(th) + 1 in integers
    above = rule.compare is Compare.ABOVE
    threshold = np.floor(exact) + 1 if above else np.ceil(exact)
    options["threshold"] = _rounded(np.maximum(threshold, 1), "threshold", where)
    options["fire"] = Fire.BINARY if rule.bursts == 1 else Fire.BURST
    options["max_level"] = rule.bursts or MAX_LEVEL
    options["refractory"] = rule.refractory
    if dynamics.left_v == 0:
        # Nothing is left of what lies below 0, nor of what falls short of the threshold.
        if threshold.max() > 1 << MAX_LEAK_SHIFT:
            raise RangeError(
                f"a threshold without memory must be at most {1 << MAX_LEAK_SHIFT}",
                found=f"{threshold.max():g}",
                where=where,
                action="use fewer fraction bits",
            )
        options["v_min"] = 0
    if rule.reset is Reset.NONE:
        options["reset"] = Reset.NONE
    elif rule.reset is Reset.SUBTRACT:
        # What is taken off is what v exceeds, where both are of the same integers.
        amount = np.maximum(np.rint((rule.amount or dynamics.threshold) / scale), 1)
        if np.all(rest == 0) and rule.amount is None:
            amount = np.maximum(np.floor(exact) if above else np.ceil(exact), 1)
        if rule.bursts != 1:  # a burst takes no more than its threshold
            amount = np.minimum(amount, np.maximum(threshold, 1))
        options["reset_amount"] = _rounded(amount, "reset amount", where)
        options["reset_delay"] = rule.reset_delay
    else:
        values = np.unique(np.rint((dynamics.reset_value - rest) / scale))
        if values.size != 1:
            raise ConfigurationError(
                "v_reset must be the same for all neurons of a population, in their units",
                found=f"{values.size} values",
                where=where,
            )
        options |= {"reset": Reset.VALUE, "reset_value": int(values[0])}
    if rule.floor is not None:
        floors = np.unique(np.rint((-rule.floor * dynamics.threshold - rest) / scale))
        if floors.size != 1:
            raise ConfigurationError(
                "the least membrane must be the same for all neurons of a population, in their "
                "units",
                found=f"{floors.size} values",
                where=where,
            )
        options["v_min"] = int(floors[0])
    return Soma(**options)  # type: ignore[arg-type]


def _rounded(values: Floats, what: str, where: str) -> npt.NDArray[np.int64]:
    """Integers, as one where all are the same."""
    found = np.rint(values)
    if np.abs(found).max() > 2**31:
        raise RangeError(
            f"a {what} must fit 32 bits",
            found=f"{np.abs(found).max():g}",
            where=where,
            action="use fewer fraction bits, or fewer weight bits",
        )
    whole = found.astype(np.int64)
    return whole[:1] if np.all(whole == whole[0]) else whole


def _population(reference: Reference, name: str, dynamics: Dynamics, soma: Soma) -> Population:
    payload = Payload.GRADED if soma.fire is Fire.BURST else Payload.UNIT
    return Population(name=name, shape=dynamics.shape or (1,), soma=soma, payload=payload)


def _relay(
    reference: Reference,
    source: str,
    names: Mapping[str, str],
    step: int,
    levels: tuple[int, int],
    relays: dict[tuple[str, int], str],
    populations: list[Population],
    connections: list[Connection],
) -> str:
    """A population that repeats what another one, or an input of these levels, sent a step ago."""
    key = (source, step)
    if key not in relays:
        relays[key] = f"{names[source]}_later_{step}"
        if source in reference.rules:
            bursts = reference.rules[source].bursts
            levels = (0, MAX_LEVEL if bursts is None else bursts)
        shape, (low, high) = reference.shapes[source], levels
        single = low >= 0 and high <= 1
        soma = Soma(fire=Fire.BINARY)
        if not single:  # as often as the level says, each time by 1
            soma = Soma(
                fire=Fire.BURST,
                threshold_negative=np.array([1]) if low < 0 else None,
                max_level=max(-low, high),
            )
        payload = Payload.UNIT if single else Payload.GRADED
        populations.append(Population(name=relays[key], shape=shape, soma=soma, payload=payload))
        before = names[source] if step == 1 else relays[source, step - 1]
        connections.append(
            Connection(source=before, target=relays[key], operator=Identity(), delay=1)
        )
    return relays[key]
