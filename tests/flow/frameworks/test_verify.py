"""What is read wrongly is found: the check against the module itself, with planted faults."""

import math
import re
from dataclasses import replace

import nir
import numpy as np
import pytest
import torch
from torch import nn

from spikewright.flow.frameworks import import_spiking, verify
from spikewright.flow.frameworks import sinabs as from_sinabs
from spikewright.flow.frameworks import snntorch as from_snntorch
from spikewright.flow.frameworks import spikingjelly as from_spikingjelly
from spikewright.flow.nir import Compare
from spikewright.golden.errors import UnsupportedError
from spikewright.golden.spec import Reset
from support.frameworks import needs
from support.spiking import integers

snn = needs("snntorch")
jelly = needs("spikingjelly", "spikingjelly.activation_based.neuron")
sinabs = needs("sinabs", "sinabs.layers")
activation = needs("sinabs", "sinabs.activation")

FRAMEWORKS = {
    "snntorch": from_snntorch.Snntorch,
    "spikingjelly": from_spikingjelly.Spikingjelly,
    "sinabs": from_sinabs.Sinabs,
    "sinabs, bursts": from_sinabs.Sinabs,
}


def neuron(name, **options):
    """Without a leak, with a threshold of 1: with whole weights every membrane is a multiple."""
    match name:
        case "snntorch":
            return snn.Leaky(**{"beta": 1.0, "init_hidden": True} | options)
        case "spikingjelly":
            return jelly.IFNode(v_threshold=1.0, v_reset=None)
        case "sinabs":
            return sinabs.IAF(spike_fn=activation.SingleSpike)
    return sinabs.IAF(spike_fn=activation.MultiSpike)


def network(name, weights):
    rng = np.random.default_rng(3)
    first, last = neuron(name), neuron(name)
    module = nn.Sequential(nn.Linear(6, 5, bias=False), first, nn.Linear(5, 3, bias=False), last)
    if weights == "whole":
        return integers(rng, module, most=2)
    for each in (module[0], module[2]):
        each.weight.data = torch.from_numpy(rng.normal(size=each.weight.shape)).float()
    return module


def plant(monkeypatch, framework, change):
    """Let the importer read another neuron."""
    right = framework.read
    monkeypatch.setattr(framework, "read", staticmethod(lambda *args: change(right(*args))))


def rule(**changes):
    return lambda read: replace(read, rule=replace(read.rule, **changes))


def threshold(factor):
    def change(read):
        node = type(read.node)(
            **{each: getattr(read.node, each) for each in ("r", "v_threshold", "v_reset")}
        )
        node.v_threshold = node.v_threshold * factor
        return replace(read, node=node)

    return change


def compare(read):
    other = {Compare.ABOVE: Compare.REACHED, Compare.REACHED: Compare.ABOVE}[read.rule.compare]
    return rule(compare=other)(read)


def delay(read):
    if read.rule.bursts != 1:
        return rule(reset_delay=True, bursts=1)(read)
    return rule(reset_delay=not read.rule.reset_delay)(read)


def bursts(read):
    if read.rule.bursts != 1:
        return rule(bursts=1)(read)
    return rule(reset_delay=False, bursts=None)(read)


def amount(read):
    return rule(amount=2.0, bursts=1)(read)


FAULTS = {
    "compare": compare,
    "to a value": rule(reset=Reset.VALUE, reset_delay=False, bursts=1),
    "no reset": rule(reset=Reset.NONE, reset_delay=False, bursts=1),
    "delay": delay,
    "amount": amount,
    "bursts": bursts,
    "threshold 2": threshold(2.0),
    "threshold": threshold(1 + 2.0**-30),
    "refractory": rule(refractory=1, reset=Reset.VALUE, reset_delay=False, bursts=1),
}


