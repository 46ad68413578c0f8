"""What a delta unit sends adds up to f of what came in, change by change."""

import itertools
import random

import numpy as np
import pytest
from amaranth.back import verilog
from amaranth.hdl import ResetInserter, Signal

from spikewright.golden.errors import ConfigurationError, RangeError
from spikewright.golden.spec import Delta, TokenKind, Window
from spikewright.hdl.delta import DeltaUnit, change_range
from spikewright.hdl.token import TokenLayout, axes_of
from support.ports import run_ports
from support.stores import TWO_PORTS
from support.streams import simulate

pytestmark = pytest.mark.pairs

SPIKE, STEP, END = (kind.value for kind in TokenKind)
STALLS = [("1", "1"), ("01", "1"), ("1", "001"), ("110", "011")]


def pool(kernel, stride, padding=None, dilation=None):
    """A maximum over windows."""
    dimensions = len(kernel)
    window = Window(
        kind="sum_pool",
        kernel=kernel,
        stride=stride,
        padding=padding or (0,) * dimensions,
        dilation=dilation or (1,) * dimensions,
        output_padding=(0,) * dimensions,
    )
    return Delta(function="max", window=window)


class Reference:
    """The definition, one neuron at a time, written without the tables of the hardware."""

    def __init__(self, delta, source_shape, target_shape):
        self.delta = delta
        self.source, self.target = source_shape, target_shape
        self.x = np.zeros(source_shape, dtype=np.int64)
        self.members = {t: list(self.inside(t)) for t in np.ndindex(target_shape)}

    def inside(self, place):
        """Source positions that a target neuron depends on."""
        window = self.delta.window
        if window is None:
            index = np.ravel_multi_index(place, self.target)
            yield tuple(int(i) for i in np.unravel_index(index, self.source))
            return
        for tap in np.ndindex(window.kernel):
            at = tuple(
                p * s - pad + t * d
                for p, s, pad, t, d in zip(
                    place[1:], window.stride, window.padding, tap, window.dilation, strict=True
                )
            )
            if all(0 <= a < size for a, size in zip(at, self.source[1:], strict=True)):
                yield (place[0], *at)

    def value(self, place):
        values = [int(self.x[at]) for at in self.members[place]]
        match self.delta.function:
            case "max":
                return max(values)
            case "clip":
                return min(max(values[0], self.delta.low), self.delta.high)
        return int(self.delta.table[values[0] - self.delta.low])

    def spike(self, neuron, payload):
        """(target neuron, change) of each change."""
        at = tuple(int(i) for i in np.unravel_index(neuron, self.source))
        touched = [t for t, places in self.members.items() if at in places]
        before = [self.value(t) for t in touched]
        self.x[at] += payload
        after = [self.value(t) for t in touched]
        return [
            (int(np.ravel_multi_index(t, self.target)), new - old)
            for t, old, new in zip(touched, before, after, strict=True)
            if new != old
        ]


def target_shape(delta, source_shape):
    return source_shape if delta.window is None else delta.window.output_shape(source_shape)


def random_tokens(rng, layout, x_low, x_high, *, samples, steps, spikes, keeps=True):
    """(kind, neuron or flag, payload), and never an X outside its range."""
    x = np.zeros(layout.neurons, dtype=np.int64)
    for sample in range(samples):
        for _ in range(steps):
            for _ in range(rng.randrange(spikes + 1)):
                # The same few neurons again and again, one right after the other.
                n = rng.randrange(layout.neurons) if rng.random() < 0.5 else rng.randrange(2)
                n = min(n, layout.neurons - 1)
                low, high = max(layout.low, x_low - x[n]), min(layout.high, x_high - x[n])
                options = [v for v in range(int(low), int(high) + 1) if v]
                if options:
                    payload = rng.choice(options)
                    x[n] += payload
                    yield (SPIKE, n, payload)
            yield (STEP, 0, 0)
        keep = sample % 3 == 1
        yield (END, int(keep), 0)
        if not (keep and keeps):
            x[:] = 0


def expected(reference, tokens, *, channels=None, keeps=True):
    for kind, at, payload in tokens:
        if kind == SPIKE:
            for n, change in reference.spike(at, payload):
                channel = np.unravel_index(n, reference.target)[0]
                if channels is None or channels[0] <= channel < channels[1]:
                    yield (SPIKE, n, change)
        else:
            yield (kind, at, 0)
            if kind == END and not (at and keeps):
                reference.x[:] = 0


def packed(layout, tokens):
    words = layout.pack(*(np.array(list(field)) for field in zip(*tokens, strict=True)))
    return [layout.struct.from_bits(int(word)) for word in words]


