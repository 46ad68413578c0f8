"""Tokens keep their fields in as few bits as they need."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikewright.golden.errors import ConfigurationError, RangeError
from spikewright.golden.spec import TokenKind
from spikewright.hdl.token import Axis, TokenLayout, axes_of

SHAPES = st.lists(st.integers(1, 12), min_size=1, max_size=4)
BANKS = st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 4))


def test_constructor_errors():
    with pytest.raises(ConfigurationError, match=r"^an axis' size must be at least 1, found 0$"):
        axes_of((0,))
    with pytest.raises(ConfigurationError, match=r"^an axis' banks must be at least 1, found 0$"):
        Axis(size=3, banks=0)
    with pytest.raises(
        ConfigurationError, match=r"^the payload's low must not exceed its high, found 2 > 1$"
    ):
        TokenLayout(axes=axes_of((1,)), low=2, high=1)
    with pytest.raises(ConfigurationError, match=r"^slots must be at least 1, found 0$"):
        TokenLayout(axes=axes_of((1,)), low=0, high=1, slots=0)
    with pytest.raises(
        ConfigurationError,
        match=r"^a token of several slots must fit 63 bits, found 89 of 8 slots$",
    ):
        TokenLayout(axes=axes_of((784,)), low=0, high=1, slots=8)


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
    assert TokenLayout(axes=axes_of((neurons,)), low=low, high=high, valued=valued).width == width


@given(st.data())
def test_pack_and_unpack_are_inverse(data):
    low = data.draw(st.integers(-300, 0))
    high = data.draw(st.integers(1, 300))
    layout = TokenLayout(axes=axes_of(data.draw(SHAPES), data.draw(BANKS)), low=low, high=high)
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


@pytest.mark.parametrize("slots", [2, 3, 4])
@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3, 5)])
def test_spikes_side_by_side_share_a_word(slots, low, high):
    layout = TokenLayout(axes=axes_of((9,), (3, 1, 1)), low=low, high=high, slots=slots)
    rng = np.random.default_rng(slots)
    kind = rng.choice([0, 0, 0, 1, 2], 200)
    address = np.where(kind == 0, rng.integers(0, 9, 200), 0)
    payload = np.where(kind == 0, rng.integers(1, high + 1, 200), 0)
    words = layout.pack(kind, address, payload)
    found = layout.unpack(words)
    assert all((a == b).all() for a, b in zip(found, (kind, address, payload), strict=True))
    runs = "".join(map(str, kind)).replace("1", "2").split("2")
    assert len(words) == np.count_nonzero(kind) + sum(-(-len(run) // slots) for run in runs)
    # Slot by slot, as hardware sees them.
    struct = layout.struct
    carried = [
        1 + sum(int(w) >> struct[f"slot_{k}"].offset & 1 for k in range(1, slots))
        for w in words
        if not w & 3
    ]
    assert sum(carried) == np.count_nonzero(kind == 0)


def test_the_struct_has_the_fields_where_the_dictionary_says():
    layout = TokenLayout(axes=axes_of((100,)), low=-4, high=3)
    fields = layout.as_dict()
    for name in ("kind", "address", "payload"):
        assert [layout.struct[name].offset, layout.struct[name].width] == fields[name]
    assert fields["width"] == layout.struct.size
    assert fields["signed"] is True


def test_a_field_that_does_not_fit_is_named():
    layout = TokenLayout(axes=axes_of((4,)), low=0, high=3)
    zero = np.zeros(3, dtype=np.int64)
    with pytest.raises(
        RangeError, match=r"^token 1: the address of a token must fit its layout, found 9$"
    ):
        layout.pack(zero, np.array([0, 9, 0]), zero)
    with pytest.raises(
        RangeError, match=r"^token 2: the payload of a token must fit its layout, found 4$"
    ):
        layout.pack(zero, zero, np.array([0, 3, 4]))


def test_shapes_have_three_axes():
    assert [a.size for a in axes_of((5,))] == [5, 1, 1]
    assert [a.size for a in axes_of((5, 7))] == [5, 1, 7]
    assert [a.size for a in axes_of((5, 6, 7))] == [5, 6, 7]
    assert [a.size for a in axes_of((2, 3, 4, 5))] == [120, 1, 1]


@pytest.mark.parametrize("size", range(1, 14))
@pytest.mark.parametrize("banks", range(1, 6))
def test_codes_ascend_and_come_back(size, banks):
    axis = Axis(size=size, banks=banks)
    codes = axis.encode(np.arange(size))
    assert (np.diff(codes) > 0).all()
    assert axis.decode(codes).tolist() == list(range(size))
    assert codes[-1] == axis.codes - 1
    assert codes[-1] >> axis.bits == 0
    assert (codes >> axis.place_bits).tolist() == [i // banks for i in range(size)]


@given(SHAPES, BANKS)
def test_addresses_are_unique_and_ascend(shape, banks):
    layout = TokenLayout(axes=axes_of(shape, banks), low=0, high=1)
    address = layout.encode(np.arange(layout.neurons))
    assert (np.diff(address) > 0).all()
    assert address[-1] >> layout.address_bits == 0
    assert layout.decode(address).tolist() == list(range(layout.neurons))


def test_the_flag_of_end_is_bit_0_of_every_layout():
    for shape in ((1,), (2,), (3, 1), (4, 3, 1), (2, 2, 5)):
        layout = TokenLayout(axes=axes_of(shape, (3, 2, 2)), low=0, high=1)
        one = np.array([1])
        word = layout.pack(np.array([int(TokenKind.END)]), one, np.array([0]))
        assert int(word[0]) >> 2 == 1
        assert layout.unpack(word)[1] == one
