"""Legendre memories: the matrices, both networks against plain loops, and their hardware."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from spikewright.flow.plan import default_plan
from spikewright.flow.tuning import Leaks, Trainable
from spikewright.flow.tuning.legendre import (
    FROZEN,
    LegendreConfig,
    l2mu,
    legendre,
    linear_memory,
)
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.model import Model
from spikewright.golden.spec import Leak, Mode
from support.fuzz import Case, check
from support.tuned import check_against_golden, shaken

CONFIG = LegendreConfig(
    name="tiny",
    inputs=4,
    hidden=9,
    classes=3,
    steps=10,
    memories=4,
    order=3,
    theta=5,
    leaks=(Leak(multiplier=3, shift=2), Leak(), Leak(), Leak(multiplier=7, shift=3)),
)


def events(batch: int, *, share: float = 0.7) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.random((batch, CONFIG.steps, CONFIG.inputs)) < share).astype(np.int64)


def weights(network, source: str, target: str) -> np.ndarray:
    """[pre, post] of the connection, blocks and shift spelled out."""
    (found,) = (
        each.operator
        for each in network.connections
        if (each.source, each.target) == (source, target)
    )
    if found.weights.ndim == 2:
        return found.weights << found.shift
    whole = np.zeros((found.sources, found.targets), np.int64)
    for k, block in enumerate(found.weights):
        pre, post = block.shape
        whole[k * pre : (k + 1) * pre, k * post : (k + 1) * post] = block << found.shift
    return whole


def test_matrices_by_hand() -> None:
    """Order 1 is a leaky mean; for higher orders a constant is the first polynomial alone."""
    a, b = legendre(1, 4)
    assert a[0, 0] == pytest.approx(np.exp(-1 / 4)) and b[0] == pytest.approx(1 - np.exp(-1 / 4))
    a, b = legendre(4, 7)
    m = np.zeros(4)
    for _ in range(100):
        m = a @ m + b
    assert m == pytest.approx([1, 0, 0, 0], abs=1e-9)
    # a pulse of one step is forgotten once it left the window, and not before
    m, sizes = b, []
    for _ in range(14):
        sizes.append(np.abs(m).max())
        m = a @ m
    assert min(sizes[:5]) > 0.15 > 0.1 > max(sizes[12:])
    with pytest.raises(ConfigurationError, match=r"^legendre: order and theta must be at least 1"):
        legendre(0, 4)


def test_l2mu_is_its_equations() -> None:
    """Spelled out with thresholds that fire, h hears the new m, u the old h and m."""
    network = lively(l2mu(CONFIG))
    x = events(6)
    trace = Model(network).run(x, mode=Mode.STEPWISE, trace=True).trace
    spikes = {name: each.numpy() for name, each in trace.spikes.items()}
    heard = {
        "u": [("in", 0), ("h", 1), ("m", 1)],
        "m": [("m", 1), ("u", 0)],
        "h": [("in", 0), ("h", 1), ("m", 0)],
        "out": [("h", 0)],
    }
    silent = {name: np.zeros_like(each[0]) for name, each in spikes.items()}
    for name, sources in heard.items():
        soma = network.population(name).soma
        th, leak = soma.threshold[0], soma.leak_v
        v = np.zeros_like(spikes[name][0])
        for t in range(CONFIG.steps):
            v = (leak.multiplier * v) >> leak.shift
            for source, late in sources:
                said = spikes[source][t - late] if t >= late else silent[source]
                v = v + said @ weights(network, source, name)
            v = v - th * (spikes[name][t - 1] if t else silent[name])
            assert np.array_equal(v >= th, spikes[name][t] > 0), (name, t)
        assert 0.02 < spikes[name].mean() < 0.9, name


def lively(network):
    """With thresholds low enough for all to fire."""
    return replace(
        network,
        populations=tuple(
            replace(
                each, soma=replace(each.soma, threshold=np.maximum(1, each.soma.threshold // 3))
            )
            for each in network.populations
        ),
    )


def test_linear_memory_is_the_recurrence_to_a_level() -> None:
    network = linear_memory(replace(CONFIG, memory_bits=12))
    x = events(20)
    spikes = Model(network).run(x, mode=Mode.STEPWISE, trace=True).trace.spikes
    levels = spikes["m"].numpy().reshape(CONFIG.steps, 20, CONFIG.inputs, CONFIG.order)
    a, b = legendre(CONFIG.order, CONFIG.theta)
    into = weights(network, "in", "m")[0, : CONFIG.order]
    worth = into @ b / (b @ b) / network.population("m").soma.threshold[0]
    assert worth == pytest.approx(32, rel=0.5)
    m = np.zeros((20, CONFIG.inputs, CONFIG.order))
    for t, level in enumerate(levels):
        m = m @ a.T + x[:, t, :, None] * b
        # what is not sent is at most half a level, of which A brings back no more than doubles
        assert np.abs(level / worth - m).max() < 3 / worth


@pytest.mark.parametrize("build", [l2mu, linear_memory])
def test_training_is_the_golden_model_and_leaves_the_memory(build) -> None:
    network = build(CONFIG)
    frozen = [
        (each.source, each.target)
        for each in network.connections
        if (each.source, each.target) in FROZEN
    ]
    module = Trainable(network, thresholds=True, leaks=Leaks.MULTIPLIER, frozen=frozen)
    shaken(module, 0, 0.1)
    x = torch.tensor(events(8))
    assert check_against_golden(module, {"in": x}, steps=CONFIG.steps) > 100
    module(x).square().sum().backward()
    assert all(real.grad is not None and bool(real.grad.any()) for real in module.parameters())
    now = module.network()
    for pair in frozen:
        assert np.array_equal(weights(now, *pair), weights(network, *pair))


@pytest.mark.parametrize("build", [l2mu, linear_memory])
def test_hardware(build, tmp_path) -> None:
    """Every spike of the Verilog is the golden model's."""
    network = build(CONFIG) if build is linear_memory else lively(build(CONFIG))
    case = Case(
        network=network,
        plan=default_plan(network, Mode.STEPWISE, lanes=3),
        inputs={"in": events(3)},
        steps=CONFIG.steps,
        keep=None,
        stalls=(None, "0010"),
    )
    check(case, tmp_path)


def test_refusals() -> None:
    with pytest.raises(ConfigurationError) as error:
        replace(CONFIG, hidden=0)
    assert str(error.value) == "hidden: must be an integer of at least 1, found 0"
    with pytest.raises(ConfigurationError) as error:
        replace(CONFIG, leaks=(Leak(),))
    assert str(error.value) == (
        "leaks: leaks must be those of u, m, h and the output, found 1 leaks"
    )
    with pytest.raises(ConfigurationError) as error:
        linear_memory(replace(CONFIG, memories=3))
    assert str(error.value) == (
        "memories: there must be a linear memory for each input, found 3 memories of 4 inputs"
    )
