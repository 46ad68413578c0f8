"""Sums of a step, held while the next step's rows are added."""

import random

import pytest
from amaranth.hdl import signed

from spikewright.golden.errors import ConfigurationError
from spikewright.hdl.sum_lanes import SumLanes
from spikewright.hdl.token import TokenLayout, axes_of
from support.streams import simulate

LAYOUTS = {
    "unit": TokenLayout(axes=axes_of((4,)), low=0, high=1),
    "sign": TokenLayout(axes=axes_of((4,)), low=-1, high=1),
    "graded": TokenLayout(axes=axes_of((4,)), low=0, high=7),
    "signed": TokenLayout(axes=axes_of((4,)), low=-5, high=3),
    "wide": TokenLayout(axes=axes_of((4,)), low=-40, high=33),
    "signed shift": TokenLayout(axes=axes_of((4,)), low=-8, high=4, powers=True),
}
BITS = 11


def lanes(layout, **options):
    fields = {
        "layout": layout,
        "channel_lanes": 3,
        "banks": (1, 1),
        "operand_shape": signed(4),
        "shift": 0,
        "total_bits": BITS,
        "slices": (0, 2),
        "slice_lanes": 2,
    }
    return SumLanes(**(fields | options))


def wrap(value):
    value &= (1 << BITS) - 1
    return value - (1 << BITS) if value >> (BITS - 1) else value


def joined(values, bits):
    return sum((value & ((1 << bits) - 1)) << k * bits for k, value in enumerate(values))


def payloads(layout):
    every = [p for p in range(layout.low, layout.high + 1) if p]
    return [p for p in every if not layout.powers or abs(p).bit_count() == 1]


def offer(ctx, dut, *, valid=0, closes=0, enables=(), payload=0, operands=()):
    """What comes in this cycle; the caller lets it pass."""
    ctx.set(dut.valid, valid)
    ctx.set(dut.closes, closes)
    ctx.set(dut.enables, joined(enables, 1))
    if not dut.layout.is_unit:
        ctx.set(dut.payload, payload)
    ctx.set(dut.operands, joined(operands, 4))


def test_constructor_errors():
    with pytest.raises(
        ConfigurationError,
        match=r"^what rows are added to must be wider than its fraction, found 4 bits, shift 4$",
    ):
        lanes(LAYOUTS["unit"], total_bits=4, shift=4)
    with pytest.raises(
        ConfigurationError, match=r"^there must be a slice of at least one lane, found 0 of 2$"
    ):
        lanes(LAYOUTS["unit"], slices=())


async def read(ctx, dut):
    """All held sums, by slice."""
    found = []
    ctx.set(dut.read_enable, 1)
    for index in range(len(dut.slices)):
        ctx.set(dut.read_slice, index)
        await ctx.tick()
        word = ctx.get(dut.sums)
        found.append([wrap(word >> k * BITS) for k in range(dut.slice_lanes)])
    ctx.set(dut.read_enable, 0)
    return found


@pytest.mark.parametrize("name", list(LAYOUTS))
def test_every_operand_and_payload_after_the_latency(name):
    layout = LAYOUTS[name]
    dut = lanes(layout)
    assert dut.latency == 1 + (name not in ("unit", "sign")) and dut.interval == 1

    async def bench(ctx):
        for payload in payloads(layout):
            for operand in range(-8, 8):
                operands = [operand, -1 - operand, 3]
                offer(ctx, dut, valid=1, enables=[1], payload=payload, operands=operands)
                await ctx.tick()
                offer(ctx, dut, closes=1)
                for _ in range(dut.latency):
                    assert not ctx.get(dut.closed)
                    await ctx.tick()
                    assert ctx.get(dut.busy)
                    offer(ctx, dut)
                assert ctx.get(dut.closed)
                await ctx.tick()
                assert not ctx.get(dut.busy)
                a, b, c = (value * payload for value in operands)
                assert await read(ctx, dut) == [[a, b], [c, c]]  # the edge is repeated

    simulate(dut, bench)


@pytest.mark.parametrize("name", list(LAYOUTS))
@pytest.mark.parametrize("banks", [(1, 1), (2, 1), (1, 3)])
@pytest.mark.parametrize("shift", [0, 3])
def test_rows_of_one_step_behind_those_of_another(name, banks, shift):
    layout = LAYOUTS[name]
    rng = random.Random(f"{name}{banks}{shift}")
    n_banks = banks[0] * banks[1]
    n = 3 * n_banks
    slices = tuple(b * 3 + first for b in range(n_banks) for first in (0, 1))
    dut = lanes(layout, banks=banks, shift=shift, slices=slices)
    wanted = []

    async def rows(ctx):
        sums = [0] * n
        for _ in range(12):
            for _ in range(rng.randrange(4, 12)):
                if rng.random() < 0.3:
                    offer(ctx, dut)
                else:
                    enables = [n_banks == 1 or rng.random() < 0.7 for _ in range(n_banks)]
                    payload = rng.choice(payloads(layout))
                    operands = [rng.randrange(-8, 8) for _ in range(n)]
                    offer(ctx, dut, valid=1, enables=enables, payload=payload, operands=operands)
                    for lane in range(n):
                        if enables[lane // 3]:
                            sums[lane] += (operands[lane] << shift) * payload
                await ctx.tick()
            wanted.append([wrap(value) for value in sums])
            sums = [0] * n
            offer(ctx, dut, closes=1)
            await ctx.tick()
            # More rows than a reading takes.
            for _ in range(len(slices) + 4):
                operands = [rng.randrange(-8, 8) for _ in range(n)]
                payload = rng.choice(payloads(layout))
                offer(ctx, dut, valid=1, enables=[1] * n_banks, payload=payload, operands=operands)
                sums = [s + (o << shift) * payload for s, o in zip(sums, operands, strict=True)]
                await ctx.tick()
        offer(ctx, dut)

    async def reader(ctx):
        for step in range(12):
            while not ctx.get(dut.closed):
                await ctx.tick()
            await ctx.tick()
            found = await read(ctx, dut)
            ends = [[*wanted[step], wanted[step][-1]][first : first + 2] for first in slices]
            assert found == ends

    simulate(dut, rows, reader)
