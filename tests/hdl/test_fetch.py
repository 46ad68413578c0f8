"""Each spike becomes its rows, one a cycle, spikes without a gap."""

import itertools
import random

import pytest

from spikewright.golden.errors import ConfigurationError
from spikewright.hdl.fetch import RowFetch
from spikewright.hdl.token import TokenLayout
from support.streams import simulate


def test_constructor_errors():
    with pytest.raises(
        ConfigurationError, match=r"^groups and pre must be at least 1, found 0 and 3$"
    ):
        RowFetch(layout=TokenLayout(neurons=3, low=0, high=1), groups=0, pre=3)


@pytest.mark.parametrize(("groups", "pre"), [(1, 1), (1, 5), (3, 5), (4, 8)])
@pytest.mark.parametrize("gaps", [0.0, 0.5])
def test_rows_of_random_spikes(groups, pre, gaps):
    dut = RowFetch(layout=TokenLayout(neurons=pre, low=-4, high=3), groups=groups, pre=pre)
    rng = random.Random(groups * 10 + pre)
    spikes = [(rng.randrange(pre), rng.randrange(-4, 4)) for _ in range(50)]
    rows, starts = [], []

    async def bench(ctx):
        queue, now = list(spikes), 0
        fresh = True
        while queue or ctx.get(dut.row_valid):
            offer = bool(queue) and (not fresh or rng.random() >= gaps)
            ctx.set(dut.valid, offer)
            if offer:
                ctx.set(dut.spike, {"kind": 0, "address": queue[0][0], "payload": queue[0][1]})
                if fresh:
                    starts.append(now)
                fresh = False
            if ctx.get(dut.accept):
                queue.pop(0)
                fresh = True
            await ctx.tick()
            now += 1
            if ctx.get(dut.row_valid):
                members = (dut.row_address, dut.row_group, dut.row_payload)
                rows.append((now, *(ctx.get(member) for member in members)))

    simulate(dut, bench)
    expected = [(g * pre + a, g, p) for a, p in spikes for g in range(groups)]
    assert [row[1:] for row in rows] == expected
    first = [now for now, _, group, _ in rows if group == 0]
    assert [b - a for a, b in zip(starts, first, strict=True)] == [dut.latency] * len(spikes)
    if not gaps:
        assert {b - a for a, b in itertools.pairwise(first)} == {dut.interval} or len(spikes) == 1
