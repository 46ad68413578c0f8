"""What was written into one bank is read, in two's complement, while the other is written."""

import random

import pytest
from amaranth.hdl import Shape, signed, unsigned

from spikewright.hdl.plan import WeightStore
from spikewright.hdl.product_memory import ProductMemory, product_slices
from spikewright.hdl.weights import column_slices
from support.streams import simulate


@pytest.mark.parametrize("rows", [1, 5, 8])
@pytest.mark.parametrize("shape", [unsigned(3), signed(3), unsigned(1)])
def test_banks_do_not_meet(rows, shape):
    shape = Shape.cast(shape)
    fields, bits = 2, shape.width + (not shape.signed)
    dut = ProductMemory(rows=rows, fields=fields, shape=shape, bits=bits)
    rng = random.Random(rows)
    low = -(1 << shape.width - 1) if shape.signed else 0
    steps = [
        [[rng.randrange(low, low + (1 << shape.width)) for _ in range(fields)] for _ in range(rows)]
        for _ in range(4)
    ]
    found = []

    async def bench(ctx):
        for step, values in enumerate([*steps, steps[0]]):
            ctx.set(dut.stored.bank, step & 1)
            ctx.set(dut.stored.read_bank, ~step & 1)
            seen = []
            for cycle in range(rows + dut.latency):
                row = min(cycle, rows - 1)
                ctx.set(dut.stored.write, cycle < rows)
                ctx.set(dut.stored.row, row)
                word = sum(
                    (value & (1 << shape.width) - 1) << k * shape.width
                    for k, value in enumerate(values[row])
                )
                ctx.set(dut.stored.word, word)
                ctx.set(dut.address, row)
                if cycle >= dut.latency:
                    read = ctx.get(dut.row)
                    parts = [read >> k * bits & ((1 << bits) - 1) for k in range(fields)]
                    seen.append([part - (part >> bits - 1 << bits) for part in parts])
                await ctx.tick()
            found.append(seen)

    simulate(dut, bench)
    assert found[1:] == steps
    assert dut.interval == 1


def test_deep_memories_are_cut_as_weights_are():
    depth, slices = product_slices(1100, 30)
    assert depth == 2048 + 1100
    assert slices == column_slices(depth, 30, WeightStore.BLOCK)
    assert len(slices) > 1
    dut = ProductMemory(rows=1100, fields=5, shape=Shape.cast(unsigned(6)), bits=7)
    assert (dut.depth, dut.slices) == (depth, slices)
