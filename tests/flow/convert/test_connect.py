"""Branches that pass values on become the cheapest connection that is right; signs by hand."""

from typing import Any

import numpy as np
import pytest

from spikewright.flow.convert.connect import Sender, constants, operator, reach
from spikewright.flow.convert.geometry import Geometry
from spikewright.flow.convert.quantised import QuantisedBranch
from spikewright.flow.importers import INPUT, Branch, BranchKind, Pool
from spikewright.golden.spec import (
    Dense,
    Identity,
    IntArray,
    Operator,
    Payload,
    Window,
    WindowKind,
)

POOL = Pool(kernel=(2, 2), stride=(2, 2), padding=(0, 0))


def sender(*shape: int, sign: list[int] | None = None, after: list[float] | None = None) -> Sender:
    return Sender(
        name="x",
        seen=shape,
        payload=Payload.GRADED,
        low=0,
        high=3,
        step=0.5,
        sign=np.ones(shape[0], dtype=np.int64) if sign is None else np.array(sign),
        after=np.zeros(shape[0]) if after is None else np.array(after),
    )


def part(shape: tuple[int, ...], **changes: Any) -> QuantisedBranch:
    """A branch into ``shape``; ``codes`` as the integers, the rest as of a Branch."""
    codes, exponent = changes.pop("codes", None), changes.pop("exponent", 0)
    fields: dict[str, Any] = {"name": "b", "source": INPUT, "kind": BranchKind.PASS, **changes}
    branch = Branch(**fields, weight=None if codes is None else np.zeros(codes.shape))
    geometry = Geometry.of(branch, shape)
    return QuantisedBranch(branch=branch, geometry=geometry, codes=codes, exponent=exponent)


def passed(shape: tuple[int, ...], source: Sender, factor: list[int], **changes: Any) -> Operator:
    """The connection of values passed on as 2**2 units with 3 fraction bits."""
    branch = part(shape, exponent=2, **changes)
    made = operator(branch, source, np.array(factor), bits=4, fraction=3)
    assert not isinstance(made, Dense | Window) or made.shift == 5
    return made


def kernel(made: Operator) -> list[Any]:
    assert isinstance(made, Window) and made.weights is not None
    weights: list[Any] = made.weights.reshape(*made.weights.shape[:2], -1)[..., 0].tolist()
    return weights


@pytest.mark.parametrize(
    ("sign", "gain", "negative"), [(1, 1.0, False), (-1, 1.0, True), (-1, -0.5, False)]
)
def test_one_sign_is_an_identity(sign: int, gain: float, negative: bool) -> None:
    made = passed((5, 3, 4), sender(2, 3, 4), [9, sign, sign, 9, 9], offset=1, gain=gain)
    assert made == Identity(offset=12, shift=5, negative=negative)


def test_signs_by_channel_are_a_depthwise_window() -> None:
    made = passed((3, 4, 4), sender(3, 4, 4), [1, -1, 0])
    assert isinstance(made, Window) and made.groups == 3 and made.kernel == (1, 1)
    assert kernel(made) == [[1], [-1], [0]] and made.weight_bits == 2
    made = passed((3, 4, 4), sender(2, 4, 4), [1, -1, 1], offset=1)
    assert isinstance(made, Window) and made.groups == 1
    assert kernel(made) == [[0, 0], [-1, 0], [0, 1]]


def test_signs_of_a_vector_are_a_diagonal() -> None:
    made = passed((3,), sender(2), [1, -1, 1], offset=1)
    assert isinstance(made, Dense) and made.weights.tolist() == [[0, -1, 0], [0, 0, 1]]


