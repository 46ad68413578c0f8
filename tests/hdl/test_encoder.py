"""Encoders send what the contract's words say, against the scalar definition."""

import itertools
import random
from dataclasses import replace

import pytest
from amaranth.hdl import Array, Module, Signal

from spikewright.golden.errors import UnsupportedError
from spikewright.golden.spec import Encoding, Input, TokenKind
from spikewright.hdl.encoder import Encoder
from spikewright.hdl.token import TokenLayout, axes_of
from support.scalar_network import payloads
from support.streams import run_stream

SPIKE, STEP, END = (kind.value for kind in TokenKind)
STALLS = [("1", "1"), ("01", "1"), ("1", "001"), ("110", "011")]
ENCODED = [
    Encoding.ONCE,
    Encoding.CONSTANT,
    Encoding.THRESHOLD,
    Encoding.RATE,
    Encoding.PHASE,
    Encoding.LATENCY,
]


def source(encoding, *, n=5, high=6, low=0):
    payload = "shift" if encoding is Encoding.PHASE else "unit"
    return Input(
        name="x",
        shape=(n,),
        payload="graded" if encoding in (Encoding.ONCE, Encoding.CONSTANT) else payload,
        low=low,
        high=high,
        encoding=encoding,
        threshold=2 if encoding is Encoding.THRESHOLD else None,
        seed=12345 if encoding is Encoding.RATE else None,
    )


def unit(each, *, max_steps=8, replayed=False):
    axes = axes_of(each.shape)
    low, high = min(0, each.payloads[0]), each.payloads[1]
    return Encoder(
        source=each,
        frame=TokenLayout(axes=axes, low=min(0, each.low), high=each.high),
        layout=TokenLayout(axes=axes, low=low, high=high),
        max_steps=max_steps,
        replayed=replayed,
    )


def token(dut, kind, address=0, payload=0):
    fields = {"kind": kind, "address": address}
    return fields if dut.frame.is_unit else fields | {"payload": payload}


def read_of(dut):
    def read(payload):
        carried = 1 if dut.layout.is_unit else payload.payload
        return (payload.kind, payload.address, carried if payload.kind == SPIKE else 0)

    return read


def run(dut, rng, steps, samples, *, valid="1", ready="1", replayed=False):
    sent, expected = [], []
    each = dut.source
    for _ in range(samples):
        values = [rng.choice([0, rng.randint(each.low, each.high)]) for _ in range(each.n)]
        sent += [token(dut, SPIKE, n, x) for n, x in enumerate(values) if x]
        flag = rng.randint(0, 1)
        sent.append(token(dut, END, flag))
        for t, step in enumerate(payloads(each, values, steps)):
            if not (replayed and t):
                expected += [(SPIKE, n, p) for n, p in enumerate(step) if p]
            expected.append((STEP, 0, 0))
        expected.append((END, flag, 0))

    seen = watch(dut, sent, len(expected), steps, valid=valid, ready=ready)
    assert seen.payloads == expected


def watch(dut, sent, count, steps, **options):
    m = Module()
    m.submodules.dut = dut
    m.d.comb += dut.steps.eq(steps)
    ports = {"source": dut.i, "sink": dut.o, "read": read_of(dut)}
    return run_stream(m, sent, count=count, **ports, **options)


@pytest.mark.parametrize(("valid", "ready"), STALLS)
@pytest.mark.parametrize("encoding", ENCODED)
def test_random_frames(encoding, valid, ready):
    rng = random.Random(f"{encoding}{valid}{ready}")
    dut = unit(source(encoding))
    run(dut, rng, rng.randint(1, 8), 6, valid=valid, ready=ready)


@pytest.mark.parametrize("encoding", ENCODED)
@pytest.mark.parametrize("high", [1, 7, 8])
@pytest.mark.parametrize("n", [1, 6])
def test_ranges(encoding, high, n):
    run(unit(source(encoding, n=n, high=high), max_steps=12), random.Random(high), 12, 4)


