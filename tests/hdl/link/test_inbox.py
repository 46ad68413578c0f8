"""The inbox against a list of bytes."""

import random

import pytest
from amaranth.hdl import ResetInserter, Signal

from spikewright.golden.errors import ConfigurationError
from spikewright.hdl.link.inbox import Inbox
from support.streams import simulate


@pytest.mark.parametrize("depth", [0, 32, 63, 65, 96])
def test_depths_that_are_refused(depth):
    with pytest.raises(
        ConfigurationError,
        match=rf"^the depth of an inbox must be a power of two, at least 64, found {depth}$",
    ):
        Inbox(depth=depth)


async def put(ctx, dut, data):
    for byte in data:
        ctx.set(dut.write, 1)
        ctx.set(dut.data, byte)
        await ctx.tick()
    ctx.set(dut.write, 0)


async def pulse(ctx, signal):
    ctx.set(signal, 1)
    await ctx.tick()
    ctx.set(signal, 0)


async def take(ctx, dut, limit=60):
    """All that it offers, and in which cycles."""
    ctx.set(dut.o.ready, 1)
    found = []
    for now in range(limit):
        _, _, valid, byte = await ctx.tick().sample(dut.o.valid, dut.o.payload)
        if valid:
            found.append((now, byte))
    ctx.set(dut.o.ready, 0)
    return found


def test_latency_and_interval():
    dut = Inbox(depth=64)

    async def bench(ctx):
        await put(ctx, dut, b"abcd")
        ctx.set(dut.commit, 1)
        ctx.set(dut.o.ready, 1)
        await ctx.tick()
        ctx.set(dut.commit, 0)
        found = await take(ctx, dut)
        assert bytes(byte for _, byte in found) == b"abcd"
        # The commit was in the cycle before the first of these.
        times = [now + 1 for now, _ in found]
        assert times == [dut.latency + k * dut.interval for k in range(4)]

    simulate(dut, bench)


def test_what_is_full_loses_the_frame_and_nothing_else():
    dut = Inbox(depth=64)

    async def bench(ctx):
        await put(ctx, dut, range(60))
        await pulse(ctx, dut.commit)
        await put(ctx, dut, b"wxyz")
        assert not ctx.get(dut.crowded)
        await put(ctx, dut, b"!")
        assert ctx.get(dut.crowded)
        assert len(await take(ctx, dut, 3 * 60 + 9)) == 60
        await put(ctx, dut, b"?")  # there is room now, but the frame is not whole
        assert ctx.get(dut.crowded)
        await pulse(ctx, dut.abort)
        assert not ctx.get(dut.crowded)
        await put(ctx, dut, range(100, 164))
        assert not ctx.get(dut.crowded)
        await pulse(ctx, dut.commit)
        found = await take(ctx, dut, 3 * 64 + 9)
        assert [byte for _, byte in found] == list(range(100, 164))

    simulate(dut, bench)


@pytest.mark.parametrize("ready", ["1", "0001", "1" * 90 + "0" * 150])
@pytest.mark.parametrize("seed", [3])
def test_against_a_list(ready, seed):
    rng = random.Random(seed)
    dut, depth = Inbox(depth=64), 64
    kept, came, crowded, seen = [], [], False, set()

    async def bench(ctx):
        nonlocal crowded
        held, left, gone = None, 0, False
        for now in range(2500):
            act = rng.random()
            if left == 0 and act < 0.5:
                act, left = 1, rng.choice((1, 3, 5, 20, 40))
                ctx.set(dut.commit, not crowded and rng.random() < 0.7)
                ctx.set(dut.abort, not ctx.get(dut.commit))
            writes = act < 0.6 and left > 0
            byte = rng.randrange(256)
            ctx.set(dut.write, writes)
            ctx.set(dut.data, byte)
            takes = ready[now % len(ready)] == "1"
            ctx.set(dut.o.ready, takes)
            _, _, commit, abort, valid, data, says = await ctx.tick().sample(
                dut.commit, dut.abort, dut.o.valid, dut.o.payload, dut.crowded
            )
            ctx.set(dut.commit, 0)
            ctx.set(dut.abort, 0)
            assert says == crowded
            seen.add((bool(commit), bool(abort), crowded))
            if held is not None:
                assert valid and data == held
            held = data if valid and not takes else None
            if valid:
                assert data == kept[0]
            gone = valid and takes
            if commit:
                kept.extend(came)
            if commit or abort:
                came.clear()
                crowded = False
            if writes:
                left -= 1
                if crowded or len(kept) + len(came) >= depth:
                    crowded = True
                else:
                    came.append(byte)
            if gone:
                kept.pop(0)

    simulate(dut, bench)
    assert (True, False, False) in seen and (False, True, False) in seen
    if ready != "1":
        assert (False, True, True) in seen


def test_a_reset_forgets_all():
    dut, cut = Inbox(depth=64), Signal()

    async def bench(ctx):
        await put(ctx, dut, range(64))
        await pulse(ctx, dut.commit)
        await put(ctx, dut, b"!")
        await ctx.tick().repeat(5)
        assert ctx.get(dut.o.valid)
        await pulse(ctx, cut)
        assert not ctx.get(dut.crowded)
        assert await take(ctx, dut) == []
        await put(ctx, dut, b"x")
        await pulse(ctx, dut.commit)
        assert [byte for _, byte in await take(ctx, dut)] == [ord("x")]

    simulate(ResetInserter(cut)(dut), bench)
