"""What a spike of a connection reaches, as tables that one address generator executes.

Every connection is separable: a spike at (c, y, x) reaches target rows that depend on y alone,
columns that depend on x alone and channels that depend on c alone. So padding, stride, dilation,
transposition, pooling, upsampling and edges are three tables of a few entries each, and nothing of
them is left for hardware to compute.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from spikewright.golden.spec import Delta, Dense, Identity, IntArray, Operator, Window, WindowKind

from .axis import AxisSchedule, along, axis_reach, everywhere
from .token import Axes, Axis, TokenLayout

__all__ = ["PortSchedule", "dense_matrix", "port_schedule"]


@dataclass(frozen=True, kw_only=True, eq=False)
class PortSchedule:
    """All that one spike of a connection does: for y passes, x passes and channel blocks one row.

    The row's address is row[c] + y.row + x.row + j * block_stride for the j-th channel block.

    Parameters
    ----------
    translate : [source addresses], the address among the target's own that stands for a source's;
        None where the axes fit each other. ``y``, ``x`` and the channel tables then take it.
    y, x : rows and columns.
    first, count : [codes], channel blocks first .. first + count - 1, local to the target's slice.
    channels : [codes, J], neurons that take part in the j-th of these blocks of one position.
    place : [codes], the one channel lane that takes part; None where all do.
    row, block_stride : summands of the row's address.
    weights : [rows, y positions, x positions, channel lanes], one channel lane where ``place`` is
        given; None where every weight is 1.
    weight_bits, shift : as in the contract. negative : whether payloads are subtracted.
    target : axes of the target's slice.
    rows_per_neuron, synops_per_neuron : [source neurons], of one spike.
    """

    translate: IntArray | None
    y: AxisSchedule
    x: AxisSchedule
    first: IntArray
    count: IntArray
    channels: IntArray
    place: IntArray | None
    row: IntArray
    block_stride: int
    weights: IntArray | None
    weight_bits: int
    shift: int
    negative: bool
    target: Axes
    rows_per_neuron: IntArray
    synops_per_neuron: IntArray


@dataclass(frozen=True, kw_only=True, eq=False)
class _Channels:
    """The channel tables by coordinate, before they are spread over codes.

    ``start`` is the slice's number of the first channel of the group that a source reaches.
    """

    start: IntArray
    first: IntArray
    count: IntArray
    channels: IntArray
    place: IntArray | None


def port_schedule(
    operator: Operator,
    *,
    source: TokenLayout,
    target: Axes,
    channels: tuple[int, int] | None = None,
) -> PortSchedule:
    """The schedule of a connection into a slice of a population.

    Parameters
    ----------
    operator : what the connection does. Behind a delta unit every spike already has its target's
        address, so that ``source`` is the layout of the target.
    source : tokens that arrive. target : axes of the whole population, with its banks.
    channels : first and last (exclusive) channel of the slice, a multiple of the channel's banks;
        all by default.
    """
    first, last = channels or (0, target[0].size)
    local = (Axis(size=last - first, banks=target[0].banks), target[1], target[2])
    match operator:
        case Dense():
            return _dense(operator, source, target, local, first)
        case Window():
            return _window(operator, source, local, first)
        case Identity():
            return _identity(operator, source, target, local, first)
        case Delta():
            return _passing(source, local, first, shift=0, negative=False)
    raise AssertionError(operator)  # the plan's check refused everything else


def _dense(
    operator: Dense, source: TokenLayout, target: Axes, local: Axes, first: int
) -> PortSchedule:
    """Every spike adds a row to every block of the target; banks take their own position."""
    weights = dense_matrix(operator)
    pre = weights.shape[0]
    lanes, blocks = tuple(a.banks for a in local), tuple(a.blocks for a in local)
    whole = weights.reshape(pre, *(a.size for a in target))[:, first : first + local[0].size]
    pads = [(0, a.blocks * a.banks - a.size) for a in local]
    whole = np.pad(whole, [(0, 0), *pads])
    split = whole.reshape(pre, blocks[0], lanes[0], blocks[1], lanes[1], blocks[2], lanes[2])
    rows = split.transpose(1, 3, 5, 0, 4, 6, 2).reshape(-1, lanes[1], lanes[2], lanes[0])
    _, n_rows, n_columns = source.shape
    y = everywhere(source.axes[1], local[1], weight=n_columns, stride=blocks[2] * pre)
    x = everywhere(source.axes[2], local[2], weight=1, stride=pre)
    n_source = source.axes[0].size
    table = _Channels(
        start=np.zeros(n_source, np.int64),
        first=np.zeros(n_source, np.int64),
        count=np.full(n_source, blocks[0]),
        channels=np.tile(_in_block(local[0]), (n_source, 1)),
        place=None,
    )
    return _schedule(
        source,
        local,
        y,
        x,
        table,
        row=np.arange(n_source) * n_rows * n_columns,
        block_stride=blocks[1] * blocks[2] * pre,
        weights=rows,
        weight_bits=operator.weight_bits,
        shift=operator.shift,
    )


def dense_matrix(dense: Dense) -> IntArray:
    """All weights [sources, targets], zeros between the blocks included."""
    if dense.weights.ndim == 2:
        return dense.weights
    blocks, pre, post = dense.weights.shape
    matrix = np.zeros((blocks * pre, blocks * post), dtype=np.int64)
    for b in range(blocks):
        matrix[b * pre : (b + 1) * pre, b * post : (b + 1) * post] = dense.weights[b]
    return matrix


def _window(operator: Window, source: TokenLayout, local: Axes, first: int) -> PortSchedule:
    spatial = len(operator.kernel)
    sides = []
    for axis in (1, 2):
        at = axis - 3 + spatial  # the window's own axis; a one-dimensional one has columns only
        n_source, n_target = source.axes[axis].size, local[axis].size
        sides.append(axis_reach(operator, at, n_source, n_target) if at >= 0 else [[(0, 0)]])
    kernel = (1, *operator.kernel) if spatial == 1 else operator.kernel
    # With one bank a tap is a row of its own; with several a word has all taps side by side.
    serial_y = kernel[0] if local[1].banks == 1 else 1
    serial_x = kernel[1] if local[2].banks == 1 else 1
    y = along(source.axes[1], local[1], sides[0], kernel[0], stride=serial_x)
    x = along(source.axes[2], local[2], sides[1], kernel[1], stride=1)
    taps = serial_y * serial_x
    n_source = source.axes[0].size
    weights, table = _window_channels(operator, n_source, local[0], first)
    row = np.arange(n_source) * taps
    stride = n_source * taps
    rows = None
    if weights is not None:
        rows = _rows(weights, table, local[0], (serial_y, serial_x, y.positions, x.positions))
    return _schedule(
        source,
        local,
        y,
        x,
        table,
        row=row,
        block_stride=stride,
        weights=rows,
        weight_bits=operator.weight_bits,
        shift=operator.shift,
    )


def _window_channels(
    operator: Window, n_source: int, axis: Axis, first: int
) -> tuple[IntArray | None, _Channels]:
    """Weights [source channel, target channel of its group, y, x], and the channel tables."""
    if operator.weights is None:
        return None, _one_channel(np.arange(n_source) - first, axis)
    kernel = operator.weights.shape[2:]
    plane = (1, *kernel) if len(kernel) == 1 else kernel
    groups = operator.groups
    n_in = n_source // groups
    weights = operator.weights.reshape(groups, -1, *operator.weights.shape[1:])
    if operator.kind is WindowKind.CONVOLUTION:
        weights = weights.swapaxes(1, 2)
    weights = weights.reshape(n_source, -1, *plane)
    n_out = weights.shape[1]
    start = np.arange(n_source) // n_in * n_out - first
    if n_out == 1:
        return weights, _one_channel(start, axis)
    return weights, _group_channels(start, n_out, axis)


def _one_channel(target: IntArray, axis: Axis) -> _Channels:
    """Each source channel reaches one channel of the slice, or none where it lies outside."""
    inside = ((target >= 0) & (target < axis.size)).astype(np.int64)
    start, target = target, target * inside
    return _Channels(
        start=start,
        first=target // axis.banks,
        count=inside,
        channels=inside[:, np.newaxis],
        place=target % axis.banks,
    )


def _group_channels(start: IntArray, n_out: int, axis: Axis) -> _Channels:
    """Each source channel reaches ``n_out`` channels from ``start`` on, as far as there are."""
    low, high = start.clip(0, axis.size), (start + n_out).clip(0, axis.size)
    first = low // axis.banks
    count = np.where(high > low, -(-high // axis.banks) - first, 0)
    first = np.where(count > 0, first, 0)
    edges = (first[:, np.newaxis] + np.arange(int(count.max(initial=1)) + 1)) * axis.banks
    edges = edges.clip(low[:, np.newaxis], high[:, np.newaxis])
    return _Channels(
        start=start, first=first, count=count, channels=np.diff(edges, axis=1), place=None
    )


def _rows(
    weights: IntArray, table: _Channels, axis: Axis, taps: tuple[int, int, int, int]
) -> IntArray:
    """Rows [block][source channel][serial y][serial x] of words [y, x, channel lane]."""
    serial_y, serial_x, wide_y, wide_x = taps
    n_source, n_out = weights.shape[:2]
    if table.place is not None:
        spread = weights[np.newaxis]
    else:
        lanes = axis.banks
        most = int(table.count.max(initial=1))
        spread = np.zeros((most, n_source, lanes, *weights.shape[2:]), dtype=np.int64)
        for c in range(n_source):
            for j in range(int(table.count[c])):
                channel = (int(table.first[c]) + j) * lanes + np.arange(lanes)
                within = channel - int(table.start[c])
                own = (within >= 0) & (within < n_out) & (channel < axis.size)
                spread[j, c, own] = weights[c, within[own]]
    # [j, c, lane, y, x] to [j, c, serial y, serial x, wide y, wide x, lane]
    split = spread.reshape(*spread.shape[:3], serial_y, wide_y, serial_x, wide_x)
    ordered = split.transpose(0, 1, 3, 5, 4, 6, 2)
    return np.ascontiguousarray(ordered.reshape(-1, wide_y, wide_x, spread.shape[2]))


def _identity(
    operator: Identity, source: TokenLayout, target: Axes, local: Axes, first: int
) -> PortSchedule:
    plane = target[1].size * target[2].size
    same = source.shape[1:] == (target[1].size, target[2].size)
    shift, negative = operator.shift, operator.negative
    if same and operator.offset % plane == 0:
        first -= operator.offset // plane
        return _passing(source, local, first, shift=shift, negative=negative)
    own = TokenLayout(axes=target, low=source.low, high=source.high)
    neurons = np.arange(source.neurons)
    addresses = source.encode(neurons)
    translate = np.zeros(int(addresses.max()) + 1, dtype=np.int64)
    translate[addresses] = own.encode(neurons + operator.offset)
    passing = _passing(own, local, first, shift=shift, negative=negative)
    reached = slice(operator.offset, operator.offset + source.neurons)
    return _replaced(passing, translate, reached)


def _replaced(schedule: PortSchedule, translate: IntArray, reached: slice) -> PortSchedule:
    return replace(
        schedule,
        translate=translate,
        rows_per_neuron=schedule.rows_per_neuron[reached],
        synops_per_neuron=schedule.synops_per_neuron[reached],
    )


def _passing(
    source: TokenLayout, local: Axes, first: int, *, shift: int, negative: bool
) -> PortSchedule:
    """Every neuron reaches the one at its own place; channel ``first`` is the slice's 0."""
    sides = [
        along(source.axes[axis], local[axis], [[(i, 0)] for i in range(local[axis].size)], 1, 1)
        for axis in (1, 2)
    ]
    n_source = source.axes[0].size
    return _schedule(
        source,
        local,
        sides[0],
        sides[1],
        _one_channel(np.arange(n_source) - first, local[0]),
        row=np.zeros(n_source, np.int64),
        block_stride=0,
        weights=None,
        weight_bits=2,
        shift=shift,
        negative=negative,
    )


