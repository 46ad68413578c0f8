"""What the golden events make each core do: its rows, synaptic operations, spikes in and out.

Synaptic operations follow from the geometry of the connections alone, which is read here a second
time, independently of the hardware's schedules.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from math import prod

import numpy as np
import numpy.typing as npt

from spikewright.golden.spec import (
    Connection,
    Delta,
    Dense,
    Identity,
    Network,
    Operator,
    Product,
    Window,
    WindowKind,
)

from .manifest import Host
from .streams import TokenStream

__all__ = ["CoreWork", "PortWork", "host_channels", "hosted", "synops"]

Array = npt.NDArray[np.int64]
Shape = tuple[int, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class PortWork:
    """What a spike of ``source`` costs, [n source]; None behind a delta, where order decides.

    It is heard ``delay`` steps after its own; ``serial``: bit by bit of its payload. ``parts``: in
    place of spikes their sums are heard, a sample later, as spikes between these numbers.
    """

    source: str
    n: int
    delay: int
    serial: bool
    parts: tuple[int, int] | None
    rows: Array | None
    synops: Array | None


@dataclass(frozen=True, kw_only=True, eq=False)
class CoreWork:
    """A core's ports, and which spikes of whom it sends: ``hosted`` is [n] of each population."""

    ports: tuple[PortWork, ...]
    hosted: Mapping[str, Array]

    @property
    def exact(self) -> bool:
        """Whether rows and synops follow from the spikes alone."""
        return all(port.rows is not None for port in self.ports)

    def counters(self, streams: Mapping[str, TokenStream]) -> tuple[Array, Array, Array, Array]:
        """[samples] rows, synops, spikes in and spikes out; what a delta adds is left out."""
        samples = next(iter(streams.values())).starts.size - 1
        rows = synops = into = out = np.zeros(samples, dtype=np.int64)
        for port in self.ports:
            stream, delay = streams[port.source], port.delay
            if port.parts is not None:
                stream, delay = stream.recalled(port.n, port.parts), 0
            into = into + stream.per_sample(np.ones(port.n, dtype=np.int64), delay=delay)
            if port.rows is not None and port.synops is not None:
                of = partial(stream.per_sample, delay=delay, serial=port.serial)
                rows, synops = rows + of(port.rows), synops + of(port.synops)
        for name, hosted in self.hosted.items():
            out = out + streams[name].per_sample(hosted)
        return rows, synops, into, out


def host_channels(network: Network, host: Host) -> tuple[int, int]:
    """First and last (exclusive) channel of a host."""
    shape = _axes(network.population(host.population).shape)
    return host.channels or (0, shape[0])


def hosted(network: Network, host: Host) -> Array:
    """[n] 1 for each neuron of a population that a host has, 0 for the others."""
    shape = _axes(network.population(host.population).shape)
    first, last = host_channels(network, host)
    mask = np.zeros(shape, dtype=np.int64)
    mask[first:last] = 1
    return mask.reshape(-1)


def synops(
    network: Network, connection: Connection, channels: tuple[int, int], *, sparse: bool = False
) -> Array | None:
    """[n source] neurons of the target's channels that a spike updates; None behind a delta.

    A neuron that a spike reaches over several taps is updated as often; a zero weight counts, but
    for connections of ``sparse`` rows, which are dense.
    """
    source = _axes(network.node(connection.source).shape)
    target = _axes(network.population(connection.target).shape)
    first, last = channels
    plane = target[1] * target[2]
    operator = connection.operator
    if isinstance(operator, Delta):
        return None
    if isinstance(operator, Identity):
        reached = (np.arange(prod(source)) + operator.offset) // plane
        return ((reached >= first) & (reached < last)).astype(np.int64)
    if isinstance(operator, Product):
        head = np.arange(source[0]) // (source[0] // operator.heads)
        own = np.arange(target[0]) // (target[0] // operator.heads)
        updated: Array = (head[:, None] == own[None, first:last]).sum(axis=1)
        return np.repeat(updated, source[1] * source[2])
    if sparse:
        return _nonzero(operator, (*source, *target), channels)
    if not isinstance(operator, Window):
        return np.full(prod(source), (last - first) * plane, dtype=np.int64)
    by_channel = _channels(operator, source[0], target[0])[:, first:last].sum(axis=1)
    pad = 2 - len(operator.kernel)
    along = [np.ones(source[1], dtype=np.int64)] * pad
    for axis in range(len(operator.kernel)):
        at = 1 + pad + axis
        along.append(_paths(operator, axis, source[at], target[at]).sum(axis=1))
    rows, columns = along
    result: Array = by_channel[:, None, None] * rows[None, :, None] * columns[None, None, :]
    return result.reshape(-1)


def _nonzero(operator: Operator, shape: Shape, channels: tuple[int, int]) -> Array:
    """[n source] weights that are not 0 to the channels of a target [channels, rows, columns]."""
    assert isinstance(operator, Dense)  # the plan's check says
    blocks = operator.weights if operator.weights.ndim == 3 else operator.weights[np.newaxis]
    counts = []
    each = blocks.shape[2]
    plane = shape[4] * shape[5]
    for number, block in enumerate(blocks):
        channel = (number * each + np.arange(each)) // plane
        inside = (channel >= channels[0]) & (channel < channels[1])
        counts.append(np.count_nonzero(block[:, inside], axis=1))
    return np.concatenate(counts).astype(np.int64)


def _axes(shape: Shape) -> tuple[int, int, int]:
    if len(shape) == 3:
        return (shape[0], shape[1], shape[2])
    return (shape[0], 1, shape[1]) if len(shape) == 2 else (prod(shape), 1, 1)


def _channels(window: Window, n_source: int, n_target: int) -> Array:
    """[source channels, target channels], 1 where they are joined."""
    if window.weights is None:
        return np.eye(n_source, dtype=np.int64)
    ones = np.ones((n_source // window.groups, n_target // window.groups), dtype=np.int64)
    return np.kron(np.eye(window.groups, dtype=np.int64), ones)


def _paths(window: Window, axis: int, n_source: int, n_target: int) -> Array:
    """[source, target] taps by which one coordinate reaches the other along an axis."""
    if window.pool is None:
        return _taps(window, axis, n_source, n_target)
    pool = window.pool
    extent = pool.dilation[axis] * (pool.kernel[axis] - 1) + 1
    n_pooled = (n_source + 2 * pool.padding[axis] - extent) // pool.stride[axis] + 1
    pooled = _taps(pool, axis, n_source, n_pooled)
    return pooled @ _taps(window, axis, n_pooled, n_target)


def _taps(window: Window, axis: int, n_source: int, n_target: int) -> Array:
    """As ``_paths``, of one window: fine = coarse * stride + tap * dilation - padding."""
    transposed = window.kind is WindowKind.TRANSPOSED
    n_coarse, n_fine = (n_source, n_target) if transposed else (n_target, n_source)
    coarse, fine = np.arange(n_coarse)[:, None], np.arange(n_fine)[None, :]
    offset = fine - coarse * window.stride[axis] + window.padding[axis]
    extent = window.dilation[axis] * (window.kernel[axis] - 1)
    joined = (offset >= 0) & (offset <= extent) & (offset % window.dilation[axis] == 0)
    result: Array = (joined if transposed else joined.T).astype(np.int64)
    return result
