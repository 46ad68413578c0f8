"""Rows add up, whatever their order, wherever membranes live, without a gap."""

import random

import pytest
from amaranth.hdl import signed, unsigned

from spikewright.golden.errors import ConfigurationError
from spikewright.hdl.lanes import AccumulatorLanes
from spikewright.hdl.plan import MembraneStore
from spikewright.hdl.token import TokenLayout, axes_of
from support.stores import TWO_PORTS
from support.streams import simulate

pytestmark = pytest.mark.pairs

LAYOUTS = {
    "unit": TokenLayout(axes=axes_of((4,)), low=0, high=1),
    "sign": TokenLayout(axes=axes_of((4,)), low=-1, high=1),
    "negative": TokenLayout(axes=axes_of((4,)), low=-1, high=0),
    "graded": TokenLayout(axes=axes_of((4,)), low=0, high=7),
    "signed": TokenLayout(axes=axes_of((4,)), low=-5, high=3),
    "wide": TokenLayout(axes=axes_of((4,)), low=-40, high=33),
    "shift": TokenLayout(axes=axes_of((4,)), low=0, high=8, powers=True),
    "signed shift": TokenLayout(axes=axes_of((4,)), low=-8, high=4, powers=True),
    "shift by one": TokenLayout(axes=axes_of((4,)), low=-1, high=2, powers=True),
}
OPERAND = signed(4)


def lanes(layout, **options):
    fields = {
        "layout": layout,
        "channel_lanes": 2,
        "banks": (1, 1),
        "groups": 3,
        "operand_shape": OPERAND,
        "shift": 0,
        "total_bits": 12,
        "other_bits": 0,
        "store": MembraneStore.LUTRAM,
    }
    return AccumulatorLanes(**(fields | options))


def wrap(value, bits):
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def joined(values, bits):
    return sum((value & ((1 << bits) - 1)) << k * bits for k, value in enumerate(values))


def split(word, bits, count):
    return [word >> k * bits & ((1 << bits) - 1) for k in range(count)]


def payloads(layout):
    # A spike of 0 is never sent; a sign is nothing but its sign.
    if layout.is_unit:
        return [1]
    every = [p for p in range(layout.low, layout.high + 1) if p]
    return [p for p in every if not layout.powers or abs(p).bit_count() == 1]


async def write(ctx, dut, words):
    ctx.set(dut.sweep_writes, 1)
    ctx.set(dut.write_enable, 1)
    for group, word in enumerate(words):
        ctx.set(dut.write_group, group)
        ctx.set(dut.write_word, word)
        await ctx.tick()
    ctx.set(dut.write_enable, 0)
    ctx.set(dut.sweep_writes, 0)


async def read(ctx, dut, group):
    ctx.set(dut.sweep, 1)
    ctx.set(dut.sweep_enable, 1)
    ctx.set(dut.sweep_group, group)
    for _ in range(dut.read_latency):
        await ctx.tick()
    word = ctx.get(dut.word)
    ctx.set(dut.sweep, 0)
    return word


async def add(ctx, dut, groups, enables, payload, operands):
    """Offer one row; the caller lets the cycle pass."""
    ctx.set(dut.valid, 1)
    ctx.set(dut.groups, joined(groups, dut.group_shape.width))
    ctx.set(dut.enables, joined(enables, 1))
    if not dut.layout.is_unit:
        ctx.set(dut.payload, payload)
    ctx.set(dut.operands, joined(operands, dut.operand_shape.width))


def test_constructor_errors():
    with pytest.raises(
        ConfigurationError,
        match=r"^what rows are added to must be wider than its fraction, found 4 bits, shift 4$",
    ):
        lanes(LAYOUTS["unit"], total_bits=4, shift=4)
    with pytest.raises(
        ConfigurationError,
        match=r"^channel lanes and banks must be at least 1, found 2 and \(0, 1\)$",
    ):
        lanes(LAYOUTS["unit"], banks=(0, 1))


@pytest.mark.parametrize("name", list(LAYOUTS))
@pytest.mark.parametrize("shape", [signed(4), unsigned(3)])
@pytest.mark.parametrize("store", TWO_PORTS)
def test_every_operand_and_payload_after_the_latency(name, shape, store):
    layout = LAYOUTS[name]
    dut = lanes(layout, groups=1, operand_shape=shape, store=store)
    low = -(1 << shape.width - 1) if shape.signed else 0
    operands = range(low, low + (1 << shape.width))
    block = store is MembraneStore.BLOCK  # behind the output register, and before it is written
    assert dut.latency == 2 + (name not in ("unit", "sign", "negative")) + 2 * block

    async def bench(ctx):
        for payload in payloads(layout):
            for operand in operands:
                other = operands[-1] + low - operand
                await write(ctx, dut, [5])
                await add(ctx, dut, [0], [1], payload, [operand, other])
                await ctx.tick()
                ctx.set(dut.valid, 0)
                for _ in range(dut.latency - 1):
                    assert ctx.get(dut.busy)
                    await ctx.tick()
                assert not ctx.get(dut.busy)
                word = await read(ctx, dut, 0)
                assert [wrap(v, 12) for v in split(word, 12, 2)] == [
                    5 + operand * payload,
                    other * payload,
                ]

    simulate(dut, bench)


