"""Counts through the groups of a host: which neurons they are, and how they are addressed."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from amaranth.hdl import Cat, Const, Module, Mux, Signal, ValueLike
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Member, Out

from .choose import choose
from .config import Slice
from .host_config import HostConfig

__all__ = ["Places"]


class Places(wiring.Component):
    """The groups of one host in turn: channel blocks outside, then rows, columns inside.

    Parameters
    ----------
    hosts : hosts of a core. slices : parts of each group that are shown one after the other, of
    ``lanes`` channels each; none where groups are shown whole. more : members of a subclass.

    Members
    -------
    start : In, begins with the first group of host : In. advance : In, the group shown is taken.
    asks : Out, a group is shown in place : Out {group, block, y, x, slice}: its number in the core,
    its channel block in the core, its row and column blocks, and which slice of it. busy : Out,
    more may be shown. host_held : Out, whose groups they are.

    Timing
    ------
    latency : 1 from ``start`` to the first group. interval : 1. Storage: the counters.
    """

    latency = 1
    interval = 1

    def __init__(
        self,
        *,
        hosts: Sequence[HostConfig],
        slices: Sequence[Slice] = (),
        lanes: int = 0,
        more: Mapping[str, Member] = MappingProxyType({}),
    ) -> None:
        self.hosts = tuple(hosts)
        self.slices = tuple(slices)
        self.slice_lanes = lanes
        self.layout = data.StructLayout(
            {
                "group": range(sum(host.groups for host in hosts)),
                "block": range(sum(host.blocks[0] for host in hosts)),
                "y": range(max(host.blocks[1] for host in hosts)),
                "x": range(max(host.blocks[2] for host in hosts)),
                "slice": range(max(1, len(self.slices))),
            }
        )
        host = range(len(self.hosts))
        super().__init__(
            {
                "start": In(1),
                "host": In(host),
                "advance": In(1),
                "asks": Out(1),
                "busy": Out(1),
                "place": Out(self.layout),
                "host_held": Out(host),
                **more,
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Columns wrap into rows, rows into channel blocks; the group counts on."""
        m = Module()
        m.d.comb += self.busy.eq(self.asks)
        place = self.place
        wraps_x = place.x == self._of_host(lambda host: host.blocks[2] - 1)
        wraps_y = place.y == self._of_host(lambda host: host.blocks[1] - 1)
        last = place.group == self._of_host(lambda host: host.first_group + host.groups - 1)
        with m.If(self.start):
            first_group = choose([host.first_group for host in self.hosts], self.host)
            first_block = choose([host.first_block for host in self.hosts], self.host)
            m.d.sync += [
                self.asks.eq(1),
                self.host_held.eq(self.host),
                place.group.eq(first_group),
                place.block.eq(first_block),
                place.y.eq(0),
                place.x.eq(0),
                place.slice.eq(0),
            ]
        with m.Elif(self.advance & self.asks):
            wraps_slice = place.slice == max(1, len(self.slices)) - 1
            m.d.sync += place.slice.eq(Mux(wraps_slice, 0, place.slice + 1))
            with m.If(wraps_slice):
                m.d.sync += [self.asks.eq(~last), place.group.eq(place.group + 1)]
                m.d.sync += place.x.eq(Mux(wraps_x, 0, place.x + 1))
                with m.If(wraps_x):
                    m.d.sync += place.y.eq(Mux(wraps_y, 0, place.y + 1))
                    with m.If(wraps_y):
                        m.d.sync += place.block.eq(place.block + 1)
        return m

    def base(self, place: Signal) -> ValueLike:
        """The group's part of its neurons' addresses."""
        parts = []
        for host in self.hosts:
            offset = host.address_block - host.first_block
            blocks = (place.block + offset, place.y, place.x)
            fields: ValueLike = 0
            for axis, at, block in zip(host.target.axes, host.target.offsets, blocks, strict=True):
                if axis.block_bits:
                    fields |= Cat(Const(0, at + axis.place_bits), block[: axis.block_bits])
            if self.slices:
                ats = host.target.offsets
                firsts = [
                    each.channel << ats[0] | each.row << ats[1] | each.column << ats[2]
                    for each in self.slices
                ]
                fields |= choose(firsts, place.slice)
            parts.append(fields)
        return choose(parts, self.host_held)

    def mask(self, place: Signal) -> ValueLike:
        """Lanes that are neurons; those past an edge hold copies that nobody may see."""
        channels, rows, columns = (range(axis.banks) for axis in self.hosts[0].axes)
        ends = [
            self._of_host(lambda host: host.first_block + host.blocks[0] - 1),
            self._of_host(lambda host: host.blocks[1] - 1),
            self._of_host(lambda host: host.blocks[2] - 1),
        ]
        inside = []
        for axis, places in enumerate((channels, rows, columns)):
            block = (place.block, place.y, place.x)[axis]
            masks = [(1 << _in_last(host, axis)) - 1 for host in self.hosts]
            last = choose(masks, self.host_held)
            inside.append(Mux(block == ends[axis], last, (1 << len(places)) - 1))
        if self.slices:
            parts = [
                Cat(
                    inside[0][each.channel + lane] & inside[1][each.row] & inside[2][each.column]
                    if each.channel + lane < len(channels)
                    else 0
                    for lane in range(self.slice_lanes)
                )
                for each in self.slices
            ]
            return choose(parts, place.slice)
        lanes = [
            inside[0][channel] & inside[1][row] & inside[2][column]
            for row in rows
            for column in columns
            for channel in channels
        ]
        return Cat(lanes)

    def _of_host(self, value: Callable[[HostConfig], int]) -> ValueLike:
        return choose([value(host) for host in self.hosts], self.host_held)


def _in_last(host: HostConfig, axis: int) -> int:
    """Coordinates in the last block of an axis."""
    own = host.axes[axis]
    return own.size - (own.blocks - 1) * own.banks
