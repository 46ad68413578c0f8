"""Words to tokens and back: none lost, none made up, room and level as they are."""

import random
from itertools import pairwise

import pytest

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import TokenKind
from spikewright.hdl.interfaces.token_words import TokenReader, TokenWriter, words_of
from spikewright.hdl.token import TokenLayout, axes_of
from support.streams import simulate

NARROW = TokenLayout(axes=axes_of((5,)), low=-3, high=3)
EXACT = TokenLayout(axes=axes_of((1 << 12,)), low=0, high=(1 << 18) - 1)
WIDE = TokenLayout(axes=axes_of((1 << 12,)), low=-(1 << 40), high=1 << 40)
LAYOUTS = [NARROW, EXACT, WIDE]


def test_widths():
    assert [words_of(each) for each in LAYOUTS] == [1, 1, 2] and EXACT.width == 32


@pytest.mark.parametrize("part", [TokenReader, TokenWriter])
def test_no_room_at_all(part):
    with pytest.raises(
        ConfigurationError, match=r"^there must be room for at least 1 token, found 0$"
    ):
        part(layout=NARROW, depth=0)


def token_of(rng, layout):
    """A random word of a token, more often an END than any other."""
    return rng.getrandbits(layout.width) & ~3 | rng.choice((0, 0, 1, 2, 2))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("depth", "ready"), [(1, 0.5), (2, 0.3), (3, 1), (5, 0.2), (16, 0.5)])
def test_written(layout, depth, ready):
    seed = depth * 100 + layout.width
    rng = random.Random(seed)
    dut = TokenWriter(layout=layout, depth=depth)
    tokens = [token_of(rng, layout) for _ in range(120)]
    words = [token >> 32 * k & 0xFFFFFFFF for token in tokens for k in range(words_of(layout))]

    async def bench(ctx):
        sent, found, shown = 0, [], None
        filled = 0
        for _ in range(4000):
            # What is promised as room is there, whatever the consumer does.
            held = sent // words_of(layout) - len(found)
            assert ctx.get(dut.free) == depth - held, seed
            filled = max(filled, held)
            writes = sent < len(words) and held < depth and rng.random() < 0.8
            ctx.set(dut.written, writes)
            # Bits beyond a token mean nothing.
            noise = rng.getrandbits(32) << layout.width % 32 if layout.width % 32 else 0
            last = sent % words_of(layout) == words_of(layout) - 1
            ctx.set(dut.word, ((words[sent] if writes else 0) | noise * last) & 0xFFFFFFFF)
            takes = rng.random() < ready
            ctx.set(dut.o.ready, takes)
            if ctx.get(dut.o.valid):
                now = ctx.get(dut.o.payload.as_value())
                assert shown in (None, now), "a token must hold while it waits"
                shown = None if takes else now
                if takes:
                    found.append(now)
            sent += writes
            await ctx.tick()
            if len(found) == len(tokens):
                break
        assert found == tokens, seed
        assert ready == 1 or depth > 5 or filled == depth

    simulate(dut, bench)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("depth", "reads"), [(1, 0.5), (2, 0.3), (3, 1), (5, 0.2), (16, 0.4)])
def test_read(layout, depth, reads):
    seed = depth * 100 + layout.width
    rng = random.Random(seed)
    dut = TokenReader(layout=layout, depth=depth)
    tokens = [token_of(rng, layout) for _ in range(120)]

    async def bench(ctx):
        offered, words, accepted = 0, [], []
        full = False
        for now in range(6000):
            done = len(words) // words_of(layout)
            there = sum(now - at >= dut.latency for at in accepted)
            level, held = there - done, offered - done
            assert ctx.get(dut.level) == level, seed
            ends = sum(token & 3 == TokenKind.END for token in tokens[done:there])
            assert ctx.get(dut.result) == (ends > 0 or held == depth), seed
            full |= held == depth
            offers = offered < len(tokens) and rng.random() < 0.9
            ctx.set(dut.i.valid, offers)
            ctx.set(dut.i.payload, layout.struct.from_bits(tokens[offered] if offers else 0))
            taken = offers and ctx.get(dut.i.ready)
            assert ctx.get(dut.i.ready) == (held < depth)
            accepted += [now] * taken
            waits = level > 0 and rng.random() < reads
            if waits:
                words.append(ctx.get(dut.word))
            ctx.set(dut.taken, waits)
            offered += taken
            await ctx.tick()
            if len(words) == len(tokens) * words_of(layout):
                break
        n = words_of(layout)
        found = [
            sum(word << 32 * k for k, word in enumerate(words[at : at + n]))
            for at in range(0, len(words), n)
        ]
        assert found == tokens, seed
        assert full or depth > 5 or reads == 1

    simulate(dut, bench)


@pytest.mark.parametrize("layout", [NARROW, WIDE])
def test_latency_and_interval(layout):
    writer, reader = TokenWriter(layout=layout, depth=4), TokenReader(layout=layout, depth=8)
    n = words_of(layout)
    assert writer.interval == reader.interval == n

    async def writes(ctx):
        ctx.set(writer.o.ready, 1)
        ctx.set(writer.written, 1)
        offers = []
        for _ in range(8 * n):
            offers.append(ctx.get(writer.o.valid))
            await ctx.tick()
        # The last word of a token is written in the cycles n - 1, 2 n - 1, ...
        after = [cycle - (n - 1) for cycle, offer in enumerate(offers) if offer]
        assert after[0] == writer.latency
        assert {b - a for a, b in pairwise(after)} == {writer.interval}

    simulate(writer, writes)

    async def reads(ctx):
        ctx.set(reader.i.valid, 1)
        await ctx.tick()
        ctx.set(reader.i.valid, 0)
        cycles = 1
        while not ctx.get(reader.level):
            await ctx.tick()
            cycles += 1
        assert cycles == reader.latency
        ctx.set(reader.i.valid, 1)
        await ctx.tick().repeat(7)
        ctx.set(reader.i.valid, 0)
        await ctx.tick().repeat(reader.latency)
        ctx.set(reader.taken, 1)
        for left in range(8 * n, 0, -1):
            assert ctx.get(reader.level) == -(-left // reader.interval)
            await ctx.tick()

    simulate(reader, reads)
