"""Compressed rows come one a cycle, without a gap between spikes; they add what the matrix says."""

import random

import numpy as np
import pytest
from amaranth.hdl import signed

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Dense
from spikewright.hdl.plan import WeightStore
from spikewright.hdl.pointers import RowPointers
from spikewright.hdl.sparse_schedule import sparse_schedule
from spikewright.hdl.sparse_synapses import SparseSynapses
from spikewright.hdl.token import TokenLayout, axes_of
from support.port import random_spikes
from support.streams import simulate

pytestmark = pytest.mark.pairs

BITS = 4


def matrix(pre, n, density, seed):
    rng = np.random.default_rng(seed)
    return rng.integers(-8, 8, (pre, n)) * (rng.random((pre, n)) < density)


def made(weights, *, lanes, low=0, high=1, operand=BITS, shift=0, below=0, store=WeightStore.BLOCK):
    pre, n = weights.shape
    layout = TokenLayout(axes=axes_of((pre,)), low=low, high=high)
    dense = Dense(weights=weights, weight_bits=BITS, shift=shift)
    schedule = sparse_schedule(dense, source=layout, target=axes_of((n,), (lanes, 1, 1)))
    return SparseSynapses(
        layout=layout,
        schedule=schedule,
        groups=-(-n // lanes),
        operand_shape=signed(operand),
        shift=below,
        store=store,
    )


def signed_field(value, place, bits):
    value = value >> place * bits & (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def watch(dut, spikes, gaps=0.0, seed=0):
    """(cycle, payload, [(group, operand) of each lane]) of every row; acceptances; synops."""
    rng, rows, taken, synops = random.Random(seed), [], [], 0
    group_bits, operand_bits = dut.schedule.group_bits, dut.operand_shape.width
    payload_bits = dut.layout.payload_shape.width

    async def bench(ctx):
        nonlocal synops
        queue, now, offering, idle = list(spikes), 0, False, 0
        while idle < dut.latency + 3:
            if queue and not offering:
                offering = rng.random() >= gaps
            ctx.set(dut.valid, offering)
            if offering:
                neuron, payload = queue[0]
                ctx.set(dut.spike.address, neuron)
                if payload_bits:
                    ctx.set(dut.spike.payload, payload)
            await ctx.delay(1e-7)
            accepted = bool(ctx.get(dut.accept))
            assert offering or not accepted
            if accepted:
                queue.pop(0)
                taken.append(now)
                offering = False
            lanes = []
            assert (
                ctx.get(dut.row_enables) == (1 << dut.lanes) - 1
                if ctx.get(dut.row_valid)
                else not ctx.get(dut.row_enables)
            )
            if ctx.get(dut.row_valid):
                assert ctx.get(dut.busy)
                groups, operands = ctx.get(dut.row_groups), ctx.get(dut.row_operands)
                for lane in range(dut.lanes):
                    group = groups >> lane * group_bits & (1 << group_bits) - 1
                    lanes.append((group, signed_field(operands, lane, operand_bits)))
                rows.append((now, ctx.get(dut.row_payload) if payload_bits else 1, lanes))
            else:
                assert not payload_bits or ctx.get(dut.row_payload) == 0
            synops += ctx.get(dut.row_synops)
            idle = 0 if queue or ctx.get(dut.busy) else idle + 1
            await ctx.tick()
            now += 1
            assert now < 20_000

    simulate(dut, bench)
    return rows, taken, synops


def added(dut, rows, n):
    sums = np.zeros(n + dut.lanes, np.int64)
    for _, payload, lanes in rows:
        for lane, (group, operand) in enumerate(lanes):
            sums[group * dut.lanes + lane] += operand * payload << dut.shift
    assert not sums[n:].any()
    return sums[:n]


@pytest.mark.parametrize("lanes", [1, 3, 8])
@pytest.mark.parametrize("payloads", [(0, 1), (-1, 1), (-3, 2)])
@pytest.mark.parametrize("density", [0.0, 0.2, 0.6, 1.0])
@pytest.mark.parametrize("store", [WeightStore.BLOCK, WeightStore.LOGIC])
@pytest.mark.parametrize("gaps", [0.0, 0.6])
def test_rows_are_those_of_the_spikes(lanes, payloads, density, store, gaps):
    weights = matrix(20, 13, density, seed=lanes)
    low, high = payloads
    dut = made(
        weights, lanes=lanes, low=low, high=high, shift=2, below=1, operand=BITS + 2, store=store
    )
    spikes = random_spikes(dut.layout, 40, random.Random(f"{lanes}{payloads}{density}"))
    rows, taken, synops = watch(dut, spikes, gaps)
    expected = sum((weights[neuron] << 2) * payload for neuron, payload in spikes)
    assert (added(dut, rows, 13) == expected).all()
    assert len(taken) == len(spikes)
    counts = [int(dut.schedule.rows_per_neuron[neuron]) for neuron, _ in spikes]
    assert len(rows) == sum(counts)
    assert synops == sum(np.count_nonzero(weights[neuron]) for neuron, _ in spikes)
    if not gaps and density > 0.5:
        assert [cycle for cycle, *_ in rows] == list(range(rows[0][0], rows[0][0] + len(rows)))
        assert rows[0][0] - taken[0] == dut.latency
        assert dut.interval == max(dut.schedule.rows_per_neuron)
        assert max(rows[sum(counts[: k + 1]) - 1][0] - at for k, at in enumerate(taken)) <= dut.lag


@pytest.mark.parametrize("pre", [3, 20, 200])
@pytest.mark.parametrize("most", [1, 2, 5])
def test_no_cycle_is_lost_between_spikes(pre, most):
    """Pointers from logic and from block RAM, with spikes of one row each and of several."""
    rng = np.random.default_rng(pre)
    weights = np.zeros((pre, most), np.int64)
    for neuron in range(pre):
        weights[neuron, : rng.integers(1, most + 1)] = 1
    dut = made(weights, lanes=1)
    spikes = [(int(k), 1) for k in rng.integers(0, pre, 150)]
    rows, taken, _ = watch(dut, spikes)
    assert np.diff([cycle for cycle, *_ in rows]).tolist() == [1] * (len(rows) - 1)
    assert len(rows) == sum(np.count_nonzero(weights[neuron]) for neuron, _ in spikes)
    assert rows[0][0] - taken[0] == dut.latency


def test_a_row_too_few_is_found(monkeypatch):
    """The check sees what it is there for."""

    def short(layout, schedule):
        return RowPointers(layout=layout, schedule=schedule)

    weights = matrix(20, 13, 0.6, seed=1)
    dut = made(weights, lanes=3)
    dut.schedule.count[5] -= 1
    dut.pointers = short(dut.layout, dut.schedule)
    rows, _, _ = watch(dut, [(5, 1)])
    assert (added(dut, rows, 13) != weights[5]).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shift": 1, "below": 2}, r"^the shift must be at most the connection's 1, found 2$"),
        ({"operand": 3}, r"^an operand of 4 bits must fit its shape, found signed\(3\) with"),
    ],
)
def test_what_is_refused(options, message):
    with pytest.raises(ConfigurationError, match=message):
        made(matrix(4, 4, 1, 1), lanes=2, **options)


def test_groups_are_those_of_the_target():
    dut = made(matrix(4, 8, 1, 1), lanes=2)
    with pytest.raises(
        ConfigurationError,
        match=r"^the core's groups must be the target's, 2 bits of them, found 5$",
    ):
        SparseSynapses(
            layout=dut.layout,
            schedule=dut.schedule,
            groups=5,
            operand_shape=signed(4),
            shift=0,
            store=WeightStore.BLOCK,
        )


@pytest.mark.parametrize(
    ("rows", "bits"), [(500, (36, 28)), (600, (18, 18, 18, 10)), (2000, (9,) * 7 + (1,))]
)
def test_rows_are_cut_as_a_block_ram_is_wide(rows, bits):
    """Eight lanes of 4 bits and a group of 4."""
    dut = made(np.ones((rows, 80), np.int64)[: rows // 10], lanes=8)
    assert len(dut.schedule.weights) == rows // 10 * 10
    assert dut.memory.slices == bits
    assert sum(bits) == dut.memory.width == 8 * (4 + 4)


def test_logic_is_not_cut():
    dut = made(np.ones((60, 80), np.int64), lanes=8, store=WeightStore.LOGIC)
    assert dut.memory.slices == (64,)
