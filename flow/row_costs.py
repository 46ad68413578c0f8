"""What a connection costs in dense and in sparse rows."""

from dataclasses import dataclass

import numpy as np

from spikewright.golden.spec import Dense, IntArray
from spikewright.hdl.geometry import PortSchedule, port_schedule
from spikewright.hdl.plan import Rows
from spikewright.hdl.pointers import pointer_columns
from spikewright.hdl.sparse_schedule import SparseSchedule, sparse_schedule
from spikewright.hdl.token import Axes, TokenLayout

__all__ = ["RowCost", "row_costs"]


@dataclass(frozen=True, kw_only=True, eq=False)
class RowCost:
    """Rows that a spike of each source neuron takes, [sources], and bits of rows and pointers."""

    rows_per_neuron: IntArray
    bits: int

    @property
    def rows(self) -> int:
        """Rows of one spike of every source neuron."""
        return int(self.rows_per_neuron.sum())

    def is_less(self, other: "RowCost") -> bool:
        """Whether it takes fewer rows, or fewer bits for as many."""
        return (self.rows, self.bits) < (other.rows, other.bits)


def row_costs(
    dense: Dense,
    *,
    source: TokenLayout,
    target: Axes,
    channels: tuple[int, int] | None = None,
) -> dict[Rows, RowCost]:
    """Costs of a connection into a slice of a population, as ``port_schedule`` says of them."""
    whole = port_schedule(dense, source=source, target=target, channels=channels)
    compressed = sparse_schedule(dense, source=source, target=target, channels=channels)
    return {
        Rows.DENSE: RowCost(rows_per_neuron=whole.rows_per_neuron, bits=_dense_bits(whole)),
        Rows.SPARSE: RowCost(
            rows_per_neuron=compressed.rows_per_neuron, bits=_sparse_bits(compressed)
        ),
    }


def _dense_bits(schedule: PortSchedule) -> int:
    assert schedule.weights is not None  # a dense connection has weights
    return int(schedule.weights.size) * schedule.weight_bits


def _sparse_bits(schedule: SparseSchedule) -> int:
    columns = pointer_columns(schedule).values()
    pointers = sum(
        column.width * len(column.values) for column in columns if column.constant is None
    )
    return int(np.prod(schedule.weights.shape)) * schedule.entry_bits + pointers
