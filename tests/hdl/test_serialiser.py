"""Groups become tokens in ascending lane, one a cycle."""

import itertools
import random

import numpy as np
import pytest

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import TokenKind
from spikewright.hdl.serialiser import SpikeSerialiser
from spikewright.hdl.token import TokenLayout, axes_of
from support.streams import run_stream

pytestmark = pytest.mark.pairs

SPIKE = TokenKind.SPIKE.value


def serialiser(shape, banks, *, low=0, high=7):
    """A serialiser of one host of ``shape``, with (channel, row, column) ``banks``."""
    layout = TokenLayout(axes=axes_of(shape, banks), low=low, high=high)
    return SpikeSerialiser(channel_lanes=banks[0], banks=banks[1:], layouts=[layout])


def groups(dut):
    """The neurons [lanes] of every group; -1 where a lane is none."""
    channels, rows, columns = dut.layouts[0].axes
    index = -np.ones([axis.blocks * axis.banks for axis in (channels, rows, columns)], int)
    shape = dut.layouts[0].shape
    index[: shape[0], : shape[1], : shape[2]] = np.arange(np.prod(shape)).reshape(shape)
    split = index.reshape([n for axis in dut.layouts[0].axes for n in (axis.blocks, axis.banks)])
    return split.transpose(0, 2, 4, 3, 5, 1).reshape(-1, dut.lanes)


def item(dut, neurons, levels):
    """The item of a group of ``neurons`` [lanes]; ``levels`` by lane."""
    layout = dut.layouts[0]
    bits = layout.payload_shape.width
    # The lane at place 0 of every bank is a neuron in every group.
    base = int(layout.encode(neurons[0]))
    return {
        "marker": 0,
        "kind": 0,
        "keep": 0,
        "host": 0,
        "base": base,
        "mask": sum(1 << lane for lane in levels),
        "levels": sum(
            (level & ((1 << bits) - 1)) << (lane * bits) for lane, level in levels.items()
        ),
    }


def marker(kind, keep=0):
    return {
        "marker": 1,
        "kind": kind.value,
        "keep": keep,
        "host": 0,
        "base": 0,
        "mask": 0,
        "levels": 0,
    }


def tokens(dut, neurons, levels):
    layout = dut.layouts[0]
    return [
        (SPIKE, int(layout.encode(neurons[lane])), 0 if layout.is_unit else levels[lane])
        for lane in sorted(levels)
    ]


def read(payload):
    value = payload.payload if payload.shape()["payload"].width else 0
    return (payload.kind, payload.address, value)


def run(dut, items, expected, **stalls):
    seen = run_stream(dut, items, count=len(expected), read=read, sink=dut.o_0, **stalls)
    assert seen.payloads == expected
    return seen


def test_constructor_errors():
    layout = TokenLayout(axes=axes_of((1,)), low=0, high=1)
    with pytest.raises(
        ConfigurationError,
        match=r"^channel lanes and banks must be at least 1, found 0 and \(1, 1\)$",
    ):
        SpikeSerialiser(channel_lanes=0, banks=(1, 1), layouts=[layout])


@pytest.mark.parametrize("banks", [(4, 1, 1), (2, 1, 2), (1, 2, 2)])
def test_every_mask_of_four_lanes(banks):
    dut = serialiser((4, 2, 2), banks, low=0, high=1)
    items, expected = [], []
    for mask in range(16):
        levels = {lane: 1 for lane in range(4) if mask >> lane & 1}
        neurons = groups(dut)[mask % 2]
        items += [item(dut, neurons, levels), marker(TokenKind.STEP)]
        expected += [*tokens(dut, neurons, levels), (TokenKind.STEP.value, 0, 0)]
    run(dut, items, expected)


@pytest.mark.parametrize(
    ("shape", "banks"),
    [
        ((3,), (1, 1, 1)),
        ((16,), (8, 1, 1)),
        ((18,), (9, 1, 1)),
        ((74,), (37, 1, 1)),
        ((128,), (64, 1, 1)),
        ((6, 4, 6), (3, 2, 3)),
        ((10, 5, 5), (10, 3, 2)),
    ],
)
@pytest.mark.parametrize(
    ("valid", "ready"), [("1", "1"), ("10", "1"), ("1", "0010"), ("011", "110")]
)
@pytest.mark.parametrize("low", [0, -4])
def test_random_groups_with_stalls(shape, banks, valid, ready, low):
    rng = random.Random(f"{shape}{valid}{ready}{low}")
    dut = serialiser(shape, banks, low=low, high=7)
    items, expected = [], []
    for _ in range(40):
        density = rng.choice([0.0, 0.1, 1.0])
        neurons = rng.choice(groups(dut))
        levels = {
            lane: rng.randrange(low, 8) or 1
            for lane in range(dut.lanes)
            if neurons[lane] >= 0 and rng.random() < density
        }
        items.append(item(dut, neurons, levels))
        expected += tokens(dut, neurons, levels)
        if rng.random() < 0.3:
            keep = rng.randrange(2)
            items.append(marker(TokenKind.END, keep))
            expected.append((TokenKind.END.value, keep, 0))
    run(dut, items, expected, valid=valid, ready=ready)


