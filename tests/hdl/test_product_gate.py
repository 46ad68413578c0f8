"""A step passes when its sums are ready, and the next one when they have been read."""

import itertools

import pytest

from spikewright.hdl.product_gate import ProductGate
from spikewright.hdl.token import TokenLayout, axes_of
from support.late import END, KEEP, SPIKE, STEP, mark
from support.streams import simulate

LAYOUT = TokenLayout(axes=axes_of((5,)), low=0, high=1)
STEPS = [mark(SPIKE, 1), mark(SPIKE, 2), mark(STEP), mark(STEP), mark(SPIKE, 3), mark(STEP)]


def run(direct, *, ready="1", takes="1", busy="0", after=0, dropped=False):
    """Cycles in which tokens pass, and those of ``release``; a STEP is taken ``after`` cycles."""
    dut = ProductGate(layout=LAYOUT, direct=direct)
    passed, released = [], []

    async def bench(ctx):
        queue = [*STEPS, mark(END, KEEP)]
        stored, taken, want = 0, [], itertools.cycle(ready)
        ctx.set(dut.dropped, dropped)
        for now in range(120):
            if stored == 0 and next(want) == "1":
                stored = 1
            ctx.set(dut.ready, stored)
            ctx.set(dut.o.ready, takes[now % len(takes)] == "1")
            ctx.set(dut.busy, busy[now % len(busy)] == "1")
            ctx.set(dut.i.valid, bool(queue))
            if queue:
                ctx.set(dut.i.payload, queue[0])
            goes = ctx.get(dut.o.valid) and ctx.get(dut.o.ready)
            assert goes == (bool(queue) and bool(ctx.get(dut.i.ready)))
            if goes:
                kind = queue.pop(0)["kind"]
                assert ctx.get(dut.o.payload.kind) == kind
                passed.append((now, kind))
                if kind == STEP and not dropped:
                    taken.append(now + after)
            ctx.set(dut.taken, now in taken)
            if ctx.get(dut.release):
                assert busy[now % len(busy)] == "0"
                released.append(now)
                stored = 0
            await ctx.tick()

    simulate(dut, bench)
    assert [kind for _, kind in passed] == [token["kind"] for token in (*STEPS, mark(END))]
    return passed, released


@pytest.mark.parametrize(("direct", "after"), [(True, 0), (False, 1), (False, 7)])
@pytest.mark.parametrize("takes", ["1", "0110"])
@pytest.mark.parametrize("ready", ["1", "00010"])
@pytest.mark.parametrize("busy", ["0", "110", "10"])
def test_one_step_at_a_time(direct, after, takes, ready, busy):
    passed, released = run(direct, ready=ready, takes=takes, busy=busy, after=after)
    steps = [now for now, kind in passed if kind == STEP]
    assert len(released) == len(steps)
    for step, release in zip(steps, released, strict=True):
        assert release > step + after
        assert not any(step < now <= release for now, kind in passed if kind != END)


def test_latency_and_interval():
    """A spike passes in its cycle, the next step two cycles behind a STEP that is taken at once."""
    assert (ProductGate.latency, ProductGate.interval) == (0, 1)
    passed, released = run(direct=True)
    assert [now for now, _ in passed] == [0, 1, 2, 4, 6, 7, 8]
    assert released == [3, 5, 8]


def test_what_goes_to_nobody_is_taken_at_once():
    """In no cycle is a STEP taken, and all passes."""
    passed, released = run(direct=False, dropped=True)
    assert [now for now, _ in passed] == [0, 1, 2, 4, 6, 7, 8]
    assert released == [3, 5, 8]
