"""Operators refuse geometry and weights that have no meaning; output shapes equal torch's rule."""

import re
from typing import Any

import numpy as np
import pytest

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Delta, Dense, Identity, Product, Window

POOL = {
    "kind": "sum_pool",
    "kernel": (2, 2),
    "stride": (2, 2),
    "padding": (0, 0),
    "dilation": (1, 1),
    "output_padding": (0, 0),
}
ONES = np.ones((4, 2, 3, 3), int)
CONVOLUTION = {**POOL, "kind": "convolution", "kernel": (3, 3), "weights": ONES, "weight_bits": 4}
POOL_WINDOW = Window(**POOL)
LINE = Window(
    kind="sum_pool", kernel=(2,), stride=(2,), padding=(0,), dilation=(1,), output_padding=(0,)
)


def exact(text: str) -> str:
    return f"^{re.escape(text)}$"


def test_dense_counts_its_ends() -> None:
    plain = Dense(weights=np.ones((3, 5), int), weight_bits=2)
    assert (plain.sources, plain.targets) == (3, 5)
    blocks = Dense(weights=np.ones((4, 3, 5), int), weight_bits=2)
    assert (blocks.sources, blocks.targets) == (12, 20)
    assert not blocks.weights.flags.writeable


@pytest.mark.parametrize(
    ("changes", "source", "target"),
    [
        ({}, (2, 7, 9), (4, 3, 4)),
        ({"stride": (1, 1)}, (2, 7, 9), (4, 5, 7)),
        ({"padding": (1, 2)}, (2, 7, 9), (4, 4, 6)),
        ({"dilation": (2, 3)}, (2, 7, 9), (4, 2, 2)),
        ({"groups": 2}, (4, 3, 3), (4, 1, 1)),
        ({"kind": "transposed"}, (4, 3, 3), (2, 7, 7)),
        ({"kind": "transposed", "groups": 2}, (4, 3, 3), (4, 7, 7)),
        (
            {"kind": "transposed", "output_padding": (1, 0), "padding": (1, 1)},
            (4, 3, 3),
            (2, 6, 5),
        ),
        ({"kind": "transposed", "dilation": (2, 1)}, (4, 3, 3), (2, 9, 7)),
    ],
)
def test_output_shape(
    changes: dict[str, Any], source: tuple[int, ...], target: tuple[int, ...]
) -> None:
    assert Window(**{**CONVOLUTION, **changes}).output_shape(source) == target


def test_pool_takes_any_channels() -> None:
    assert POOL_WINDOW.output_shape((5, 6, 7)) == (5, 3, 3)


@pytest.mark.parametrize(
    ("changes", "source", "target"),
    [
        ({}, (2, 7, 9), (4, 1, 1)),
        ({"padding": (1, 1)}, (2, 7, 9), (4, 2, 2)),
        ({"kind": "transposed"}, (4, 3, 5), (2, 3, 5)),
        (
            {"pool": Window(**{**POOL, "kernel": (7, 9), "dilation": (1, 1)})},
            (2, 27, 31),
            (4, 5, 5),
        ),
    ],
)
def test_output_shape_of_what_is_pooled_first(
    changes: dict[str, Any], source: tuple[int, ...], target: tuple[int, ...]
) -> None:
    window = Window(**{**CONVOLUTION, "pool": POOL_WINDOW, **changes})
    assert window.output_shape(source) == target


