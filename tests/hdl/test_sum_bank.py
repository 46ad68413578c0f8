"""A bank of sums: what it counted is what it sends, in as few spikes as the payload allows."""

import itertools
import random

import pytest

from spikewright.golden.spec import Interval
from spikewright.hdl.sum_bank import SumBank
from spikewright.hdl.token import TokenLayout, axes_of
from support.streams import simulate

SIGN = TokenLayout(axes=axes_of((5,)), low=-1, high=1)
UNIT = TokenLayout(axes=axes_of((12,)), low=0, high=1)
GRADED = TokenLayout(axes=axes_of((3, 2, 2), (2, 1, 3)), low=-2, high=5)
POWERS = TokenLayout(axes=axes_of((4,)), low=-4, high=8, powers=True)
LAYOUTS = {"sign": SIGN, "unit": UNIT, "graded": GRADED, "powers": POWERS}


def spikes_of(total, least, most):
    """A sum in as few parts as there are."""
    limit = most if total > 0 else least
    if total == 0:
        return []
    full, rest = divmod(total, limit)
    return [limit] * full + [rest] * (rest != 0)


async def count(ctx, dut, spikes, valid):
    """Add (neuron, payload) one by one."""
    goes = itertools.cycle(valid)
    queue = list(spikes)
    while queue:
        offers = next(goes) == "1"
        neuron, payload = queue[0]
        token = {"kind": 0, "address": int(dut.layout.encode(neuron))}
        ctx.set(dut.token, token if dut.layout.is_unit else token | {"payload": payload})
        ctx.set(dut.spike, offers)
        if offers:
            assert ctx.get(dut.counts)
            queue.pop(0)
        await ctx.tick()
    ctx.set(dut.spike, 0)


async def close(ctx, dut, keep):
    while ctx.get(dut.under_way):
        await ctx.tick()
    ctx.set(dut.closes, 1)
    ctx.set(dut.keep, keep)
    await ctx.tick()
    ctx.set(dut.closes, 0)


async def empty(ctx, dut, ready):
    """What it sends until it counts again, and how many cycles that takes."""
    takes, found, cycles, held = itertools.cycle(ready), [], 0, None
    while not ctx.get(dut.counts):
        ctx.set(dut.send, 1)
        taking = next(takes) == "1"
        ctx.set(dut.o.ready, taking)
        if ctx.get(dut.o.valid):
            payload = ctx.get(dut.o.payload)
            value = 1 if dut.layout.is_unit else payload.payload
            item = (int(dut.layout.decode(payload.address)), value)
            assert held in (None, item), "a payload changed while it waited"
            held = None if taking else item
            if taking:
                found.append(item)
        else:
            assert held is None, "an offer was withdrawn"
        await ctx.tick()
        cycles += 1
    ctx.set(dut.send, 0)
    return found, cycles


@pytest.mark.parametrize("ready", ["1", "01", "0010"])
@pytest.mark.parametrize("valid", ["1", "10"])
@pytest.mark.parametrize("name", LAYOUTS)
def test_sends_what_it_counted(name, valid, ready):
    layout = LAYOUTS[name]
    rng = random.Random(f"{name}{valid}{ready}")
    dut = SumBank(layout=layout, sums=Interval(-40 if layout.low < 0 else 0, 40))

    async def bench(ctx):
        await empty(ctx, dut, "1")  # after reset
        for _ in range(6):
            totals, spikes = [0] * layout.neurons, []
            for _ in range(rng.randrange(25)):
                neuron = rng.randrange(layout.neurons)
                choices = [p for p in range(layout.low, layout.high + 1) if p]
                payload = rng.choice([1, -4, 8] if name == "powers" else choices)
                if 0 if layout.low < 0 else totals[neuron] + payload > 40:
                    continue
                if abs(totals[neuron] + payload) <= 40:
                    totals[neuron] += payload
                    spikes.append((neuron, payload))
            await count(ctx, dut, spikes, valid)
            keep = rng.random() < 0.7
            await close(ctx, dut, keep)
            assert ctx.get(dut.holds) == keep
            found, _ = await empty(ctx, dut, ready)
            least, most = (-1, 1) if name == "powers" else (layout.low, layout.high)
            want = [(n, part) for n, t in enumerate(totals) for part in spikes_of(t, least, most)]
            assert sorted(found) == sorted(want if keep else [])
            addresses = [int(layout.encode(n)) for n, _ in found]
            assert addresses == sorted(addresses)

    simulate(dut, bench)


@pytest.mark.parametrize("sums", [Interval(0, 1), Interval(-1, 0), Interval(-4, 3)])
def test_every_sum_of_two_neurons(sums):
    layout = TokenLayout(axes=axes_of((2,)), low=min(sums.low, 0) and -1, high=1)
    dut = SumBank(layout=layout, sums=sums)
    values = range(sums.low, sums.high + 1)

    async def bench(ctx):
        await empty(ctx, dut, "1")
        for totals in itertools.product(values, repeat=2):
            spikes = [(n, 1 if t > 0 else -1) for n, t in enumerate(totals) for _ in range(abs(t))]
            # There and back again, where there is room.
            back = [(0, 1), (0, -1)] if sums.low < 0 and totals[0] < sums.high else []
            await count(ctx, dut, [*spikes, *back], "1")
            await close(ctx, dut, True)
            found, _ = await empty(ctx, dut, "1")
            assert found == spikes

    simulate(dut, bench)


@pytest.mark.parametrize("name", LAYOUTS)
def test_latency(name):
    """A pass that sends nothing, and one cycle for every spike but the first of a neuron."""
    dut = SumBank(layout=LAYOUTS[name], sums=Interval(-9 if LAYOUTS[name].low < 0 else 0, 9))
    assert dut.interval == 1
    seen = []

    async def bench(ctx):
        await empty(ctx, dut, "1")
        await close(ctx, dut, False)
        seen.append((await empty(ctx, dut, "1"))[1])
        await close(ctx, dut, True)
        seen.append((await empty(ctx, dut, "1"))[1] - 1)  # in the first one it is asked to
        await count(ctx, dut, [(1, 1)] * 9 + [(2, 1)], "1")
        await close(ctx, dut, True)
        found, cycles = await empty(ctx, dut, "1")
        seen.append(cycles - 1 - (len(found) - 2))

    simulate(dut, bench)
    assert seen == [dut.latency] * 3
