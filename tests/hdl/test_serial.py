"""A payload goes as its bits, and nothing else is touched."""

import random

import pytest

from spikewright.golden.spec import TokenKind
from spikewright.hdl.serial import BitSplitter
from spikewright.hdl.token import TokenLayout, axes_of
from support.streams import run_stream

SPIKE, STEP, END = (kind.value for kind in TokenKind)
STALLS = [("1", "1"), ("01", "1"), ("1", "001"), ("110", "011")]


def read(payload):
    return (payload.kind, payload.address, payload.payload)


@pytest.mark.parametrize(("valid", "ready"), STALLS)
@pytest.mark.parametrize(("low", "high"), [(0, 5), (-7, 0), (-8, 9), (0, 255), (-32768, 32767)])
def test_bits_of_every_payload(low, high, valid, ready):
    rng = random.Random(f"{low}{high}{valid}{ready}")
    dut = BitSplitter(layout=TokenLayout(axes=axes_of((6,)), low=low, high=high))
    payloads = [low, high, *(rng.randint(low, high) for _ in range(40))]
    sent, expected = [], []
    for value in payloads:
        n = rng.randrange(6)
        if value:
            sent.append({"kind": SPIKE, "address": n, "payload": value})
            sign = -1 if value < 0 else 1
            bits = [k for k in range(16) if abs(value) >> k & 1]
            expected += [(SPIKE, n, sign << k) for k in bits]
        if rng.random() < 0.3:
            kind, flag = rng.choice([(STEP, 0), (END, 0), (END, 1)])
            sent.append({"kind": kind, "address": flag, "payload": 0})
            expected.append((kind, flag, 0))
    seen = run_stream(dut, sent, count=len(expected), read=read, valid=valid, ready=ready)
    assert seen.payloads == expected
    assert all(abs(p).bit_count() <= 1 for _, _, p in seen.payloads)


def test_timing():
    dut = BitSplitter(layout=TokenLayout(axes=axes_of((2,)), low=-4, high=7))
    sent = [{"kind": SPIKE, "address": 1, "payload": 7}] * 4
    seen = run_stream(dut, sent, count=12, read=read)
    assert seen.items[0][0] - seen.accepted[0] == dut.latency
    assert [now - seen.items[0][0] for now, _ in seen.items] == list(range(12))
    assert dut.interval == 3
