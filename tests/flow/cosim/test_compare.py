from dataclasses import replace

import numpy as np
import pytest

from spikewright.flow.cosim.compare import Difference, StreamPair, first_difference
from spikewright.flow.cosim.layout import AxisField
from spikewright.golden.errors import MismatchError
from support.standin import LAYOUT

SPIKE, STEP, END = range(3)

# Two samples of two steps each.
EXPECTED = [
    (SPIKE, 1, 3), (SPIKE, 4, -2), (STEP, 0, 0), (SPIKE, 2, 1), (STEP, 0, 0), (END, 0, 0),
    (STEP, 0, 0), (SPIKE, 5, 7), (SPIKE, 6, 7), (STEP, 0, 0), (SPIKE, 0, 0), (END, 1, 0),
]  # fmt: skip


def words(tokens):
    return LAYOUT.pack(*(np.array(f, dtype=np.int64) for f in zip(*tokens, strict=True)))


def pair(found, name="h"):
    return StreamPair(name=name, layout=LAYOUT, expected=words(EXPECTED), found=words(found))


def place(difference):
    return (difference.sample, difference.step, difference.population, difference.neuron)


def changed(position, token):
    return [*EXPECTED[:position], token, *EXPECTED[position + 1 :]]


def test_equal_streams():
    assert first_difference([pair(EXPECTED), pair(EXPECTED, "g")]) is None


@pytest.mark.parametrize(
    ("found", "where", "expected", "seen"),
    [
        # an address flipped
        (changed(1, (SPIKE, 5, -2)), (10, 0, "h", 4), "SPIKE(neuron 4, payload -2)",
         "SPIKE(neuron 5, payload -2)"),
        # a payload changed
        (changed(8, (SPIKE, 6, 6)), (11, 1, "h", 6), "SPIKE(neuron 6, payload 7)",
         "SPIKE(neuron 6, payload 6)"),
        # a spike dropped
        (EXPECTED[:3] + EXPECTED[4:], (10, 1, "h", 2), "SPIKE(neuron 2, payload 1)", "STEP"),
        # a STEP dropped
        (EXPECTED[:6] + EXPECTED[7:], (11, 0, "h", 5), "STEP", "SPIKE(neuron 5, payload 7)"),
        # a spike too many
        ([*EXPECTED[:4], (SPIKE, 7, 1), *EXPECTED[4:]], (10, 1, "h", 7), "STEP",
         "SPIKE(neuron 7, payload 1)"),
        # two steps swapped
        ([*EXPECTED[3:5], *EXPECTED[:3], *EXPECTED[5:]], (10, 0, "h", 1),
         "SPIKE(neuron 1, payload 3)", "SPIKE(neuron 2, payload 1)"),
        # a neuron fires twice in a step
        ([EXPECTED[0], *EXPECTED], (10, 0, "h", 1), "SPIKE(neuron 4, payload -2)",
         "SPIKE(neuron 1, payload 3)"),
        # a neuron fires twice instead of another
        (changed(8, (SPIKE, 5, 7)), (11, 1, "h", 5), "SPIKE(neuron 6, payload 7)",
         "SPIKE(neuron 5, payload 7)"),
        # a spike comes behind the STEP of its step
        ([EXPECTED[0], *EXPECTED[2:0:-1], *EXPECTED[3:]], (10, 0, "h", 4),
         "SPIKE(neuron 4, payload -2)", "STEP"),
        # a spike comes behind the END of its sample
        ([*EXPECTED[:10], EXPECTED[11], EXPECTED[10]], (11, None, "h", 0),
         "SPIKE(neuron 0, payload 0)", "END(1)"),
        # a value read after the last step
        (changed(10, (SPIKE, 0, 1)), (11, None, "h", 0), "SPIKE(neuron 0, payload 0)",
         "SPIKE(neuron 0, payload 1)"),
        # the label
        (changed(11, (END, 2, 0)), (11, None, "h", None), "END(1)", "END(2)"),
        # the last END is missing
        (EXPECTED[:-1], (11, None, "h", None), "END(1)", "nothing"),
        # a token after the end
        ([*EXPECTED, (STEP, 0, 0)], (11, None, "h", None), "nothing", "STEP"),
    ],
)  # fmt: skip
def test_planted_fault_is_reported_at_its_place(found, where, expected, seen):
    difference = first_difference([pair(found)], first_sample=10)
    assert difference is not None
    assert place(difference) == where
    assert (difference.expected, difference.found) == (expected, seen)


