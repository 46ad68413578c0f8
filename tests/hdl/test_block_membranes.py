"""Rows of consecutive cycles see what all rows in front of them made of a word."""

import itertools
import random

import pytest
from amaranth.hdl import Const

from spikewright.golden.errors import ConfigurationError
from spikewright.hdl.block_membranes import BlockMembranes
from support.streams import simulate

WIDTH = 8
NOTHING = -1  # in place of a group: no row in this cycle


def step(word, cycle):
    """No two orders of rows give the same."""
    return (3 * word + cycle) % (1 << WIDTH)


async def write(ctx, dut, words):
    ctx.set(dut.sweep_writes, 1)
    for group, word in enumerate(words):
        ctx.set(dut.write_enable, 1)
        ctx.set(dut.write_group, group)
        ctx.set(dut.write_word, word)
        await ctx.tick()
    ctx.set(dut.write_enable, 0)
    ctx.set(dut.sweep_writes, 0)


async def add(ctx, dut, rows):
    """A row a cycle; ``before`` of each that there is."""
    seen = []
    for cycle in range(len(rows) + dut.latency - 1):
        row = rows[cycle] if cycle < len(rows) else NOTHING
        ctx.set(dut.valid, row != NOTHING)
        ctx.set(dut.group, max(row, 0))
        asked = cycle - dut.row_latency
        if 0 <= asked < len(rows):
            before = ctx.get(dut.before)
            # What comes of nothing is never written.
            ctx.set(dut.after, step(before, asked) if rows[asked] != NOTHING else 0xA5)
            if rows[asked] != NOTHING:
                seen.append(before)
        await ctx.tick()
    return seen


async def read(ctx, dut, groups):
    """A word a cycle."""
    ctx.set(dut.sweep, 1)
    ctx.set(dut.sweep_enable, 1)
    words = []
    for cycle in range(groups + dut.read_latency):
        ctx.set(dut.sweep_group, min(cycle, groups - 1))
        if cycle >= dut.read_latency:
            words.append(ctx.get(dut.word))
        await ctx.tick()
    ctx.set(dut.sweep, 0)
    return words


def run(dut, sequences):
    """Whether every row of every sequence saw, and left, what it must."""
    right = True

    async def bench(ctx):
        nonlocal right
        for number, rows in enumerate(sequences):
            words = [(17 * group + number) % (1 << WIDTH) for group in range(dut.groups)]
            await write(ctx, dut, words)
            expected = []
            for cycle, row in enumerate(rows):
                if row != NOTHING:
                    expected.append(words[row])
                    words[row] = step(words[row], cycle)
            seen = await add(ctx, dut, rows)
            right &= seen == expected and await read(ctx, dut, dut.groups) == words

    simulate(dut, bench)
    return right


def every_sequence(length):
    return list(itertools.product((NOTHING, 0, 1), repeat=length))


def test_constructor_errors():
    with pytest.raises(
        ConfigurationError, match=r"^there must be at least one group of one bit, found 0 of 8$"
    ):
        BlockMembranes(groups=0, width=8)
    with pytest.raises(
        ConfigurationError, match=r"^there must be at least one group of one bit, found 8 of 0$"
    ):
        BlockMembranes(groups=8, width=0)


@pytest.mark.parametrize("far", [False, True])
def test_every_sequence_among_two_words(far):
    """Each row, or none, in each cycle: as long as the pipeline, and one more."""
    dut = BlockMembranes(groups=2, width=WIDTH, far=far)
    assert dut.latency == 4 + far
    assert run(dut, every_sequence(dut.latency + 1))


@pytest.mark.parametrize("groups", [1, 3, 70])
@pytest.mark.parametrize("gaps", [0.0, 0.4])
@pytest.mark.parametrize("far", [False, True])
def test_random_rows(groups, gaps, far):
    rng = random.Random(f"{groups}{gaps}")
    near = min(groups, 4)
    rows = [NOTHING if rng.random() < gaps else rng.randrange(near) for _ in range(400)]
    assert run(BlockMembranes(groups=groups, width=WIDTH, far=far), [rows])


class Forgets(BlockMembranes):
    """One way past the RAM is missing."""

    def __init__(self, missing, far):
        self.missing = missing
        super().__init__(groups=2, width=WIDTH, far=far)

    def _follows(self, m, stage, name):
        return Const(0, 1) if name == self.missing else super()._follows(m, stage, name)


@pytest.mark.parametrize(
    ("missing", "far"),
    [*((way, far) for way in ("near", "middle", "far") for far in (False, True)), ("next", True)],
)
def test_a_way_that_is_missing_is_found(missing, far):
    assert not run(Forgets(missing, far), every_sequence(5))


class Mistakes(BlockMembranes):
    """A way past the RAM is taken for a row that is none."""

    def _follows(self, m, stage, name):
        return super()._follows(m, (Const(1, 1), stage[1]), name)


@pytest.mark.parametrize("far", [False, True])
def test_a_way_that_is_taken_for_nothing_is_found(far):
    assert not run(Mistakes(groups=2, width=WIDTH, far=far), every_sequence(5))


@pytest.mark.parametrize("far", [False, True])
def test_a_row_right_behind_a_write_of_the_sweep(far):
    dut = BlockMembranes(groups=2, width=WIDTH, far=far)

    async def bench(ctx):
        for k in range(10):
            await write(ctx, dut, [100 + k, 50 + k])
            assert await add(ctx, dut, [1, 0, 1]) == [50 + k, 100 + k, step(50 + k, 0)]

    simulate(dut, bench)


@pytest.mark.parametrize("far", [False, True])
def test_latencies(far):
    """A read one cycle earlier sees the word as it was; one in time, as it is."""
    assert BlockMembranes.interval == 1

    async def word_after(ctx, dut, cycles):
        for _ in range(cycles):
            await ctx.tick()
        ctx.set(dut.valid, 0)
        return await read(ctx, dut, 1)

    for early in (1, 0):
        dut = BlockMembranes(groups=1, width=WIDTH, far=far)

        async def bench(ctx, dut=dut, early=early):
            await write(ctx, dut, [1])
            assert await word_after(ctx, dut, dut.write_latency - 1) == [1]
            ctx.set(dut.sweep_writes, 1)
            ctx.set(dut.write_enable, 1)
            ctx.set(dut.write_word, 7)
            await ctx.tick()
            ctx.set(dut.sweep_writes, 0)
            ctx.set(dut.write_enable, 0)
            found = await word_after(ctx, dut, dut.write_latency - 1 - early)
            assert found == [1 if early else 7]
            ctx.set(dut.valid, 1)
            ctx.set(dut.after, 9)
            await ctx.tick()
            ctx.set(dut.valid, 0)
            found = await word_after(ctx, dut, dut.latency - 1 - early)
            assert found == [7 if early else 9]

        simulate(dut, bench)


def test_a_word_is_held_while_the_sweep_waits():
    dut = BlockMembranes(groups=3, width=WIDTH)

    async def bench(ctx):
        await write(ctx, dut, [5, 9, 13])
        await ctx.tick()
        ctx.set(dut.sweep, 1)
        for enable, group, word in (
            *((1, 1, None), (1, 2, 9), (0, 0, 9), (0, 1, 9)),
            *((1, 0, 13), (1, 0, 5), (0, 2, 5)),
        ):
            ctx.set(dut.sweep_enable, enable)
            ctx.set(dut.sweep_group, group)
            await ctx.tick()
            assert word is None or ctx.get(dut.word) == word

    simulate(dut, bench)
