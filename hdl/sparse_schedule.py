"""What a spike of a dense connection adds where only the weights that are not 0 are stored."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from spikewright.golden.spec import Dense, IntArray

from .geometry import dense_matrix
from .token import Axes, Axis, TokenLayout

__all__ = ["SparseSchedule", "sparse_schedule"]


@dataclass(frozen=True, kw_only=True, eq=False)
class SparseSchedule:
    """Compressed rows of a connection: in each lane a weight, and the group that it is added to.

    A spike adds rows start .. start + count - 1 of its address. A neuron is of one lane, so that a
    weight is stored in the lane of its target, whatever the groups of the row's other lanes. A
    spike has as many rows as its fullest lane has weights; where another lane has fewer, the rest
    are weights of 0 of group 0, and nothing is changed by them.

    Parameters
    ----------
    start, count : [source addresses]. known : [source addresses], those that a neuron has.
    groups, weights : [rows, lanes]; rows by ascending address, groups of a lane ascending.
    weight_bits, shift : as in the contract. target : axes of the target's slice.
    rows_per_neuron, synops_per_neuron : [source neurons], of one spike; a synop is a weight that is
        not 0.
    """

    start: IntArray
    count: IntArray
    known: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
    groups: IntArray
    weights: IntArray
    weight_bits: int
    shift: int
    target: Axes
    rows_per_neuron: IntArray
    synops_per_neuron: IntArray

    @property
    def lanes(self) -> int:
        """Lanes of a row."""
        return int(self.weights.shape[1])

    @cached_property
    def group_bits(self) -> int:
        """Bits of a group in a row."""
        return (int(np.prod([axis.blocks for axis in self.target])) - 1).bit_length()

    @property
    def entry_bits(self) -> int:
        """Bits of a lane in a row: the weight, then the group."""
        return self.weight_bits + self.group_bits


def sparse_schedule(
    dense: Dense,
    *,
    source: TokenLayout,
    target: Axes,
    channels: tuple[int, int] | None = None,
) -> SparseSchedule:
    """The compressed rows of a connection into a slice of a population.

    Parameters
    ----------
    dense : the weights. source : tokens that arrive. target : axes of the whole population, with
    its banks: the neurons of one place of all blocks share a lane.
    channels : first and last (exclusive) channel of the slice, a multiple of the channel's banks;
        all by default.
    """
    first, last = channels or (0, target[0].size)
    local = (Axis(size=last - first, banks=target[0].banks), target[1], target[2])
    matrix = dense_matrix(dense)
    whole = matrix.reshape(len(matrix), *(axis.size for axis in target))[:, first:last]
    lane, group = _places(local)
    lanes = local[0].banks * local[1].banks * local[2].banks
    pre, post = np.nonzero(whole.reshape(len(matrix), -1))
    weights, lane, group = whole.reshape(len(matrix), -1)[pre, post], lane[post], group[post]
    # By spike and lane, groups ascending: the k-th entry of a lane is in the spike's k-th row.
    order = np.lexsort((group, lane, pre))
    pre, lane, group, weights = pre[order], lane[order], group[order], weights[order]
    each = np.bincount(pre * lanes + lane, minlength=len(matrix) * lanes)
    rank = np.arange(len(pre)) - (np.cumsum(each) - each)[pre * lanes + lane]
    count = each.reshape(len(matrix), lanes).max(axis=1)
    address = source.encode(np.arange(source.neurons))
    start = np.zeros(len(matrix), np.int64)
    by_address = np.argsort(address)
    start[by_address] = np.cumsum(count[by_address]) - count[by_address]
    rows = np.zeros((2, max(1, int(count.sum())), lanes), np.int64)
    rows[0, start[pre] + rank, lane] = group
    rows[1, start[pre] + rank, lane] = weights
    size = int(address.max()) + 1
    return SparseSchedule(
        start=_spread(start, address, size),
        count=_spread(count, address, size),
        known=_spread(np.ones(len(matrix), np.int64), address, size).astype(np.bool_),
        groups=rows[0],
        weights=rows[1],
        weight_bits=dense.weight_bits,
        shift=dense.shift,
        target=local,
        rows_per_neuron=count,
        synops_per_neuron=each.reshape(len(matrix), lanes).sum(axis=1),
    )


def _places(axes: Axes) -> tuple[IntArray, IntArray]:
    """Lane and group of every neuron: lanes bank by bank, groups channel blocks outside."""
    shape = [axis.size for axis in axes]
    channel, row, column = (index.reshape(-1) for index in np.indices(shape))
    c, y, x = axes
    lane = (row % y.banks * x.banks + column % x.banks) * c.banks + channel % c.banks
    group = channel // c.banks * y.blocks + row // y.banks
    return lane, group * x.blocks + column // x.banks


def _spread(values: IntArray, address: IntArray, size: int) -> IntArray:
    result = np.zeros(size, np.int64)
    result[address] = values
    return result
