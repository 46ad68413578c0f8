"""What is computed with what, and that nobody can make it round."""

import numpy as np
import pytest
import torch

from spikewright.golden.model import synapse
from spikewright.golden.model.arithmetic import (
    INT8_WEIGHT,
    ONEDNN,
    Arithmetic,
    arithmetic_for,
    fits_int8,
    product,
    rounds_products,
)
from spikewright.golden.model.synapse import DenseSynapses, synapses
from spikewright.golden.model.window import WindowSynapses
from spikewright.golden.spec import (
    Connection,
    Dense,
    Encoding,
    Fire,
    Input,
    Mode,
    Network,
    Population,
    Readout,
    Soma,
    Window,
)

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


@pytest.mark.parametrize("size", [1, 2, 5, 64, 783])
def test_products_of_int8_are_exact_at_their_extremes(size):
    rng = np.random.default_rng(size)
    levels = rng.choice([-128, 127, 0, 1], (7, size))
    levels[0], levels[1] = -128, 127
    for width in (1, 3, 17):
        weights = rng.choice([-INT8_WEIGHT, INT8_WEIGHT, 5], (size, width))
        weights[:, 0] = INT8_WEIGHT
        narrow = [torch.tensor(each, dtype=torch.int8) for each in (levels, weights)]
        assert product(*narrow).tolist() == (levels @ weights).tolist()


def test_int8_is_left_where_numbers_are_larger(monkeypatch):
    assert fits_int8(-128, 127) and not fits_int8(-129, 0) and not fits_int8(0, 128)
    monkeypatch.setattr(synapse, "has_int8", lambda: True)
    for weight, high, chosen in ((64, 127, True), (-65, 127, False), (64, 128, False)):
        network = chain(weight, high)
        (connection,) = network.connections
        built = synapses(network, connection, Mode.STEPWISE, dtype=torch.float64, device=CPU)
        assert (built.weights.dtype == torch.int8) == chosen


def chain(weight: int, high: int) -> Network:
    source = Input(
        name="x", shape=(1,), payload="graded", low=0, high=high, encoding=Encoding.EVENTS
    )
    soma = Soma(fire=Fire.BINARY, threshold=1)
    return Network(
        name="one",
        inputs=(source,),
        populations=(Population(name="y", shape=(1,), soma=soma, payload="unit"),),
        connections=(
            Connection(source="x", target="y", operator=Dense(weights=[[weight]], weight_bits=8)),
        ),
        readout=Readout(population="y", kind="count", decision="raw"),
        modes=(Mode.STEPWISE,),
        max_steps=4,
    )


def test_integer_product_spelled_out_equals_the_builtin():
    """What a device without an integer product runs."""
    rng = np.random.default_rng(2)
    levels = torch.tensor(rng.integers(-9, 9, (5, 6)))
    weights = torch.tensor(rng.integers(-9, 9, (6, 4)))
    spelled = torch.stack([(levels * column).sum(dim=1) for column in weights.T], dim=1)
    assert torch.equal(product(levels, weights), spelled)
