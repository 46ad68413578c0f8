"""What a product does for a spike of its query: the rows of a convolution that are summed anew."""

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Shape

from spikewright.golden.spec import IntArray, Product, Window, WindowKind

from .geometry import PortSchedule, port_schedule
from .token import Axes, TokenLayout

__all__ = ["SumRows", "product_schedule", "shape_of_sums", "sum_rows"]


def shape_of_sums(keys: TokenLayout, values: TokenLayout) -> Shape:
    """What holds the sum over tokens of key times value, whatever comes."""
    _, rows, columns = keys.shape
    ends = [
        k * v * rows * columns for k in (keys.low, keys.high) for v in (values.low, values.high)
    ]
    return Shape.cast(range(min(0, *ends), max(1, *ends) + 1))


def product_schedule(
    operator: Product,
    *,
    source: TokenLayout,
    target: Axes,
    sums: Shape,
    channels: tuple[int, int] | None = None,
) -> PortSchedule:
    """The schedule of a product into a slice of a population.

    A spike of the query reaches, at its own position, all channels of its head: the rows are those
    of a convolution of kernel 1 whose groups are the heads. Its ``weights`` say which lanes of a
    row hold a sum, of as many bits in two's complement as a sum of shape ``sums`` takes.

    Parameters
    ----------
    operator, sums : what is computed. source, target, channels : as of ``port_schedule``.
    """
    one, none = (1, 1), (0, 0)
    features = source.shape[0] // operator.heads
    ones = Window(
        kind=WindowKind.CONVOLUTION,
        kernel=one,
        stride=one,
        padding=none,
        dilation=one,
        output_padding=none,
        groups=operator.heads,
        weights=np.ones((target[0].size, features, *one), dtype=np.int64),
        weight_bits=sums.width + (not sums.signed),
        shift=operator.shift,
    )
    return port_schedule(ones, source=source, target=target, channels=channels)


@dataclass(frozen=True, kw_only=True, eq=False)
class SumRows:
    """The rows of sums in the order in which they are made, an entry each.

    Parameters
    ----------
    row : its number. key : the channel of the keys. block : of the values' channels, as many side
    by side as a row has fields. mask : [entries, fields], 1 where a field holds a sum, else it is
    0. keys, values : first and last (exclusive) channel of them that is needed. depth : rows of the
    memory, some of which may hold nothing. lanes : fields of a row.
    """

    row: IntArray
    key: IntArray
    block: IntArray
    mask: IntArray
    keys: tuple[int, int]
    values: tuple[int, int]
    depth: int
    lanes: int


def sum_rows(schedule: PortSchedule, query: TokenLayout, channels: tuple[int, int]) -> SumRows:
    """The rows that a query's spikes read, by ``schedule``, into those channels of the target."""
    assert schedule.weights is not None  # a product has rows
    lanes = schedule.weights.shape[-1]
    codes = query.axes[0].encode(np.arange(query.axes[0].size))
    found = []
    for key, code in enumerate(codes.tolist()):
        for turn in range(int(schedule.count[code])):
            row = int(schedule.row[code]) + turn * schedule.block_stride
            block = int(schedule.first[code]) + turn
            if schedule.place is not None:  # one channel, wherever its lane
                block = block * schedule.target[0].banks + int(schedule.place[code])
            found.append((row, key, block))
    rows, keys, blocks = (np.array(each) for each in zip(*found, strict=True))
    return SumRows(
        row=rows,
        key=keys,
        block=blocks,
        mask=schedule.weights[rows].reshape(len(rows), lanes),
        keys=(int(keys.min()), int(keys.max()) + 1),
        values=channels,
        depth=len(schedule.weights),
        lanes=lanes,
    )
