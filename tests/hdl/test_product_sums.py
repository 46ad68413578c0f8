"""The sums of keys and values: every one of each step, in time, and while both sides stall."""

import itertools
import random

import numpy as np
import pytest

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Product
from spikewright.hdl.product_schedule import product_schedule, shape_of_sums, sum_rows
from spikewright.hdl.product_sums import MAX_SEGMENT, ProductSums
from spikewright.hdl.token import TokenLayout, axes_of
from support.late import END, RESET, SPIKE, STEP, mark
from support.ports import Feed
from support.streams import simulate

RANGES = {"unit": (0, 1), "sign": (-1, 1), "graded": (-5, 3), "count": (0, 6)}


def build(heads, e, d, tokens, *, lanes, kinds=("unit", "unit"), channels=None, banks=(1, 1)):
    """The unit of a product of one query position, and its operator's schedule."""
    keys, values = (
        TokenLayout(
            axes=axes_of((heads * features, *tokens), (1, *banks)),
            low=RANGES[kind][0],
            high=RANGES[kind][1],
        )
        for features, kind in zip((e, d), kinds, strict=True)
    )
    query = TokenLayout(axes=axes_of((heads * e, 1)), low=0, high=1)
    operator = Product(keys="k", values="v", heads=heads)
    channels = channels or (0, heads * d)
    schedule = product_schedule(
        operator,
        source=query,
        target=axes_of((heads * d, 1), (lanes, 1, 1)),
        sums=shape_of_sums(keys, values),
        channels=channels,
    )
    return ProductSums(keys=keys, values=values, rows=sum_rows(schedule, query, channels))


def drawn(rng, layout, steps, share):
    n = layout.neurons
    return [
        [rng.randint(layout.low, layout.high) * (rng.random() < share) for _ in range(n)]
        for _ in range(steps)
    ]


def stream(layout, steps):
    tokens = []
    for levels in steps:
        for k, level in enumerate(levels):
            if level:
                address = int(layout.encode(np.array(k)))
                tokens.append(mark(SPIKE, address, None if layout.is_unit else level))
        tokens.append(mark(STEP))
    return [*tokens, mark(END, RESET)]


def expected(dut, keys, values):
    """{row: fields} of a step, from the definition: entry (key channel, block of values)."""
    tokens, rows = dut.tokens, dut.rows
    first = rows.values[0]
    found = {}
    for row, key, block, mask in zip(rows.row, rows.key, rows.block, rows.mask, strict=True):
        fields = []
        for lane in range(rows.lanes):
            channel = first + int(block) * rows.lanes + lane
            total = 0
            if mask[lane]:
                total = sum(
                    keys[int(key) * tokens + t] * values[channel * tokens + t]
                    for t in range(tokens)
                )
            fields.append(total)
        found[int(row)] = fields
    return found


def run(dut, keys, values, *, stalls=("1", "1"), pause=0):
    """Rows that are written for each step, and the cycles of the STEPs and of ``ready``."""
    feeds = [
        Feed(dut.keys, stream(dut.key_layout, keys), stalls[0]),
        Feed(dut.values, stream(dut.value_layout, values), stalls[1]),
    ]
    written, readies = [{}], []
    width = dut.shape.width

    async def bench(ctx):
        banks, unread, waits = [], set(), 0
        for now in range(20000):
            for feed in feeds:
                feed.drive(ctx)
            if ctx.get(dut.stored.write):
                word, row = ctx.get(dut.stored.word), ctx.get(dut.stored.row)
                parts = [word >> k * width & ((1 << width) - 1) for k in range(dut.rows.lanes)]
                if dut.shape.signed:
                    parts = [part - (part >> width - 1 << width) for part in parts]
                assert row not in written[-1], "a row was written twice"
                written[-1][row] = parts
                banks.append(ctx.get(dut.stored.bank))
                assert banks[-1] not in unread, "sums that are to be read are lost"
                if len(written[-1]) == dut.entries:
                    assert len(set(banks)) == 1
                    unread.add(banks[-1])
                    banks.clear()
                    written.append({})
            ready = ctx.get(dut.ready)
            if ready:
                assert ctx.get(dut.stored.read_bank) == len(readies) % 2
                waits += 1
            ctx.set(dut.release, ready and waits > pause)
            if ready and waits > pause:
                unread.remove(ctx.get(dut.stored.read_bank))
                readies.append(now)
                waits = 0
            for feed in feeds:
                feed.look(ctx, now)
            await ctx.tick()
            if len(readies) == len(keys):
                return
        raise AssertionError(f"{len(readies)} steps")

    simulate(dut, bench)
    return written[:-1], readies, feeds