@pytest.mark.parametrize("weights", ["whole", "real"])
@pytest.mark.parametrize("name", FRAMEWORKS)
@pytest.mark.parametrize("fault", FAULTS)
def test_every_planted_fault_is_found(monkeypatch, fault, name, weights):
    module = network(name, weights)
    assert import_spiking(module, (6,)).silent == ()
    plant(monkeypatch, FRAMEWORKS[name], FAULTS[fault])
    text = r"\b1: what was read must do what the module does, found (another spike|a membrane)"
    with pytest.raises(UnsupportedError, match=text):
        import_spiking(module, (6,))


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("snntorch", lambda: snn.Synaptic(alpha=0.9, beta=0.8, threshold=0.3, init_hidden=True)),
        ("spikingjelly", lambda: jelly.LIFNode(tau=3.0, v_threshold=0.3, decay_input=False)),
        ("sinabs", lambda: sinabs.LIF(tau_mem=20.0, norm_input=False)),
    ],
)
def test_a_threshold_that_is_met_is_told_with_any_leak_and_weights(monkeypatch, name, layer):
    """No sum of the network lies at the threshold; the charges of a layer alone do."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(6, 5), layer())
    import_spiking(module, (6,))
    plant(monkeypatch, FRAMEWORKS[name], compare)
    with pytest.raises(UnsupportedError, match="another spike of neuron 0 in step 0"):
        import_spiking(module, (6,))


class Reader(nn.Module):
    """Its last layer is read by its membrane."""

    def __init__(self, name):
        super().__init__()
        self.a, self.l = nn.Linear(6, 5), neuron(name)
        self.b = nn.Linear(5, 3)
        self.r = {
            "snntorch": lambda: snn.Leaky(
                beta=0.9, init_hidden=True, output=True, reset_mechanism="none"
            ),
            "spikingjelly": lambda: jelly.LIFNode(tau=10.0, v_threshold=math.inf),
            "sinabs": lambda: sinabs.ExpLeak(tau_mem=9.5),
        }[name]()

    def forward(self, x):
        y = self.r(self.b(self.l(self.a(x))))
        return y[1] if isinstance(y, tuple) else y


@pytest.mark.parametrize("name", ["snntorch", "spikingjelly", "sinabs"])
def test_the_leak_of_a_layer_that_is_read_by_its_membrane(monkeypatch, name):
    torch.manual_seed(0)
    module = Reader(name)
    assert import_spiking(module, (6,)).reads == "the last membrane of r"

    def change(read):
        if isinstance(read.node, nir.LI | nir.LIF):
            read.node.tau = read.node.tau * (1 + 1e-7)
        return read

    plant(monkeypatch, FRAMEWORKS[name], change)
    with pytest.raises(UnsupportedError, match="r: what was read must do .* found a membrane of"):
        import_spiking(module, (6,))


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_layers_that_never_fire(name):
    """With weights that are too weak the ways are shown with stronger ones; without any, never."""
    module = network(name, "real")
    module[2].weight.data.abs_().mul_(-1)
    assert import_spiking(module, (6,)).silent == ("3",)
    module[2].weight.data.zero_()
    text = (
        "3: every layer must fire on some input, or nothing can be held against it, found no spike "
        "on inputs of up to 101 steps and 102400, nor with more weight; give samples on which it "
        "fires, or look at its weights and its threshold"
    )
    with pytest.raises(UnsupportedError, match=f"^{re.escape(text)}$"):
        import_spiking(module, (6,))


def test_samples_are_tried_where_random_inputs_fail():
    """A neuron that fires on one pattern alone, which no random input comes near."""
    module = nn.Sequential(nn.Linear(400, 2), neuron("snntorch", beta=0.5))
    pattern = torch.arange(400) % 2 * 2.0 - 1
    module[0].weight.data = pattern.repeat(2, 1)
    module[0].bias.data.fill_(-(2.0**25))
    assert import_spiking(module, (400,)).silent == ("1",)
    samples = (pattern * 2.0**17).repeat(2, 9, 1)
    assert import_spiking(module, (400,), samples=samples).silent == ()


class Negative(nn.Module):
    """Another layer where something negative comes in."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.l = nn.Linear(6, 5), nn.Linear(6, 5), snn.Leaky(beta=0.5)

    def forward(self, x):
        mem, found = self.l.reset_mem(), []
        for frame in x:
            spk, mem = self.l((self.a if (x >= 0).all() else self.b)(frame), mem)
            found.append(spk)
        return torch.stack(found)


def test_values_that_decide_what_is_called():
    torch.manual_seed(0)
    text = (
        "snntorch: forward must do the same whatever comes in, found another way between layers "
        "with other inputs: ('a', 'l'); let no value decide which layers are called"
    )
    with pytest.raises(UnsupportedError, match=f"^{re.escape(text)}$"):
        import_spiking(Negative(), (6,))


def test_only_rounding_excuses_another_spike():
    v = torch.tensor([0.0, 0.3, 0.3 * (1 + 1e-12), 0.6, 0.9, 1.2, 0.45, 0.3001], dtype=torch.double)
    layer = object.__new__(verify._Layer)
    vars(layer).update(
        threshold=torch.tensor([0.3], dtype=torch.double),
        charged=v.reshape(1, 1, -1),
        reached=torch.full((1, 1, 1), 1.2, dtype=torch.double),
    )
    for most, exact, tied in [
        (1, False, [0, 1, 1, 0, 0, 0, 0, 0]),
        (3, False, [0, 1, 1, 1, 1, 0, 0, 0]),
        (None, False, [0, 1, 1, 1, 1, 1, 0, 0]),
        (None, True, [0] * 8),
    ]:
        vars(layer).update(bursts=most, exact=[exact])
        assert layer.tied(0)[0].int().tolist() == tied


def test_what_is_silent_goes_by_both_sides():
    proof = verify.Proof(silent=frozenset("ab"), like=frozenset("x"), read="b", most=(7, 2.0))
    other = replace(proof, silent=frozenset("bc"), like=frozenset(), most=(5, 9.0))
    joined = proof.joined(other)
    assert joined == replace(proof, silent=frozenset("b"), like=frozenset(), most=(7, 9.0))
    assert joined.missing
    with pytest.raises(UnsupportedError, match="b: what is returned must be told from .* as x on"):
        replace(proof, silent=frozenset()).require()
