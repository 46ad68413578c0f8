"""Connections: exact in every arithmetic that the bound allows."""

import numpy as np
import pytest
import torch

from spikewright.golden.model import Model, synapse
from spikewright.golden.model.arithmetic import Arithmetic
from spikewright.golden.model.synapse import DenseSynapses, IdentitySynapses
from spikewright.golden.spec import (
    Connection,
    Dense,
    Fire,
    Identity,
    Input,
    Mode,
    Network,
    Payload,
    Population,
    Readout,
    Soma,
    partial_sum_bound,
)
from support.random_networks import Seeded, random_inputs, settling_network, stepwise_network

CPU = torch.device("cpu")


def dense(weights, arithmetic, **options) -> DenseSynapses:
    bits = {"weight_bits": 16, **options}
    operator = Dense(weights=weights, **bits)
    return DenseSynapses(operator, arithmetic, dtype=torch.float64, device=CPU)


@pytest.mark.parametrize("arithmetic", list(Arithmetic))
def test_exact_right_below_two_to_the_24(arithmetic):  # checklist 12
    """Sums that reach the bound itself, of both signs and with cancellation."""
    weights = np.array([[2**15 - 1, -(2**15)], [2**15 - 1, 2**15 - 1], [1, 3]])
    levels = np.array([[256, 255, 254], [-256, 256, 1], [511, 0, 511]])
    assert np.abs(levels @ weights).max() < np.abs(levels).max() * np.abs(weights).sum(0).max()
    each = dense(weights, arithmetic)
    assert each(torch.tensor(levels)).tolist() == (levels @ weights).tolist()


@pytest.mark.parametrize("arithmetic", list(Arithmetic))
def test_blocks_and_shift(arithmetic):
    rng = np.random.default_rng(1)
    weights = rng.integers(-8, 8, (3, 2, 4))
    levels = rng.integers(-5, 6, (7, 6))
    whole = np.zeros((6, 12), dtype=np.int64)
    for k in range(3):
        whole[2 * k : 2 * k + 2, 4 * k : 4 * k + 4] = weights[k]
    each = dense(weights, arithmetic, shift=3)
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
                    weights = np.abs(connection.operator.weights)
                    each = dense(weights, Arithmetic.INT64, shift=connection.operator.shift)
                    spikes = trace.spikes[connection.source].abs()
                    largest = max(int(each(step).max()) for step in spikes)
                    assert largest <= partial_sum_bound(network, connection, mode)


def test_identity():
    levels = torch.tensor([[1, -2], [0, 3]])
    plain = IdentitySynapses(Identity(), 2, dtype=torch.float32)
    assert plain(levels).tolist() == levels.tolist()
    operator = Identity(offset=1, shift=2, negative=True)
    moved = IdentitySynapses(operator, 4, dtype=torch.float64)
    assert moved(levels).dtype == torch.float64
    assert moved(levels).tolist() == [[0, -4, 8, 0], [0, 0, -12, 0]]


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
