"""Groups become tokens in ascending address, one a cycle."""

import itertools
import random

import pytest

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import TokenKind
from spikewright.hdl.serialiser import SpikeSerialiser
from spikewright.hdl.token import TokenLayout
from support.streams import run_stream


def serialiser(lanes, groups, *, low=0, high=7):
    layout = TokenLayout(neurons=lanes * groups, low=low, high=high)
    return SpikeSerialiser(lanes=lanes, groups=groups, layout=layout)


def item(dut, group, levels):
    bits = dut.layout.payload_shape.width
    return {
        "marker": 0,
        "kind": 0,
        "keep": 0,
        "group": group,
        "mask": sum(1 << lane for lane in levels),
        "levels": sum(
            (level & ((1 << bits) - 1)) << (lane * bits) for lane, level in levels.items()
        ),
    }


def marker(kind, keep=0):
    return {"marker": 1, "kind": kind.value, "keep": keep, "group": 0, "mask": 0, "levels": 0}


def tokens(dut, group, levels):
    unit = dut.layout.is_unit
    return [
        (TokenKind.SPIKE.value, group * dut.lanes + lane, 0 if unit else levels[lane])
        for lane in sorted(levels)
    ]


def read(payload):
    value = payload.payload if payload.shape()["payload"].width else 0
    return (payload.kind, payload.address, value)


def test_constructor_errors():
    with pytest.raises(
        ConfigurationError, match=r"^lanes and groups must be at least 1, found 0 and 1$"
    ):
        SpikeSerialiser(lanes=0, groups=1, layout=TokenLayout(neurons=1, low=0, high=1))


def test_every_mask_of_four_lanes():
    dut = serialiser(4, 2, low=0, high=1)
    items, expected = [], []
    for mask in range(16):
        levels = {lane: 1 for lane in range(4) if mask >> lane & 1}
        items += [item(dut, mask % 2, levels), marker(TokenKind.STEP)]
        expected += [*tokens(dut, mask % 2, levels), (TokenKind.STEP.value, 0, 0)]
    seen = run_stream(dut, items, count=len(expected), read=read)
    assert seen.payloads == expected


@pytest.mark.parametrize(("lanes", "groups"), [(1, 3), (8, 2), (9, 3), (37, 2), (64, 2)])
@pytest.mark.parametrize(
    ("valid", "ready"), [("1", "1"), ("10", "1"), ("1", "0010"), ("011", "110")]
)
@pytest.mark.parametrize("low", [0, -4])
def test_random_groups_with_stalls(lanes, groups, valid, ready, low):
    seed = f"{lanes}{groups}{valid}{ready}{low}"
    rng = random.Random(seed)
    dut = serialiser(lanes, groups, low=low, high=7)
    items, expected = [], []
    for _ in range(40):
        density = rng.choice([0.0, 0.1, 1.0])
        group = rng.randrange(groups)
        levels = {k: rng.randrange(low, 8) or 1 for k in range(lanes) if rng.random() < density}
        items.append(item(dut, group, levels))
        expected += tokens(dut, group, levels)
        if rng.random() < 0.3:
            keep = rng.randrange(2)
            items.append(marker(TokenKind.END, keep))
            expected.append((TokenKind.END.value, keep, 0))
    seen = run_stream(dut, items, count=len(expected), read=read, valid=valid, ready=ready)
    assert seen.payloads == expected, seed


@pytest.mark.parametrize("lanes", [4, 20, 64])
def test_latency_and_one_token_a_cycle_across_blocks_and_groups(lanes):
    dut = serialiser(lanes, 4)
    items = [item(dut, group, dict.fromkeys(range(lanes), 1)) for group in range(4)]
    seen = run_stream(dut, items, count=4 * lanes, read=read)
    assert seen.items[0][0] - seen.accepted[0] == dut.latency
    times = [now for now, _ in seen.items]
    assert {b - a for a, b in itertools.pairwise(times)} == {dut.interval}