def test_order_within_a_step_means_nothing():
    found = [EXPECTED[1], EXPECTED[0], *EXPECTED[2:7], EXPECTED[8], EXPECTED[7], *EXPECTED[9:]]
    assert first_difference([pair(found)]) is None


@pytest.mark.parametrize(
    ("found", "where", "expected", "seen"),
    [
        # Not all spikes of the step have come, and none is wrong.
        ([EXPECTED[1]], (0, 0, "h", 1), "SPIKE(neuron 1, payload 3)", "silence"),
        ([EXPECTED[1], EXPECTED[0]], (0, 0, "h", None), "STEP", "silence"),
        # One of those that have come is wrong.
        ([(SPIKE, 4, -1)], (0, 0, "h", 4), "SPIKE(neuron 4, payload -2)",
         "SPIKE(neuron 4, payload -1)"),
        ([EXPECTED[1], (SPIKE, 2, 1)], (0, 0, "h", 2), "SPIKE(neuron 4, payload -2)",
         "SPIKE(neuron 2, payload 1)"),
        ([EXPECTED[1], EXPECTED[1]], (0, 0, "h", 4), "STEP", "SPIKE(neuron 4, payload -2)"),
        ([EXPECTED[0], (SPIKE, 7, 1)], (0, 0, "h", 7), "STEP", "SPIKE(neuron 7, payload 1)"),
    ],
)  # fmt: skip
def test_a_step_that_is_cut(found, where, expected, seen):
    difference = first_difference([pair(found)], missing="silence")
    assert place(difference) == where
    assert (difference.expected, difference.found) == (expected, seen)


def test_banked_neurons_are_compared_by_their_index():
    # Two columns of three banks each: neurons 0..3 have the codes 0, 1, 2, 4.
    alone = AxisField(size=1, banks=1, offset=0, place_bits=0, block_bits=0)
    columns = AxisField(size=4, banks=3, offset=0, place_bits=2, block_bits=1)
    layout = replace(LAYOUT, axes=(alone, alone, columns))
    fields = [np.array(f, dtype=np.int64) for f in ((0, 0, 1), (2, 3, 0), (1, 1, 0))]
    expected = layout.pack(*fields)
    assert expected.tolist() == [0b0001_010_00, 0b0001_100_00, 0b01]
    swapped = StreamPair(name="h", layout=layout, expected=expected, found=expected[[1, 0, 2]])
    assert first_difference([swapped]) is None
    hole = expected.copy()
    hole[1] = 0b0001_011_00
    difference = first_difference(
        [StreamPair(name="h", layout=layout, expected=expected, found=hole)]
    )
    assert place(difference) == (0, 0, "h", 2)
    assert difference.found == "SPIKE(neuron address 3, which is none's, payload 1)"


def test_bits_without_meaning_do_not_matter():
    found = words(EXPECTED)
    found[2] |= np.uint64(0b1010_101_00)
    same = StreamPair(name="h", layout=LAYOUT, expected=words(EXPECTED), found=found)
    assert first_difference([same]) is None


def test_earliest_sample_and_step_wins_over_the_order_of_streams():
    late = pair(changed(7, (SPIKE, 4, 7)), "first")
    early = pair(changed(3, (SPIKE, 3, 1)), "second")
    assert place(first_difference([late, early])) == (0, 1, "second", 2)


def test_data_way_decides_within_a_step():
    one = pair(changed(1, (SPIKE, 5, -2)), "first")
    two = pair(changed(0, (SPIKE, 0, 3)), "second")
    assert first_difference([one, two]).population == "first"


def test_wrong_token_counts_before_a_missing_one():
    cut = pair(EXPECTED[:1], "first")
    wrong = pair(changed(8, (SPIKE, 6, 6)), "second")
    assert first_difference([cut, wrong]).population == "second"
    cut_later = pair(EXPECTED[:4], "second")
    assert first_difference([cut, cut_later], missing="silence").found == "silence"
    assert first_difference([cut, cut_later]).population == "first"


def test_empty_stream():
    nothing = StreamPair(
        name="h", layout=LAYOUT, expected=words(EXPECTED), found=np.zeros(0, dtype=np.uint64)
    )
    assert place(first_difference([nothing])) == (0, 0, "h", 1)


def test_error_names_everything():
    difference = Difference(
        sample=3, step=2, population="h", neuron=7, expected="STEP", found="END(0)"
    )
    assert Difference(**difference.as_dict()) == difference
    error = difference.error()
    assert isinstance(error, MismatchError)
    assert str(error) == (
        "sample 3, step 2, h, neuron 7: the hardware must equal the golden model: expected STEP,"
        " found END(0)"
    )
