"""Rows come in the order of the schedule, with all that the schedule says of them."""

import random

import numpy as np
import pytest

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Dense, Identity, Window, WindowKind
from spikewright.hdl.address import AddressGenerator
from spikewright.hdl.geometry import port_schedule
from spikewright.hdl.rows import RowTables
from spikewright.hdl.token import TokenLayout, axes_of
from support.streams import simulate


def weights(*shape):
    return np.arange(np.prod(shape)).reshape(shape) % 7 - 3


def window(kernel, **options):
    ones, zeros = (1,) * len(kernel), (0,) * len(kernel)
    fields = {"kind": WindowKind.CONVOLUTION, "stride": ones, "padding": zeros}
    fields |= {"dilation": ones, "output_padding": zeros, "weight_bits": 3}
    return Window(kernel=kernel, **(fields | options))


# Operator, source, target, its banks, the source's banks.
CASES = {
    "dense": (Dense(weights=weights(9, 6), weight_bits=3), (9,), (6,), (6, 1, 1), (1, 1, 1)),
    "blocks": (Dense(weights=weights(9, 6), weight_bits=3), (9,), (6,), (2, 1, 1), (1, 1, 1)),
    "hidden": (Dense(weights=weights(100, 6), weight_bits=3), (100,), (6,), (4, 1, 1), (12, 1, 1)),
    "plane": (
        Dense(weights=weights(60, 60), weight_bits=3),
        (3, 4, 5),
        (3, 4, 5),
        (2, 2, 1),
        (2, 1, 3),
    ),
    "banked": (
        window((3, 3), padding=(1, 1), weights=weights(4, 3, 3, 3)),
        *((3, 5, 6), (4, 5, 6), (2, 3, 3), (2, 3, 3)),
    ),
    "serial": (
        window((3, 2), stride=(2, 1), weights=weights(4, 3, 3, 2)),
        *((3, 7, 40), (4, 3, 39), (2, 1, 1), (1, 1, 1)),
    ),
    "grouped": (
        window((2,), groups=3, weights=weights(9, 2, 2)),
        *((6, 9), (9, 8), (2, 1, 2), (1, 1, 1)),
    ),
    "sparse": (
        window((1, 1), stride=(3, 2), weights=weights(2, 2, 1, 1)),
        *((2, 7, 5), (2, 3, 3), (1, 1, 1), (1, 1, 1)),
    ),
    "depthwise": (
        window((3, 3), groups=5, weights=weights(5, 1, 3, 3)),
        *((5, 6, 6), (5, 4, 4), (2, 3, 2), (1, 1, 1)),
    ),
    "pool": (
        window((2, 2), kind=WindowKind.SUM_POOL, stride=(2, 2), weight_bits=1),
        *((3, 6, 7), (3, 3, 3), (2, 1, 1), (2, 2, 2)),
    ),
    "shifted": (Identity(offset=7), (50,), (3, 4, 5), (2, 2, 3), (8, 1, 1)),
}


def generator(name, *, delay=0, first_group=0, low=0, high=1):
    operator, source, target, banks, own = CASES[name]
    layout = TokenLayout(axes=axes_of(source, own), low=low, high=high)
    schedule = port_schedule(operator, source=layout, target=axes_of(target, banks))
    tables = RowTables(layout=layout, schedule=schedule, first_group=first_group)
    groups = first_group + int(np.prod([axis.blocks for axis in schedule.target])) + 2
    return AddressGenerator(tables=tables, groups=groups, delay=delay)


def test_constructor_errors():
    tables = generator("blocks", first_group=2).tables
    with pytest.raises(
        ConfigurationError,
        match=r"^the target's groups must lie within the core's 4, found 2\.\.4$",
    ):
        AddressGenerator(tables=tables, groups=4)
    with pytest.raises(ConfigurationError, match=r"^a delay must be at least 0 cycles, found -1$"):
        AddressGenerator(tables=tables, groups=5, delay=-1)


