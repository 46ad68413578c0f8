"""Connections: exact in every arithmetic that the bound allows."""

import numpy as np
import pytest
import torch

from spikewright.golden.errors import UnsupportedError
from spikewright.golden.model import Model, synapse
from spikewright.golden.model.synapse import (
    Arithmetic,
    DenseSynapses,
    IdentitySynapses,
    arithmetic_for,
    product,
    rounds_products,
    synapses,
)
from spikewright.golden.spec import (
    Connection,
    Delta,
    DeltaFunction,
    Dense,
    Fire,
    Identity,
    Input,
    Mode,
    Network,
    Payload,
    Population,
    Product,
    Readout,
    Soma,
    Window,
    WindowKind,
    partial_sum_bound,
)
from support.random_networks import Seeded, random_inputs, settling_network, stepwise_network

CPU = torch.device("cpu")


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


@pytest.mark.parametrize("arithmetic", list(Arithmetic))
def test_exact_right_below_two_to_the_24(arithmetic):  # checklist 12
    """Sums that reach the bound itself, of both signs and with cancellation."""
    weights = np.array([[2**15 - 1, -(2**15)], [2**15 - 1, 2**15 - 1], [1, 3]])
    levels = np.array([[256, 255, 254], [-256, 256, 1], [511, 0, 511]])
    assert np.abs(levels @ weights).max() < np.abs(levels).max() * np.abs(weights).sum(0).max()
    each = DenseSynapses(Dense(weights=weights, weight_bits=16), arithmetic, device=CPU)
    assert each(torch.tensor(levels)).tolist() == (levels @ weights).tolist()


@pytest.mark.parametrize("arithmetic", list(Arithmetic))
def test_blocks_and_shift(arithmetic):
    rng = np.random.default_rng(1)
    weights = rng.integers(-8, 8, (3, 2, 4))
    levels = rng.integers(-5, 6, (7, 6))
    whole = np.zeros((6, 12), dtype=np.int64)
    for k in range(3):
        whole[2 * k : 2 * k + 2, 4 * k : 4 * k + 4] = weights[k]
    operator = Dense(weights=weights, weight_bits=4, shift=3)
    each = DenseSynapses(operator, arithmetic, device=CPU)
    assert each(torch.tensor(levels)).tolist() == (8 * (levels @ whole)).tolist()


@pytest.mark.parametrize("build", [stepwise_network, settling_network])
def test_float_equals_int64(monkeypatch, build):
    """The path that the bound chose, and the one that needs no bound."""
    for seed in range(30):
        network = build(Seeded(seed))
        inputs = random_inputs(network, batch=3, steps=4, seed=seed)
        for mode in network.modes:
            chosen = Model(network).run(inputs, mode=mode, steps=4, trace=True)
            with monkeypatch.context() as patch:
                patch.setattr(synapse, "arithmetic_for", lambda bound: Arithmetic.INT64)
                plain = Model(network).run(inputs, mode=mode, steps=4, trace=True)
            for name, levels in plain.trace.spikes.items():
                assert torch.equal(levels, chosen.trace.spikes[name])
            for name, v in plain.trace.membranes.items():
                assert torch.equal(v, chosen.trace.membranes[name])


def test_no_sum_exceeds_its_bound():
    """The proof that the choice rests on, against the largest sums that occur."""
    for seed in range(40):
        network = settling_network(Seeded(seed))
        inputs = random_inputs(network, batch=6, steps=4, seed=seed)
        for mode in Mode:
            trace = Model(network).run(inputs, mode=mode, steps=4, trace=True).trace
            for connection in network.connections:
                if isinstance(connection.operator, Dense):
                    operator = Dense(
                        weights=np.abs(connection.operator.weights),
                        weight_bits=6,
                        shift=connection.operator.shift,
                    )
                    each = DenseSynapses(operator, Arithmetic.INT64, device=CPU)
                    spikes = trace.spikes[connection.source].abs()
                    largest = max(int(each(step).max()) for step in spikes)
                    assert largest <= partial_sum_bound(network, connection, mode)