def test_hosts_have_streams_of_their_own():
    """Each host's address is put together in its own layout."""
    layouts = [
        TokenLayout(axes=axes_of(shape, (2, 1, 2)), low=0, high=1)
        for shape in ((2, 3, 5), (4, 1, 2), (1, 9, 9))
    ]
    dut = SpikeSerialiser(channel_lanes=2, banks=(1, 2), layouts=layouts)
    blank = {"marker": 0, "kind": 0, "keep": 0, "levels": 0}
    for host, layout in enumerate(layouts):
        mask = 0b1111 if host < 2 else 0b0101  # the third host has one channel
        items = [{**blank, "host": host, "base": 0, "mask": mask}]
        items.append({**marker(TokenKind.END, 1), "host": host})
        neurons = {(c, x) for c in range(min(2, layout.shape[0])) for x in range(2)}
        rows = layout.shape[1] * layout.shape[2]
        addresses = [int(layout.encode(c * rows + x)) for c, x in neurons]
        sink = dut.outputs[host]
        seen = run_stream(dut, items, count=len(neurons) + 1, read=read, sink=sink)
        assert sorted(seen.payloads[:-1]) == sorted((SPIKE, a, 0) for a in addresses)
        assert seen.payloads[-1] == (TokenKind.END.value, 1, 0)
        dut = SpikeSerialiser(channel_lanes=2, banks=(1, 2), layouts=layouts)


@pytest.mark.parametrize("lanes", [4, 20, 64])
def test_latency_and_one_token_a_cycle_across_blocks_and_groups(lanes):
    dut = serialiser((4 * lanes,), (lanes, 1, 1))
    items = [item(dut, neurons, dict.fromkeys(range(lanes), 1)) for neurons in groups(dut)]
    expected = [
        token for each in groups(dut) for token in tokens(dut, each, dict.fromkeys(range(lanes), 1))
    ]
    seen = run(dut, items, expected)
    assert seen.items[0][0] - seen.accepted[0] == dut.latency
    times = [now for now, _ in seen.items]
    assert {b - a for a, b in itertools.pairwise(times)} == {dut.interval}


@pytest.mark.parametrize("slots", [2, 4])
@pytest.mark.parametrize(
    ("shape", "banks"),
    [((3,), (3, 1, 1)), ((18,), (9, 1, 1)), ((37,), (37, 1, 1)), ((6, 4, 6), (3, 2, 3))],
)
@pytest.mark.parametrize(("valid", "ready"), [("1", "1"), ("1", "0010"), ("011", "110")])
@pytest.mark.parametrize("high", [1, 7])
def test_several_lanes_share_a_token(slots, shape, banks, valid, ready, high):
    """As many of a block as there are slots, in ascending order; each once."""
    rng = random.Random(f"{slots}{shape}{valid}{ready}")
    layout = TokenLayout(axes=axes_of(shape, banks), low=0, high=high, slots=slots)
    dut = SpikeSerialiser(channel_lanes=banks[0], banks=banks[1:], layouts=[layout])
    items, expected = [], []
    for _ in range(40):
        density = rng.choice([0.1, 0.5, 1.0])
        neurons = rng.choice(groups(dut))
        lanes = [k for k in range(dut.lanes) if neurons[k] >= 0 and rng.random() < density]
        levels = {lane: rng.randrange(high) + 1 for lane in lanes}
        items += [item(dut, neurons, levels), marker(TokenKind.END, 1)]
        for first in range(0, dut.lanes, banks[0]):
            for block in range(first, first + banks[0], dut.block):
                end = min(block + dut.block, first + banks[0])
                sent = tokens(dut, neurons, {k: levels[k] for k in lanes if block <= k < end})
                expected += [tuple(sent[k : k + slots]) for k in range(0, len(sent), slots)]
        expected.append(((TokenKind.END.value, 1, 0),))

    def read_all(payload):
        slots_of = [payload[f"slot_{k}"] for k in range(1, slots)]
        if payload.kind != SPIKE:
            assert not any(slot.spikes for slot in slots_of)
        found = [payload, *(slot for slot in slots_of if slot.spikes)]
        return tuple(
            (payload.kind, each.address, 0 if layout.is_unit else each.payload) for each in found
        )

    seen = run_stream(
        dut, items, count=len(expected), read=read_all, sink=dut.o_0, valid=valid, ready=ready
    )
    assert seen.payloads == expected


def test_one_host_where_tokens_have_slots():
    layout = TokenLayout(axes=axes_of((4,)), low=0, high=1, slots=2)
    with pytest.raises(
        ConfigurationError, match=r"^hosts of one serialiser must send a spike a token, found 2"
    ):
        SpikeSerialiser(channel_lanes=4, banks=(1, 1), layouts=[layout, layout])
