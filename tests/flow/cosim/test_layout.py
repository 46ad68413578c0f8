import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikewright.flow.cosim.layout import Layout
from spikewright.golden.errors import FileError, RangeError
from spikewright.golden.spec import TokenKind
from spikewright.hdl.token import TokenLayout, axes_of


def layout_of(token: TokenLayout) -> Layout:
    return Layout.from_manifest(token.as_dict(), where="test")


def flat(neurons: int, **options: object) -> TokenLayout:
    return TokenLayout(axes=axes_of((neurons,)), **options)


@given(
    shape=st.lists(st.integers(1, 9), min_size=1, max_size=3),
    banks=st.tuples(*[st.integers(1, 5)] * 3),
    low=st.integers(-(1 << 20), 0),
    high=st.integers(0, 1 << 20),
    seed=st.integers(0, 99),
)
def test_words_are_those_of_the_hardware(shape, banks, low, high, seed):
    token = TokenLayout(axes=axes_of(shape, banks), low=low, high=high, valued=True)
    layout = layout_of(token)
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, 20)
    neuron = np.where(kind == TokenKind.STEP, 0, rng.integers(0, token.neurons, 20))
    payload = np.where(kind == TokenKind.SPIKE, rng.integers(low, high + 1, 20), 0)
    words = layout.pack(kind, neuron, payload)
    assert words.tolist() == token.pack(kind, neuron, payload).tolist()
    for field, back in zip((kind, neuron, payload), layout.unpack(words), strict=True):
        assert field.tolist() == back.tolist()


def test_addresses_by_hand():
    """Channel 1, row 2, column 5 of (2, 3, 7) in banks of 2 channels, 1 row and 3 columns."""
    layout = layout_of(TokenLayout(axes=axes_of((2, 3, 7), (2, 1, 3)), low=0, high=1))
    neuron = np.array([(1 * 3 + 2) * 7 + 5])
    # Column 5 is place 2 of block 1, in two bits each; row 2 takes two bits, the channel one.
    assert layout.pack(np.array([0]), neuron, np.array([1])).tolist() == [0b1_10_01_10_00]
    # A column's place 3, and row 3, are nobody's.
    holes = np.array([0b0_00_00_11_00, 0b0_11_00_00_00], dtype=np.uint64)
    assert layout.unpack(holes)[1].tolist() == [-1 - 0b11, -1 - 0b110000]


def test_unit_payload_takes_no_bits():
    layout = layout_of(flat(4, low=0, high=1))
    words = layout.pack(np.array([0]), np.array([3]), np.array([1]))
    assert words.tolist() == [3 << 2]
    assert layout.unpack(words)[2].tolist() == [1]
    with pytest.raises(RangeError, match="payload of a token must fit its layout of 0 bits, found"):
        layout.pack(np.array([0]), np.array([3]), np.array([2]))


def test_one_neuron_leaves_its_bit_to_the_flag():
    layout = layout_of(flat(1, low=0, high=1))
    kind, neuron = np.array([0, 2, 2]), np.array([0, 0, 1])
    assert layout.pack(kind, neuron, kind * 0 + 1).tolist() == [0b0_00, 0b0_10, 0b1_10]
    with pytest.raises(RangeError, match="neuron of a token must fit its layout of 1 neurons"):
        layout.pack(np.array([0]), np.array([1]), np.array([1]))


@pytest.mark.parametrize(
    ("address", "payload", "message"),
    [
        (
            [0, 8],
            [0, 0],
            "^here: the neuron of a token must fit its layout of 8 neurons, found 8 in token 1$",
        ),
        ([0, -1], [0, 0], "found -1 in token 1$"),
        (
            [0, 0],
            [0, 8],
            "^here: the payload of a token must fit its layout of 4 bits, found 8 in token 1$",
        ),
        ([0, 0], [-9, 0], "found -9 in token 0$"),
    ],
)
def test_what_does_not_fit_is_refused(address, payload, message):
    layout = layout_of(flat(8, low=-8, high=7))
    with pytest.raises(RangeError, match=message):
        layout.pack(np.zeros(2, dtype=np.int64), np.array(address), np.array(payload), where="here")


def test_bits_that_carry_nothing_are_not_compared():
    layout = layout_of(flat(8, low=-8, high=7))
    words = np.array([0b1111_111_00, 0b1111_111_01, 0b1111_111_10], dtype=np.uint64)
    assert layout.significant(words).tolist() == [0b1111_111_00, 0b01, 0b111_10]