@pytest.fixture
def told():
    """Let a test tell torch to round, and take it back."""
    yield
    torch.backends.fp32_precision = "none"
    torch.backends.mkldnn.matmul.fp32_precision = "none"


def test_float32_is_left_where_torch_rounds_its_products(told):  # checklist 12
    weights = np.array([[4097]])
    each = DenseSynapses(Dense(weights=weights, weight_bits=16), Arithmetic.FLOAT32, device=CPU)
    assert not rounds_products()
    for told_to in ("bf16", "tf32"):
        torch.backends.mkldnn.matmul.fp32_precision = told_to
        assert rounds_products()
        assert each(torch.tensor([[4093]])).item() == 4097 * 4093
    torch.backends.mkldnn.matmul.fp32_precision = "none"
    torch.backends.fp32_precision = "tf32"
    assert rounds_products()


def test_autocast_does_not_reach_it():  # checklist 12
    weights = np.full((300, 1), 257)
    each = DenseSynapses(Dense(weights=weights, weight_bits=16), Arithmetic.FLOAT32, device=CPU)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert each(torch.ones(1, 300, dtype=torch.int64)).item() == 300 * 257


def test_integer_product_spelled_out_equals_the_builtin():
    """What a device without an integer product runs."""
    rng = np.random.default_rng(2)
    levels = torch.tensor(rng.integers(-9, 9, (5, 6)))
    weights = torch.tensor(rng.integers(-9, 9, (6, 4)))
    spelled = torch.stack([(levels * column).sum(dim=1) for column in weights.T], dim=1)
    assert torch.equal(product(levels, weights), spelled)


def test_identity():
    levels = torch.tensor([[1, -2], [0, 3]])
    plain = IdentitySynapses(Identity(), 2)
    assert plain(levels).tolist() == levels.tolist()
    moved = IdentitySynapses(Identity(offset=1, shift=2, negative=True), 4)
    assert moved(levels).tolist() == [[0, -4, 8, 0], [0, 0, -12, 0]]


SUM_POOL = Window(
    kind=WindowKind.SUM_POOL,
    kernel=(2,),
    stride=(2,),
    padding=(0,),
    dilation=(1,),
    output_padding=(0,),
)


@pytest.mark.parametrize(
    ("operator", "name"),
    [
        (SUM_POOL, "window"),
        (Product(keys="k", values="v", heads=1, tokens=1), "product"),
        (Delta(function=DeltaFunction.CLIP, low=0, high=1), "delta"),
    ],
)
def test_other_operators_are_refused(operator, name):
    connection = Connection(source="x", target="h", operator=operator)
    with pytest.raises(UnsupportedError) as caught:
        synapses(connection, 1, 1, device=CPU)
    assert str(caught.value) == (
        "connection 'x' -> 'h': the golden model runs connections of the kinds dense and "
        f"identity, found {name}"
    )


def test_large_weights_leave_float32_and_stay_exact():
    """Sums past 2**24, where float32 would round: the parity of the result shows it."""
    weights = np.full((700, 1), 2**15 - 1)
    network = Network(
        name="large",
        inputs=(
            Input(name="x", shape=(700,), payload=Payload.GRADED, low=0, high=3, encoding="once"),
        ),
        populations=(
            Population(name="r", shape=(1,), soma=Soma(fire=Fire.NONE), payload=Payload.GRADED),
        ),
        connections=(
            Connection(source="x", target="r", operator=Dense(weights=weights, weight_bits=16)),
        ),
        readout=Readout(population="r", kind="membrane", decision="raw"),
        modes=(Mode.STEPWISE,),
        max_steps=1,
    )
    values = np.full((2, 700), 3)
    values[1, 0] = 2
    result = Model(network).run(values, mode=Mode.STEPWISE, steps=1)
    expected = [[700 * 3 * (2**15 - 1)], [(700 * 3 - 1) * (2**15 - 1)]]
    assert result.values.tolist() == expected
    assert torch.tensor(expected[1], dtype=torch.float32).to(torch.int64).tolist() != expected[1]
