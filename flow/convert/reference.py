"""The closed form of a converted network, population by population, read from the integers alone.

Nothing here knows steps, spikes or membranes: this is the quantised network that every settled or
collapsed run has to equal.
"""

from collections.abc import Callable
from math import prod

import numpy as np
import torch
import torch.nn.functional as F

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
    Mode,
    Network,
    Population,
    Window,
    WindowKind,
)

__all__ = ["Reference", "encode_input"]

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
            where=source.name,
        )
    if source.step is not None:
        values = flat.to(torch.float64)
        if not bool(torch.isfinite(values).all()):
            raise ConfigurationError("data must be finite", found="NaN or inf", where=source.name)
        flat = torch.floor(values / source.step + 0.5)
    return flat.clamp(source.low, source.high).to(torch.int64)


class Reference(torch.nn.Module):
    """clip(floor((sum of the connections + bias + v0) / th), s_min, s_max) of every population."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        if len(network.inputs) != 1 or Mode.COLLAPSED not in network.modes:
            raise UnsupportedError(
                "a closed form needs one input and a network that may run collapsed",
                found=f"{len(network.inputs)} inputs, modes {', '.join(network.modes)}",
                where=network.name,
                action='OR pooling has none: convert with max_pool "exact"',
            )
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
        self._threshold = torch.tensor(population.per_neuron(soma.threshold))
        self._bounds = _bounds(population)

    def __call__(self, found: dict[str, torch.Tensor]) -> torch.Tensor:
        """Levels [N, n] from those of the sources."""
        charge = self._offset
        for source, of in self._charges:
            charge = charge + of(found[source])
        if self._bounds is None:
            return charge
        return torch.div(charge, self._threshold, rounding_mode="floor").clamp(*self._bounds)


def _bounds(population: Population) -> tuple[int, int] | None:
    soma = population.soma
    if soma.fire is Fire.NONE:
        return None
    assert soma.s_min is not None and soma.s_max is not None
    return soma.s_min, soma.s_max


def _span(network: Network, name: str) -> int:
    """Largest magnitude of a level of an input or population."""
    node = network.node(name)
    if isinstance(node, Input):
        return max(abs(node.low), abs(node.high))
    return max(abs(value) for value in _bounds(node) or (0, 0))


def _charge(network: Network, connection: Connection) -> Charge:
    """What a connection adds to its target [N, n], from its source's levels [N, n]."""
    source, target = network.node(connection.source), network.node(connection.target)
    operator = connection.operator
    if isinstance(operator, Identity):
        scale = (-1 if operator.negative else 1) << operator.shift
        after = target.n - source.n - operator.offset
        return lambda levels: F.pad(levels * scale, (operator.offset, after))
    if isinstance(operator, Dense):
        if operator.weights.ndim == 2:
            largest = int(np.abs(operator.weights).sum(0).max())
            _check_exact(network, connection, largest)
            weights = torch.tensor(operator.weights.astype(np.float64))
            return lambda levels: (levels.double() @ weights).long() << operator.shift
    elif isinstance(operator, Window):
        _check_exact(network, connection, _window_magnitude(operator))
        return _window(operator, source.shape)
    elif isinstance(operator, Delta) and operator.function is DeltaFunction.MAX:
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
