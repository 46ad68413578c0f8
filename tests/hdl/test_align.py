"""Each lane gets the weight of the position that its bank takes, or 0."""

import random

import pytest

from spikewright.golden.errors import ConfigurationError
from spikewright.hdl.align import WeightAlign
from support.streams import simulate

BITS = 3


def align(**options):
    fields = {
        "positions": (3, 2),
        "weights": 2,
        "weight_bits": BITS,
        "channel_lanes": 2,
        "masked": False,
        "y_options": ((0, 2), (1,)),
        "x_options": ((0, 1), (1,), (0,)),
    }
    return WeightAlign(**(fields | options))


def test_constructor_errors():
    with pytest.raises(
        ConfigurationError,
        match=r"^a position must have one weight or one for each of 2 lanes, found 3$",
    ):
        align(weights=3)
    with pytest.raises(
        ConfigurationError, match=r"^banks must take positions below 3, found \[\(0, 3\), \(1,\)\]$"
    ):
        align(y_options=((0, 3), (1,)))


CASES = {
    "both": ({}, 2),
    "y": ({"x_options": ((1,), (0,))}, 1),
    "x": ({"y_options": ((1,), (0,), (2,))}, 1),
    "none": ({"y_options": ((1,),), "x_options": ((0,), (1,))}, 0),
    "three of three": (
        {"positions": (3, 3), "y_options": ((0, 1, 2),) * 3, "x_options": ((0, 1, 2),) * 3},
        2,
    ),
    "one lane": ({"channel_lanes": 1, "weights": 1}, 2),
    "masked": ({"weights": 1, "masked": True}, 2),
    "masked, no choice": (
        {"weights": 1, "masked": True, "y_options": ((1,),), "x_options": ((0,), (1,))},
        1,
    ),
    "masked, of each lane": ({"masked": True, "y_options": ((1, 0),), "x_options": ((1,),)}, 1),
}


@pytest.mark.parametrize("name", list(CASES))
def test_random_words_every_cycle(name):
    options, latency = CASES[name]
    dut = align(**options)
    assert (dut.latency, dut.interval) == (latency, 1)
    rng = random.Random(name)
    n_y, n_x = dut.positions
    lanes, expected, seen = dut.channel_lanes, [], []

    async def bench(ctx):
        for k in range(100 + latency):
            word = [rng.randrange(1 << BITS) for _ in range(n_y * n_x * dut.weights)]
            y = [rng.randrange(len(bank)) for bank in dut.y_options]
            x = [rng.randrange(len(bank)) for bank in dut.x_options]
            mask = [rng.random() < 0.5 or not dut.masked for _ in range(lanes)]
            ctx.set(dut.word, sum(w << j * BITS for j, w in enumerate(word)))
            for bank, choice in enumerate(y):
                if len(dut.y_options[bank]) > 1:
                    ctx.set(getattr(dut, f"y_select_{bank}"), 1 << choice)
            for bank, choice in enumerate(x):
                if len(dut.x_options[bank]) > 1:
                    ctx.set(getattr(dut, f"x_select_{bank}"), 1 << choice)
            if dut.masked:
                ctx.set(dut.lane_enables, sum(on << lane for lane, on in enumerate(mask)))
            row = []
            for j, at_y in enumerate(y):
                for i, at_x in enumerate(x):
                    place = dut.y_options[j][at_y] * n_x + dut.x_options[i][at_x]
                    own = word[place * dut.weights :][: dut.weights] * (lanes // dut.weights)
                    row += [w * on for w, on in zip(own, mask, strict=True)]
            expected.append(row)
            if k >= latency:
                out = ctx.get(dut.lane_weights)
                seen.append([out >> j * BITS & (1 << BITS) - 1 for j in range(dut.lanes)])
            await ctx.tick()

    simulate(dut, bench)
    assert seen == expected[:100]