@pytest.mark.parametrize("name", list(LAYOUTS))
@pytest.mark.parametrize("store", TWO_PORTS)
@pytest.mark.parametrize(
    ("banks", "groups"), [((1, 1), 1), ((1, 1), 2), ((2, 3), 3), ((2, 1), 5), ((1, 2), 17)]
)
@pytest.mark.parametrize("gaps", [0.0, 0.4])
def test_random_rows_of_any_groups_back_to_back(name, store, banks, groups, gaps):
    layout = LAYOUTS[name]
    rng = random.Random(f"{name}{store}{banks}{groups}{gaps}")
    shift = rng.choice((0, 3))
    dut = lanes(
        layout, banks=banks, groups=groups, shift=shift, store=store, total_bits=11, other_bits=3
    )
    n_banks, n_lanes = banks[0] * banks[1], banks[0] * banks[1] * 2
    met = 0

    async def bench(ctx):
        nonlocal met
        model = [[rng.randrange(-900, 900) for _ in range(n_lanes)] for _ in range(groups)]
        tracers = [[rng.randrange(8) for _ in range(n_lanes)] for _ in range(groups)]
        await write(
            ctx,
            dut,
            [
                joined([v & 2047 | t << 11 for v, t in zip(*both, strict=True)], 14)
                for both in zip(model, tracers, strict=True)
            ],
        )
        before = [-1] * n_banks
        for _ in range(250):
            row = [rng.randrange(groups) for _ in range(n_banks)]
            enables = [rng.random() < 0.7 for _ in range(n_banks)]
            payload = rng.choice(payloads(layout))
            operands = [rng.randrange(-8, 8) for _ in range(n_lanes)]
            if rng.random() < gaps:
                ctx.set(dut.valid, 0)
                before = [-1] * n_banks
            else:
                await add(ctx, dut, row, enables, payload, operands)
                for lane in range(n_lanes):
                    if enables[lane // 2]:
                        held = model[row[lane // 2]]
                        total = held[lane] + (operands[lane] << shift) * payload
                        held[lane] = wrap(total, 11)
                taken = [g if on else -1 for g, on in zip(row, enables, strict=True)]
                met += any(a == b >= 0 for a, b in zip(taken, before, strict=True))
                before = taken
            await ctx.tick()
        ctx.set(dut.valid, 0)
        for _ in range(dut.latency - 1):
            await ctx.tick()
        assert not ctx.get(dut.busy)
        for group in range(groups):
            fields = split(await read(ctx, dut, group), 14, n_lanes)
            assert [wrap(field, 11) for field in fields] == model[group]
            assert [field >> 11 for field in fields] == tracers[group]
        assert dut.interval == 1

    simulate(dut, bench)
    assert met


def test_many_words_of_lut_ram_take_a_cycle_more():
    latencies = {
        groups: lanes(LAYOUTS["unit"], groups=groups, store=MembraneStore.LUTRAM).latency
        for groups in (1, 16, 17, 64)
    }
    assert latencies == {1: 2, 16: 2, 17: 3, 64: 3}


@pytest.mark.parametrize("low", [-4, -2, 0])
@pytest.mark.parametrize("high", [2, 3, 7, 8])
def test_every_product(low, high):
    """Narrow payloads are shifted and added, wide ones multiplied."""
    layout = TokenLayout(axes=axes_of((4,)), low=low, high=high)
    dut = lanes(layout, channel_lanes=34, groups=1)
    operands = [(lane - 17) % 16 - 8 for lane in range(34)]

    async def bench(ctx):
        for payload in payloads(layout):
            await write(ctx, dut, [0])
            await add(ctx, dut, [0], [1], payload, operands)
            await ctx.tick()
            ctx.set(dut.valid, 0)
            for _ in range(dut.latency - 1):
                await ctx.tick()
            word = await read(ctx, dut, 0)
            assert [wrap(v, 12) for v in split(word, 12, 34)] == [w * payload for w in operands]

    simulate(dut, bench)


@pytest.mark.parametrize("store", TWO_PORTS)
def test_rows_and_sweeps_see_what_the_other_wrote(store):
    """A row right behind a sweep's write, and a sweep right behind a row, of the same group."""
    dut = lanes(LAYOUTS["unit"], groups=2, channel_lanes=1, store=store)

    async def bench(ctx):
        for k in range(20):
            await write(ctx, dut, [k, 100])
            await add(ctx, dut, [1], [1], 1, [k % 8])
            await ctx.tick()
            await add(ctx, dut, [0], [1], 1, [1])
            await ctx.tick()
            ctx.set(dut.valid, 0)
            while ctx.get(dut.busy):
                await ctx.tick()
            assert await read(ctx, dut, 0) == k + 1
            assert await read(ctx, dut, 1) == 100 + k % 8

    simulate(dut, bench)
