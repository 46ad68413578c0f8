"""Spikes of a connection add up in membranes as the connection's definition says."""

import random

import numpy as np
import pytest
from amaranth.hdl import signed, unsigned

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Dense, Identity, Operator, Window, WindowKind
from spikewright.hdl.geometry import port_schedule
from spikewright.hdl.plan import WeightStore
from spikewright.hdl.synapses import Synapses, natural_latency, operand_shape
from spikewright.hdl.token import TokenLayout, axes_of
from support.port import random_spikes, run, scatter
from support.stores import TWO_PORTS

CASES = 60


def window(kind, kernel, **options):
    ones, zeros = (1,) * len(kernel), (0,) * len(kernel)
    fields = {"stride": ones, "padding": zeros, "dilation": ones, "output_padding": zeros}
    fields |= {"weight_bits": 4}
    return Window(kind=kind, kernel=kernel, **(fields | options))


def check(
    operator, source, target, banks, rng, *, channels=None, low=0, high=1, count=40, **options
):
    layout = TokenLayout(
        axes=axes_of(source, options.pop("source_banks", (1, 1, 1))), low=low, high=high
    )
    axes = axes_of(target, banks)
    schedule = port_schedule(operator, source=layout, target=axes, channels=channels)
    spikes = random_spikes(layout, count, rng)
    result = run(schedule, layout, spikes, rng, **options)
    effect = scatter(operator, source, target).reshape(layout.neurons, *(a.size for a in axes))
    first, last = channels or (0, axes[0].size)
    expected = sum(effect[neuron, first:last] * payload for neuron, payload in spikes)
    assert (result.membranes == expected).all()
    rows = sum(int(schedule.rows_per_neuron[neuron]) for neuron, _ in spikes)
    assert len(result.rows) == rows
    assert result.synops == sum(int(schedule.synops_per_neuron[neuron]) for neuron, _ in spikes)
    if not options.get("gaps"):
        cycles = [max(1, int(schedule.rows_per_neuron[neuron])) for neuron, _ in spikes]
        assert result.starts == [sum(cycles[:k]) for k in range(len(cycles))]
    reaching = [
        start
        for start, (neuron, _) in zip(result.starts, spikes, strict=True)
        if schedule.rows_per_neuron[neuron]
    ]
    if reaching:
        assert result.rows[0] - reaching[0] == result.latency
    return result


def random_weights(rng, shape, bits=4):
    limit = 1 << (bits - 1)
    values = [rng.randrange(-limit, limit) for _ in range(int(np.prod(shape)))]
    return np.array(values, dtype=np.int64).reshape(shape)


