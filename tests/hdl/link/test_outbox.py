"""The outbox against a list of frames."""

import random

import pytest
from amaranth.hdl import ResetInserter, Signal

from spikewright.golden.errors import ConfigurationError
from spikewright.hdl.link.outbox import Outbox
from support.streams import simulate

MOST = 128  # frames that wait


@pytest.mark.parametrize("depth", [0, 32, 65, 96, 1 << 16])
def test_depths_that_are_refused(depth):
    with pytest.raises(
        ConfigurationError,
        match=rf"^the depth of an outbox must be a power of two in 64\.\.32768, found {depth}$",
    ):
        Outbox(depth=depth)


async def pulse(ctx, signal):
    ctx.set(signal, 1)
    await ctx.tick()
    ctx.set(signal, 0)


async def until(ctx, signal, limit=400):
    """Cycles until it is 1."""
    for now in range(limit):
        if ctx.get(signal):
            return now
        await ctx.tick()
    raise AssertionError("it never comes")


async def put(ctx, dut, kind, payload):
    for byte in payload:
        ctx.set(dut.i.valid, 1)
        ctx.set(dut.i.payload, byte)
        await until(ctx, dut.i.ready)
        await ctx.tick()
    ctx.set(dut.i.valid, 0)
    await until(ctx, dut.open)
    ctx.set(dut.kind, kind)
    await pulse(ctx, dut.commit)


async def get(ctx, dut):
    """Sequence number, type, payload of the frame that is sent next, and when bytes came."""
    await until(ctx, dut.frame)
    seq = ctx.get(dut.seq)
    await pulse(ctx, dut.taken)
    found, times = [], []
    ctx.set(dut.o.ready, 1)
    now = 0
    while len(found) < 3 or len(found) < 3 + found[1] + 256 * found[2]:
        _, _, valid, byte = await ctx.tick().sample(dut.o.valid, dut.o.payload)
        if valid:
            found.append(byte)
            times.append(now)
        now += 1
        assert now < 30_000, "it never ends"
    ctx.set(dut.o.ready, 0)
    await pulse(ctx, dut.sent)
    return (seq, found[0], bytes(found[3:])), times


async def acknowledge(ctx, dut, ack):
    ctx.set(dut.ack, ack)
    await pulse(ctx, dut.acked)


def test_latency_and_interval():
    dut = Outbox(depth=64)

    async def bench(ctx):
        await put(ctx, dut, 144, b"abcd")
        # The commit was in the cycle before.
        assert 1 + await until(ctx, dut.frame) == dut.latency
        found, times = await get(ctx, dut)
        assert found == (0, 144, b"abcd")
        assert times == [times[0] + k * dut.interval for k in range(7)]
        ctx.set(dut.i.valid, 1)
        assert await until(ctx, dut.i.ready) == 0
        ctx.set(dut.i.valid, 0)
        await put(ctx, dut, 145, b"")
        assert 1 + await until(ctx, dut.i.ready) == 9
        ctx.set(dut.i.valid, 1)
        for _ in range(4):
            await ctx.tick()
            assert 1 + await until(ctx, dut.i.ready) == 3

    simulate(dut, bench)


@pytest.mark.parametrize("size", [0, 1, 255, 258])
def test_every_byte_of_a_length(size):
    dut = Outbox(depth=512)
    payload = bytes(k % 251 for k in range(size))

    async def bench(ctx):
        await put(ctx, dut, 159, payload)
        assert (await get(ctx, dut))[0] == (0, 159, payload)
        await acknowledge(ctx, dut, 1)
        await put(ctx, dut, 1, payload)
        assert (await get(ctx, dut))[0] == (1, 1, payload)

    simulate(dut, bench)


def test_it_fills_to_the_last_byte():
    dut = Outbox(depth=64)

    async def bench(ctx):
        await put(ctx, dut, 1, bytes(30))
        await put(ctx, dut, 2, bytes(28))  # 33 + 31: full
        for _ in range(40):
            assert not ctx.get(dut.i.ready) and not ctx.get(dut.open)
            await ctx.tick()
        await get(ctx, dut)
        await acknowledge(ctx, dut, 1)
        await put(ctx, dut, 3, bytes(30))
        assert [(await get(ctx, dut))[0][:2] for _ in range(2)] == [(1, 2), (2, 3)]

    simulate(dut, bench)


def test_no_more_frames_than_numbers_can_tell():
    """One more would be a number that a host takes for an earlier one."""
    dut = Outbox(depth=512)

    async def bench(ctx):
        for k in range(MOST):
            await put(ctx, dut, k, b"")
        for _ in range(20):
            assert not ctx.get(dut.open)
            await ctx.tick()
        await acknowledge(ctx, dut, MOST)
        await until(ctx, dut.open)
        await ctx.tick().repeat(8 * MOST)
        assert not ctx.get(dut.frame)
        await put(ctx, dut, 7, b"z")
        assert (await get(ctx, dut))[0] == (MOST, 7, b"z")

    simulate(dut, bench)


class Model:
    """What is in the box, and which frame is sent next; numbers do not come round here.

    A frame is there once its header is written. What the host says is obeyed before a frame that is
    taken two cycles later, or else once that frame was sent.
    """

    def __init__(self):
        self.frames, self.times, self.said = [], [], []
        self.acked = self.oldest = self.next = 0

    def known(self, now):
        return sum(at + Outbox.latency - 1 <= now for at in self.times[-2:]) + len(self.times[:-2])

    def commits(self, now, record):
        self.frames.append(record)
        self.times.append(now)

    def hears(self, now, ack, again):
        if ack is not None and self.acked <= ack <= self.known(now):
            self.acked = ack
            self.said.append((now, ack, False))
        if again:
            self.said.append((now, 0, True))

    def obeys(self, now):
        for _, ack, again in [each for each in self.said if each[0] <= now]:
            self.oldest = max(self.oldest, ack)
            self.next = self.oldest if again else max(self.next, ack)
        self.said = [each for each in self.said if each[0] > now]


