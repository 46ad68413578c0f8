"""Which frames are kept, and what is said to them, against a plain reading of docs/link.md."""

import random

import pytest
from amaranth.hdl import ResetInserter, Signal

from spikewright.hdl.link.endpoint import Endpoint
from support.streams import simulate

CONNECT, ACK, NAK, HELLO, DOWN, VERSION, OVERSIZED = range(1, 8)
URGENT = (HELLO, DOWN, VERSION, OVERSIZED, NAK)
OUTBOX, ECHO = 0, 21
NAMES = ("bad_frames", "missed_frames", "repeated_frames")


class Model:
    """What has to be said, and what was counted."""

    def __init__(self):
        self.connected, self.next, self.ack = False, 0, 0
        self.wanted, self.counts = set(), dict.fromkeys(NAMES, 0)

    def count(self, name):
        self.counts[name] = min(255, self.counts[name] + 1)

    def judge(self, kind, seq, *, good=True, other=False, oversized=False, crowded=False):
        """Of what the boxes hear of a frame: commit, acked, again."""
        if not good:
            self.count("bad_frames")
            self.wanted |= {NAK} if self.connected else set()
        elif other:
            self.wanted.add(VERSION)
        elif oversized:
            self.wanted.add(OVERSIZED)
        elif kind == CONNECT:
            self.connected, self.next, self.ack, self.wanted = True, 0, 0, {HELLO}
            return (0, 0, 0)
        elif not self.connected:
            self.wanted.add(DOWN)
        elif kind == NAK:
            self.wanted.add(ACK)
            return (0, 1, 1)
        elif kind < 16:
            return (0, 1, 0)
        elif seq == self.next and not crowded:
            self.next = (self.next + 1) % 256
            return (1, 1, 0)
        elif (seq - self.next) % 256 >= 128:
            self.count("repeated_frames")
            self.wanted.add(ACK)
            return (0, 1, 0)
        else:
            self.count("missed_frames")
            self.wanted.add(NAK)
            return (0, 1, 0)
        return (0, 0, 0)

    def executes(self):
        self.ack = (self.ack + 1) % 256
        self.wanted.add(ACK)

    def says(self, frame):
        """The most urgent; an ack has to wait."""
        for kind in URGENT:
            if kind in self.wanted:
                return kind
        return OUTBOX if frame else ACK if ACK in self.wanted else None


async def hear(ctx, dut, kind, seq=0, *, good=True, ack=0, **flags):
    """Show it a frame; returns commit, acked, again."""
    ctx.set(dut.kind, kind)
    ctx.set(dut.seq, seq)
    ctx.set(dut.ack, ack)
    for name in ("other", "oversized", "crowded"):
        ctx.set(getattr(dut, name), flags.get(name, False))
    ctx.set(dut.good if good else dut.bad, 1)
    _, _, *boxes, host_ack = await ctx.tick().sample(dut.acked, dut.again, dut.host_ack)
    assert not boxes[0] or host_ack == ack
    ctx.set(dut.good, 0)
    ctx.set(dut.bad, 0)
    assert dut.latency == 1
    commit = ctx.get(dut.commit)
    assert ctx.get(dut.abort) == (not commit)
    return (commit, *boxes)


async def said(ctx, dut, limit=200):
    """Cycles until it starts something, and what."""
    ctx.set(dut.idle, 1)
    for now in range(limit):
        _, _, start, taken = await ctx.tick().sample(dut.start, dut.taken)
        if start:
            ctx.set(dut.idle, 0)
            kind = OUTBOX if ctx.get(dut.send_numbered) else ctx.get(dut.send_kind)
            assert taken == (kind == OUTBOX)
            return now, kind
    ctx.set(dut.idle, 0)
    return None


def test_latency():
    dut = Endpoint()

    async def bench(ctx):
        await hear(ctx, dut, CONNECT)
        assert await said(ctx, dut) == (dut.latency, HELLO)
        await hear(ctx, dut, ECHO, 0, good=False)
        assert await said(ctx, dut) == (dut.latency - 1, NAK)
        ctx.set(dut.executed, 1)
        await ctx.tick()
        ctx.set(dut.executed, 0)
        assert await said(ctx, dut) == (dut.latency - 1 + dut.ack_waits, ACK)
        ctx.set(dut.executed, 1)
        await ctx.tick()
        ctx.set(dut.executed, 0)
        ctx.set(dut.frame, 1)
        assert await said(ctx, dut) == (dut.latency - 1, OUTBOX)
        ctx.set(dut.frame, 0)
        assert await said(ctx, dut) is None

    simulate(dut, bench)


