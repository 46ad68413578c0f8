"""Rows add up, whatever their order, wherever membranes live, without a gap."""

import random

import pytest

from spikewright.golden.errors import ConfigurationError
from spikewright.hdl.lanes import AccumulatorLanes
from spikewright.hdl.plan import MembraneStore
from spikewright.hdl.token import TokenLayout
from support.streams import simulate

LAYOUTS = {
    "unit": TokenLayout(neurons=4, low=0, high=1),
    "sign": TokenLayout(neurons=4, low=-1, high=1),
    "graded": TokenLayout(neurons=4, low=0, high=7),
    "signed": TokenLayout(neurons=4, low=-5, high=3),
}


def lanes(layout, *, groups=3, shift=0, v_bits=12, store=MembraneStore.LUTRAM, tracer_bits=0):
    return AccumulatorLanes(
        layout=layout,
        lanes=2,
        groups=groups,
        weight_bits=4,
        shift=shift,
        v_bits=v_bits,
        tracer_bits=tracer_bits,
        store=store,
    )


def wrap(value, bits):
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


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


def test_constructor_errors():
    with pytest.raises(
        ConfigurationError,
        match=r"^a membrane must be wider than its fraction, found 4 bits, shift 4$",
    ):
        lanes(LAYOUTS["unit"], v_bits=4, shift=4)


@pytest.mark.parametrize("name", list(LAYOUTS))
def test_every_weight_and_payload(name):
    layout = LAYOUTS[name]
    dut = lanes(layout, groups=1, store=MembraneStore.REGISTERS)
    # A spike of 0 is never sent; a sign is nothing but its sign.
    payloads = [1] if layout.is_unit else [p for p in range(layout.low, layout.high + 1) if p]

    async def bench(ctx):
        for payload in payloads:
            for weight in range(-8, 8):
                await write(ctx, dut, [5])
                ctx.set(dut.valid, 1)
                ctx.set(dut.payload, payload)
                ctx.set(dut.row, weight & 15 | (~weight & 15) << 4)
                await ctx.tick()
                ctx.set(dut.valid, 0)
                for _ in range(dut.latency - 1):
                    await ctx.tick()
                word = await read(ctx, dut, 0)
                assert wrap(word, 12) == 5 + weight * payload
                assert wrap(word >> 12, 12) == (~weight) * payload

    simulate(dut, bench)


@pytest.mark.parametrize("name", list(LAYOUTS))
@pytest.mark.parametrize("store", list(MembraneStore))
@pytest.mark.parametrize("shift", [0, 3])
@pytest.mark.parametrize("gaps", [0.0, 0.4])
def test_random_rows_back_to_back(name, store, shift, gaps):
    layout = LAYOUTS[name]
    dut = lanes(layout, groups=2, shift=shift, store=store, v_bits=11, tracer_bits=3)
    rng = random.Random(f"{name}{store}{shift}{gaps}")

    async def bench(ctx):
        model = [[rng.randrange(-900, 900) for _ in range(2)] for _ in range(2)]
        tracers = [[rng.randrange(8) for _ in range(2)] for _ in range(2)]
        words = [
            sum(
                ((v & 2047) | t << 11) << (14 * k)
                for k, (v, t) in enumerate(zip(*row, strict=True))
            )
            for row in zip(model, tracers, strict=True)
        ]
        await write(ctx, dut, words)
        for _ in range(400):
            if rng.random() < gaps:
                ctx.set(dut.valid, 0)
            else:
                # Groups go round, as a fetch issues them.
                for group in range(2):
                    weights = [rng.randrange(-8, 8) for _ in range(2)]
                    payload = (
                        1 if layout.is_unit else rng.randrange(layout.low, layout.high + 1) or 1
                    )
                    ctx.set(dut.valid, 1)
                    ctx.set(dut.group, group)
                    ctx.set(dut.payload, payload)
                    ctx.set(dut.row, weights[0] & 15 | (weights[1] & 15) << 4)
                    for lane in range(2):
                        total = model[group][lane] + (weights[lane] << shift) * payload
                        model[group][lane] = wrap(total, 11)
                    if group == 0:
                        await ctx.tick()
            await ctx.tick()
        ctx.set(dut.valid, 0)
        for _ in range(dut.latency):
            await ctx.tick()
        assert not ctx.get(dut.busy)
        for group in range(2):
            word = await read(ctx, dut, group)
            for lane in range(2):
                field = word >> (14 * lane)
                assert wrap(field, 11) == model[group][lane]
                assert field >> 11 & 7 == tracers[group][lane]

    simulate(dut, bench)
