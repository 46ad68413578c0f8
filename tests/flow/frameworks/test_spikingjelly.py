"""SpikingJelly against the integer networks that are read of its modules, spike for spike."""

import math
import re
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from spikewright.flow.frameworks import import_spiking
from spikewright.flow.frameworks import spikingjelly as importer
from spikewright.golden.errors import ConfigurationError, UnsupportedError
from spikewright.golden.spec import Reset
from support.frameworks import needs
from support.spiking import compare, integers

neuron = needs("spikingjelly", "spikingjelly.activation_based.neuron")
layer = needs("spikingjelly", "spikingjelly.activation_based.layer")
functional = needs("spikingjelly", "spikingjelly.activation_based.functional")
surrogate = needs("spikingjelly", "spikingjelly.activation_based.surrogate")


def inputs(rng, steps, batch, *shape, high=1):
    return torch.from_numpy(rng.integers(0, high + 1, (steps, batch, *shape))).float()


def node(rng, kind, **options):
    reset = rng.choice([None, 0.0, -1.0, 2.0])
    options = {
        "v_threshold": float(rng.integers(3, 6)),
        "v_reset": None if reset is None else float(reset),
    } | options
    if kind == "LIFNode":
        options |= {"tau": float(rng.choice([2.0, 4.0])), "decay_input": bool(rng.integers(2))}
    if kind == "ParametricLIFNode":
        options |= {"init_tau": 2.0, "decay_input": bool(rng.integers(2))}
    return getattr(neuron, kind)(**options)


KINDS = ("IFNode", "LIFNode", "ParametricLIFNode")


def connected(rng, kinds, **options):
    sizes = [int(n) for n in rng.integers(3, 9, len(kinds) + 1)]
    layers = []
    for (a, b), kind in zip(pairwise(sizes), kinds, strict=True):
        layers += [layer.Linear(a, b), node(rng, kind, **options)]
    return integers(rng, nn.Sequential(*layers)), sizes[0]


@pytest.mark.parametrize("mode", ["s", "m"])
@pytest.mark.parametrize("seed", range(20))
def test_random_networks(seed, mode):
    rng = np.random.default_rng(seed)
    module, size = connected(rng, [str(rng.choice(KINDS)) for _ in range(int(rng.integers(1, 4)))])
    functional.set_step_mode(module, mode)
    counts, _ = compare(module, inputs(rng, 6, 12, size), "step" if mode == "s" else "time")
    assert sum(counts.values()) > 10


@pytest.mark.parametrize("kind", ["IFNode", "LIFNode", "SimpleIFNode", "SimpleLIFNode"])
@pytest.mark.parametrize("v_reset", [None, 0.0, 1.0])
@pytest.mark.parametrize("decay_input", [True, False])
def test_every_reset_of_every_node(kind, v_reset, decay_input):
    options = {"v_threshold": 4.0, "v_reset": v_reset}
    if "LIF" in kind:
        options |= {"tau": 2.0, "decay_input": decay_input}
    if kind == "SimpleLIFNode" and v_reset is None:
        pytest.skip("SimpleLIFNode computes with v_reset")
    rng = np.random.default_rng(7)
    module = nn.Sequential(
        nn.Linear(5, 8),
        getattr(neuron, kind)(**options),
        nn.Linear(8, 4),
        getattr(neuron, kind)(**options),
    )
    # Membranes are counted from their rest, so that 0 is v_reset of a leak.
    rest = v_reset if "LIF" in kind and v_reset else 0.0
    scale = 2.0 if "LIF" in kind and decay_input else 1.0
    counts, network = compare(
        integers(rng, module),
        inputs(rng, 6, 24, 5, high=2),
        state=lambda m: (m.v - rest) * scale,
        high=2,
    )
    assert counts["1"] > 20
    soma = network.populations[0].soma
    assert soma.reset is (Reset.SUBTRACT if v_reset is None else Reset.VALUE)


def test_without_leak_for_long():
    rng = np.random.default_rng(8)
    module, size = connected(rng, ["IFNode", "IFNode"], v_reset=None)
    counts, _ = compare(
        integers(rng, module, bias=False), inputs(rng, 60, 6, size), state=lambda m: m.v
    )
    assert counts["1"] > 50


@pytest.mark.parametrize("wrapped", [True, False])
def test_convolutions_of_several_steps(wrapped):
    """With the framework's own layers, or with torch's in its containers."""
    rng = np.random.default_rng(3)
    kinds = layer if not wrapped else nn
    conv = [kinds.Conv2d(2, 4, 3, padding=1, bias=not wrapped), kinds.BatchNorm2d(4, eps=0.0)]
    pool = [kinds.AvgPool2d(2)]
    last = [kinds.Flatten(), layer.Dropout(0.5), kinds.Linear(4 * 2 * 3, 5)]
    box = (lambda part: [layer.SeqToANNContainer(*part)]) if wrapped else list
    module = nn.Sequential(
        *box(conv),
        neuron.LIFNode(tau=2.0, v_threshold=2.0, v_reset=None, decay_input=False),
        *box(pool),
        layer.MultiStepContainer(neuron.IFNode(v_threshold=1.0)),
        *box(last),
        neuron.IFNode(v_threshold=3.0),
    )
    functional.set_step_mode(module, "m")
    if wrapped:
        module[3][0].step_mode = "s"
    integers(rng, module)
    for each in module.modules():
        if isinstance(each, nn.BatchNorm2d):
            each.weight.data = torch.tensor([1.0, 2.0, -1.0, 1.0])
            each.bias.data = torch.tensor([1.0, 0.0, 2.0, -1.0])
            each.running_mean.data = torch.tensor([0.0, 1.0, 2.0, 1.0])
            each.running_var.data = torch.tensor([1.0, 4.0, 1.0, 0.25])
    counts, network = compare(module, inputs(rng, 5, 6, 2, 4, 6), "time")
    assert min(counts.values()) > 10
    kinds = [type(c.operator).__name__ for c in network.connections]
    assert kinds == ["Window", "Window", "Dense"]


