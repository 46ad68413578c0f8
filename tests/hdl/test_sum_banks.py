"""Sums of rows whose lanes have groups of their own: against a matrix of sums, step after step."""

import random

import numpy as np
import pytest
from amaranth.hdl import ResetInserter, Signal, signed

from spikewright.golden.errors import ConfigurationError
from spikewright.hdl.plan import MembraneStore
from spikewright.hdl.sum_banks import SumBanks
from spikewright.hdl.token import TokenLayout, axes_of
from support.streams import simulate

pytestmark = pytest.mark.pairs

BITS, OPERAND = 14, 5
FAST = [MembraneStore.REGISTERS, MembraneStore.LUTRAM]


def made(*, lanes=3, groups=4, low=0, high=1, shift=0, store=FAST[1], slices=(0,), slice_lanes=3):
    return SumBanks(
        layout=TokenLayout(axes=axes_of((5,)), low=low, high=high),
        lanes=lanes,
        groups=groups,
        operand_shape=signed(OPERAND),
        shift=shift,
        total_bits=BITS,
        store=store,
        slices=slices,
        slice_lanes=slice_lanes,
    )


def packed(values, bits):
    return sum((int(value) & (1 << bits) - 1) << k * bits for k, value in enumerate(values))


def steps_of(dut, rng, count):
    """Steps of rows (payload, groups, operands), now and then none, and what they add up to."""
    payloads = [p for p in range(dut.layout.low, dut.layout.high + 1) if p]
    steps, sums = [], []
    for _ in range(count):
        total = np.zeros((dut.n_groups, dut.lanes), np.int64)
        rows = []
        for _ in range(rng.choice((0, 1, 2, 3 * dut.n_groups))):
            payload = rng.choice(payloads)
            # Half of the rows hit where the row in front did.
            groups = [rng.randrange(dut.n_groups) for _ in range(dut.lanes)]
            if rows and rng.random() < 0.5:
                groups = rows[-1][1]
            operands = [rng.randrange(-16, 16) for _ in range(dut.lanes)]
            rows.append((payload, groups, operands))
            for lane, (group, operand) in enumerate(zip(groups, operands, strict=True)):
                total[group, lane] += payload * operand << dut.shift
        steps.append(rows)
        sums.append(total)
    return steps, sums


def watch(dut, steps, gaps, rng, *, empties=True):
    """The held sums of every step, read while the rows of the next one are added."""
    found, closes = [], []

    async def rows(ctx):
        assert not ctx.get(dut.ready)
        for _ in range(dut.clearing):
            await ctx.tick()
        assert ctx.get(dut.ready)
        for step in steps:
            items = [*step, None]
            while items:
                item = items[0]
                # The pass over the sums of the step before must be done.
                blocked = item is None and len(found) < len(closes)
                go = not blocked and rng.random() >= gaps
                ctx.set(dut.valid, go and item is not None)
                ctx.set(dut.closes, go and item is None)
                if go and item is not None:
                    payload, groups, operands = item
                    if not dut.layout.is_unit:
                        ctx.set(dut.payload, payload)
                    ctx.set(dut.groups, packed(groups, dut.group_shape.width))
                    ctx.set(dut.operands, packed(operands, OPERAND))
                if go:
                    items.pop(0)
                    if item is None:
                        closes.append(1)
                await ctx.tick()
        ctx.set(dut.valid, 0)
        ctx.set(dut.closes, 0)

    async def sweeps(ctx):
        for _ in steps:
            while not ctx.get(dut.closed):
                await ctx.tick()
            await ctx.tick()
            whole = np.zeros((dut.n_groups, dut.lanes), np.int64)
            for group in range(dut.n_groups):
                for number, first in enumerate(dut.slices):
                    ctx.set(dut.read_group, group)
                    ctx.set(dut.read_slice, number)
                    ctx.set(dut.read_enable, 1)
                    ctx.set(dut.write_enable, 0)
                    await ctx.tick()
                    ctx.set(dut.read_enable, 0)
                    if rng.random() < 0.3:
                        await ctx.tick()
                    word = ctx.get(dut.sums)
                    for k in range(min(dut.slice_lanes, dut.lanes - first)):
                        value = word >> k * BITS & (1 << BITS) - 1
                        whole[group, first + k] = value - ((value >> BITS - 1) << BITS)
                    ctx.set(dut.write_group, group)
                    ctx.set(dut.write_slice, number)
                    ctx.set(dut.write_enable, int(empties))
                    await ctx.tick()
                    ctx.set(dut.write_enable, 0)
            found.append(whole)

    simulate(dut, rows, sweeps)
    return found