def test_padding_may_eat_a_transposed_window_whole() -> None:
    window = Window(**{**CONVOLUTION, "kind": "transposed", "padding": (0, 2)})
    text = (
        "window: padding must leave a transposed window an output, found a size of -1 along "
        "axis 2; take less padding"
    )
    with pytest.raises(ConfigurationError, match=exact(text)):
        window.output_shape((4, 1, 1))


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (
            (2, 9),
            "window: a source of 3 dimensions is needed, found (2, 9); give the source the shape "
            "(channels, *space)",
        ),
        (
            (3, 9, 9),
            "window: a source of 2 channels is needed, found 3; give weights for as many channels "
            "as the source has",
        ),
        (
            (2, 2, 9),
            "window: kernel with dilation must fit the padded source, 2 along axis 1, found 3; "
            "take a smaller kernel or dilation, or more padding",
        ),
    ],
)
def test_sources_that_do_not_fit(source: tuple[int, ...], text: str) -> None:
    with pytest.raises(ConfigurationError, match=exact(text)):
        Window(**CONVOLUTION).output_shape(source)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: Dense(weights=np.ones(3, int), weight_bits=4),
            "dense: weights must have shape [pre, post] or [blocks, pre, post], found [3]",
        ),
        (
            lambda: Dense(weights=np.ones((0, 2), int), weight_bits=4),
            "dense: weights must not be empty, found shape (0, 2)",
        ),
        (
            lambda: Dense(weights=[[0.5]], weight_bits=4),
            "dense: weights must hold integers of at most 64 bits, found dtype float64",
        ),
        (
            lambda: Dense(weights=[[1]], weight_bits=4, shift=17),
            "dense: shift must be an integer from 0 to 16, found 17",
        ),
        (
            lambda: Window(**{**POOL, "kernel": ()}),
            "window: kernel must have one or two dimensions, found ()",
        ),
        (
            lambda: Window(**{**POOL, "kernel": 2}),
            "window: kernel must be a sequence of integers, found 2",
        ),
        (
            lambda: Window(**{**POOL, "stride": (1,)}),
            "window: stride must have as many entries as kernel (2, 2), found (1,)",
        ),
        (
            lambda: Window(**{**POOL, "stride": (0, 1)}),
            "window: each entry of stride must be an integer of at least 1, found 0",
        ),
        (
            lambda: Window(**{**POOL, "weights": ONES}),
            "window: sum_pool must have neither weights nor groups, found weights",
        ),
        (
            lambda: Window(**{**POOL, "groups": 2}),
            "window: sum_pool must have neither weights nor groups, found groups 2",
        ),
        (
            lambda: Window(**{**CONVOLUTION, "weights": None}),
            "window: convolution must have weights, found None",
        ),
        (
            lambda: Window(**{**CONVOLUTION, "kernel": (3, 2)}),
            "window: weights must have two dimensions of channels and then kernel (3, 2), "
            "found [4, 2, 3, 3]",
        ),
        (
            lambda: Window(**{**CONVOLUTION, "groups": 3}),
            "window: groups 3 must divide the first dimension of weights, found 4; give weights of "
            "whole groups of channels, or other groups",
        ),
        (
            lambda: Window(**{**CONVOLUTION, "output_padding": (0, 1)}),
            "window: output_padding of this convolution must be at most 0, found 1",
        ),
        (
            lambda: Window(**{**CONVOLUTION, "kind": "transposed", "output_padding": (2, 0)}),
            "window: output_padding of this transposed must be at most 1, found 2",
        ),
        (
            lambda: Window(**{**CONVOLUTION, "pool": (2, 2)}),
            "window: pool must be of type Window, NoneType, found tuple",
        ),
        (
            lambda: Window(**{**POOL, "pool": POOL_WINDOW}),
            "window: sum_pool must have no pool of its own, found one",
        ),
        (
            lambda: Window(**{**CONVOLUTION, "pool": Window(**CONVOLUTION)}),
            "window: pool must be a sum_pool geometry, found convolution",
        ),
        (
            lambda: Window(**{**CONVOLUTION, "pool": Window(**{**POOL, "shift": 1})}),
            "window: pool must have no shift, found 1",
        ),
        (
            lambda: Window(**{**CONVOLUTION, "pool": LINE}),
            "window: pool must have as many dimensions as kernel (3, 3), found kernel (2,)",
        ),
        (
            lambda: Delta(function="max", window=Window(**{**POOL, "shift": 1})),
            "delta: window must have no shift, found 1",
        ),
        (
            lambda: Identity(offset=-1),
            "identity: offset must be an integer of at least 0, found -1",
        ),
        (lambda: Identity(negative=1), "identity: negative must be True or False, found 1"),
        (
            lambda: Product(keys="k", values="v", heads=0),
            "product: heads must be an integer of at least 1, found 0",
        ),
        (lambda: Delta(function="max"), "delta: max must have a window, found none"),
        (lambda: Delta(function="clip", table=[1]), "delta: clip must not have a table, found one"),
        (
            lambda: Delta(function="max", window=Window(**CONVOLUTION)),
            "delta: window must be a sum_pool geometry, found convolution",
        ),
        (
            lambda: Delta(function="max", window=POOL_WINDOW, high=3),
            "delta: max must have no bounds, found 0..3",
        ),
        (
            lambda: Delta(function="clip", low=1, high=3),
            "delta: 0 must lie within low..high, found 1..3",
        ),
        (
            lambda: Delta(function="table", table=[1, 2], low=-2),
            "delta: 0 must lie within low..high, found -2..-1",
        ),
        (
            lambda: Delta(function="table", table=[1, 2], low=-1, high=5),
            "delta: high must be left out, or be the end of the table, 0, found 5",
        ),
    ],
)
def test_illegal_operators(make: Any, text: str) -> None:
    with pytest.raises(ConfigurationError, match=exact(text)):
        make()


def test_table_knows_its_end() -> None:
    assert Delta(function="table", table=[1, 2, 3], low=-1).high == 1
