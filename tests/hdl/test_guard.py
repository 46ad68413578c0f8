"""A guard takes every spike at once, and says how many it dropped; it drops nothing else."""

import random
from itertools import product

import pytest

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import TokenKind
from spikewright.hdl.guard import InputGuard
from spikewright.hdl.plan import GuardPlan
from spikewright.hdl.token import TokenLayout, axes_of
from support.streams import run_stream, simulate

LAYOUT = TokenLayout(axes=axes_of((5,)), low=-3, high=3)
SPIKE, STEP, END = (kind.value for kind in TokenKind)


def read(payload):
    return {"kind": payload.kind, "address": payload.address, "payload": payload.payload}


def token(kind, k):
    return {"kind": kind, "address": k % 5, "payload": k % 7 - 3}


class Model:
    """What a guard holds and has counted, from what went in and what came out."""

    def __init__(self, depth, reserve, most=(1 << 32) - 1):
        self.depth, self.reserve, self.most = depth, reserve, most
        self.places, self.kept = [], []
        self.losses = self.waits = 0

    def ready(self, item):
        return item["kind"] == SPIKE or len(self.places) < self.depth

    def cycle(self, item, left):
        """One clock edge: what was offered, None where nothing was, and what was taken out."""
        room = self.depth - len(self.places)
        taken = False
        if item is not None and item["kind"] == SPIKE:
            taken = room > self.reserve
            self.losses = min(self.most, self.losses + (not taken))
        elif item is not None:
            taken = room > 0
            self.waits = min(self.most, self.waits + (not taken))
        if left is not None:
            assert left == self.places.pop(0), "another token"
        if taken:
            self.places.append(item)
            self.kept.append(item)


async def play(ctx, dut, model, items, valid, ready):
    """Offer ``items``, one a cycle where ``valid`` says so; then drain."""
    waiting = [dict(item) for item in items]
    offers, takes = iter(valid * 400), iter(ready * 400)
    offered = held = None
    while waiting or offered or model.places:
        if offered is None and waiting and next(offers) == "1":
            offered = waiting.pop(0)
        if offered is not None:
            ctx.set(dut.i.payload, offered)
        ctx.set(dut.i.valid, offered is not None)
        takes_now = next(takes) == "1"
        ctx.set(dut.o.ready, takes_now)
        assert offered is None or ctx.get(dut.i.ready) == model.ready(offered)
        shown = read(ctx.get(dut.o.payload)) if ctx.get(dut.o.valid) else None
        assert held is None or shown == held, "a token must hold while it waits"
        held = None if takes_now else shown
        went = offered is not None and model.ready(offered)
        model.cycle(offered, shown if takes_now else None)
        offered = None if went else offered
        await ctx.tick()
        assert (ctx.get(dut.losses), ctx.get(dut.waits)) == (model.losses, model.waits)
    ctx.set(dut.i.valid, 0)


def check(dut, runs, *, most=(1 << 32) - 1):
    """Runs of (items, valid, ready) one after the other; returns their models."""
    models = []

    async def bench(ctx):
        for items, valid, ready in runs:
            ctx.set(dut.clear, 1)
            await ctx.tick()
            ctx.set(dut.clear, 0)
            model = Model(dut.depth, dut.reserve, most)
            await play(ctx, dut, model, items, valid, ready)
            assert ctx.get(dut.o.valid) == 0, "a token too many"
            spikes = [sum(t["kind"] == SPIKE for t in part) for part in (items, model.kept)]
            if model.losses < most:
                assert spikes[1] + model.losses == spikes[0]
            markers = [[t for t in part if t["kind"] != SPIKE] for part in (items, model.kept)]
            assert markers[0] == markers[1], "STEP and END are never dropped"
            models.append(model)

    simulate(dut, bench)
    return models


def guard_of(depth, reserve, **options):
    plan = GuardPlan(input="x", depth=depth, reserve=reserve)
    return InputGuard(layout=LAYOUT, plan=plan, **options)


def test_a_counter_without_bits():
    with pytest.raises(ConfigurationError, match=r"^a counter must have at least 1 bit, found 0$"):
        guard_of(4, 1, bits=0)


@pytest.mark.parametrize(("depth", "reserve"), [(3, 1), (4, 1), (4, 2)])
def test_every_short_sequence(depth, reserve):
    dut = guard_of(depth, reserve)
    runs = [
        ([token(kind, k) for k, kind in enumerate(kinds)], "1", ready)
        for kinds in product((SPIKE, STEP), repeat=7)
        for ready in ("1", "00000001", "0001", "01")
    ]
    models = check(dut, runs)
    assert any(model.losses for model in models) and any(model.waits for model in models)


@pytest.mark.parametrize("depth", [3, 4, 5, 8, 32])
@pytest.mark.parametrize(
    ("valid", "ready"), [("1", "1"), ("1", "001"), ("10", "01"), ("110", "0000000000000001011")]
)
def test_random_tokens_and_stalls(depth, valid, ready):
    seed = depth * 1000 + len(ready)
    rng = random.Random(seed)
    reserve = rng.randrange(1, depth - 1)
    kinds = [rng.choices((SPIKE, STEP, END), (8, 2, 1))[0] for _ in range(300)]
    items = [token(kind, rng.randrange(100)) for kind in kinds]
    (model,) = check(guard_of(depth, reserve), [(items, valid, ready)])
    if ready == "1":
        assert model.losses == model.waits == 0
    elif ready == "001":
        assert model.losses > 0


@pytest.mark.parametrize("depth", [3, 4, 5, 16])
def test_latency_and_interval(depth):
    guard = guard_of(depth, 1)
    items = [token((SPIKE, STEP)[k % 7 == 0], k) for k in range(40)]
    seen = run_stream(guard, items, count=len(items), read=read)
    assert seen.payloads == items
    assert seen.items[0][0] - seen.accepted[0] == guard.latency
    steps = {b[0] - a[0] for a, b in zip(seen.items, seen.items[1:], strict=False)}
    assert steps == {guard.interval}


@pytest.mark.parametrize(("depth", "reserve"), [(4, 1), (8, 3), (16, 14)])
def test_behind_a_consumer_that_stands_still_the_reserve_is_what_is_promised(depth, reserve):
    """Spikes without end, then as many markers as the reserve holds; one more waits."""
    dut = guard_of(depth, reserve)
    spikes = [token(SPIKE, k) for k in range(3 * depth)]
    markers = [token(STEP, k) for k in range(reserve)]
    stands = "0" * 200 + "1" * 200
    (model,) = check(dut, [(spikes + markers, "1", stands)])
    assert (model.losses, model.waits) == (2 * depth + reserve, 0)
    (model,) = check(dut, [([*spikes, *markers, token(END, 0)], "1", stands)])
    assert model.losses == 2 * depth + reserve and model.waits > 0


def test_counters_stop_at_their_end():
    dut = guard_of(3, 1, bits=3)
    items = [token(SPIKE, k) for k in range(20)] + [token(STEP, 0)] * 4
    models = check(dut, [(items, "1", "0" * 60 + "1" * 200)] * 2, most=7)
    assert [(model.losses, model.waits) for model in models] == [(7, 7)] * 2
