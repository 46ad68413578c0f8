"""A table gives every value that is known, and is made of the least that serves."""

import random

import numpy as np
import pytest
from amaranth.hdl import Module, Signal

from spikewright.golden.errors import ConfigurationError
from spikewright.hdl.tables import Column, ColumnKind, ConstantTable, block_rams, look_up
from support.streams import simulate


def column(values, known=None):
    values = np.array(values)
    return Column(values, np.ones(len(values), np.bool_) if known is None else np.array(known))


def codes(blocks, banks):
    """Indices of coordinates 0, 1, ... counted in blocks, whose place takes whole bits."""
    return [
        (block << (banks - 1).bit_length()) + place
        for block in range(blocks)
        for place in range(banks)
    ]


def by_code(values, indices):
    size = 1 << max(indices).bit_length()
    spread, known = np.zeros(size, np.int64), np.zeros(size, np.bool_)
    spread[indices], known[indices] = values, True
    return Column(spread, known)


def test_constructor_errors():
    with pytest.raises(
        ConfigurationError,
        match=r"^a column must have one value for each index of whole bits, found 3 values, "
        r"of which 3 are marked$",
    ):
        column([1, 2, 3])
    with pytest.raises(
        ConfigurationError, match=r"^the values of a column must be at least 0, found -2$"
    ):
        column([1, -2])
    with pytest.raises(ConfigurationError, match=r"^column 'row' must have 4 values, found 2$"):
        ConstantTable(index_bits=2, columns={"row": column([1, 2])})


@pytest.mark.parametrize(
    ("made", "kind", "support"),
    [
        (column([7] * 8), ColumnKind.CONSTANT, ()),
        (column([7, 1, 7, 2], [True, False, True, False]), ColumnKind.CONSTANT, ()),
        (column([0, 0, 0, 0]), ColumnKind.CONSTANT, ()),
        (column(range(1024)), ColumnKind.WIRES, tuple(range(10))),
        (column([8 * (k >> 1) + 5 for k in range(16)]), ColumnKind.WIRES, (1, 2, 3)),
        (column([0, 25]), ColumnKind.WIRES, (0,)),
        (by_code(range(784), list(range(784))), ColumnKind.WIRES, tuple(range(10))),
        (by_code(range(96), codes(8, 12)), ColumnKind.ADDERS, tuple(range(7))),
        (column([7 * k for k in range(64)]), ColumnKind.ADDERS, tuple(range(6))),
        (column([9 * k + 3 for k in range(256)]), ColumnKind.ADDERS, tuple(range(8))),
        (column([9 * k for k in range(32)]), ColumnKind.LOGIC, tuple(range(5))),
        (column([k * k for k in range(64)]), ColumnKind.LOGIC, tuple(range(6))),
        (column([k * k for k in range(128)]), ColumnKind.BLOCK, tuple(range(7))),
        (column([(k >> 1) ** 2 for k in range(128)]), ColumnKind.LOGIC, tuple(range(1, 7))),
    ],
)
def test_a_column_is_the_least_that_serves(made, kind, support):
    assert (made.kind, made.support) == (kind, support)
    assert made.constant == (made.reduced[0] if kind is ColumnKind.CONSTANT else None)


def values_of(dut, indices, names):
    """Values of the columns for a stream of indices, one a cycle."""
    seen = []

    async def bench(ctx):
        for k in range(len(indices) + dut.latency):
            ctx.set(dut.index, int(indices[min(k, len(indices) - 1)]))
            if k >= dut.latency:
                seen.append([ctx.get(getattr(dut, name)) for name in names])
            await ctx.tick()

    simulate(dut, bench)
    return seen


def random_column(rng, bits):
    n = 1 << bits
    known = np.array([rng.random() < rng.choice((0.3, 1.0)) for _ in range(n)])
    kind = rng.randrange(4)
    if kind == 0:
        values = np.arange(n) * rng.choice((1, 3, 7, 12)) + rng.choice((0, 0, 3))
    elif kind == 1:
        values = (np.arange(n) >> rng.randrange(bits)) % 5
    elif kind == 2:
        values = np.full(n, rng.randrange(9))
    else:
        values = np.array([rng.randrange(50) for _ in range(n)])
    return Column(values, known)


@pytest.mark.parametrize("seed", range(20))
def test_random_tables(seed):
    rng = random.Random(seed)
    bits = rng.randint(1, 8)
    columns = {f"column_{k}": random_column(rng, bits) for k in range(4)}
    dut = ConstantTable(index_bits=bits, columns=columns)
    kinds = {made.kind for made in columns.values()}
    slow = 2 if ColumnKind.BLOCK in kinds else 1
    assert dut.latency == (slow if kinds - {ColumnKind.CONSTANT, ColumnKind.WIRES} else 0)
    assert dut.interval == 1
    indices = [rng.randrange(1 << bits) for _ in range(200)] + list(range(1 << bits))
    for index, row in zip(indices, values_of(dut, indices, columns), strict=True):
        for made, value in zip(columns.values(), row, strict=True):
            assert not made.known[index] or value == made.values[index]


def test_what_is_in_block_ram():
    small, even = column([k * k for k in range(64)]), column([(k // 2) ** 2 for k in range(8192)])
    assert block_rams({"a": column([k >> 1 for k in range(64)]), "b": small}) == ()
    one = column([k % 7 * k for k in range(8192)])
    assert block_rams({"a": even, "b": even}) == ((4096, 4),) * 12
    assert block_rams({"a": even, "b": one})[0] == (8192, 2)
    assert sum(bits for _, bits in block_rams({"a": even, "b": one})) == 24 + one.width


def test_a_value_in_the_same_cycle():
    rng = random.Random(3)
    made = column([rng.randrange(50) for _ in range(128)])
    index, value = Signal(7), Signal(6)

    dut = Module()
    dut.d.comb += value.eq(look_up(dut, made, index, "table"))

    async def bench(ctx):
        for k in range(128):
            ctx.set(index, k)
            assert ctx.get(value) == made.values[k]

    assert made.kind is ColumnKind.BLOCK
    simulate(dut, bench)
