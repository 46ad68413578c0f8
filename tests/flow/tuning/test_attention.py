"""Spiking transformers: in floating point, trained, and in hardware, spike for spike."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from spikewright.flow.plan import default_plan
from spikewright.flow.tuning import Trainable
from spikewright.flow.tuning.attention import SpikformerConfig, spikformer
from spikewright.flow.tuning.recipes import DIGITS_SPIKFORMER, MNIST_SPIKFORMER
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.model import Model
from spikewright.golden.spec import Fire, Mode, Network, Product
from support.fuzz import Case, check
from support.tuned import check_against_golden, shaken

TINY = SpikformerConfig(
    name="tiny", image=(6, 4), patch=2, width=4, heads=2, hidden=6, blocks=2, classes=3, levels=3
)


def lively(config: SpikformerConfig) -> Network:
    """With thresholds and biases that differ, as training leaves them, and low enough to fire."""
    network = spikformer(config, seed=3)
    rng = np.random.default_rng(1)

    def moved(population):
        soma = population.soma
        if soma.threshold.size == 1:
            return population
        lower = np.maximum(1, (soma.threshold * rng.uniform(0.3, 0.8, soma.threshold.size)))
        bias = rng.integers(-20, 40, soma.bias.size) * (soma.threshold > 10)
        soma = replace(soma, threshold=lower.astype(np.int64), bias=bias)
        return replace(population, soma=soma)

    return replace(network, populations=tuple(map(moved, network.populations)))


def images(network: Network, batch: int) -> np.ndarray:
    source = network.inputs[0]
    return np.random.default_rng(2).integers(0, source.high + 1, (batch, source.n))


class Floating:
    """The equations of the paper in float64: reals in units of 1 where an integer is the threshold.

    Attention is scaled by 1/8, and has 1/8 of the threshold.
    """

    def __init__(self, network: Network, config: SpikformerConfig) -> None:
        self.network, self.config = network, config
        self.v: dict[str, torch.Tensor] = {}
        self.weights = {
            (each.source, each.target): torch.tensor(each.operator.weights << each.operator.shift)
            for each in network.connections
            if getattr(each.operator, "weights", None) is not None
        }

    def fired(self, name: str, x: torch.Tensor, scale: float = 1) -> torch.Tensor:
        """v = (v + x) / 2, a spike at the threshold, then 0."""
        soma = self.network.population(name).soma
        threshold, bias = (torch.tensor(each).double() for each in (soma.threshold, soma.bias))
        x = x + scale * bias[:, None, None]
        v = (self.v.get(name, torch.zeros_like(x)) + x) / 2
        spikes = (v >= scale * threshold[:, None, None]).double()
        self.v[name] = v * (1 - spikes)
        return spikes

    def linear(self, source: str, target: str, x: torch.Tensor, **options: int) -> torch.Tensor:
        return torch.conv2d(x, self.weights[source, target].double(), **options)

    def attention(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        """(q k^T) v / 8 of every head, tokens first, in the other order than the golden model."""
        heads = self.config.heads
        q, k, w = (
            each.flatten(2).reshape(len(each), heads, -1, each[0, 0].numel()).transpose(2, 3)
            for each in (q, k, v)
        )
        found = (q @ k.transpose(2, 3)) @ w / 8
        return found.transpose(2, 3).reshape(v.shape)

    def step(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        """Spikes of all populations, and what is added to the readout."""
        now = {}
        now["stem"] = self.fired(
            "stem", self.linear("image", "stem", image, stride=self.config.patch)
        )
        now["place"] = self.fired("place", self.linear("stem", "place", now["stem"], padding=1))
        now["x0"] = now["stem"] + now["place"]
        for block in range(1, self.config.blocks + 1):
            x, y = f"x{block - 1}", f"y{block}"
            q, k, v, a, p, m, o = (f"{name}{block}" for name in "qkvapmo")
            for name in (q, k, v):
                now[name] = self.fired(name, self.linear(x, name, now[x]))
            now[a] = self.fired(a, self.attention(now[q], now[k], now[v]), scale=1 / 8)
            now[p] = self.fired(p, self.linear(a, p, now[a]))
            now[y] = now[x] + now[p]
            now[m] = self.fired(m, self.linear(y, m, now[y]))
            now[o] = self.fired(o, self.linear(m, o, now[m]))
            now[f"x{block}"] = now[y] + now[o]
        last = f"x{self.config.blocks}"
        mean = now[last].mean(dim=(2, 3), keepdim=True)
        return now | {"out": self.linear(last, "out", mean)}


def test_it_is_the_floating_point_network():
    """No fraction is missed: every spike; what is read is the mean of tokens times their number."""
    network = lively(TINY)
    x = images(network, 12)
    result = Model(network).run(x, mode=Mode.STEPWISE, steps=4, trace=True)
    floating = Floating(network, TINY)
    read = torch.zeros(12, 3).double()
    fired: dict[str, float] = {}
    for step in range(4):
        now = floating.step(torch.tensor(x).double().view(12, 1, *TINY.image))
        read += now.pop("out").flatten(1)
        for name, spikes in now.items():
            assert torch.equal(result.trace.spikes[name][step].double(), spikes.flatten(1)), name
            fired[name] = fired.get(name, 0) + float(spikes.mean()) / 4
    tokens = TINY.tokens[0] * TINY.tokens[1]
    assert torch.allclose(read * tokens, result.values.double(), rtol=1e-12)
    assert all(share > 0.02 for share in fired.values()), fired
    assert all(fired[name] < 0.98 for name in fired if name[0] not in "xy"), fired


def test_shapes_and_levels():
    network = spikformer(replace(TINY, name="shapes"), seed=1)
    assert network.name == "shapes" and network.max_steps == 4
    assert network.population("q1").shape == (4, 3, 2)
    assert network.population("m2").shape == (6, 3, 2)
    assert [network.population(f"x{k}").soma.max_level for k in range(3)] == [2, 4, 6]
    assert network.population("a1").soma.threshold.tolist() == [4] * 4
    assert sum(isinstance(each.operator, Product) for each in network.connections) == 2
    other = spikformer(replace(TINY, name="shapes"), seed=2)
    assert network.content_hash != other.content_hash
    assert network.skeleton_hash == other.skeleton_hash


def test_training_is_the_golden_model():
    network = lively(replace(TINY, blocks=1))
    sums = ("x0", "y1", "x1")
    module = shaken(Trainable(network, thresholds=True, biases=True, still=sums), 0, 0.1)
    x = torch.tensor(images(network, 8))
    assert check_against_golden(module, {"image": x}, steps=4) > 500
    module(x).square().sum().backward()
    assert all(bool(real.grad.any()) for real in module.parameters())
    now, before = (
        [each.population(name).soma for name in sums] for each in (module.network(), network)
    )
    assert [(s.threshold, s.bias) for s in now] == [(s.threshold, s.bias) for s in before]


def test_hardware(tmp_path):
    """Every spike of the Verilog is the golden model's."""
    config = replace(TINY, image=(4, 4), width=2, hidden=3, blocks=1)
    network = lively(config)
    case = Case(
        network=network,
        plan=default_plan(network, Mode.STEPWISE, lanes=2),
        inputs={"image": images(network, 2)},
        steps=4,
        keep=None,
        stalls=(None, "001"),
    )
    check(case, tmp_path)


def test_recipes():
    for recipe in (MNIST_SPIKFORMER, DIGITS_SPIKFORMER):
        assert set(recipe.still) == {
            each.name for each in recipe.build(0).populations if each.soma.fire is Fire.BURST
        }
        network = recipe.build(0)
        assert network.inputs[0].shape == recipe.shape
        assert network.population("q1").shape == (32, 4, 4)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"heads": 0}, "heads: must be an integer of at least 1, found 0"),
        ({"patch": 4}, "image: an image must be whole patches of 4 x 4, found 6 x 4"),
        ({"heads": 3}, "width: must be whole heads of 3, found 4"),
    ],
)
def test_refusals(change, text):
    with pytest.raises(ConfigurationError) as error:
        replace(TINY, **change)
    assert str(error.value) == text