def _in_block(axis: Axis) -> IntArray:
    """Coordinates in each block."""
    return np.minimum(axis.banks, axis.size - np.arange(axis.blocks) * axis.banks)


def _schedule(
    source: TokenLayout,
    local: Axes,
    y: AxisSchedule,
    x: AxisSchedule,
    table: _Channels,
    *,
    row: IntArray,
    block_stride: int,
    weights: IntArray | None,
    weight_bits: int,
    shift: int,
    negative: bool = False,
) -> PortSchedule:
    """Spread the channel tables over codes and count what every neuron's spike costs."""
    codes = source.axes[0].encode(np.arange(source.axes[0].size))
    spread = [_spread(values, codes) for values in (table.first, table.count, table.channels, row)]
    rows = [table.count, *(_of_coordinates(source.axes[k], s.passes) for k, s in ((1, y), (2, x)))]
    synops = [
        table.channels.sum(axis=1),
        *(_of_coordinates(source.axes[k], s.enable.sum(axis=(1, 2))) for k, s in ((1, y), (2, x))),
    ]
    return PortSchedule(
        translate=None,
        y=y,
        x=x,
        first=spread[0],
        count=spread[1],
        channels=spread[2],
        place=None if table.place is None else _spread(table.place, codes),
        row=spread[3],
        block_stride=block_stride,
        weights=weights,
        weight_bits=weight_bits,
        shift=shift,
        negative=negative,
        target=local,
        rows_per_neuron=_product(rows),
        synops_per_neuron=_product(synops),
    )


def _of_coordinates(axis: Axis, by_code: IntArray) -> IntArray:
    return by_code[axis.encode(np.arange(axis.size))]


def _spread(values: IntArray, codes: IntArray) -> IntArray:
    result = np.zeros((int(codes[-1]) + 1, *values.shape[1:]), dtype=np.int64)
    result[codes] = values
    return result


def _product(factors: Sequence[IntArray]) -> IntArray:
    channels, rows, columns = factors
    result: IntArray = channels[:, None, None] * rows[None, :, None] * columns[None, None, :]
    return result.reshape(-1)