def test_negative_values_and_a_replayed_input():
    rng = random.Random(3)
    run(unit(source(Encoding.ONCE, low=-4)), rng, 3, 5)
    run(unit(source(Encoding.CONSTANT, low=-4), replayed=True), rng, 4, 5, replayed=True)


@pytest.mark.parametrize(("valid", "ready"), STALLS)
def test_a_replayed_input_with_stalls(valid, ready):
    rng = random.Random(f"{valid}{ready}")
    dut = unit(source(Encoding.CONSTANT, low=-4), replayed=True)
    run(dut, rng, 4, 5, valid=valid, ready=ready, replayed=True)


@pytest.mark.parametrize(("valid", "ready"), STALLS)
@pytest.mark.parametrize("encoding", ENCODED)
def test_empty_and_full_frames_with_a_number_of_steps_each(encoding, valid, ready):
    """Frames follow each other at once; each has the steps that were asked for when it ended."""
    each = source(encoding)
    dut = unit(each)
    least = each.least_steps()
    frames = [
        ([0] * each.n, least),
        ([each.high] * each.n, least + 1),
        ([each.high] * each.n, 8),
        ([0] * each.n, 8),
        ([1] * each.n, least),
    ]
    sent, expected = [], []
    for values, steps in frames:
        sent += [token(dut, SPIKE, n, x) for n, x in enumerate(values) if x]
        sent.append(token(dut, END))
        for step in payloads(each, values, steps):
            expected += [(SPIKE, n, p) for n, p in enumerate(step) if p]
            expected.append((STEP, 0, 0))
        expected.append((END, 0, 0))
    m = Module()
    m.submodules.dut = dut
    frame = Signal(range(len(frames) + 1))
    with m.If(dut.i.valid & dut.i.ready & (dut.i.payload.kind == END)):
        m.d.sync += frame.eq(frame + 1)
    m.d.comb += dut.steps.eq(Array(steps for _, steps in [*frames, frames[0]])[frame])
    ports = {"source": dut.i, "sink": dut.o, "read": read_of(dut)}
    seen = run_stream(m, sent, count=len(expected), **ports, valid=valid, ready=ready)
    assert seen.payloads == expected


def test_no_steps_count_as_one():
    """The host promises one at least; what it breaks must not stop the stream."""
    dut = unit(source(Encoding.CONSTANT))
    sent = [token(dut, SPIKE, 2, 3), token(dut, END)] * 2
    seen = watch(dut, sent, 6, 0)
    assert seen.payloads == [(SPIKE, 2, 3), (STEP, 0, 0), (END, 0, 0)] * 2


def test_a_threshold_that_zeros_reach_is_refused():
    each = replace(source(Encoding.THRESHOLD), threshold=0)
    with pytest.raises(
        UnsupportedError,
        match=r"^input 'x': the threshold of an encoder in hardware, which sees no zeros, must be "
        r"at least 1, found 0$",
    ):
        unit(each)


def test_timing():
    """A cycle a value in each step that can have spikes, and two a STEP."""
    dut = unit(source(Encoding.CONSTANT, n=5))
    sent = [token(dut, SPIKE, n, 3) for n in range(4)] + [token(dut, END)]
    seen = watch(dut, sent, 3 * 5 + 1, 3)
    assert seen.items[0][0] - seen.accepted[-1] == dut.latency
    first = [now for now, payload in seen.items if payload[:2] == (SPIKE, 0)]
    assert {b - a for a, b in itertools.pairwise(first)} == {4 + 2}


@pytest.mark.parametrize("encoding", [Encoding.EVENTS, Encoding.SPREAD])
def test_other_encodings_are_refused(encoding):
    with pytest.raises(
        UnsupportedError, match=r"^input 'x': an encoder in hardware must be one of"
    ):
        unit(source(encoding))
