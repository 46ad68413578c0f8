"""What lies in the flash comes out, bit for bit, with the protocol that a flash expects."""

import numpy as np
import pytest

from spikewright.boards import FlashLoader
from spikewright.golden.errors import ConfigurationError
from support.flash import FlashModel
from support.streams import simulate


def made(offset=0x20, wake_cycles=5, half=1):
    return FlashLoader(offset=offset, wake_cycles=wake_cycles, half=half)


def contents(size=64, seed=1):
    return bytes(np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8))


def words_of(data, offset, count):
    return [
        int.from_bytes(data[offset + 2 * k : offset + 2 * k + 2], "little") for k in range(count)
    ]


def read(loader, flash, *, count, ready="1"):
    """The words and the cycles in which they were offered first and taken."""
    words, offered, taken = [], [], []

    async def bench(ctx):
        waits = False
        for now in range(20_000):
            ctx.set(loader.cipo, flash.cipo)
            go = ready[now % len(ready)] == "1"
            ctx.set(loader.o.ready, go)
            if ctx.get(loader.o.valid):
                if not waits:
                    offered.append(now)
                waits = not go
                if go:
                    words.append(ctx.get(loader.o.payload))
                    taken.append(now)
            if len(words) == count:
                return
            await ctx.tick()
            flash.see(ctx.get(loader.cs), ctx.get(loader.clk), ctx.get(loader.copi))
        raise AssertionError(f"{len(words)} of {count} words")

    simulate(loader, bench)
    return words, offered, taken


def test_constructor_errors():
    with pytest.raises(
        ConfigurationError, match=r"^offset must lie in 0\.\.16777215, found 16777216$"
    ):
        made(offset=1 << 24)
    with pytest.raises(ConfigurationError, match=r"^wake_cycles must be at least 1, found 0$"):
        made(wake_cycles=0)
    with pytest.raises(ConfigurationError, match=r"^half must be at least 1, found 0$"):
        made(half=0)


@pytest.mark.parametrize(("offset", "half"), [(0, 1), (0x20, 2), (0x20, 3), (0x123456, 1)])
def test_words_from_the_offset_on(offset, half):
    data = contents(offset + 20)
    loader = made(offset, half=half)
    words, offered, _ = read(loader, FlashModel(data), count=10)
    assert words == words_of(data, offset, 10)
    assert offered[0] == loader.latency
    assert set(np.diff(offered)) == {loader.interval}


@pytest.mark.parametrize("half", [1, 2, 5])
def test_its_clock(half):
    """No level of it is shorter than ``half`` cycles."""
    loader, flash, levels = made(half=half), FlashModel(contents()), []

    async def bench(ctx):
        ctx.set(loader.o.ready, 1)
        for _ in range(loader.latency + 3 * loader.interval):
            ctx.set(loader.cipo, flash.cipo)
            await ctx.tick()
            levels.append(ctx.get(loader.clk))
            flash.see(ctx.get(loader.cs), levels[-1], ctx.get(loader.copi))

    simulate(loader, bench)
    edges = np.flatnonzero(np.diff(levels))
    assert len(edges) == 2 * (8 + 32 + 4 * 16) and np.diff(edges).min() == half


@pytest.mark.parametrize("ready", ["0001", "0" * 100 + "1"])
def test_words_wait(ready):
    data = contents()
    words, _, _ = read(made(), FlashModel(data), count=12, ready=ready)
    assert words == words_of(data, 0x20, 12)


def test_a_flash_that_was_not_woken_up_says_nothing():
    """The model is strict: without the first command all words are ones."""
    flash = FlashModel(contents(), wakes=False)
    words, _, _ = read(made(), flash, count=3)
    assert words == [0xFFFF] * 3


def test_it_stops():
    loader, flash = made(), FlashModel(contents())

    async def bench(ctx):
        ctx.set(loader.stop, 1)
        edges = []
        for _ in range(loader.latency + 200):
            ctx.set(loader.cipo, flash.cipo)
            await ctx.tick()
            edges.append(ctx.get(loader.clk))
            flash.see(ctx.get(loader.cs), ctx.get(loader.clk), ctx.get(loader.copi))
        assert not ctx.get(loader.cs)
        assert not any(edges[-150:])

    simulate(loader, bench)
