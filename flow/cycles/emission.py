"""The order in which hardware sends the spikes that the golden model says it sends."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikewright.flow.cosim.streams import TokenStream
from spikewright.golden.spec import TokenKind
from spikewright.hdl.config import CoreConfig
from spikewright.hdl.host_config import HostConfig

from .cores import Groups, HostWork
from .queues import END, STEP

__all__ = ["Emission", "of_host", "of_input"]

Array = npt.NDArray[np.int64]
_BLOCK = 8  # lanes that a serialiser searches at once


@dataclass(frozen=True, kw_only=True, eq=False)
class Emission:
    """SPIKE tokens of a stream, in order.

    ``neurons``, ``payloads`` : of all their spikes; ``firsts`` : of each token the place of its
    first one. ``work`` : what a core's host does for them. ``tokens`` : all tokens, of an input.
    """

    neurons: Array
    payloads: Array
    firsts: Array
    work: HostWork | None = None
    tokens: Sequence[int] = ()

    def times(self, counts: Array) -> "Emission":
        """One token a spike, each so many times."""
        neurons = np.repeat(self.neurons, counts)
        return Emission(
            neurons=neurons,
            payloads=np.repeat(self.payloads, counts),
            firsts=np.arange(neurons.size),
        )

    def cycles(self, cost: Array) -> list[int]:
        """What each token costs where each spike has a cost of its own."""
        if not self.firsts.size:
            return []
        totals: list[int] = np.add.reduceat(cost, self.firsts).tolist()
        return totals


def of_input(stream: TokenStream, slots: int) -> Emission:
    """An input's tokens, as the host sends them: by neuron, full tokens first."""
    spike = stream.kind == TokenKind.SPIKE
    segment = np.cumsum(~spike)[spike]
    begins = np.concatenate(([0], np.flatnonzero(np.diff(segment)) + 1))
    rank = np.arange(segment.size) - np.repeat(begins, np.diff([*begins, segment.size]))
    firsts = np.flatnonzero(rank % slots == 0) if segment.size else np.zeros(0, np.int64)
    code = np.where(spike, 0, np.where(stream.kind == TokenKind.STEP, STEP, END))
    places = np.flatnonzero(spike)
    leads = np.zeros(code.size, dtype=bool)
    leads[places[firsts]] = True
    kept = code[leads | ~spike]
    kept[kept == 0] = np.arange(firsts.size)
    return Emission(
        neurons=stream.address[spike],
        payloads=stream.payload[spike],
        firsts=firsts,
        tokens=kept.tolist(),
    )


def of_host(stream: TokenStream, config: CoreConfig, host: HostConfig) -> Emission:
    """What a core's host sends: group by group, each block by block."""
    channels, rows, columns = np.unravel_index(stream.address, host.target.shape)
    local = channels - host.first_channel
    spike = stream.kind == TokenKind.SPIKE
    spike &= (local >= 0) & (local < host.axes[0].size)
    markers = stream.kind != TokenKind.SPIKE
    segment = np.cumsum(markers)[spike]
    place = [
        (axis.banks, at[spike] // axis.banks, at[spike] % axis.banks)
        for axis, at in zip(host.axes, (local, rows, columns), strict=True)
    ]
    (c_banks, c_block, channel), (_, y_block, row), (x_banks, x_block, column) = place
    group = (c_block * host.blocks[1] + y_block) * host.blocks[2] + x_block
    bank = row * x_banks + column
    if config.overlaps:
        parts = -(-c_banks // config.sweep_lanes)
        group = (group * config.banks[0] * config.banks[1] + bank) * parts
        group += channel // config.sweep_lanes
        channel = channel % config.sweep_lanes
        bank = np.zeros_like(bank)
        lanes = config.sweep_lanes
    else:
        lanes = config.channel_lanes
    width = min(_BLOCK, lanes)
    block = bank * -(-lanes // width) + channel // width
    order = np.lexsort((channel, block, group, segment))
    segment, group, block = segment[order], group[order], block[order]
    slots = host.target.slots
    new_group = _changes(segment, group)
    new_block = new_group | _changes(block)
    starts = np.flatnonzero(new_block)
    rank = np.arange(order.size) - np.repeat(starts, np.diff([*starts, order.size]))
    firsts = np.flatnonzero(rank % slots == 0)
    passes: list[Groups] = [[] for _ in range(int(markers.sum()))]
    begins = np.flatnonzero(new_group)
    token_at = np.searchsorted(firsts, [*begins, order.size])
    last_block = starts
    if starts.size:
        last_block = starts[np.searchsorted(starts, [*begins[1:], order.size]) - 1]
    lasts = token_at[1:] - np.searchsorted(firsts, last_block)
    for at, *entry in zip(
        segment[begins].tolist(),
        group[begins].tolist(),
        np.diff(token_at).tolist(),
        lasts.tolist(),
        strict=True,
    ):
        passes[at].append((entry[0], entry[1], entry[2]))
    kinds = np.where(stream.kind[markers] == TokenKind.STEP, STEP, END).tolist()
    return Emission(
        neurons=stream.address[spike][order],
        payloads=stream.payload[spike][order],
        firsts=firsts,
        work=HostWork(groups=host.groups * max(1, len(config.slices)), kinds=kinds, passes=passes),
    )


def _changes(*keys: Array) -> npt.NDArray[np.bool_]:
    """Where an entry differs from the one before it; the first one does."""
    found = np.zeros(keys[0].size, dtype=bool)
    found[:1] = True
    for key in keys:
        found[1:] |= key[1:] != key[:-1]
    return found