@pytest.mark.parametrize("store", FAST)
@pytest.mark.parametrize(("low", "high"), [(0, 1), (-1, 1), (0, 3), (-3, 2)])
@pytest.mark.parametrize("gaps", [0.0, 0.5])
@pytest.mark.parametrize(
    ("lanes", "groups", "slices", "slice_lanes"),
    [(3, 4, (0,), 3), (3, 5, (0, 2), 2), (1, 20, (0,), 1), (4, 1, (0, 1, 2, 3), 1)],
)
def test_sums_of_every_step(store, low, high, gaps, lanes, groups, slices, slice_lanes):
    dut = made(
        lanes=lanes,
        groups=groups,
        low=low,
        high=high,
        shift=1,
        store=store,
        slices=slices,
        slice_lanes=slice_lanes,
    )
    rng = random.Random(f"{store}{low}{high}{gaps}{lanes}")
    steps, sums = steps_of(dut, rng, 8)
    found = watch(dut, steps, gaps, rng)
    assert all((a == b).all() for a, b in zip(found, sums, strict=True))


def test_sums_that_are_not_emptied_come_again():
    """The check sees what it is there for."""
    dut, rng = made(), random.Random(1)
    steps, sums = steps_of(dut, rng, 8)
    found = watch(dut, steps, 0.0, rng, empties=False)
    assert any((a != b).any() for a, b in zip(found, sums, strict=True))


@pytest.mark.parametrize("store", FAST)
def test_a_reset_clears_both_banks(store):
    """Whatever was in them; until then they are not ready."""
    dut, reset, found = made(store=store), Signal(), []

    async def add(ctx, closes):
        for group in range(dut.n_groups):
            ctx.set(dut.valid, 1)
            ctx.set(dut.groups, packed([group] * dut.lanes, dut.group_shape.width))
            ctx.set(dut.operands, packed([7] * dut.lanes, OPERAND))
            await ctx.tick()
        ctx.set(dut.valid, 0)
        ctx.set(dut.closes, closes)
        await ctx.tick()
        ctx.set(dut.closes, 0)

    async def bench(ctx):
        await ctx.tick().repeat(dut.clearing)
        await add(ctx, closes=1)
        await add(ctx, closes=0)
        await ctx.tick().repeat(8)
        ctx.set(reset, 1)
        await ctx.tick()
        ctx.set(reset, 0)
        for _ in range(dut.clearing):
            assert not ctx.get(dut.ready)
            await ctx.tick()
        assert ctx.get(dut.ready)
        for _ in range(2):  # one bank, then the other
            ctx.set(dut.closes, 1)
            await ctx.tick()
            ctx.set(dut.closes, 0)
            await ctx.tick().repeat(dut.latency + 2)
            ctx.set(dut.read_enable, 1)
            for group in range(dut.n_groups):
                ctx.set(dut.read_group, group)
                await ctx.tick()
                found.append(ctx.get(dut.sums))
            ctx.set(dut.read_enable, 0)

    simulate(ResetInserter(reset)(dut), bench)
    assert found == [0] * (2 * dut.n_groups)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-1, 1), (0, 3)])
def test_latency(low, high):
    dut = made(low=low, high=high)
    seen = []

    async def bench(ctx):
        for _ in range(dut.clearing):
            await ctx.tick()
        ctx.set(dut.closes, 1)
        for cycle in range(6):
            await ctx.delay(1e-7)
            if ctx.get(dut.closed):
                seen.append(cycle)
            assert ctx.get(dut.busy) == (0 < cycle <= dut.latency)
            await ctx.tick()
            ctx.set(dut.closes, 0)

    simulate(dut, bench)
    assert seen == [dut.latency]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"store": MembraneStore.BLOCK}, r"^sums that are added to in every cycle must be in "),
        (
            {"shift": BITS},
            r"^what rows are added to must be wider than its fraction, found 14 bits",
        ),
        ({"slices": ()}, r"^there must be a slice of at least one lane, found 0 of 3$"),
    ],
)
def test_what_is_refused(options, message):
    with pytest.raises(ConfigurationError, match=message):
        made(**options)