@pytest.mark.parametrize(
    ("word", "text"),
    [
        (0b1111_101_00, "SPIKE(neuron 5, payload -1)"),
        (0b01, "STEP"),
        (0b011_10, "END(3)"),
        (0b11, "a token of unknown kind 3"),
    ],
)
def test_description(word, text):
    assert layout_of(flat(8, low=-8, high=7)).describe(word) == text


AXIS = {"size": 8, "banks": 1, "offset": 0, "place_bits": 0, "block_bits": 3}
ALONE = {"size": 1, "banks": 1, "offset": 0, "place_bits": 0, "block_bits": 0}


@pytest.mark.parametrize(
    "change",
    [
        {"width": 65},
        {"width": 0},
        {"kind": [0]},
        {"address": None},
        {"address": [2, 25]},
        {"payload": ["x", 1]},
        {"axes": [AXIS, ALONE]},
        {"axes": [AXIS, ALONE, {"size": 1}]},
        {"axes": [AXIS | {"size": 9}, ALONE, ALONE]},
        {"axes": [AXIS | {"offset": 1}, ALONE, ALONE]},
        {"axes": [AXIS | {"banks": 0}, ALONE, ALONE]},
        {"axes": [AXIS, ALONE, AXIS | {"size": 2, "block_bits": 1}]},
    ],
)
def test_bad_layout(change):
    data = flat(8, low=-8, high=7).as_dict() | change
    with pytest.raises(FileError, match="^m: (an?|the coordinates of|every) .*must"):
        Layout.from_manifest(data, where="m")


def test_order_within_a_step():
    layout = layout_of(flat(8, low=-8, high=7))
    kind = np.array([0, 0, 1, 0, 0, 0, 2, 0])
    neuron = np.array([5, 2, 0, 7, 1, 7, 0, 3])
    payload = np.array([1, 2, 0, 3, 4, 5, 0, 6])
    words = layout.in_order(layout.pack(kind, neuron, payload))
    kind, neuron, payload = layout.unpack(words)
    assert kind.tolist() == [0, 0, 1, 0, 0, 0, 2, 0]
    assert neuron.tolist() == [2, 5, 0, 1, 7, 7, 0, 3]
    assert payload.tolist() == [2, 1, 0, 4, 3, 5, 0, 6]


def test_missing_field():
    with pytest.raises(FileError, match="found KeyError 'kind'$"):
        Layout.from_manifest({"width": 3}, where="m")


@pytest.mark.parametrize("slots", [2, 3])
@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3, 5)])
def test_spikes_share_words_as_the_hardware_packs_them(slots, low, high):
    token = TokenLayout(axes=axes_of((9,), (3, 1, 1)), low=low, high=high, slots=slots)
    layout = layout_of(token)
    rng = np.random.default_rng(slots)
    kind = np.append(rng.choice([0, 0, 0, 1, 2], 99), 2)
    neuron = np.where(kind == 0, rng.integers(0, 9, 100), 0)
    payload = np.where(kind == 0, rng.integers(1, high + 1, 100), 0)
    starts = np.concatenate(([0], np.flatnonzero(kind == 2) + 1))
    single = layout.pack(kind, neuron, payload)
    words, word_starts = layout.gather(single, starts)
    assert words.tolist() == token.pack(kind, neuron, payload).tolist()
    for first, last, begin, end in zip(
        starts, starts[1:], word_starts, word_starts[1:], strict=False
    ):
        found = token.unpack(words[begin:end].astype(np.int64))
        for field, own in zip(found, (kind, neuron, payload), strict=True):
            assert field.tolist() == own[first:last].tolist()
    assert word_starts[-1] == words.size < single.size


def test_a_word_is_not_shared_across_samples():
    layout = layout_of(flat(9, low=0, high=1, slots=2))
    spikes = layout.pack(np.zeros(4, int), np.arange(4), np.ones(4, int))
    words, starts = layout.gather(spikes, np.array([0, 1, 4]))
    assert starts.tolist() == [0, 1, 3]
    assert words[0] == spikes[0]


def test_slots_must_fill_their_word():
    data = flat(9, low=0, high=1, slots=2).as_dict()
    for change in ({"slots": 3}, {"slots": 0}, {"width": data["width"] + 1}):
        with pytest.raises(FileError, match="^test: the slots must lie behind kind, address and"):
            Layout.from_manifest(data | change, where="test")