def unpacked(layout, payloads):
    words = np.array([payload.as_bits() for payload in payloads])
    return list(zip(*(field.tolist() for field in layout.unpack(words)), strict=True))


def run(delta, shape, *, low, high, x, tokens, banks=((1, 1, 1), (1, 1, 1)), **options):
    """Tokens through a unit; what came out, and when."""
    valid, ready = options.pop("stalls", ("1", "1"))
    source = TokenLayout(axes=axes_of(shape, banks[0]), low=low, high=high)
    least, most = change_range(delta, source, *x)
    to = options.pop("to", None) or target_shape(delta, shape)
    target = TokenLayout(axes=axes_of(to, banks[1]), low=least, high=most)
    dut = DeltaUnit(source=source, target=target, delta=delta, x_low=x[0], x_high=x[1], **options)
    chosen = {name: options[name] for name in ("channels", "keeps") if name in options}
    want = list(expected(Reference(delta, shape, to), tokens, **chosen))
    sources, sinks = run_ports(
        dut, {"i": (packed(source, tokens), valid)}, {"o": (len(want), ready)}
    )
    assert unpacked(target, sinks["o"].payloads) == want
    return dut, sources["i"], sinks["o"]


def sent(rng, shape, *, low, high, x, samples=6, steps=3, spikes=12, keeps=True):
    layout = TokenLayout(axes=axes_of(shape), low=low, high=high)
    size = {"samples": samples, "steps": steps, "spikes": spikes}
    return list(random_tokens(rng, layout, *x, **size, keeps=keeps))


def layouts(low=0, high=1):
    source = TokenLayout(axes=axes_of((1, 2, 2)), low=low, high=high)
    return source, TokenLayout(axes=axes_of((1, 1, 1)), low=-9, high=9)


def test_a_sum_that_comes_whole_is_never_kept():
    """In collapsed mode every sample sends its counts anew, whatever its END says of the state."""
    delta = pool((2, 2), (2, 2))
    tokens = sent(random.Random(8), (2, 4, 4), low=0, high=3, x=(0, 5), keeps=False)
    assert (END, 1, 0) in tokens
    run(delta, (2, 4, 4), low=0, high=3, x=(0, 5), tokens=tokens, keeps=False)


def test_constructor_errors():
    source, target = layouts()
    options = {"source": source, "target": target, "x_low": 0, "x_high": 3}
    clip = Delta(function="clip", low=0, high=2)
    with pytest.raises(
        ConfigurationError, match=r"^clip must have as many targets as its 4 sources, found 1$"
    ):
        DeltaUnit(delta=clip, **options)
    with pytest.raises(
        ConfigurationError,
        match=r"^channels must be first and last \(exclusive\) of 1, found \(0, 2\)$",
    ):
        DeltaUnit(delta=pool((2, 2), (2, 2)), channels=(0, 2), **options)
    table = Delta(function="table", table=[0, 1, 2], low=0)
    with pytest.raises(
        RangeError, match=r"^the table must hold every X that can occur, 0\.\.3, found a table of "
    ):
        DeltaUnit(delta=table, **(options | {"target": source}))
    narrow = TokenLayout(axes=target.axes, low=0, high=1)
    with pytest.raises(
        RangeError, match=r"^the payload must hold the changes -2\.\.2, found 0\.\.1$"
    ):
        DeltaUnit(
            delta=pool((2, 2), (2, 2)),
            **(options | {"source": layouts(-2, 2)[0], "target": narrow}),
        )


@pytest.mark.parametrize(("valid", "ready"), STALLS)
def test_every_sequence_of_three_spikes_of_a_window(valid, ready):
    """All that 2 neurons with payloads -2..2 can do in three spikes, sample after sample."""
    x = (-6, 6)
    tokens = []
    spikes = [(SPIKE, n, v) for n in range(2) for v in (-2, -1, 1, 2)]
    for triple in itertools.product(spikes, repeat=3):
        tokens += [*triple, (END, 0, 0)]
    run(pool((2,), (2,)), (1, 2), low=-2, high=2, x=x, tokens=tokens, stalls=(valid, ready))


WINDOWS = {
    "apart": (pool((2, 2), (2, 2)), (3, 5, 6)),
    "overlapping": (pool((3, 3), (2, 2), (1, 1)), (2, 6, 5)),
    "gaps": (pool((2, 1), (3, 2)), (2, 7, 5)),
    "dilated": (pool((2, 2), (1, 2), (1, 0), (2, 3)), (1, 5, 6)),
    "global": (pool((3, 3), (1, 1)), (5, 3, 3)),
    "wider than the plane": (pool((4, 4), (2, 2), (2, 2)), (1, 2, 3)),
    "one dimension": (pool((3,), (2,), (1,)), (4, 9)),
    "one neuron": (pool((1, 1), (1, 1)), (1, 1, 1)),
}
BANKS = [((1, 1, 1), (1, 1, 1)), ((3, 2, 3), (5, 3, 2))]


