"""Rows and sweeps in a memory of one port: none is lost, whatever follows whatever."""

import itertools
import random

import pytest
from amaranth.hdl import Const

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Fire, Leak, Mode, Soma
from spikewright.hdl.core import Core
from spikewright.hdl.large_membranes import LargeMembranes
from spikewright.hdl.plan import MembraneStore
from spikewright.hdl.sweep import Sweep
from support.single_core import END, SETTLING, SPIKE, STEP, STEPWISE, make, run, samples
from support.streams import simulate

WIDTH = 8
SPRAM = MembraneStore.SPRAM


def step(word, number):
    """No two orders of rows give the same."""
    return (3 * word + number) % (1 << WIDTH)


async def write(ctx, dut, group, word):
    ctx.set(dut.sweep_writes, 1)
    ctx.set(dut.write_enable, 1)
    ctx.set(dut.write_group, group)
    ctx.set(dut.write_word, word)
    await ctx.tick()
    ctx.set(dut.write_enable, 0)
    ctx.set(dut.sweep_writes, 0)


async def add(ctx, dut, group, number, pause):
    """One row, and then so many cycles on top of those that it needs."""
    ctx.set(dut.valid, 1)
    ctx.set(dut.group, group)
    await ctx.tick()
    ctx.set(dut.valid, 0)
    before = ctx.get(dut.before)
    ctx.set(dut.after, step(before, number))
    for _ in range(dut.interval - 1 + pause):
        await ctx.tick()
        ctx.set(dut.after, 0xA5)
    return before


async def read(ctx, dut, group, pause):
    """The sweep takes a word, which stays while nobody asks and others are written."""
    ctx.set(dut.sweep, 1)
    ctx.set(dut.sweep_enable, 1)
    ctx.set(dut.sweep_group, group)
    await ctx.tick()
    ctx.set(dut.sweep_enable, 0)
    ctx.set(dut.sweep_group, 0)
    for _ in range(dut.read_latency - 1 + pause):
        await ctx.tick()
    ctx.set(dut.sweep, 0)
    return ctx.get(dut.word)


def test_constructor_errors():
    for groups, width in ((0, 8), (8, 0)):
        with pytest.raises(
            ConfigurationError,
            match=rf"^there must be at least one group of one bit, found {groups} of {width}$",
        ):
            LargeMembranes(groups=groups, width=width)


@pytest.mark.parametrize("groups", [1, 3, 70])
def test_rows_and_sweeps_against_a_list(groups):
    rng = random.Random(groups)
    dut = LargeMembranes(groups=groups, width=WIDTH)

    async def bench(ctx):
        words = [rng.randrange(1 << WIDTH) for _ in range(groups)]
        for group, word in enumerate(words):
            await write(ctx, dut, group, word)
        await ctx.tick()
        for number in range(400):
            group, pause = rng.randrange(min(groups, 3)), rng.choice((0, 0, 0, 1, 2))
            match rng.randrange(4):
                case 0:
                    words[group] = rng.randrange(1 << WIDTH)
                    await write(ctx, dut, group, words[group])
                    await ctx.tick()
                case 1:
                    assert await read(ctx, dut, group, pause) == words[group]
                case _:
                    assert await add(ctx, dut, group, number, pause) == words[group]
                    words[group] = step(words[group], number)
        for group in range(groups):
            assert await read(ctx, dut, group, 0) == words[group]

    simulate(dut, bench)


def test_a_pass_reads_and_writes_in_turn():
    """A group in two cycles; its word is held over the write of the one in front of it."""
    dut = LargeMembranes(groups=4, width=WIDTH)

    async def bench(ctx):
        for group in range(4):
            await write(ctx, dut, group, 10 * group)
        await ctx.tick()
        ctx.set(dut.sweep, 1)
        ctx.set(dut.sweep_writes, 1)
        held = []
        for group in range(6):
            ctx.set(dut.sweep_enable, 1)
            ctx.set(dut.sweep_group, min(group, 3))
            if group:
                held.append(ctx.get(dut.word))
                ctx.set(dut.write_enable, group < 5)
                ctx.set(dut.write_group, group - 1)
                ctx.set(dut.write_word, held[-1] + 1)
            await ctx.tick()
            ctx.set(dut.sweep_enable, 0)
            ctx.set(dut.write_enable, 0)
            await ctx.tick()
        assert held[:4] == [0, 10, 20, 30]
        ctx.set(dut.sweep_writes, 0)
        assert [await read(ctx, dut, group, 0) for group in range(4)] == [1, 11, 21, 31]

    simulate(dut, bench)


STALLS = [("1", "1"), ("011", "00101")]
TERNARY = {"fire": Fire.TERNARY, "threshold_negative": 1, "bias_when": "first"}


@pytest.mark.parametrize("name", ["lif-after", "ternary", "leaky-readout"])
@pytest.mark.parametrize(("valid", "ready"), STALLS)
def test_a_core_stepwise(name, valid, ready):
    config = make(STEPWISE[name], mode=Mode.STEPWISE, store=SPRAM)
    run(config, *samples(config, seed=name), valid=valid, ready=ready)


@pytest.mark.parametrize("name", ["one", "signed"])
@pytest.mark.parametrize("mode", [Mode.SETTLE, Mode.COLLAPSED])
@pytest.mark.parametrize(("valid", "ready"), STALLS)
def test_a_core_that_settles_or_collapses(name, mode, valid, ready):
    soma = Soma(**TERNARY, **SETTLING[name])
    config = make(soma, mode=mode, store=SPRAM, lanes=2, source=(-2, 3), shift=1)
    run(config, *samples(config, seed=f"{name}{mode}"), valid=valid, ready=ready)


def test_banks():
    soma = Soma(**TERNARY, threshold=2, s_min=0, s_max=3)
    config = make(soma, mode=Mode.COLLAPSED, store=SPRAM, shape=(3, 2, 5), banks=(2, 3), lanes=6)
    run(config, *samples(config, seed="banks"))


@pytest.mark.parametrize(
    ("part", "name", "fault"),
    [
        (Core, "_paced", lambda core, m: core.control.adds),
        (Sweep, "_rests", lambda sweep, m, advance: Const(0, 1)),
    ],
)
def test_a_read_that_does_not_wait_for_a_write_is_found(monkeypatch, part, name, fault):
    soma = Soma(fire=Fire.BINARY, threshold=3, leak_v=Leak(shift=1))
    config = make(soma, mode=Mode.STEPWISE, store=SPRAM)
    run(config, *samples(config, seed="fast"))
    monkeypatch.setattr(part, name, fault)
    with pytest.raises(AssertionError):
        run(config, *samples(config, seed="fast"))


@pytest.mark.parametrize("mode", list(Mode))
def test_latency_and_interval_are_the_properties(mode):
    soma = Soma(**TERNARY, threshold=1 << 14, s_min=0, s_max=3)
    config = make(soma, mode=mode, store=SPRAM, source=(0, 3))
    last = (END if mode is Mode.COLLAPSED else STEP, 0, 0)
    core, seen = run(config, [last], [last])
    assert seen.items[0][0] - seen.accepted[0] == core.latency
    core, seen = run(config, [*[(SPIKE, k % 6, 1) for k in range(40)], last], [last])
    taken = seen.accepted[10:40]
    # Three groups of lanes, two cycles each.
    assert {b - a for a, b in itertools.pairwise(taken)} == {core.interval} == {6}
