"""The closed form of a converted network, population by population, read from the integers alone.

Nothing here knows steps, spikes or membranes: this is the quantised network that every settled or
collapsed run has to equal, and of other codes than rates every stepwise one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import numpy as np
import torch
import torch.nn.functional as F

from spikewright.flow.convert.code import Code
from spikewright.golden.errors import ConfigurationError, RangeError, UnsupportedError
from spikewright.golden.spec import (
    Connection,
    Delta,
    DeltaFunction,
    Dense,
    Encoding,
    Fire,
    Identity,
    Input,
    IntArray,
    Mode,
    Network,
    Population,
    Reset,
    Window,
    WindowKind,
)

__all__ = ["Reference", "charge_of", "code_of", "encode_input"]

EXACT_FLOAT64 = 2**53
BATCH = 500

Charge = Callable[[torch.Tensor], torch.Tensor]


def encode_input(source: Input, x: torch.Tensor) -> torch.Tensor:
    """Integer levels [N, n] of raw data: clip(floor(x / step + 0.5), low, high).

    Events are given for each step: [N, steps, ...] become [N, steps, n].
    """
    events = source.encoding is Encoding.EVENTS
    flat = torch.as_tensor(x).flatten(2 if events and x.ndim > 2 else 1)
    if flat.shape[-1] != source.n or flat.ndim != 2 + events:
        what = "[steps, ...]" if events else "sample"
        raise ConfigurationError(
            f"a {what} must have {source.n} values",
            found=f"shape {list(x.shape[1:])}",
            where=f"input {source.name!r}",
        )
    if source.step is not None:
        values = flat.to(torch.float64)
        if not bool(torch.isfinite(values).all()):
            raise ConfigurationError(
                "data must be finite", found="NaN or inf", where=f"input {source.name!r}"
            )
        flat = torch.floor(values / source.step + 0.5)
    return flat.clamp(source.low, source.high).to(torch.int64)


def code_of(network: Network) -> Code | None:
    """The code of the hidden neurons, of all in one way; None where they have no closed form."""
    if len(network.inputs) != 1:
        return None
    if any(connection.delay for connection in network.connections):
        return None
    if Mode.COLLAPSED in network.modes:
        return Code.RATE
    if all(_is_once(population) for population in network.populations):
        alone = network.max_steps == 1 and network.inputs[0].encoding is Encoding.ONCE
        if alone:
            return Code.ONEHOT
    if _are_patterns(network):
        return Code.PATTERN
    return Code.FIRST_SPIKE if _are_phased(network) else None


def _is_once(population: Population) -> bool:
    """Whether one step from the start is a sum, and a leading one of it where it fires."""
    soma = population.soma
    plain = not soma.changes_alone and soma.phases is None
    return plain and soma.fire in (Fire.NONE, Fire.ONEHOT)


def _are_patterns(network: Network) -> bool:
    """Whether each sends the bits of a sum, in a phase that begins when all of it has come."""
    source = network.inputs[0]
    if source.encoding is not Encoding.PHASE:
        return False
    ends = {source.name: source.bits}
    for population in network.order():
        soma = population.soma
        phases = soma.phases
        if soma.changes_alone or soma.current:
            return False
        begins = max(ends[each.source] for each in network.sources(population.name))
        if soma.fire is Fire.NONE:
            ends[population.name] = begins
            continue
        if soma.fire is not Fire.PATTERN or phases is None or phases.receive < begins:
            return False
        ends[population.name] = phases.last
    return network.max_steps >= max(ends.values())


def _are_phased(network: Network) -> bool:
    """Whether all receive in the phase in which their sources fire, and fire as ``Phases`` says."""
    source = network.inputs[0]
    if source.encoding is not Encoding.LATENCY:
        return False
    ends = {source.name: source.high}
    for population in network.order():
        soma = population.soma
        phases = soma.phases
        fires = soma.fire is not Fire.NONE
        if phases is None or fires != (phases.fire is not None):
            return False
        if any(ends[each.source] != phases.receive for each in network.sources(population.name)):
            return False
        leaks = soma.leak_v is not None or soma.leak_i is not None
        clips = soma.v_min is not None or soma.v_max is not None
        if leaks or clips or soma.bias.any():
            return False
        if phases.slope is None:
            return False
        slope = population.per_neuron(phases.slope)
        if phases.fire is None:
            if slope.any():
                return False
        elif (
            soma.fire is not Fire.BINARY
            or soma.reset is not Reset.NONE
            or soma.s_max != 1
            or (population.per_neuron(soma.threshold) != slope * (phases.fire + 1)).any()
        ):
            return False
        ends[population.name] = phases.last
    return network.max_steps == max(ends.values())


class Reference(torch.nn.Module):
    """cut(floor((sum of the connections + bias + v0) / th)) of every population.

    The cut is a clip at the bounds of the tracer, or to the levels of a phase; of one-hot neurons
    it takes the leading one.

    Attributes
    ----------
    steps : the T at which stepwise runs equal it; None where settled and collapsed ones do.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        code = code_of(network)
        if code is None:
            raise UnsupportedError(
                "a closed form needs one input and a network that may run collapsed, or one of"
                " one-hot levels, of first spikes or of patterns",
                found=f"{len(network.inputs)} inputs, modes {', '.join(network.modes)}",
                where=network.name,
                action='OR pooling has none: convert with max_pool "exact"; nor have corrective'
                " spikes",
            )
        self.steps = None if code is Code.RATE else network.max_steps
        self.input = network.inputs[0]
        self._network = network
        self._populations = [_Neurons(network, each) for each in network.order()]

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """Integer input levels [N, n] of raw data."""
        return encode_input(self.input, x)

    @torch.no_grad()
    def levels(self, values: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Net spike counts [N, n] of every population in the network's order, as int64.

        Of the readout: its logits, the last if the network was converted.
        """
        found = {self.input.name: values.to(torch.int64)}
        for neurons in self._populations:
            found[neurons.name] = neurons(found)
        return tuple(found[each.name] for each in self._network.populations)

    @torch.no_grad()
    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Integer logits [N, n] of integer input levels [N, n]."""
        name = self._network.readout.population
        place = [each.name for each in self._network.populations].index(name)
        starts = range(0, max(1, len(values)), BATCH)
        return torch.cat([self.levels(values[at : at + BATCH])[place] for at in starts])

    def labels(self, logits: torch.Tensor) -> torch.Tensor:
        """Labels [N] of logits [N, n], or [N, positions]; the lowest index wins a tie.

        numpy says so of its argmax; torch leaves ties to the device.
        """
        readout = self._network.population(self._network.readout.population)
        values = logits.reshape(len(logits), readout.shape[0], -1).cpu().numpy()
        labels = torch.from_numpy(values.argmax(1))
        return labels.squeeze(1) if labels.shape[1] == 1 else labels

    def classify(self, x: torch.Tensor) -> torch.Tensor:
        """Labels of raw data, [N] or, where each position has its own, [N, positions]."""
        return self.labels(self.forward(self.encode(x)))


class _Neurons:
    """One population: its connections, and the quotient that it takes."""

    def __init__(self, network: Network, population: Population) -> None:
        soma = population.soma
        self.name = population.name
        incoming = network.sources(population.name)
        self._charges = [(c.source, _charge(network, c)) for c in incoming]
        offset = population.per_neuron(soma.bias) + population.per_neuron(soma.initial_v)
        self._offset = torch.tensor(offset)
        self._rule = _rule(population)

    def __call__(self, found: dict[str, torch.Tensor]) -> torch.Tensor:
        """Levels [N, n] from those of the sources."""
        charge = self._offset
        for source, of in self._charges:
            charge = charge + of(found[source])
        return charge if self._rule is None else self._rule(charge)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Rule:
    """What a neuron that fires makes of its charge; ``threshold`` [n], bounds of the level."""

    threshold: IntArray
    low: int
    high: int
    powers: bool

    def __call__(self, charge: torch.Tensor) -> torch.Tensor:
        quotient = torch.div(charge, torch.tensor(self.threshold), rounding_mode="floor")
        if not self.powers:
            return quotient.clamp(self.low, self.high)
        level = torch.zeros_like(quotient)
        for power in range(self.high.bit_length()):
            level = torch.where(quotient >= 1 << power, 1 << power, level)
        return level


def _rule(population: Population) -> _Rule | None:
    """None where it never fires."""
    soma = population.soma
    if soma.fire is Fire.NONE:
        return None
    low, high, by = 0, soma.max_level, soma.threshold
    if soma.fire is Fire.PATTERN:
        high = 2 * soma.max_level - 1
    elif soma.phases is not None:
        assert soma.phases.fire is not None and soma.phases.slope is not None  # ``code_of`` saw
        high, by = soma.phases.fire, soma.phases.slope
    elif soma.fire is not Fire.ONEHOT:
        assert soma.s_min is not None and soma.s_max is not None
        low, high = soma.s_min, soma.s_max
    powers = soma.fire is Fire.ONEHOT
    return _Rule(threshold=population.per_neuron(by), low=low, high=high, powers=powers)


def _span(network: Network, name: str) -> int:
    """Largest magnitude of a level of an input or population."""
    node = network.node(name)
    if isinstance(node, Input):
        return max(abs(node.low), abs(node.high))
    rule = _rule(node)
    return 0 if rule is None else max(-rule.low, rule.high)


def _charge(network: Network, connection: Connection) -> Charge:
    """``charge_of``, where its sums are exact."""
    operator = connection.operator
    if isinstance(operator, Dense) and operator.weights.ndim == 2:
        _check_exact(network, connection, int(np.abs(operator.weights).sum(0).max()))
    elif isinstance(operator, Window):
        _check_exact(network, connection, _window_magnitude(operator))
    return charge_of(network, connection)


def charge_of(network: Network, connection: Connection) -> Charge:
    """What a connection adds to its target [N, n], from its source's levels [N, n]."""
    source, target = network.node(connection.source), network.node(connection.target)
    operator = connection.operator
    if isinstance(operator, Identity):
        scale = (-1 if operator.negative else 1) << operator.shift
        after = target.n - source.n - operator.offset
        return lambda levels: F.pad(levels * scale, (operator.offset, after))
    if isinstance(operator, Dense) and operator.weights.ndim == 2:
        weights = torch.tensor(operator.weights.astype(np.float64))
        return lambda levels: (levels.double() @ weights).long() << operator.shift
    if isinstance(operator, Window):
        return _window(operator, source.shape)
    if isinstance(operator, Delta) and operator.function is DeltaFunction.MAX:
        return _maximum(operator, source.shape)
    raise UnsupportedError(
        "a closed form needs dense, window, identity and delta max connections",
        found=type(operator).__name__.lower(),
        where=f"connection {connection.source!r} -> {connection.target!r}",
    )


def _check_exact(network: Network, connection: Connection, weights: int) -> None:
    """Integers below 2**53 are exact in float64 in any order of summation."""
    largest = weights * _span(network, connection.source)
    if largest >= EXACT_FLOAT64:
        raise RangeError(
            "sums must stay below 2**53 to be exact in float64",
            found=str(largest),
            where=f"connection {connection.source!r} -> {connection.target!r}",
        )


def _window_magnitude(window: Window) -> int:
    """Sum of all magnitudes that can meet in one neuron, or more."""
    pooled = 1 if window.pool is None else prod(window.pool.kernel)
    if window.weights is None:
        return prod(window.kernel)
    magnitudes = np.abs(window.weights).reshape(*window.weights.shape[:2], -1).sum(2)
    if window.kind is WindowKind.CONVOLUTION:
        return pooled * int(magnitudes.sum(1).max())
    by_group = magnitudes.reshape(window.groups, -1, magnitudes.shape[1])
    return pooled * int(by_group.sum(1).max())


def _pair(entries: tuple[int, ...], fill: int) -> tuple[int, int]:
    return (fill, entries[0]) if len(entries) == 1 else (entries[0], entries[1])


def _planes(levels: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    space = _pair(shape[1:], 1)
    return levels.reshape(len(levels), shape[0], *space)


def _sums(x: torch.Tensor, window: Window) -> torch.Tensor:
    """Sums over windows of [N, C, H, W]: a convolution with ones, channel by channel."""
    channels = x.shape[1]
    return F.conv2d(
        x,
        torch.ones(channels, 1, *_pair(window.kernel, 1), dtype=x.dtype),
        stride=_pair(window.stride, 1),
        padding=_pair(window.padding, 0),
        dilation=_pair(window.dilation, 1),
        groups=channels,
    )


def _window(window: Window, shape: tuple[int, ...]) -> Charge:
    weights = None
    stride, dilation = _pair(window.stride, 1), _pair(window.dilation, 1)
    padding, output_padding = _pair(window.padding, 0), _pair(window.output_padding, 0)
    if window.weights is not None:
        whole = window.weights.reshape(*window.weights.shape[:2], *_pair(window.kernel, 1))
        weights = torch.tensor(whole.astype(np.float64))

    def charge(levels: torch.Tensor) -> torch.Tensor:
        x = _planes(levels.double(), shape)
        if window.pool is not None:
            x = _sums(x, window.pool)
        if weights is None:
            x = _sums(x, window)
        elif window.kind is WindowKind.CONVOLUTION:
            x = F.conv2d(x, weights, None, stride, padding, dilation, window.groups)
        else:
            x = F.conv_transpose2d(
                x, weights, None, stride, padding, output_padding, window.groups, dilation
            )
        return x.flatten(1).long() << window.shift

    return charge


def _maximum(delta: Delta, shape: tuple[int, ...]) -> Charge:
    """The largest level of every window of the map; padding never wins."""
    window = delta.window
    assert window is not None

    def charge(levels: torch.Tensor) -> torch.Tensor:
        high, wide = _pair(window.padding, 0)
        lowest = float(torch.finfo(torch.float64).min)
        x = F.pad(_planes(levels.double(), shape), (wide, wide, high, high), value=lowest)
        stride, dilation = _pair(window.stride, 1), _pair(window.dilation, 1)
        x = F.max_pool2d(x, _pair(window.kernel, 1), stride, 0, dilation)
        return x.flatten(1).long()

    return charge