@pytest.mark.parametrize("banks", BANKS)
@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize("store", TWO_PORTS)
def test_maxima_over_windows(name, banks, store):
    rng = random.Random(f"{name}{banks}{store}")
    delta, shape = WINDOWS[name]
    x = (-4, 9)
    tokens = sent(rng, shape, low=-3, high=3, x=x)
    run(delta, shape, low=-3, high=3, x=x, tokens=tokens, banks=banks, store=store)


@pytest.mark.parametrize("seed", range(6))
def test_random_windows_with_stalls(seed):
    rng = random.Random(seed)
    kernel = tuple(rng.randint(1, 3) for _ in range(2))
    stride = tuple(rng.randint(1, 3) for _ in range(2))
    delta = pool(kernel, stride, tuple(rng.randrange((k + 1) // 2) for k in kernel))
    shape = (rng.randint(1, 4), rng.randint(3, 8), rng.randint(3, 8))
    banks = tuple(tuple(rng.randint(1, 4) for _ in range(3)) for _ in range(2))
    unit = seed % 2
    low, high = (0, 1) if unit else (-2, 3)
    x = (0, 20) if unit else (-7, 20)
    tokens = sent(rng, shape, low=low, high=high, x=x, spikes=40)
    stalls = ["".join(rng.choices("011", k=31)) + "1" for _ in range(2)]
    run(delta, shape, low=low, high=high, x=x, tokens=tokens, banks=banks, stalls=stalls)


def test_a_unit_payload_stays_one():
    """A maximum of spikes that only ever add 1 rises by 1, and sends no payload."""
    delta, shape = WINDOWS["apart"]
    tokens = sent(random.Random(3), shape, low=0, high=1, x=(0, 12))
    dut, _, _ = run(delta, shape, low=0, high=1, x=(0, 12), tokens=tokens)
    assert dut.target.is_unit


@pytest.mark.parametrize(("valid", "ready"), STALLS)
@pytest.mark.parametrize(
    "delta",
    [
        Delta(function="clip", low=-3, high=4),
        Delta(function="table", table=[5, 5, 0, 3, -7, 1, 1, 0, 2, 40, -1, 6, 6, 6], low=-5),
    ],
    ids=["clip", "table"],
)
@pytest.mark.parametrize(("shape", "to"), [((6,), None), ((2, 3, 4), None), ((2, 3, 4), (24,))])
def test_clips_and_tables(delta, shape, to, valid, ready):
    rng = random.Random(f"{delta.function}{shape}{valid}{ready}")
    x = (-5, 8)
    tokens = sent(rng, shape, low=-3, high=3, x=x)
    banks = ((1, 2, 3), (3, 1, 2))
    options = {"stalls": (valid, ready), "banks": banks, "to": to}
    run(delta, shape, low=-3, high=3, x=x, tokens=tokens, **options)


@pytest.mark.parametrize("x", [(-1, 0), (0, 1), (-1, 1), (-2, 0), (0, 0)])
@pytest.mark.parametrize(
    "delta",
    [
        pool((3, 2), (1, 1), (1, 1)),
        Delta(function="clip", low=-1, high=1),
        Delta(function="table", table=[3, -4, 1, 0], low=-2),
    ],
    ids=["maximum", "clip", "table"],
)
def test_sums_of_few_values(delta, x):
    shape = (2, 3, 3)
    tokens = sent(random.Random(f"{x}"), shape, low=-1, high=1, x=x, samples=24, spikes=9)
    run(delta, shape, low=-1, high=1, x=x, tokens=tokens)


@pytest.mark.parametrize("delta", [pool((2, 2), (2, 2)), Delta(function="clip", low=0, high=2)])
def test_a_slice_of_channels(delta):
    shape, channels = (5, 4, 4), (2, 4)
    tokens = sent(random.Random(4), shape, low=-1, high=2, x=(0, 5), spikes=60)
    options = {"banks": ((3, 1, 1), (3, 1, 1)), "channels": channels}
    dut, _, _ = run(delta, shape, low=-1, high=2, x=(0, 5), tokens=tokens, **options)
    assert dut.depth * dut.banks == 2 * 16


def test_a_table_of_zeros_needs_no_memory():
    """Yosys stops at a memory of no bits; nothing is ever sent but markers."""
    rng = random.Random(5)
    shape, x, delta = (6,), (-5, 8), Delta(function="table", table=[0] * 14, low=-5)
    tokens = sent(rng, shape, low=-3, high=3, x=x)
    dut, _, sink = run(delta, shape, low=-3, high=3, x=x, tokens=tokens)
    assert SPIKE not in {kind for kind, _, _ in unpacked(dut.target, sink.payloads)}
    dut = DeltaUnit(source=dut.source, target=dut.target, delta=delta, x_low=-5, x_high=8)
    assert "module" in verilog.convert(dut, name="table")


def test_reset_makes_all_sums_zero():
    """The memory keeps its words through a reset; the unit must not believe them."""
    source, target = layouts(0, 3)
    dut = DeltaUnit(source=source, target=target, delta=pool((2, 2), (2, 2)), x_low=0, x_high=9)
    reset = Signal()
    seen = []

    async def bench(ctx):
        ctx.set(dut.o.ready, 1)
        for now in range(40):
            # Behind the reset another neuron of the same window, with less.
            token = {"kind": SPIKE, "address": 2, "payload": 3}
            if now > 25:
                token |= {"address": 1, "payload": 2}
            ctx.set(dut.i.payload, token)
            ctx.set(dut.i.valid, now in (10, 11, 30))
            ctx.set(reset, now == 25)
            if ctx.get(dut.o.valid):
                seen.append(ctx.get(dut.o.payload.payload))
            await ctx.tick()

    simulate(ResetInserter(reset)(dut), bench)
    assert seen == [3, 3, 2]


def test_sums_are_cleared_while_tokens_come():
    """A sample after the next but one would take words for its own, were they not cleared."""
    shape = (1, 2, 4)
    spikes = [(SPIKE, n, 2) for n in range(8)]
    tokens = [*spikes, (END, 0, 0), (END, 0, 0), *spikes, (END, 0, 0), (SPIKE, 7, 1), (END, 0, 0)]
    run(pool((2, 2), (2, 2)), shape, low=0, high=2, x=(0, 2), tokens=tokens)


def test_latency_and_interval():
    """Windows apart take one cycle a spike, overlapping ones as many as the spike is in."""
    for name, neuron, windows in (("apart", 0, 1), ("overlapping", 6, 4)):
        delta, shape = WINDOWS[name]
        tokens = [(SPIKE, neuron, 1)] * 9 + [(END, 1, 0)]
        dut, source, sink = run(delta, shape, low=0, high=1, x=(0, 9), tokens=tokens)
        times = [now for now, _ in sink.items]
        assert dut.interval == windows
        assert {b - a for a, b in itertools.pairwise(source.accepted[:-1])} == {windows}
        assert {b - a for a, b in itertools.pairwise(times)} == {1}
        assert times[-1] - source.accepted[-1] == dut.latency
    for delta in (Delta(function="clip", low=0, high=9), Delta(function="table", table=range(10))):
        tokens = [(SPIKE, 0, 1)] * 9 + [(END, 1, 0)]
        dut, source, sink = run(delta, (4,), low=0, high=1, x=(0, 9), tokens=tokens)
        assert sink.items[0][0] - source.accepted[0] == dut.latency
        assert {b - a for a, b in itertools.pairwise(source.accepted)} == {dut.interval}


def test_an_end_waits_for_the_sample_before():
    """Two ENDs in a row: the second one comes when all words are clear, an END(keep) at once."""
    tokens = [(END, 0, 0), (END, 0, 0), (END, 1, 0)]
    dut, source, _ = run(pool((2, 2), (2, 2)), (3, 8, 8), low=0, high=1, x=(0, 9), tokens=tokens)
    first, second, third = source.accepted
    assert dut.depth == 48
    assert first == dut.depth
    assert second - first == 1 + dut.depth
    assert third - second == 1


def test_sums_of_many_samples_ago_are_cleared():
    """Numbers of samples wrap: what a sample left is not what a later one of its number finds."""
    shape = (20, 10, 10)
    all_of_them = [(SPIKE, n, 2) for n in range(2000)]
    one_each = [[(SPIKE, 97 * n, 1), (SPIKE, 97 * n, 1), (END, 0, 0)] for n in range(20)]
    tokens = [*all_of_them, (END, 0, 0), *itertools.chain.from_iterable(one_each)]
    delta = pool((2, 2), (2, 2))
    dut, source, _ = run(delta, shape, low=0, high=2, x=(0, 2), tokens=tokens)
    assert (dut.depth, dut.epoch_bits) == (500, 3)
    ends = [now for now, token in zip(source.accepted, tokens, strict=True) if token[0] == END]
    # Only every fourth waits for words to be cleared, but for the first: they are, after reset.
    waits = [k + 1 for k, (a, b) in enumerate(itertools.pairwise(ends)) if b - a > 3]
    assert waits == [7, 11, 15, 19]