class Writer:
    """Payloads of many sizes, in bytes with pauses."""

    def __init__(self, dut, rng, model):
        self.dut, self.rng, self.model = dut, rng, model
        self.payload = self.left = b""

    def sets(self, ctx):
        ctx.set(self.dut.i.valid, bool(self.left) and self.rng.random() < 0.8)
        ctx.set(self.dut.i.payload, self.left[0] if self.left else self.rng.randrange(256))
        ctx.set(self.dut.kind, self.rng.randrange(256))
        ctx.set(self.dut.commit, not self.left and self.rng.random() < 0.8)

    def sees(self, now, took, commits, kind):
        if took:
            self.left = self.left[1:]
        if commits:
            self.model.commits(now, bytes([kind, len(self.payload), 0]) + self.payload)
            size = self.rng.choice((0, 0, 0, 1, 1, 2, 3, 61 if self.rng.random() < 0.1 else 5))
            self.payload = self.left = self.rng.randbytes(size)


class Reader:
    """Takes frames now and then, their bytes with pauses, and says later that they were sent."""

    def __init__(self, dut, rng, model):
        self.dut, self.rng, self.model = dut, rng, model
        self.record = self.held = None  # bytes that are still to come

    def sets(self, ctx):
        idle, rng = self.record is None, self.rng
        ctx.set(self.dut.taken, idle and rng.random() < 0.3)
        ctx.set(self.dut.o.ready, bool(self.record) and rng.random() < 0.8)
        ctx.set(self.dut.sent, self.record == b"" and rng.random() < 0.6)

    def sees(self, now, taken, seq, sent, valid, ready, byte):
        if taken:
            self.model.obeys(now - 2)
            assert seq == self.model.next & 255
            self.record = self.model.frames[self.model.next]
        if self.held is not None:
            assert valid and byte == self.held
        self.held = byte if self.record and valid and not ready else None
        if valid and ready:
            assert byte == self.record[0]
            self.record = self.record[1:]
        if sent:
            self.record = None
            self.model.next += 1
            self.model.obeys(now)


@pytest.mark.parametrize("seed", [4])
def test_against_a_list(seed):
    """Numbers come round; acks come late, early, twice and wrong; all of it at any time."""
    rng, dut, model = random.Random(seed), Outbox(depth=64), Model()
    writer, reader = Writer(dut, rng, model), Reader(dut, rng, model)
    seen = dict.fromkeys(("again", "old", "early", "unsent", "all", "full", "shut"), 0)

    def says(now):
        """Mostly nothing; an ack, right or wrong; or that all be sent again."""
        act, known = rng.random(), model.known(now)
        if act > 0.04:
            return None, rng.random() < 0.01
        ack = model.acked + rng.choice((0, 1, 1, 2, 3, known - model.acked, -1, -9, -100, 150))
        for name, found in (
            ("old", ack < model.acked),
            ("early", ack > known),
            ("unsent", model.next < ack <= known),
            ("all", ack == known),
        ):
            seen[name] += found
        return ack, rng.random() < 0.15

    async def bench(ctx):
        now = 0
        while model.acked < 280:
            now += 1
            assert now < 30_000, "it never ends"
            ack, again = says(now)
            seen["again"] += again
            ctx.set(dut.acked, ack is not None)
            ctx.set(dut.ack, (ack or 0) & 255)
            ctx.set(dut.again, again)
            writer.sets(ctx)
            reader.sets(ctx)
            (
                _,
                _,
                offers,
                room,
                commit,
                is_open,
                kind,
                taken,
                frame,
                *rest,
            ) = await ctx.tick().sample(
                *(dut.i.valid, dut.i.ready, dut.commit, dut.open, dut.kind, dut.taken),
                *(dut.frame, dut.seq, dut.sent, dut.o.valid, dut.o.ready, dut.o.payload),
            )
            seen["full"] += offers and not room
            seen["shut"] += commit and not is_open
            model.hears(now, ack, again)
            writer.sees(now, offers and room, commit and is_open, kind)
            reader.sees(now, taken and frame, *rest)

    simulate(dut, bench)
    assert all(seen.values()), seen


def test_a_reset_forgets_all():
    dut, cut = Outbox(depth=64), Signal()

    async def bench(ctx):
        for state in range(4):
            await put(ctx, dut, 1, b"abc")
            await put(ctx, dut, 2, b"de")
            ctx.set(dut.i.valid, 1)
            await ctx.tick().repeat(12)
            ctx.set(dut.i.valid, 0)
            if state:
                await pulse(ctx, dut.taken)
                await ctx.tick().repeat(state)
            if state == 3:
                ctx.set(dut.again, 1)
                await acknowledge(ctx, dut, 1)
                ctx.set(dut.again, 0)
            await pulse(ctx, cut)
            for _ in range(10):
                assert not ctx.get(dut.frame) and not ctx.get(dut.o.valid)
                await ctx.tick()
            await put(ctx, dut, 3, b"x")
            assert (await get(ctx, dut))[0] == (0, 3, b"x")
            await pulse(ctx, cut)

    simulate(ResetInserter(cut)(dut), bench)