def random_window(rng) -> tuple[Operator, tuple[int, ...], tuple[int, ...]]:
    """A window, its source and its target."""
    while True:
        dims = rng.choice((1, 2, 2, 2))
        kernel = tuple(rng.randint(1, 4) for _ in range(dims))
        kind = rng.choice(
            (*[WindowKind.CONVOLUTION] * 3, WindowKind.TRANSPOSED, WindowKind.SUM_POOL)
        )
        stride = tuple(rng.choice((1, 1, 2, 3)) for _ in range(dims))
        options = {
            "stride": stride,
            "padding": tuple(rng.randrange(k) for k in kernel),
            "dilation": tuple(rng.choice((1, 1, 1, 2)) for _ in range(dims)),
        }
        channels = rng.randint(1, 6)
        source = (channels, *(rng.randint(1, 7) for _ in range(dims)))
        if kind is not WindowKind.SUM_POOL:
            groups = rng.choice([g for g in (1, 1, 2, 3, channels) if channels % g == 0])
            each = rng.randint(1, 5)
            shape = (channels, each, *kernel)
            if kind is WindowKind.CONVOLUTION:
                shape = (groups * each, channels // groups, *kernel)
            options |= {"groups": groups, "weights": random_weights(rng, shape), "weight_bits": 4}
            options |= {"shift": rng.choice((0, 0, 2))}
        if kind is WindowKind.TRANSPOSED:
            options["output_padding"] = tuple(rng.randrange(max(s, 1)) for s in stride)
        elif kind is WindowKind.CONVOLUTION and rng.random() < 0.2:
            options["pool"] = window(WindowKind.SUM_POOL, (2,) * dims, stride=(2,) * dims)
        try:
            operator = window(kind, kernel, **options)
            return operator, source, operator.output_shape(source)
        except ConfigurationError:
            continue


@pytest.mark.parametrize("seed", range(CASES))
def test_random_windows(seed):
    rng = random.Random(seed)
    operator, source, target = random_window(rng)
    banks = (rng.randint(1, 4), rng.randint(1, 4), rng.randint(1, 4))
    own = (rng.randint(1, 3), rng.randint(1, 3), rng.randint(1, 3))
    low, high = rng.choice(((0, 1), (-1, 1), (0, 3), (-3, 2)))
    whole = target[0]
    channels = None
    if whole > banks[0] and rng.random() < 0.3:
        channels = (banks[0], whole)
    check(
        operator,
        source,
        target,
        banks,
        rng,
        channels=channels,
        source_banks=own,
        low=low,
        high=high,
        gaps=rng.choice((0.0, 0.0, 0.5)),
        extra=rng.choice((0, 0, 3)),
        spare=rng.choice((0, 2)),
        first_group=rng.choice((0, 0, 5)),
        weights=(weights := rng.choice(list(WeightStore))),
        membranes=rng.choice(TWO_PORTS),
        loads=weights is WeightStore.BLOCK and rng.random() < 0.5,
    )


def random_store(rng):
    return {
        "low": rng.choice((0, -1, -3)),
        "high": rng.choice((1, 1, 3)),
        "gaps": rng.choice((0.0, 0.5)),
        "extra": rng.choice((0, 2)),
        "spare": rng.choice((0, 1)),
        "first_group": rng.choice((0, 3)),
        "weights": rng.choice(list(WeightStore)),
        "membranes": rng.choice(TWO_PORTS),
    }


@pytest.mark.parametrize("seed", range(30))
def test_random_dense(seed):
    rng = random.Random(seed)
    shapes = ((rng.randint(1, 90),), (rng.randint(1, 5), rng.randint(1, 6), rng.randint(1, 6)))
    source, target = rng.choice(shapes), rng.choice(((rng.randint(1, 20),), (4, 3, 5)))
    blocks = rng.choice((1, 1, 2))
    n, k = int(np.prod(source)), int(np.prod(target))
    blocks = blocks if n % blocks == 0 and k % blocks == 0 else 1
    weights = random_weights(rng, (blocks, n // blocks, k // blocks))
    operator = Dense(weights=weights, weight_bits=4, shift=rng.choice((0, 1)))
    banks = (rng.randint(1, 9), 1, 1)
    if len(target) == 3:
        banks = (rng.randint(1, 4), rng.randint(1, 3), rng.randint(1, 3))
    own = (rng.randint(1, 12), 1, 1)
    if len(source) == 3:
        own = (rng.randint(1, 4), rng.randint(1, 3), rng.randint(1, 3))
    check(operator, source, target, banks, rng, source_banks=own, **random_store(rng))


@pytest.mark.parametrize("seed", range(30))
def test_random_identity(seed):
    rng = random.Random(seed)
    source, target, offset = rng.choice(
        (
            ((4, 3, 5), (4, 3, 5), 0),  # skip
            ((3, 3, 5), (7, 3, 5), 2 * 15),  # concatenation
            ((3, 3, 5), (7, 3, 5), 17),  # shifted by part of a plane
            ((60,), (4, 3, 5), 0),  # reshaped
            ((5, 4), (7, 3, 5), 31),
            ((90,), (100,), 9),
        )
    )
    operator = Identity(offset=offset, shift=rng.choice((0, 3)), negative=rng.random() < 0.5)
    banks = (rng.randint(1, 9), 1, 1)
    if len(target) == 3:
        banks = (rng.randint(1, 4), rng.randint(1, 3), rng.randint(1, 3))
    own = (
        rng.randint(1, 3),
        *(rng.randint(1, 3) if size > 1 else 1 for size in (*source, 1, 1)[1:3]),
    )
    channels = rng.choice((None, (banks[0], target[0]))) if banks[0] < target[0] else None
    check(
        operator,
        source,
        target,
        banks,
        rng,
        source_banks=own,
        channels=channels,
        shift=rng.choice((0, operator.shift)),
        **random_store(rng),
    )


def synapses(operator, source, target, banks, **options):
    layout = TokenLayout(axes=axes_of(source), low=0, high=1)
    schedule = port_schedule(operator, source=layout, target=axes_of(target, banks))
    fields = {
        "layout": layout,
        "schedule": schedule,
        "first_group": 0,
        "groups": int(np.prod([axis.blocks for axis in schedule.target])),
        "channel_lanes": banks[0],
        "operand_shape": operand_shape([schedule], schedule.shift),
        "shift": schedule.shift,
        "store": WeightStore.BLOCK,
    }
    return Synapses(**(fields | options))


DENSE = Dense(weights=np.ones((5, 4), np.int64), weight_bits=4, shift=2)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"operand_shape": signed(3)},
            r"^an operand of 4 bits must fit its shape, found signed\(3\) with shift 2$",
        ),
        (
            {"operand_shape": signed(5), "shift": 1},
            None,
        ),
        (
            {"operand_shape": signed(4), "shift": 1},
            r"^an operand of 5 bits must fit its shape, found signed\(4\) with shift 1$",
        ),
        (
            {"operand_shape": unsigned(8)},
            r"^an operand of 4 bits must fit its shape, found unsigned\(8\) with shift 2$",
        ),
        ({"shift": 3}, r"^the shift must be at most the connection's 2, found 3$"),
        ({"latency": 2}, r"^the latency must be at least 3 cycles, found 2$"),
        ({"latency": 3}, None),
        ({"groups": 1}, r"^the target's groups must lie within the core's 1, found 0\.\.1$"),
    ],
)
def test_constructor_errors(options, text):
    banks = (2, 1, 1)
    if text is None:
        assert synapses(DENSE, (5,), (4,), banks, **options).latency == 3
        return
    with pytest.raises(ConfigurationError, match=text):
        synapses(DENSE, (5,), (4,), banks, **options)


