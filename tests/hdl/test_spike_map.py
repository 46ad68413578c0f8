"""A map holds the step that was sent, while the next one comes."""

import random

import numpy as np
import pytest
from amaranth.hdl import Shape

from spikewright.golden.errors import ConfigurationError
from spikewright.hdl.spike_map import SpikeMap
from spikewright.hdl.token import TokenLayout, axes_of
from support.late import END, RESET, SPIKE, STEP, mark
from support.streams import simulate


def layout(shape=(3, 2, 5), banks=(1, 1, 1), low=0, high=1):
    return TokenLayout(axes=axes_of(shape, banks), low=low, high=high)


def fields_of(dut, levels):
    """[row][field] that the docstring says a step's levels [channel][token] are."""
    rows = [[0] * (dut.lanes * dut.tokens) for _ in range(dut.depth)]
    first, last = dut.channels
    row_bits = max(0, dut.token_bits - dut.tokens.bit_length() + 1)
    for channel in range(first, last):
        block, lane = divmod(channel - first, dut.lanes)
        for token, level in enumerate(levels[channel]):
            at, place = divmod(token, dut.tokens)
            rows[(block << row_bits) + at][lane * dut.tokens + place] = level
    return rows


def run(dut, steps, *, valid="1", pauses=0):
    """Send steps [step][channel][token], and read each one whole; [step][row][field], and cycles.

    The cycles are those from a STEP's acceptance to ``full``, and tokens that came in a row.
    """
    shape, n = dut.layout.shape, dut.layout.neurons
    tokens = []
    for levels in steps:
        flat = np.array(levels).reshape(-1)
        order = [k for k in range(n) if flat[k]]
        random.Random(n).shuffle(order)
        for k in order:
            address = int(dut.layout.encode(np.array(k)))
            tokens.append(mark(SPIKE, address, int(flat[k])))
        tokens.append(mark(STEP))
    tokens.append(mark(END, RESET))
    if dut.layout.is_unit:
        for token in tokens:
            token.pop("payload", None)
    assert len(shape) == 3
    bits = Shape.cast(dut.field)
    found, delays, accepted, closed = [], [], [], []

    async def sender(ctx):
        queue, now, at = list(tokens), 0, 0
        while queue:
            going = valid[at % len(valid)] == "1"
            ctx.set(dut.i.valid, going)
            ctx.set(dut.i.payload, queue[0])
            if going and ctx.get(dut.i.ready):
                accepted.append(now)
                if queue.pop(0)["kind"] == STEP:
                    closed.append(now)
            at += 1
            now += 1
            await ctx.tick()
        ctx.set(dut.i.valid, 0)

    async def reader(ctx):
        now = 0
        for index in range(len(steps)):
            while not ctx.get(dut.full):
                await ctx.tick()
                now += 1
            delays.append(now - closed[index])
            for _ in range(pauses):
                await ctx.tick()
                now += 1
            rows = []
            for row in range(dut.depth + dut.latency):
                ctx.set(dut.row, min(row, dut.depth - 1))
                if row >= dut.latency:
                    word = ctx.get(dut.word)
                    fields = [
                        word >> k * bits.width & ((1 << bits.width) - 1)
                        for k in range(dut.width // bits.width)
                    ]
                    if bits.signed:
                        fields = [f - (f >> bits.width - 1 << bits.width) for f in fields]
                    rows.append(fields)
                await ctx.tick()
                now += 1
            found.append(rows)
            ctx.set(dut.done, 1)
            await ctx.tick()
            now += 1
            ctx.set(dut.done, 0)

    simulate(dut, sender, reader)
    return found, delays, accepted


def drawn(rng, dut, count):
    low, high = dut.layout.low, dut.layout.high
    channels, rows, columns = dut.layout.shape
    return [
        [
            [rng.randint(low, high) * rng.randint(0, 1) for _ in range(rows * columns)]
            for _ in range(channels)
        ]
        for _ in range(count)
    ]


@pytest.mark.parametrize(
    ("given", "options"),
    [
        (layout(), {"channels": (0, 3), "tokens": 16, "lanes": 1}),
        (layout(banks=(2, 2, 3)), {"channels": (1, 3), "tokens": 4, "lanes": 1}),
        (layout((5, 6), (3, 1, 1), -2, 1), {"channels": (0, 5), "tokens": 1, "lanes": 2}),
        (layout((7, 3), low=0, high=6), {"channels": (2, 6), "tokens": 1, "lanes": 4}),
        (layout((4,), low=-1, high=1), {"channels": (0, 4), "tokens": 1, "lanes": 3}),
        (layout((1,)), {"channels": (0, 1), "tokens": 1, "lanes": 1}),
    ],
)
@pytest.mark.parametrize(("valid", "pauses"), [("1", 0), ("0110", 0), ("1", 25)])
def test_every_step_is_there_whole(given, options, valid, pauses):
    dut = SpikeMap(layout=given, **options)
    steps = drawn(random.Random(given.neurons), dut, 6)
    steps[2] = [[0] * len(row) for row in steps[2]]  # one without a spike
    found, _, _ = run(dut, steps, valid=valid, pauses=pauses)
    assert found == [fields_of(dut, levels) for levels in steps]


def test_every_pair_of_steps_of_a_small_map():
    """All levels of 2 x 2 neurons, then all others: nothing is left of the step before the last."""
    dut = SpikeMap(layout=layout((2, 2)), channels=(0, 2), tokens=2, lanes=1)
    levels = [[[k & 1, k >> 1 & 1], [k >> 2 & 1, k >> 3]] for k in range(16)]
    steps = [each for first in levels[::5] for each in (first, levels[15], *levels)]
    found, _, _ = run(dut, steps)
    assert found == [fields_of(dut, step) for step in steps]


def test_latency_and_interval():
    """A token a cycle while a bank is open; a STEP is seen so many cycles later."""
    dut = SpikeMap(layout=layout((3, 8)), channels=(0, 3), tokens=8, lanes=1)
    full = [[1] * 8] * 3
    _, delays, accepted = run(dut, [full, full, full], pauses=40)
    assert dut.interval == 1
    assert delays[0] == dut.closing
    # Two steps fit without a gap.
    assert np.diff(accepted[: 2 * 25]).tolist() == [1] * 49
    # The third takes the bank of the first once that is read and cleared.
    done = accepted[24] + dut.closing + 40 + dut.depth + dut.latency
    assert accepted[50] == done + 1 + dut.depth


def test_a_bank_without_spikes_is_not_cleared():
    """Neither at first nor once it has been used and cleared."""
    dut = SpikeMap(layout=layout((40, 4)), channels=(0, 40), tokens=4, lanes=1)
    full, empty = [[1] * 4] * 40, [[0] * 4] * 40
    steps = [empty, empty, full, empty, empty, empty, empty, empty]
    _, _, accepted = run(dut, steps)
    read = dut.depth + dut.latency + 1  # cycles in which the test reads a step
    steps_at = [accepted[0], accepted[1], accepted[2 + 160], *accepted[3 + 160 :]]
    # The fifth takes the bank of the full one; all others wait for nothing but the reader.
    waits = np.diff(steps_at[2:])
    assert sum(waits > read + dut.closing + 1) == 1
    assert waits[1] >= read + dut.depth


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"channels": (1, 4)},
            r"channels must be first and last \(exclusive\) of 3, found \(1, 4\)",
        ),
        ({"tokens": 6}, "tokens of a row must be a power of two, found 6"),
        ({"lanes": 0}, "lanes must be at least 1, found 0"),
    ],
)
def test_what_cannot_be(options, message):
    good = {"layout": layout(), "channels": (0, 3), "tokens": 4, "lanes": 1}
    with pytest.raises(ConfigurationError, match=f"^{message}$"):
        SpikeMap(**(good | options))
