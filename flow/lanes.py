"""How a core's lanes are laid out: banks of rows and columns, and channels in each of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Connection, Dense, Network, Product, Window
from spikewright.hdl.axis import axis_reach
from spikewright.hdl.plan import Host
from spikewright.hdl.token import Axis, axes_of

__all__ = ["Banks", "LaneLayout", "choose_layout", "groups", "weight_rows"]

Banks = tuple[int, int]
"""Banks of rows and of columns."""

_MOST_BANKS = 8


@dataclass(frozen=True, kw_only=True)
class LaneLayout:
    """``banks`` of rows and of columns, each with ``channel_lanes`` neighbouring channels."""

    banks: Banks
    channel_lanes: int

    @property
    def lanes(self) -> int:
        """Accumulator lanes in all."""
        return self.banks[0] * self.banks[1] * self.channel_lanes


def choose_layout(
    network: Network, names: Sequence[str], *, lanes: int, banks: Banks | None, parts: int
) -> LaneLayout:
    """The layout of a core that hosts populations, or one of ``parts`` slices of a population.

    It is the one with the fewest cycles for one spike of every source neuron and one sweep; among
    equals that with the fewest lanes, then with the fewest banks.

    Parameters
    ----------
    lanes : the most that it may have. banks : those asked for, no more than there are neurons;
        None where they may be chosen.

    Raises
    ------
    ConfigurationError
        If the lanes are fewer than the banks asked for.
    """
    axes = [axes_of(network.population(name).shape) for name in names]
    channels, *sizes = (max(axis[k].size for axis in axes) for k in range(3))
    room = min(lanes, _slice_channels(channels, parts))
    if max(sizes) == 1:
        return LaneLayout(banks=(1, 1), channel_lanes=room)
    work = _Work(network, names)
    if banks is None:
        rows, columns = (work.useful_banks(axis, size) for axis, size in enumerate(sizes))
        choices = [(r, c) for r in rows for c in columns if r * c <= lanes]
    else:
        choices = [(min(banks[0], sizes[0]), min(banks[1], sizes[1]))]
        high, wide = choices[0]
        if high * wide > lanes:
            raise ConfigurationError(
                f"lanes must be at least the {high} x {wide} banks",
                found=str(lanes),
                where=f"core of {', '.join(map(repr, names))}",
                action="give more lanes or fewer banks",
            )
    layouts = [
        _narrowest(pair, min(room, lanes // (pair[0] * pair[1])), channels) for pair in choices
    ]
    return min(layouts, key=lambda each: (work.cycles(each), each.lanes, each.banks))


def groups(network: Network, host: Host, layout: LaneLayout) -> int:
    """Words of membranes that a host takes."""
    channels, rows, columns = axes_of(network.population(host.population).shape)
    first, last = host.channels or (0, channels.size)
    sizes = (last - first, rows.size, columns.size)
    places = (layout.channel_lanes, *layout.banks)
    blocks = [Axis(size=size, banks=n).blocks for size, n in zip(sizes, places, strict=True)]
    return blocks[0] * blocks[1] * blocks[2]


def weight_rows(network: Network, names: Sequence[str], layout: LaneLayout) -> int:
    """Words of the longest weight memory of a core; 0 where every weight is 1."""
    longest = 0
    for connection in (c for name in names for c in network.sources(name)):
        operator = connection.operator
        source = axes_of(network.node(connection.source).shape)
        channels, *sizes = (
            axis.size for axis in axes_of(network.population(connection.target).shape)
        )
        if isinstance(operator, Dense):
            blocks = [-(-n // b) for n, b in zip(sizes, layout.banks, strict=True)]
            words = operator.sources * -(-channels // layout.channel_lanes) * prod(blocks)
        elif isinstance(operator, Window) and operator.weights is not None:
            # With one bank a tap is a word of its own; with several a word has all of them.
            kernel = (1, *operator.kernel)[-2:]
            taps = [size if b == 1 else 1 for size, b in zip(kernel, layout.banks, strict=True)]
            blocks_of_group = -(-(channels // operator.groups) // layout.channel_lanes)
            words = source[0].size * blocks_of_group * prod(taps)
        else:
            continue
        longest = max(longest, words)
    return longest


def _narrowest(banks: Banks, most: int, channels: int) -> LaneLayout:
    """No more channel lanes than their number of blocks needs."""
    blocks = -(-channels // most)
    return LaneLayout(banks=banks, channel_lanes=-(-channels // blocks))


def _slice_channels(channels: int, parts: int) -> int:
    """The most channels of a block such that there are at least ``parts`` blocks."""
    most = -(-channels // parts)
    return most if -(-channels // most) >= parts else channels // parts


class _Work:
    """Cycles of one spike of every source neuron and one sweep."""

    def __init__(self, network: Network, names: Sequence[str]) -> None:
        self._network = network
        self._names = names
        self._passes: dict[tuple[int, int, int], int] = {}
        self._connections = [c for name in names for c in network.sources(name)]

    def cycles(self, layout: LaneLayout) -> int:
        """Rows of weights, and groups of membranes."""
        hosts = (Host(population=name) for name in self._names)
        sweep = sum(groups(self._network, host, layout) for host in hosts)
        return sweep + sum(self._rows(k, layout) for k in range(len(self._connections)))

    def useful_banks(self, axis: int, size: int) -> list[int]:
        """Numbers of banks of rows (0) or columns (1) that make fewer passes than fewer banks."""
        useful: list[int] = []
        best = 0
        for banks in range(1, min(size, _MOST_BANKS) + 1):
            passes = sum(self._along(k, axis, banks) for k in range(len(self._connections)))
            if not useful or passes < best:
                useful.append(banks)
                best = passes
        return useful

    def _rows(self, index: int, layout: LaneLayout) -> int:
        connection = self._connections[index]
        operator = connection.operator
        source = axes_of(self._network.node(connection.source).shape)
        channels = axes_of(self._network.population(connection.target).shape)[0].size
        blocks = 1
        if isinstance(operator, Dense):
            blocks = -(-channels // layout.channel_lanes)
        elif isinstance(operator, Window) and operator.weights is not None:
            blocks = -(-(channels // operator.groups) // layout.channel_lanes)
        elif isinstance(operator, Product):
            blocks = -(-(channels // operator.heads) // layout.channel_lanes)
        rows, columns = (self._along(index, axis, layout.banks[axis]) for axis in (0, 1))
        return source[0].size * blocks * rows * columns

    def _along(self, index: int, axis: int, banks: int) -> int:
        """Passes along rows (0) or columns (1), added up over the source's coordinates."""
        key = (index, axis, banks)
        if key not in self._passes:
            self._passes[key] = _passes(self._network, self._connections[index], axis, banks)
        return self._passes[key]


def _passes(network: Network, connection: Connection, axis: int, banks: int) -> int:
    source, target = (
        axes_of(network.node(name).shape)[1 + axis]
        for name in (connection.source, connection.target)
    )
    operator = connection.operator
    if isinstance(operator, Dense):
        return source.size * -(-target.size // banks)
    if not isinstance(operator, Window):
        return source.size
    own = axis - 2 + len(operator.kernel)  # a window of one dimension has columns only
    if own < 0:
        return 1
    total = 0
    for pairs in axis_reach(operator, own, source.size, target.size):
        places = [place % banks for place, _ in pairs]
        total += max((places.count(place) for place in set(places)), default=0)
    return total