def expected_rows(dut, neuron, payload):
    """What the schedule says of each row of a spike."""
    tables, schedule = dut.tables, dut.tables.schedule
    address = int(tables.layout.encode(np.array(neuron)))
    if schedule.translate is not None:
        address = int(schedule.translate[address])
    y_bits, x_bits = tables.loops["y"].code_bits, tables.loops["x"].code_bits
    y, x = address >> x_bits & ((1 << y_bits) - 1), address & ((1 << x_bits) - 1)
    c = address >> x_bits + y_bits
    _, n_y, n_x = (axis.blocks for axis in schedule.target)
    rows = []
    for py in range(int(schedule.y.passes[y])):
        for px in range(int(schedule.x.passes[x])):
            for j in range(int(schedule.count[c])):
                row = {"payload": payload, "channels": int(schedule.channels[c, j])}
                row["plane"] = tables.first_group + (int(schedule.first[c]) + j) * n_y * n_x
                if schedule.weights is not None:
                    at = schedule.row[c] + schedule.y.row[y, py] + schedule.x.row[x, px]
                    row["address"] = int(at) + j * schedule.block_stride
                if schedule.place is not None:
                    row["place"] = int(schedule.place[c])
                for axis, side, code, turn, weight in (
                    ("y", schedule.y, y, py, n_x),
                    ("x", schedule.x, x, px, 1),
                ):
                    row[f"{axis}_banks"] = int(side.enable[code, turn].sum())
                    for bank in range(side.banks):
                        on = bool(side.enable[code, turn, bank])
                        row[f"{axis}_{bank}"] = on and (
                            int(side.block[code, turn, bank]) * weight,
                            int(side.select[code, turn, bank])
                            if schedule.weights is not None
                            else 0,
                        )
                rows.append(row)
    return rows


def read_row(ctx, dut):
    tables = dut.tables
    row = {"payload": ctx.get(dut.payload) if not tables.layout.is_unit else 1}
    row["plane"] = ctx.get(dut.plane)
    row["channels"] = tables.loops["c"].counts[ctx.get(dut.c_count)]
    if tables.weighted:
        row["address"] = ctx.get(dut.address)
    if "place" in tables.loops["c"].columns:
        row["place"] = ctx.get(dut.c_place)
    for axis in "yx":
        loop = tables.loops[axis]
        row[f"{axis}_banks"] = loop.counts[ctx.get(getattr(dut, f"{axis}_count"))]
        for bank, options in enumerate(loop.options):
            on = bool(ctx.get(getattr(dut, f"{axis}_enable_{bank}")))
            block = ctx.get(getattr(dut, f"{axis}_block_{bank}"))
            select = getattr(dut, f"{axis}_select_{bank}", None)
            taken = options[0]
            if select is not None and len(options) > 1 and on:
                assert ctx.get(select).bit_count() == 1
                taken = options[ctx.get(select).bit_length() - 1]
            row[f"{axis}_{bank}"] = on and (block, taken)
    return row


@pytest.mark.parametrize("name", list(CASES))
@pytest.mark.parametrize("gaps", [0.0, 0.5])
@pytest.mark.parametrize(("delay", "first_group"), [(0, 0), (2, 3)])
def test_rows_of_every_neuron(name, gaps, delay, first_group):
    dut = generator(name, delay=delay, first_group=first_group, low=-2, high=1)
    rng = random.Random(f"{name}{gaps}{delay}")
    n = dut.tables.layout.neurons
    spikes = [(neuron, rng.choice((-2, -1, 1))) for neuron in range(n)]
    rng.shuffle(spikes)
    spikes = spikes[:120]
    starts, rows = [], []

    async def bench(ctx):
        queue, now, fresh = list(spikes), 0, True
        while queue or ctx.get(dut.busy):
            offer = bool(queue) and (not fresh or rng.random() >= gaps)
            ctx.set(dut.valid, offer)
            if offer:
                neuron, payload = queue[0]
                ctx.set(dut.spike.address, int(dut.tables.layout.encode(np.array(neuron))))
                ctx.set(dut.spike.payload, payload)
                if fresh:
                    starts.append(now)
                fresh = False
            if ctx.get(dut.accept):
                queue.pop(0)
                fresh = True
            if ctx.get(dut.row_valid):
                rows.append((now, read_row(ctx, dut)))
            await ctx.tick()
            now += 1
            assert now < 50_000

    simulate(dut, bench)
    wanted = [(k, row) for k, spike in enumerate(spikes) for row in expected_rows(dut, *spike)]
    assert [row for _, row in rows] == [row for _, row in wanted]
    seen = {}
    for (now, _), (k, _) in zip(rows, wanted, strict=True):
        seen.setdefault(k, now)
    assert {now - starts[k] for k, now in seen.items()} == {dut.latency}
    counts = dut.tables.schedule.rows_per_neuron
    assert dut.interval == max(1, counts.max())
    if not gaps:
        cycles = [max(1, int(counts[neuron])) for neuron, _ in spikes]
        assert starts == [sum(cycles[:k]) for k in range(len(cycles))]


@pytest.mark.parametrize(
    ("name", "latency"),
    [("dense", 1), ("blocks", 1), ("banked", 2), ("serial", 3), ("pool", 1), ("shifted", 2)],
)
def test_stages_are_only_those_that_are_needed(name, latency):
    assert generator(name).latency == latency
