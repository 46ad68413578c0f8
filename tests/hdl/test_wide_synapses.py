"""Spikes of one token become their rows in the same cycle."""

import numpy as np
import pytest
from amaranth.hdl import signed

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Dense, TokenKind
from spikewright.hdl.geometry import port_schedule
from spikewright.hdl.plan import WeightStore
from spikewright.hdl.token import TokenLayout, axes_of
from spikewright.hdl.wide_synapses import WideSynapses
from support.streams import simulate

SPIKE = TokenKind.SPIKE.value


def synapses(
    *,
    pre=9,
    n=5,
    slots=2,
    low=0,
    high=1,
    bits=4,
    shift=0,
    operand=4,
    lanes=None,
    built=None,
    source=(1, 1, 1),
):
    rng = np.random.default_rng(pre * n)
    limit = 1 << (bits - 1)
    dense = Dense(weights=rng.integers(-limit, limit, (pre, n)), weight_bits=bits, shift=shift)
    layout = TokenLayout(axes=axes_of((pre,), source), low=low, high=high, slots=slots)
    lanes = lanes or n
    schedule = port_schedule(dense, source=layout, target=axes_of((n,), (lanes, 1, 1)))
    dut = WideSynapses(
        layout=layout,
        schedule=schedule,
        channel_lanes=built or lanes,
        operand_shape=signed(operand),
        shift=0,
        store=WeightStore.BLOCK,
    )
    return dut, dense


def offer(ctx, dut, spikes):
    """Up to ``slots`` spikes (neuron, payload), or none."""
    ctx.set(dut.valid, bool(spikes))
    fields = {"kind": SPIKE if spikes else TokenKind.STEP.value}
    for k, (neuron, payload) in enumerate(spikes):
        place = {"address": int(dut.layout.encode(np.array(neuron)))}
        place |= {} if dut.layout.is_unit else {"payload": payload}
        fields |= place if k == 0 else {f"slot_{k}": {"spikes": 1, **place}}
    ctx.set(dut.spike, fields)


def field(value, place, bits):
    value = value >> place * bits & (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def watch(dut, words):
    """What comes of words of spikes, a word a cycle: (cycle, rows [slots], payloads, synops)."""
    seen = []

    async def bench(ctx):
        for cycle in range(len(words) + dut.latency + 2):
            spikes = words[cycle] if cycle < len(words) else []
            offer(ctx, dut, spikes)
            await ctx.delay(1e-7)
            assert ctx.get(dut.accept) == bool(spikes)
            valid = ctx.get(dut.row_valid)
            assert ctx.get(dut.row_enables) == valid
            under_way = [k for k in range(len(words)) if words[k] and 0 < cycle - k <= dut.latency]
            assert ctx.get(dut.busy) == bool(under_way)
            operands, payloads = ctx.get(dut.row_operands), ctx.get(dut.row_payload)
            rows = [
                [
                    field(operands, slot * dut.channel_lanes + lane, dut.operand_shape.width)
                    for lane in range(dut.channel_lanes)
                ]
                for slot in range(dut.slots)
            ]
            width = dut.layout.payload_shape.width
            carried = [field(payloads, slot, width) if width else 0 for slot in range(dut.slots)]
            seen.append((valid, rows, carried, ctx.get(dut.row_synops)))
            await ctx.tick()

    simulate(dut, bench)
    return seen


def check(dut, dense, words):
    seen = watch(dut, words)
    nothing = [0] * dut.channel_lanes
    for cycle, (valid, rows, carried, synops) in enumerate(seen):
        at = cycle - dut.latency
        spikes = words[at] if 0 <= at < len(words) else []
        assert valid == (1 << len(spikes)) - 1
        weights = [(dense.weights[n] << dense.shift).tolist() for n, _ in spikes]
        assert rows == weights + [nothing] * (dut.slots - len(spikes))
        if not dut.layout.is_unit:
            assert carried == [p for _, p in spikes] + [0] * (dut.slots - len(spikes))
        assert synops == len(spikes) * dut.channel_lanes


def test_constructor_errors():
    few = (
        r"^several spikes a cycle must each add one row of all lanes, found \(1, 1, 2\) weights a "
        r"row for 5 lanes$"
    )
    with pytest.raises(ConfigurationError, match=few):
        synapses(lanes=2, built=5)
    with pytest.raises(
        ConfigurationError, match=r"^the target's groups must lie within the core's 1"
    ):
        synapses(lanes=2)
    with pytest.raises(
        ConfigurationError, match=r"^an operand of 6 bits must fit its shape, found"
    ):
        synapses(shift=2)


def test_every_pair_of_spikes():
    dut, dense = synapses(pre=4, n=3)
    pairs = [[(a, 1), (b, 1)] for a in range(4) for b in range(4)]
    check(dut, dense, [*pairs, *([(a, 1)] for a in range(4)), []])


@pytest.mark.parametrize("slots", [2, 4])
@pytest.mark.parametrize(("low", "high"), [(0, 1), (-1, 1), (-8, 7)])
@pytest.mark.parametrize("pre", [8, 30])
@pytest.mark.parametrize("source", [(1, 1, 1), (3, 1, 1)])
def test_random_words_with_gaps(slots, low, high, pre, source):
    rng = np.random.default_rng(slots + pre)
    dut, dense = synapses(
        pre=pre, slots=slots, low=low, high=high, shift=1, operand=6, source=source
    )
    payloads = [p for p in range(low, high + 1) if p]
    words = [
        [
            (int(rng.integers(pre)), int(rng.choice(payloads)))
            for _ in range(rng.integers(slots + 1))
        ]
        for _ in range(60)
    ]
    check(dut, dense, words)
    assert dut.interval == 1