def test_pooled_values_are_sums() -> None:
    made = passed((3, 2, 2), sender(3, 4, 4), [1, 1, 1], pool=POOL)
    assert isinstance(made, Window) and made.kind is WindowKind.SUM_POOL
    assert (made.kernel, made.stride) == ((2, 2), (2, 2))
    for factor, offset, source in (([1, -1, 1], 0, 3), ([1, 1, 1], 1, 2), ([-1, -1, -1], 0, 3)):
        made = passed((3, 2, 2), sender(source, 4, 4), factor, pool=POOL, offset=offset)
        assert isinstance(made, Window) and made.kind is WindowKind.CONVOLUTION
        assert made.output_shape((source, 4, 4)) == (3, 2, 2)
        dense = np.zeros((3, 3), dtype=np.int64)
        place = np.arange(source)
        dense[offset + place, place] = np.array(factor)[offset:]
        found = np.array(kernel(made))
        assert np.array_equal(
            found if made.groups == 1 else np.diag(found[:, 0]), dense[:, :source]
        )


def codes() -> IntArray:
    return np.arange(1, 9).reshape(4, 2, 1, 1)


def test_weights_take_the_signs_of_both_ends() -> None:
    source = sender(4, 3, 3, sign=[1, -1, 1, -1])
    branch = part(
        (4, 3, 3),
        kind=BranchKind.CONVOLUTION,
        codes=codes(),
        stride=(1, 1),
        padding=(0, 0),
        dilation=(1, 1),
        groups=2,
        gain=-0.25,
        pool=Pool(kernel=(3, 3), stride=(1, 1), padding=(1, 1)),
    )
    made = operator(branch, source, np.array([1, -1, 0, 1]), bits=5, fraction=1)
    assert isinstance(made, Window) and made.pool is not None and made.pool.kernel == (3, 3)
    assert kernel(made) == [[-1, 2], [3, -4], [0, 0], [-7, 8]]
    assert (made.shift, made.groups, made.weight_bits) == (1, 2, 5)
    low, high = reach(branch, source, np.array([1, -1, 0, 1]))
    assert low.tolist() == [-27, -4 * 27, 0, -7 * 27]
    assert high.tolist() == [2 * 27, 3 * 27, 0, 8 * 27]


def test_a_transposed_window_is_stored_source_first() -> None:
    branch = part(
        (4, 3, 3),
        kind=BranchKind.TRANSPOSED,
        codes=codes(),
        stride=(1, 1),
        padding=(0, 0),
        dilation=(1, 1),
        output_padding=(0, 0),
        groups=2,
    )
    made = operator(branch, sender(4, 3, 3), np.array([1, -1, 1, 1]), bits=5, fraction=0)
    assert isinstance(made, Window) and made.kind is WindowKind.TRANSPOSED
    assert kernel(made) == [[1, -3], [2, -4], [5, 7], [6, 8]]


def test_a_linear_behind_a_pool_is_a_window_over_the_whole_plane() -> None:
    branch = part((2,), kind=BranchKind.LINEAR, codes=np.arange(24).reshape(2, 12), pool=POOL)
    source = sender(3, 4, 4, sign=[1, -1, 1])
    made = operator(branch, source, np.array([1, -1]), bits=6, fraction=0)
    assert isinstance(made, Window) and made.weights is not None
    assert made.output_shape((3, 4, 4)) == (2, 1, 1)
    signs = np.repeat([1, -1, 1], 4) * np.array([[1], [-1]])
    assert np.array_equal(made.weights.reshape(2, 12), np.arange(24).reshape(2, 12) * signs)


def test_constants_differ_by_position_only_where_padding_is_seen() -> None:
    fields: dict[str, Any] = {
        "kind": BranchKind.CONVOLUTION,
        "codes": np.array([[[[1, 2, 3]]], [[[0, 1, 0]]]]),
        "stride": (1,),
        "dilation": (1,),
    }
    source = sender(1, 4, after=[0.5])
    padded = part((2, 4), padding=(1,), gain=-1.0, **fields)
    assert constants(padded, source).tolist() == [[-5, -6, -6, -3], [-1, -1, -1, -1]]
    inner = part((2, 2), padding=(0,), **fields)
    assert constants(inner, source).tolist() == [[6], [1]]
    assert constants(inner, sender(1, 4)).tolist() == [[0], [0]]