class Branches(nn.Module):
    """A spiking residual block: the sum of spikes goes on."""

    def __init__(self):
        super().__init__()
        self.a, self.sa = nn.Linear(6, 7), neuron.IFNode(v_threshold=3.0)
        self.b, self.sb = nn.Linear(7, 7), neuron.IFNode(v_threshold=2.0)
        self.c, self.sc = nn.Linear(7, 7), neuron.IFNode(v_threshold=2.0)
        self.d, self.sd = nn.Linear(7, 4), neuron.IFNode(v_threshold=3.0)

    def forward(self, x):
        x = self.sa(self.a(x))
        x = self.sc(self.c(self.sb(self.b(x)))) + x
        return self.sd(self.d(x))


@pytest.mark.parametrize("seed", range(4))
def test_a_residual_block(seed):
    rng = np.random.default_rng(seed)
    counts, network = compare(integers(rng, Branches()), inputs(rng, 8, 10, 6))
    assert min(counts.values()) > 5
    assert {c.delay for c in network.connections} == {0}


class Direct(nn.Module):
    """As SpikingJelly's examples have it: a frame is repeated, the answers are averaged."""

    def __init__(self, last):
        super().__init__()
        self.body = nn.Sequential(
            layer.Conv2d(1, 3, 3, padding=1),
            neuron.IFNode(v_threshold=4.0),
            layer.AvgPool2d(2),
            layer.Flatten(),
            layer.Linear(12, 4),
            last,
        )
        functional.set_step_mode(self, "m")

    def forward(self, x):
        return self.body(x.unsqueeze(0).repeat(6, 1, 1, 1, 1)).mean(0)


@pytest.mark.parametrize("ends", ["spikes", "linear"])
def test_a_frame_that_the_module_repeats(ends):
    last = neuron.IFNode(v_threshold=3.0) if ends == "spikes" else nn.Identity()
    imported = import_spiking(integers(np.random.default_rng(3), Direct(last)), (1, 4, 4))
    read = [source for source, target in imported.graph.edges if target == "output"]
    assert read == (["body.5"] if ends == "spikes" else ["readout"])


def test_a_node_that_never_fires_is_a_membrane():
    rng = np.random.default_rng(1)
    module = nn.Sequential(
        nn.Linear(5, 6),
        neuron.IFNode(v_threshold=3.0),
        nn.Linear(6, 3),
        neuron.LIFNode(tau=2.0, v_threshold=math.inf, decay_input=False),
    )
    imported = import_spiking(integers(rng, module), (5,))
    assert type(imported.graph.nodes["3"]).__name__ == "LI"


@pytest.mark.parametrize(
    ("last", "text"),
    [
        (
            lambda: neuron.IFNode(surrogate_function=surrogate.Sigmoid(spiking=False)),
            "1: surrogate_function must fire where v >= v_threshold, with a 1",
        ),
        (
            neuron.QIFNode,
            "1: a neuron of spikingjelly must be one of IFNode, LIFNode, ParametricLIFNode, "
            "SimpleIFNode, SimpleLIFNode, found QIFNode",
        ),
        (lambda: layer.SynapseFilter(tau=4.0), "found SynapseFilter"),
        (
            type("Own", (neuron.IFNode,), {}),
            "found Own; a subclass may do something else",
        ),
        (
            lambda: nn.Sequential(neuron.IFNode(), nn.MaxPool1d(1), neuron.IFNode()),
            "1.2: what comes to a layer must be spikes through Linear, Conv1d, Conv2d, pools, "
            "Flatten, and sums of them, found what 1.1 (MaxPool1d) makes",
        ),
    ],
)
def test_options_without_an_equal_are_named(last, text):
    with pytest.raises(UnsupportedError, match=re.escape(text)):
        import_spiking(nn.Sequential(nn.Linear(4, 3), last()), (4,))


def test_a_threshold_that_is_not_above_0():
    module = nn.Sequential(nn.Linear(4, 3), neuron.IFNode(v_threshold=-1.0))
    with pytest.raises(
        ConfigurationError, match="a threshold must be finite and above 0, found -1"
    ):
        import_spiking(module, (4,))


def test_a_threshold_below_the_rest():
    module = nn.Sequential(nn.Linear(4, 3), neuron.LIFNode(v_threshold=1.0, v_reset=1.5))
    rng = np.random.default_rng(0)
    counts, _ = compare(integers(rng, module), inputs(rng, 4, 8, 4))
    assert counts["1"] > 10


def test_what_was_read_wrongly_is_found(monkeypatch):
    rng = np.random.default_rng(0)
    module, size = connected(rng, ["LIFNode"], v_reset=1.0, v_threshold=4.0)
    import_spiking(module, (size,))
    right = importer._leak
    monkeypatch.setattr(importer, "_leak", lambda *args: (right(*args)[0], 3.0))
    with pytest.raises(UnsupportedError, match="1: what was read must do what the module does"):
        import_spiking(module, (size,))
    monkeypatch.setattr(importer, "_leak", right)
    # The membrane begins at v_reset, and not at 0.
    monkeypatch.setattr(importer, "Start", SimpleNamespace(RESET="zero", ZERO="zero"))
    with pytest.raises(UnsupportedError, match="another spike of neuron"):
        import_spiking(module, (size,))