@pytest.mark.parametrize(
    ("schedules", "shift", "expected"),
    [
        ([(DENSE, (5,), (4,))], 2, 4),
        ([(DENSE, (5,), (4,))], 0, 6),
        ([(Identity(shift=3), (4,), (4,))], 0, 5),
        ([(Identity(shift=3, negative=True), (4,), (4,))], 0, 4),
        ([(DENSE, (5,), (4,)), (Identity(shift=6), (4,), (4,))], 2, 6),
    ],
)
def test_operands_are_as_wide_as_the_widest_connection_needs(schedules, shift, expected):
    made = [
        port_schedule(
            operator,
            source=TokenLayout(axes=axes_of(source), low=0, high=1),
            target=axes_of(target),
        )
        for operator, source, target in schedules
    ]
    assert operand_shape(made, shift) == signed(expected)


CONVOLUTION = window(WindowKind.CONVOLUTION, (3, 3), weights=np.ones((4, 2, 3, 3), np.int64))


@pytest.mark.parametrize(
    ("operator", "source", "target", "banks", "latency"),
    [
        (DENSE, (5,), (4,), (4, 1, 1), 3),
        (CONVOLUTION, (2, 8, 8), (4, 6, 6), (4, 3, 3), 1 + 2 + 2),
        (CONVOLUTION, (2, 8, 8), (4, 6, 6), (4, 1, 3), 2 + 2 + 1),
        (CONVOLUTION, (2, 8, 8), (4, 6, 6), (4, 1, 1), 2 + 2),
        (Identity(), (4, 6, 6), (4, 6, 6), (4, 3, 3), 1 + 1),
    ],
)
def test_latency_is_what_the_connection_needs(operator, source, target, banks, latency):
    dut = synapses(operator, source, target, banks)
    assert dut.latency == dut.natural_latency == latency
    assert dut.latency == natural_latency(
        layout=dut.layout,
        schedule=dut.schedule,
        first_group=0,
        channel_lanes=banks[0],
        held=False,
    )
    result = check(operator, source, target, banks, random.Random(1))
    assert result.latency == latency
    assert dut.interval == max(1, dut.schedule.rows_per_neuron.max())


@pytest.mark.parametrize("operator", [DENSE, CONVOLUTION])
@pytest.mark.parametrize("held", [False, True])
def test_words_that_are_held_take_a_cycle_more(operator, held):
    source, target, banks = (2, 8, 8), (4, 6, 6), (4, 1, 3)
    if operator is DENSE:
        source, target, banks = (5,), (4,), (4, 1, 1)
    rng = random.Random(f"{held}")
    result = check(operator, source, target, banks, rng, low=-1, high=3, held=held)
    assert result.latency == (3 + held if operator is DENSE else 5)


def test_a_spike_that_reaches_nothing_takes_a_cycle():
    operator = window(
        WindowKind.CONVOLUTION, (1, 1), stride=(3, 3), weights=np.ones((1, 1, 1, 1), np.int64)
    )
    result = check(operator, (1, 7, 7), (1, 3, 3), (1, 1, 1), random.Random(4), count=100)
    assert 0 < len(result.rows) < 100
    assert result.starts == list(range(100))
