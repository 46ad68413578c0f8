"""Readouts: ties go to the lowest index, whatever the device thinks of them; filters are exact."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spikewright.golden.model import Model
from spikewright.golden.model.neuron import State
from spikewright.golden.model.readout import Filter, Reading, decide, first_largest
from spikewright.golden.spec import (
    Biquad,
    Connection,
    Decision,
    Dense,
    Encoding,
    Fire,
    Input,
    Mode,
    Network,
    Payload,
    Population,
    Readout,
    ReadoutKind,
    Reset,
    Soma,
)

SLOW = Biquad(a1=-28000, a2=12000, shift=14)
FAST = Biquad(a1=-4, a2=4, shift=4)


@given(st.lists(st.lists(st.integers(-2, 2), min_size=5, max_size=5), min_size=1, max_size=8))
def test_lowest_index_of_the_largest(rows):  # checklist 11
    expected = [row.index(max(row)) for row in rows]
    assert first_largest(torch.tensor(rows).unsqueeze(2)).tolist() == [[each] for each in expected]
    assert np.argmax(np.array(rows), axis=1).tolist() == expected


def test_values_that_floats_cannot_tell_apart():  # checklist 11
    assert first_largest(torch.tensor([[[2**53], [2**53 + 1]]])).tolist() == [[1]]


def test_a_label_for_every_position():
    argmax = Readout(population="p", kind=ReadoutKind.MEMBRANE, decision=Decision.ARGMAX)
    # three channels of two positions; the second position ties between channels 0 and 2
    values = torch.tensor([[1, 5, 4, -2, 3, 5], [0, 0, 0, 0, 0, 0]])
    assert decide(argmax, values, 2).tolist() == [[1, 0], [0, 0]]
    assert decide(argmax, values, 1).tolist() == [1, 0]
    assert decide(argmax, values, 6).tolist() == [[0] * 6] * 2  # one channel has no rival


def population(fire=Fire.NONE):
    return Population(name="p", shape=(2,), soma=Soma(fire=fire), payload=Payload.UNIT)


def test_membrane_and_count():
    zero = torch.zeros(1, 2)
    state = State(v=zero + 3, i=None, s=zero + 4, level=zero, steps=1, wait=None)
    membrane = Readout(population="p", kind=ReadoutKind.MEMBRANE, decision=Decision.RAW)
    count = Readout(population="p", kind=ReadoutKind.COUNT, decision=Decision.ARGMAX)
    assert Reading(membrane, population()).values(state).tolist() == [[3, 3]]
    counts = Reading(count, population(Fire.BINARY)).values(state)
    assert counts.tolist() == [[4, 4]]
    assert counts.dtype == torch.int64
    assert decide(membrane, counts, 1) is None
    assert decide(count, counts, 1).tolist() == [0]


def network(kind, decision=Decision.RAW, *, fire=Fire.NONE, n=2, **readout):
    """Events into a population that is read; it forgets its membrane where it fires."""
    soma = Soma(fire=fire, threshold=4, reset=Reset.VALUE)
    return Network(
        name="read",
        inputs=(
            Input(
                name="x",
                shape=(n,),
                payload=Payload.GRADED,
                low=-9,
                high=9,
                encoding=Encoding.EVENTS,
            ),
        ),
        populations=(Population(name="p", shape=(n,), soma=soma, payload=Payload.UNIT),),
        connections=(
            Connection(
                source="x",
                target="p",
                operator=Dense(weights=np.eye(n, dtype=int), weight_bits=2),
            ),
        ),
        readout=Readout(population="p", kind=kind, decision=decision, **readout),
        modes=(Mode.STEPWISE,),
        max_steps=64,
    )


X = np.array([[[5, 0], [0, 3], [-7, 2], [6, 0]]])


def run(net, x=X, **options):
    return Model(net).run(x, mode="stepwise", **options)


def test_first_spike_by_hand():
    """Neuron 0 fires in the first of four steps, neuron 1 in the third; who never fires has 0."""
    result = run(network(ReadoutKind.FIRST_SPIKE, Decision.ARGMAX, fire=Fire.BINARY))
    assert result.values.tolist() == [[4, 2]]
    assert result.labels.tolist() == [0]
    silent = run(network(ReadoutKind.FIRST_SPIKE, Decision.ARGMAX, fire=Fire.BINARY), 0 * X)
    assert silent.values.tolist() == [[0, 0]]
    halves = X.reshape(2, 2, 2)
    kept = run(network(ReadoutKind.FIRST_SPIKE, fire=Fire.BINARY), halves, keep=[True, False])
    assert kept.values.tolist() == [[2, 0], [4, 2]]


def test_maximum_by_hand():
    result = run(network(ReadoutKind.MAXIMUM, Decision.ARGMAX))
    assert result.values.tolist() == [[5, 5]]
    assert result.labels.tolist() == [0]
    assert run(network(ReadoutKind.MAXIMUM), -abs(X)).values.tolist() == [[-5, 0]]


def test_streams_by_hand():
    found = run(network(ReadoutKind.STREAM))
    assert found.labels is None
    assert found.values.tolist() == [[[5, 0], [5, 3], [-2, 5], [4, 5]]]
    found = run(network(ReadoutKind.STREAM, fire=Fire.BINARY))
    assert found.values.tolist() == [[[1, 0], [0, 0], [0, 1], [0, 0]]]


def scalar(rule, xs):
    """The docstring's lines, on Python's integers."""
    x1 = x2 = y1 = y2 = e = 0
    out = []
    for x in xs:
        acc = rule.b0 * (x + 2 * x1 + x2) - rule.a1 * y1 - rule.a2 * y2 + e
        y = acc // 2**rule.shift
        e = acc - y * 2**rule.shift
        x1, x2, y1, y2 = x, x1, y, y1
        out.append(y)
    return out


@given(st.lists(st.integers(-(2**20), 2**20), min_size=1, max_size=60), st.booleans())
def test_a_filter_is_its_definition(xs, slow):
    rule = SLOW if slow else FAST
    each = Filter(rule)
    assert [int(each(torch.tensor([[x]]))) for x in xs] == scalar(rule, xs)


@pytest.mark.parametrize("level", [-2048, -1, 0, 1, 7, 2047])
@pytest.mark.parametrize("rule", [SLOW, FAST])
def test_a_filter_comes_to_rest_at_its_input(level, rule):
    """Unit gain and error feedback: no dead band, no limit cycle (checklist 23)."""
    assert set(scalar(rule, [level] * 4000)[-100:]) == {level}


def filtered(net, x, **options):
    return run(net, x, **options).values


def test_filtered_streams():
    rng = np.random.default_rng(3)
    x = rng.integers(-9, 10, (3, 20, 2))
    v = x.cumsum(axis=1)
    options = {"biquads": (SLOW, FAST), "fraction": 3}
    found = filtered(network(ReadoutKind.STREAM, Decision.FILTER, **options), x)
    for b in range(3):
        for n in range(2):
            wanted = scalar(FAST, scalar(SLOW, [8 * int(each) for each in v[b, :, n]]))
            assert found[b, :, n].tolist() == wanted
    parts = filtered(
        network(ReadoutKind.STREAM, Decision.FILTER, **options),
        x[:1].reshape(4, 5, 2),
        keep=[True, True, True, False],
    )
    assert parts.flatten(0, 1).tolist() == found[0].tolist()


def test_blocks_are_filtered_both_ways_from_rest():
    rng = np.random.default_rng(4)
    x = rng.integers(-9, 10, (2, 19, 2))
    v = x.cumsum(axis=1)
    options = {"biquads": (SLOW,), "block": 8}
    found = filtered(network(ReadoutKind.STREAM, Decision.FILTER, **options), x)
    for b in range(2):
        for n in range(2):
            wanted = []
            for start in (0, 8, 16):
                there = scalar(SLOW, v[b, start : start + 8, n].tolist())
                wanted += scalar(SLOW, there[::-1])[::-1]
            assert found[b, :, n].tolist() == wanted
