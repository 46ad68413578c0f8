"""Readouts: ties go to the lowest index, whatever the device thinks of them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spikewright.golden.errors import UnsupportedError
from spikewright.golden.model.neuron import State
from spikewright.golden.model.readout import check_readout, decide, first_largest, read
from spikewright.golden.spec import Biquad, Decision, Readout, ReadoutKind


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


def test_membrane_and_count():
    zero = torch.zeros(1, 2)
    state = State(v=zero + 3, i=None, s=zero + 4, level=zero, steps=1, wait=None)
    membrane = Readout(population="p", kind=ReadoutKind.MEMBRANE, decision=Decision.RAW)
    count = Readout(population="p", kind=ReadoutKind.COUNT, decision=Decision.ARGMAX)
    assert read(membrane, state).tolist() == [[3, 3]]
    assert read(count, state).tolist() == [[4, 4]]
    assert read(count, state).dtype == torch.int64
    assert decide(membrane, read(membrane, state), 1) is None
    assert decide(count, read(count, state), 1).tolist() == [0]


@pytest.mark.parametrize("kind", [ReadoutKind.FIRST_SPIKE, ReadoutKind.MAXIMUM])
def test_other_kinds_are_refused(kind):
    with pytest.raises(UnsupportedError) as caught:
        check_readout(Readout(population="p", kind=kind, decision=Decision.RAW))
    assert str(caught.value) == (
        f"readout of 'p': the golden model reads membrane and count, found {kind}"
    )


def test_filters_are_refused():
    biquads = (Biquad(a1=-16, a2=4, shift=4),)
    readout = Readout(
        population="p", kind=ReadoutKind.MEMBRANE, decision=Decision.FILTER, biquads=biquads
    )
    with pytest.raises(UnsupportedError) as caught:
        check_readout(readout)
    assert str(caught.value) == (
        "readout of 'p': the golden model decides by argmax and raw, found filter"
    )
