"""What is computed with what, and that nobody can make it round."""

import numpy as np
import pytest
import torch

from spikewright.golden.model.arithmetic import (
    ONEDNN,
    Arithmetic,
    arithmetic_for,
    product,
    rounds_products,
)
from spikewright.golden.model.synapse import DenseSynapses
from spikewright.golden.model.window import WindowSynapses
from spikewright.golden.spec import Dense, Window

CPU = torch.device("cpu")
OPTIONS = {"dtype": torch.float64, "device": CPU}


@pytest.mark.parametrize(
    ("bound", "expected"),
    [
        (0, Arithmetic.FLOAT32),
        (2**24 - 1, Arithmetic.FLOAT32),
        (2**24, Arithmetic.FLOAT64),
        (2**53 - 1, Arithmetic.FLOAT64),
        (2**53, Arithmetic.INT64),
    ],
)
def test_arithmetic_by_the_bound(bound, expected):  # checklist 12
    assert arithmetic_for(bound) is expected


@pytest.fixture
def told():
    """Let a test tell torch to round, and take it back."""
    yield
    torch.backends.fp32_precision = "none"
    torch.backends.mkldnn.matmul.fp32_precision = "none"
    torch.backends.mkldnn.conv.fp32_precision = "none"


def test_float32_is_left_where_torch_rounds_its_products(told):  # checklist 12
    dense = DenseSynapses(Dense(weights=[[4097]], weight_bits=16), Arithmetic.FLOAT32, **OPTIONS)
    geometry = {"stride": (1,), "padding": (0,), "dilation": (1,), "output_padding": (0,)}
    window = WindowSynapses(
        Window(kind="convolution", kernel=(1,), weights=[[[4097]]], weight_bits=16, **geometry),
        (1, 1),
        Arithmetic.FLOAT32,
        **OPTIONS,
    )
    assert not rounds_products()
    for part in (torch.backends.mkldnn.matmul, torch.backends.mkldnn.conv):
        for told_to in ("bf16", "tf32"):
            part.fp32_precision = told_to
            assert rounds_products()
            for each in (dense, window):
                assert each(torch.tensor([[4093]])).item() == 4097 * 4093
        part.fp32_precision = "none"
    torch.backends.fp32_precision = "tf32"
    assert rounds_products()


@pytest.mark.parametrize(("value", "rounds"), [("BF16", True), ("any", True), ("strict", False)])
def test_float32_is_left_where_onednn_is_told_to_round(monkeypatch, value, rounds):
    monkeypatch.setenv(ONEDNN, value)
    assert rounds_products() == rounds


def test_integer_product_spelled_out_equals_the_builtin():
    """What a device without an integer product runs."""
    rng = np.random.default_rng(2)
    levels = torch.tensor(rng.integers(-9, 9, (5, 6)))
    weights = torch.tensor(rng.integers(-9, 9, (6, 4)))
    spelled = torch.stack([(levels * column).sum(dim=1) for column in weights.T], dim=1)
    assert torch.equal(product(levels, weights), spelled)