def test_connect_is_heard_whatever_goes_on():
    """Also while it starts something, in which case that is forgotten."""
    dut = Endpoint()

    async def bench(ctx):
        for idle in range(6):
            await hear(ctx, dut, ECHO, 5)
            await hear(ctx, dut, 0, good=False)
            ctx.set(dut.executed, 1)
            ctx.set(dut.frame, 1)
            found = []
            for now in range(6):
                ctx.set(dut.idle, now >= idle)
                ctx.set(dut.good, now == 2)
                ctx.set(dut.kind, CONNECT)
                _, _, connect, start = await ctx.tick().sample(dut.connect, dut.start)
                assert connect == (now == 3)
                ctx.set(dut.executed, 0)
                if connect:
                    ctx.set(dut.frame, 0)  # the outbox is reset, as the sender is
                if start and now > 3:
                    found.append(ctx.get(dut.send_kind))
            ctx.set(dut.idle, 1)
            await ctx.tick().repeat(2)
            assert found == [HELLO] and ctx.get(dut.send_ack) == 0
            ctx.set(dut.idle, 0)

    simulate(dut, bench)


@pytest.mark.parametrize("seed", [7])
def test_against_a_reading(seed):
    """Numbers come round, and so do acks."""
    rng, dut, model = random.Random(seed), Endpoint(), Model()
    seen = set()

    async def bench(ctx):
        for count in range(1500):
            kind = rng.choice((ACK, NAK, *[ECHO] * 9, 200, 15, 16))
            if rng.random() < 0.002 or count == 20:
                kind = CONNECT
            seq = (model.next + rng.choice((0,) * 16 + (1, 127, 128, -1, 60))) % 256
            flags = {
                "good": rng.random() < 0.9,
                "other": rng.random() < 0.02,
                "oversized": rng.random() < 0.02,
                "crowded": rng.random() < 0.05,
            }
            boxes = model.judge(kind, seq, **flags)
            assert await hear(ctx, dut, kind, seq, ack=rng.randrange(256), **flags) == boxes
            if kind == CONNECT:
                await ctx.tick()
            if rng.random() < 0.6:
                model.executes()
                ctx.set(dut.executed, 1)
                await ctx.tick()
                ctx.set(dut.executed, 0)
            assert {name: ctx.get(getattr(dut, name)) for name in NAMES} == model.counts
            assert ctx.get(dut.connected) == model.connected
            assert ctx.get(dut.send_ack) == model.ack
            for _ in range(rng.choice((0, 0, 1, 2))):
                frame, number = rng.random() < 0.5, rng.randrange(256)
                ctx.set(dut.frame, frame)
                ctx.set(dut.frame_seq, number)
                expected = model.says(frame)
                waits = 0 if expected != ACK else dut.ack_waits + 1
                if expected == ACK and rng.random() < 0.8:
                    continue
                found = await said(ctx, dut, limit=waits + 2)
                assert (found and found[1]) == expected
                seen.add(expected)
                if expected is not None:
                    assert ctx.get(dut.send_seq) == (0 if expected else number)
                    model.wanted -= {expected or ACK}
            ctx.set(dut.frame, 0)

    simulate(dut, bench)
    assert seen == {*URGENT, OUTBOX, ACK, None}
    assert all(model.counts.values())


def test_counters_stop_at_their_highest_value():
    dut = Endpoint()

    async def bench(ctx):
        ctx.set(dut.bad, 1)
        await ctx.tick().repeat(300)
        assert ctx.get(dut.bad_frames) == 255 and ctx.get(dut.missed_frames) == 0

    simulate(dut, bench)


def test_a_reset_is_not_connected():
    dut, cut = Endpoint(), Signal()

    async def bench(ctx):
        await hear(ctx, dut, CONNECT)
        await ctx.tick()
        await hear(ctx, dut, ECHO, 9)
        ctx.set(cut, 1)
        await ctx.tick()
        ctx.set(cut, 0)
        assert not ctx.get(dut.connected) and ctx.get(dut.missed_frames) == 0
        assert await said(ctx, dut) is None
        await hear(ctx, dut, ECHO, 0)
        assert await said(ctx, dut) == (0, DOWN)

    simulate(ResetInserter(cut)(dut), bench)
