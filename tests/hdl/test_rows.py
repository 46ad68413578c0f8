"""The tables of a connection: what they take, and what they refuse."""

import dataclasses

import numpy as np
import pytest

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Dense, Identity, Window, WindowKind
from spikewright.hdl.geometry import port_schedule
from spikewright.hdl.rows import RowTables
from spikewright.hdl.tables import ColumnKind
from spikewright.hdl.token import TokenLayout, axes_of


def tables(operator, source, target, banks=(1, 1, 1), own=(1, 1, 1), first_group=0):
    layout = TokenLayout(axes=axes_of(source, own), low=0, high=1)
    schedule = port_schedule(operator, source=layout, target=axes_of(target, banks))
    return RowTables(layout=layout, schedule=schedule, first_group=first_group)


def convolution(kernel, channels, **options):
    ones, zeros = (1, 1), (0, 0)
    fields = {"stride": ones, "padding": zeros, "dilation": ones, "output_padding": zeros}
    weights = np.ones((*channels, *kernel), np.int64)
    kind = WindowKind.CONVOLUTION
    return Window(kind=kind, kernel=kernel, weights=weights, weight_bits=2, **(fields | options))


def test_a_translated_spike_has_one_row():
    made = tables(Identity(offset=7), (50,), (3, 4, 5), own=(8, 1, 1))
    assert made.interval == 1
    schedule = dataclasses.replace(made.schedule, rows_per_neuron=np.full(50, 2))
    with pytest.raises(
        ConfigurationError,
        match=r"^a spike whose address is translated must issue at most one row, found 2$",
    ):
        RowTables(layout=made.layout, schedule=schedule, first_group=0)


def test_a_dense_connection_is_wires():
    made = tables(
        Dense(weights=np.ones((784, 128), np.int64), weight_bits=2), (784,), (128,), (16, 1, 1)
    )
    kinds = {
        name: column.kind
        for loop in made.loops.values()
        for name, column in loop.columns.items()
        if column.kind is not ColumnKind.CONSTANT
    }
    assert kinds == {"row": ColumnKind.WIRES}
    assert (made.latency, made.turns, made.row_stride) == (1, 8, 784)
    assert made.loops["c"].reach.constant == made.loops["y"].last.constant == 1
    assert made.block_rams == ()


def test_a_bank_knows_what_it_may_take():
    made = tables(convolution((3, 3), (2, 1), stride=(2, 1)), (1, 9, 8), (2, 4, 6), (2, 2, 3))
    assert made.loops["y"].options == ((0, 1, 2), (0, 1, 2))
    assert made.loops["x"].options == ((0, 1, 2),) * 3
    one = tables(convolution((2, 2), (2, 1), stride=(2, 2)), (1, 8, 8), (2, 4, 4), (2, 2, 4))
    assert one.loops["y"].options == ((0, 1),) * 2
    assert one.loops["y"].counts == (1,)


def test_large_tables_are_in_block_ram():
    made = tables(convolution((3, 3), (4, 2), padding=(1, 1)), (2, 40, 5), (4, 40, 5), (4, 1, 1))
    assert made.loops["y"].columns["block_0"].kind is ColumnKind.BLOCK
    assert made.loops["x"].columns["block_0"].kind is ColumnKind.LOGIC
    widths = [
        column.width
        for column in made.loops["y"].columns.values()
        if column.kind is ColumnKind.BLOCK
    ]
    assert made.block_rams == ((256, sum(widths)),)
    assert (made.table_latency, made.sum_latency) == (2, 1)


def test_the_first_group_is_part_of_the_plane():
    dense = Dense(weights=np.ones((4, 6), np.int64), weight_bits=2)
    assert tables(dense, (4,), (6,), (2, 1, 1), first_group=5).first_plane == 5
    assert tables(dense, (4,), (6,), (2, 1, 1), first_group=5).latency == 1
