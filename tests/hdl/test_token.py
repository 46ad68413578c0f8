"""Tokens keep their fields in as few bits as they need."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikewright.golden.errors import ConfigurationError, RangeError
from spikewright.golden.spec import TokenKind
from spikewright.hdl.token import TokenLayout


def test_constructor_errors():
    with pytest.raises(ConfigurationError, match=r"^neurons must be at least 1, found 0$"):
        TokenLayout(neurons=0, low=0, high=1)
    with pytest.raises(
        ConfigurationError, match=r"^the payload's low must not exceed its high, found 2 > 1$"
    ):
        TokenLayout(neurons=1, low=2, high=1)


@pytest.mark.parametrize(
    ("neurons", "low", "high", "valued", "width"),
    [
        (1, 0, 1, False, 3),
        (2, 0, 1, False, 3),
        (784, 0, 1, False, 12),
        (10, -1, 1, False, 8),
        (128, 0, 15, False, 13),
        (128, 0, 1, True, 10),
        (3, -8, 7, False, 8),
    ],
)
def test_width(neurons, low, high, valued, width):
    assert TokenLayout(neurons=neurons, low=low, high=high, valued=valued).width == width


@given(st.data())
def test_pack_and_unpack_are_inverse(data):
    low = data.draw(st.integers(-300, 0))
    high = data.draw(st.integers(1, 300))
    layout = TokenLayout(neurons=data.draw(st.integers(1, 1000)), low=low, high=high)
    count = data.draw(st.integers(1, 20))
    kind = np.array(data.draw(st.lists(st.integers(0, 2), min_size=count, max_size=count)))
    address = np.array(
        data.draw(st.lists(st.integers(0, layout.neurons - 1), min_size=count, max_size=count))
    )
    payload = np.array(data.draw(st.lists(st.integers(low, high), min_size=count, max_size=count)))
    payload = np.where(kind == TokenKind.SPIKE, 1 if layout.is_unit else payload, 0)
    words = layout.pack(kind, address, payload)
    assert (words >> layout.width == 0).all()
    found = layout.unpack(words)
    assert all((a == b).all() for a, b in zip(found, (kind, address, payload), strict=True))


def test_the_struct_has_the_fields_where_the_dictionary_says():
    layout = TokenLayout(neurons=100, low=-4, high=3)
    fields = layout.as_dict()
    for name in ("kind", "address", "payload"):
        assert [layout.struct[name].offset, layout.struct[name].width] == fields[name]
    assert fields["width"] == layout.struct.size
    assert fields["signed"] is True


def test_a_field_that_does_not_fit_is_named():
    layout = TokenLayout(neurons=4, low=0, high=3)
    zero = np.zeros(3, dtype=np.int64)
    with pytest.raises(
        RangeError, match=r"^token 1: the address of a token must fit its layout, found 9$"
    ):
        layout.pack(zero, np.array([0, 9, 0]), zero)
    with pytest.raises(
        RangeError, match=r"^token 2: the payload of a token must fit its layout, found 4$"
    ):
        layout.pack(zero, zero, np.array([0, 3, 4]))
