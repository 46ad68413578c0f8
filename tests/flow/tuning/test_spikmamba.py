"""SpikMamba-like networks: their equations in floating point, trained, and in hardware."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from spikewright.flow.plan import default_plan
from spikewright.flow.tuning import Trainable
from spikewright.flow.tuning.recipes import MNIST_SPIKMAMBA
from spikewright.flow.tuning.spikmamba import FIXED, SpikmambaConfig, spikmamba
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.model import Model
from spikewright.golden.spec import Mode, Network
from support.fuzz import Case, check
from support.tuned import check_against_golden, shaken

TINY = SpikmambaConfig(
    name="tiny", inputs=6, patch=2, steps=7, width=6, heads=3, scans=(0, 1, 3), classes=3
)


def lively(config: SpikmambaConfig) -> Network:
    """With thresholds and biases that differ, as training leaves them, and low enough to fire."""
    network = spikmamba(config, seed=2)
    rng = np.random.default_rng(1)

    def moved(population):
        soma = population.soma
        if soma.threshold.size == 1:
            return population
        lower = (soma.threshold * rng.uniform(0.3, 0.9, soma.threshold.size)).astype(np.int64)
        bias = rng.integers(-20, 40, soma.bias.size)
        return replace(population, soma=replace(soma, threshold=lower, bias=bias))

    return replace(network, populations=tuple(map(moved, network.populations)))


def frames(config: SpikmambaConfig, batch: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    return (rng.random((batch, config.steps, config.inputs)) < 0.5).astype(np.int64)


def floating(network: Network, config: SpikmambaConfig, x: np.ndarray):
    """The docstring's equations in float64, {name: [steps, batch, channels, tokens]}.

    Membranes of x, q and k are halved, those of h multiplied by 2**-r, and never rounded; attention
    is summed token by token with elu + 1 and a scale of 2**-s, of which floor is sent.
    """
    weights = {
        (each.source, each.target): torch.tensor(each.operator.weights << each.operator.shift)
        for each in network.connections
        if getattr(each.operator, "weights", None) is not None
    }
    frames = torch.tensor(x).double()
    batch = len(frames)
    heads, tokens = config.heads, config.tokens
    v: dict[str, torch.Tensor | float] = {}
    sent: dict[str, list[torch.Tensor]] = {}

    def linear(source, target, levels, **options):
        return torch.conv1d(levels, weights[source, target].double(), **options)

    def numbers(name):
        soma = network.population(name).soma
        bias = torch.tensor(network.population(name).per_neuron(soma.bias)).double()
        threshold = torch.tensor(soma.threshold).double()[:, None]
        return threshold, bias.view(-1, tokens)

    def lif(name, charge):
        threshold, bias = numbers(name)
        v[name] = (v.get(name, 0.0) + charge + bias) / 2
        spikes = (v[name] >= threshold).double()
        v[name] = v[name] * (1 - spikes)
        return spikes

    for step in range(config.steps):
        now = {}
        frame = frames[:, step, None]
        now["x"] = lif("x", linear("frame", "x", frame, stride=config.patch))
        for name in "qk":
            now[name] = lif(name, linear("x", name, now["x"]))
            now[f"more_{name}"] = torch.nn.functional.elu(now[name]) + 1
        near = linear("x", "a", now["x"], padding=1, groups=config.width)
        parts = [now[name].view(batch, heads, -1, tokens) for name in ("more_q", "more_k", "x")]
        product = torch.einsum("bhet,bhes,bhds->bhdt", *parts).reshape(now["x"].shape)
        v["a"] = v.get("a", 0.0) + (product + near) / config.divisor
        now["a"] = torch.floor(v["a"]).clamp(-15, 15)
        v["a"] = v["a"] - now["a"]
        for k, r in enumerate(config.scans):
            name = f"h{k}"
            threshold, bias = numbers(name)
            into = linear("a", name, now["a"]) + linear("x", name, now["x"]) + bias
            v[name] = v.get(name, 0.0) * 2.0**-r + into
            now[name] = (v[name] >= threshold).double()
        for name, levels in now.items():
            sent.setdefault(name, []).append(levels)
    return sent


def test_it_is_its_equations():
    network = lively(TINY)
    x = frames(TINY, 10)
    trace = Model(network).run(x, mode=Mode.STEPWISE, trace=True).trace
    for name, steps in floating(network, TINY, x).items():
        wanted = torch.stack(steps).flatten(2)
        assert torch.equal(trace.spikes[name].double(), wanted), name
        silent = float((wanted == 0).double().mean())
        assert name.startswith("more") or 0.05 < silent < 0.97, (name, silent)
    assert set(trace.spikes["more_q"].unique().tolist()) == {1, 2}
    assert int(trace.spikes["a"].min()) < 0 < int(trace.spikes["a"].max())


def test_training_is_the_golden_model():
    network = lively(TINY)
    module = shaken(Trainable(network, thresholds=True, biases=True, still=FIXED), 0, 0.05)
    x = torch.tensor(frames(TINY, 8))
    assert check_against_golden(module, {"frame": x}, steps=TINY.steps) > 500
    module(x).square().sum().backward()
    assert all(bool(real.grad.any()) for real in module.parameters())
    for name in FIXED:
        now, before = (each.population(name).soma for each in (module.network(), network))
        assert (now.threshold, now.bias) == (before.threshold, before.bias)


def test_hardware(tmp_path):
    """Every spike of the Verilog is the golden model's."""
    config = replace(TINY, inputs=4, steps=4, width=4, heads=2, scans=(0, 2))
    network = lively(config)
    case = Case(
        network=network,
        plan=default_plan(network, Mode.STEPWISE, lanes=2),
        inputs={"frame": frames(config, 2)},
        steps=4,
        keep=None,
        stalls=(None, "001"),
    )
    check(case, tmp_path)


def test_recipe():
    network = MNIST_SPIKMAMBA.build(0)
    assert (network.max_steps, network.inputs[0].n) == MNIST_SPIKMAMBA.shape
    # 16 features, 7 tokens: 1.2 * 1.2 * 0.2 of 112
    assert network.population("a").soma.threshold.tolist() == [32]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"steps": 0}, "steps: must be an integer of at least 1, found 0"),
        ({"scans": (1, 16)}, "scans: must be shifts from 0 to 15, found (1, 16)"),
        ({"patch": 4}, "inputs: must be whole patches of 4, found 6"),
        ({"heads": 4}, "width: must be whole heads, of which there are 4, found 6"),
        ({"scans": (1,) * 4}, "width: must be whole scans, of which there are 4, found 6"),
    ],
)
def test_refusals(change, text):
    with pytest.raises(ConfigurationError) as error:
        replace(TINY, **change)
    assert str(error.value) == text
