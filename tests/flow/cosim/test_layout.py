import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikewright.flow.cosim.layout import Layout
from spikewright.golden.errors import FileError, RangeError
from spikewright.golden.spec import TokenKind
from spikewright.hdl.token import TokenLayout


def layout_of(token: TokenLayout) -> Layout:
    return Layout.from_manifest(token.as_dict(), where="test")


@given(
    neurons=st.integers(1, 2000),
    low=st.integers(-(1 << 20), 0),
    high=st.integers(0, 1 << 20),
    seed=st.integers(0, 99),
)
def test_words_are_those_of_the_hardware(neurons, low, high, seed):
    token = TokenLayout(neurons=neurons, low=low, high=high, valued=True)
    layout = layout_of(token)
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, 20)
    address = np.where(kind == TokenKind.STEP, 0, rng.integers(0, neurons, 20))
    payload = np.where(kind == TokenKind.SPIKE, rng.integers(low, high + 1, 20), 0)
    words = layout.pack(kind, address, payload)
    assert words.tolist() == token.pack(kind, address, payload).tolist()
    for field, back in zip((kind, address, payload), layout.unpack(words), strict=True):
        assert field.tolist() == back.tolist()


def test_unit_payload_takes_no_bits():
    layout = layout_of(TokenLayout(neurons=4, low=0, high=1))
    words = layout.pack(np.array([0]), np.array([3]), np.array([1]))
    assert words.tolist() == [3 << 2]
    assert layout.unpack(words)[2].tolist() == [1]
    with pytest.raises(RangeError, match="payload of a token must fit its 0 bits, found 2 in"):
        layout.pack(np.array([0]), np.array([3]), np.array([2]))


@pytest.mark.parametrize(
    ("address", "payload", "message"),
    [
        ([0, 8], [0, 0], "^here: the address of a token must fit its 3 bits, found 8 in token 1$"),
        ([0, -1], [0, 0], "found -1 in token 1$"),
        ([0, 0], [0, 8], "^here: the payload of a token must fit its 4 bits, found 8 in token 1$"),
        ([0, 0], [-9, 0], "found -9 in token 0$"),
    ],
)
def test_what_does_not_fit_is_refused(address, payload, message):
    layout = layout_of(TokenLayout(neurons=8, low=-8, high=7))
    with pytest.raises(RangeError, match=message):
        layout.pack(np.zeros(2, dtype=np.int64), np.array(address), np.array(payload), where="here")


def test_bits_that_carry_nothing_are_not_compared():
    layout = layout_of(TokenLayout(neurons=8, low=-8, high=7))
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
    assert layout_of(TokenLayout(neurons=8, low=-8, high=7)).describe(word) == text


@pytest.mark.parametrize(
    "change", [{"width": 65}, {"width": 0}, {"kind": [0]}, {"address": None}, {"payload": ["x", 1]}]
)
def test_bad_layout(change):
    data = TokenLayout(neurons=8, low=-8, high=7).as_dict() | change
    with pytest.raises(FileError, match="^m: a"):
        Layout.from_manifest(data, where="m")


def test_missing_field():
    with pytest.raises(FileError, match="found KeyError 'kind'$"):
        Layout.from_manifest({"width": 3}, where="m")