CASES = [
    # heads, e, d, tokens, lanes
    (2, 2, 2, (5,), 2, {}),
    (1, 3, 5, (4,), 2, {"kinds": ("sign", "unit")}),
    (2, 1, 3, (2, 3), 6, {"kinds": ("unit", "sign"), "banks": (2, 2)}),
    (2, 2, 1, (3,), 2, {"kinds": ("graded", "count")}),
    (2, 1, 2, (MAX_SEGMENT + 1,), 3, {"kinds": ("count", "graded")}),
    (2, 2, 4, (3,), 2, {"channels": (2, 6), "kinds": ("sign", "sign")}),
    (1, 1, 1, (1,), 1, {}),
]


STALLS = [(("1", "1"), 0), (("01", "0110"), 0), (("1", "001"), 200)]


@pytest.mark.parametrize(
    ("case", "stalls", "pause"),
    [
        pytest.param(case, *stalls, marks=[pytest.mark.rest] * ((k + s) % len(STALLS) > 0))
        for k, case in enumerate(CASES)
        for s, stalls in enumerate(STALLS)
    ],
)
def test_all_sums_of_every_step(case, stalls, pause):
    heads, e, d, tokens, lanes, options = case
    dut = build(heads, e, d, tokens, lanes=lanes, **options)
    rng = random.Random(f"{heads}{e}{d}{tokens}")
    keys = drawn(rng, dut.key_layout, 5, 0.6)
    values = drawn(rng, dut.value_layout, 5, 0.6)
    keys[2] = [0] * len(keys[2])
    written, _, _ = run(dut, keys, values, stalls=stalls, pause=pause)
    assert written == [expected(dut, *step) for step in zip(keys, values, strict=True)]


def test_every_pair_of_keys_and_values():
    """Two channels of keys and one of values at two tokens, each of them sent or not."""
    dut = build(1, 2, 1, (2,), lanes=1)
    pairs = list(itertools.product(itertools.product((0, 1), repeat=4), range(4)))
    keys = [list(key) for key, _ in pairs]
    values = [[value & 1, value >> 1] for _, value in pairs]
    written, _, _ = run(dut, keys, values)
    assert written == [expected(dut, *step) for step in zip(keys, values, strict=True)]


def test_the_largest_sums_fit():
    """All keys and values at their ends, which the bits of a sum are counted for."""
    dut = build(1, 2, 2, (7,), lanes=2, kinds=("graded", "graded"))
    ends = [[end] * 14 for end in (-5, 3)]
    keys, values = zip(*itertools.product(ends, ends), strict=True)
    written, _, _ = run(dut, keys, values)
    assert written == [expected(dut, *step) for step in zip(keys, values, strict=True)]
    assert max(max(row) for step in written for row in step.values()) == 7 * 25


@pytest.mark.parametrize(("shape", "tokens"), [((1, 3, 2), (4,)), ((2, 2, 4), (34,))])
def test_latency_and_cycles_of_keys(shape, tokens):
    """So many without a key; each but the first of its segment takes one in its rows."""
    heads, e, d = shape
    dut = build(heads, e, d, tokens, lanes=2)
    silent = [[0] * dut.value_layout.neurons]
    for seed, share in enumerate((0, 0.2, 1)):
        rng = random.Random(seed)
        keys = drawn(rng, dut.key_layout, 1, share)
        if share == 1:
            keys = [[1] * dut.key_layout.neurons]
        _, (ready,), feeds = run(dut, keys, silent)
        step = max(feed.accepted[-2] for feed in feeds)  # the END comes behind it
        more = 0
        turns = [list(dut.rows.key).count(channel) for channel in range(heads * e)]
        for channel, segment in itertools.product(range(heads * e), range(dut.segments)):
            first = channel * dut.tokens + segment * dut.segment
            last = min(first + dut.segment, (channel + 1) * dut.tokens)
            more += turns[channel] * max(0, sum(map(bool, keys[0][first:last])) - 1)
        assert ready - step == dut.latency + more
    assert ready - step == dut.most_cycles


def test_steps_that_wait_follow_at_the_interval():
    dut = build(1, 3, 2, (5,), lanes=2)
    keys, values = [[0] * 15] * 3, [[0] * 10] * 3
    _, readies, _ = run(dut, keys, values)
    assert np.diff(readies).tolist() == [dut.interval] * 2


def test_tokens_must_be_the_same():
    dut = build(1, 1, 1, (2,), lanes=1)
    other = TokenLayout(axes=axes_of((1, 3)), low=0, high=1)
    with pytest.raises(
        ConfigurationError,
        match=r"^values must have the tokens of the keys, \(1, 2\), found \(1, 3\)$",
    ):
        ProductSums(keys=dut.key_layout, values=other, rows=dut.rows)
