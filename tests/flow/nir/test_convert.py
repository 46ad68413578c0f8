"""The agreement that is asked for is reached or refused, and says on what it was measured."""

import itertools
from collections import Counter
from dataclasses import replace

import nir
import numpy as np
import pytest
import torch

from spikewright.flow.nir import Discretisation
from spikewright.flow.nir import convert as converting
from spikewright.flow.nir.convert import agreement_of, convert_graph
from spikewright.flow.nir.graph import graph_of
from spikewright.flow.nir.reference import Reference
from spikewright.golden.errors import ConfigurationError, RangeError

RULE = Discretisation(dt=1.0, reset="subtract", compare="reached")


def population(n, threshold=1.0, **changes):
    shape = n if isinstance(n, tuple) else (n,)
    options = {"r": np.ones(shape), "v_threshold": np.full(shape, threshold)}
    return nir.IF(**(options | changes))


def chain(nodes, n_in, rule=RULE):
    """Nodes one after the other, by name, between an input and an output."""
    ends = {"input": nir.Input({"input": np.array([n_in])})}
    ends["output"] = nir.Output({"output": np.array([1])})
    way = ("input", *nodes, "output")
    edges = list(itertools.pairwise(way))
    whole = nir.NIRGraph(nodes=ends | nodes, edges=edges, type_check=False)
    return Reference(graph_of(whole, where="file"), rule, where="file")


def linear(out, into, seed=0, scale=0.5):
    return nir.Linear(weight=np.random.default_rng(seed).normal(size=(out, into)) * scale)


def spikes(n, steps, size, rate=0.3):
    draws = torch.Generator().manual_seed(3)
    return {"input": (torch.rand(n, steps, size, generator=draws) < rate).long()}


def converted(reference, inputs, **options):
    return convert_graph(reference, inputs, name="net", max_steps=32, **options)


def two_layers():
    return chain(
        {"w": linear(12, 8), "a": population(12), "v": linear(4, 12, 1), "b": population(4)}, 8
    )


def test_an_agreement_that_is_not_reached():
    with pytest.raises(
        ConfigurationError,
        match=r"file: the integers must have at least 0.999 of spikes and labels .* found "
        r"0\.\d+ of the (spikes of '[ab]'|labels), on 32 samples; give more --weight-bits than 2, ",
    ):
        converted(two_layers(), spikes(64, 24, 8), weight_bits=2, agreement=0.999)
    made = converted(two_layers(), spikes(64, 24, 8), weight_bits=12, agreement=0.9)
    assert made.agreement.least()[0] >= 0.9


def test_what_is_worst_is_named():
    reference = two_layers()
    made = converted(reference, spikes(64, 24, 8), weight_bits=8, agreement=0.5).agreement
    both = {"a": 0.9, "b": 0.8}
    assert replace(made, spikes=both, labels=0.9).least() == (0.8, "spikes of 'b'")
    other = replace(made, spikes=both, labels=0.7)
    assert other.least() == (0.7, "labels")
    assert other.least(decisions=False) == (0.8, "spikes of 'b'")
    assert replace(made, spikes={}, labels=0.7).least(decisions=False) == (0.7, "labels")


def test_what_measures_did_not_choose(monkeypatch):
    """Of 64 samples 32 choose and the other 32 measure; of 15 all do both."""
    seen = []
    true = agreement_of

    def watched(network, reference, inputs, wanted):
        seen.append(inputs["input"].flatten(1))
        return true(network, reference, inputs, wanted)

    monkeypatch.setattr(converting, "agreement_of", watched)
    x = spikes(64, 24, 8)
    made = converted(two_layers(), x, agreement=0.5)
    chose, measured = (
        {tuple(row) for row in seen[0].tolist()},
        {tuple(row) for row in seen[-1].tolist()},
    )
    assert all(torch.equal(each, seen[0]) for each in seen[:-1])
    assert (len(chose), len(measured), len(chose & measured)) == (32, 32, 0)
    assert made.agreement.samples == 32
    assert converted(two_layers(), spikes(15, 24, 8), agreement=0.5).agreement.samples == 15


def test_spikes_are_counted():
    x = spikes(64, 24, 8)
    made = converted(two_layers(), x, weight_bits=12)
    half = torch.randperm(64, generator=torch.Generator().manual_seed(0))[32:]
    wanted = two_layers().run({"input": x["input"][half].double()}).spikes
    assert made.agreement.fired == {name: int(each.sum()) for name, each in wanted.items()}
    assert made.agreement.silent == ()
    quiet = chain({"w": linear(4, 8), "p": population(4, 1e3)}, 8)
    made = converted(quiet, x)
    assert (made.agreement.silent, made.agreement.spikes) == (("p",), {"p": 1.0})


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), float("inf")])
def test_an_agreement_that_is_no_share(value):
    with pytest.raises(ConfigurationError, match="--agreement must be 0 to 1, found"):
        converted(two_layers(), spikes(4, 4, 8), agreement=value)


@pytest.mark.parametrize("bits", [1, 17])
def test_weight_bits_that_are_not_offered(bits):
    with pytest.raises(ConfigurationError, match=f"--weight-bits must be 2 to 16, found {bits}"):
        converted(two_layers(), spikes(4, 4, 8), weight_bits=bits)


def test_no_steps():
    with pytest.raises(ConfigurationError, match="--max-steps must be at least 1, found 0"):
        convert_graph(two_layers(), spikes(4, 4, 8), name="net", max_steps=0)


@pytest.fixture
def tries(monkeypatch):
    """How often networks were built, by fraction bits."""
    counts, true = Counter(), converting.network_of

    def counted(reference, precision, **options):
        counts[precision.fraction_bits] += 1
        return true(reference, precision, **options)

    monkeypatch.setattr(converting, "network_of", counted)
    return counts


def test_errors_are_those_of_the_network(tries):
    """Of an integrator there is one try, and its error; not one for each fraction."""
    huge = chain({"w": linear(4, 8), "p": population(4, 1e12)}, 8)
    with pytest.raises(RangeError, match="node 'p': a threshold must fit 32 bits"):
        converted(huge, spikes(4, 4, 8))
    assert tries == {2: 1}
    with pytest.raises(ConfigurationError, match="network's name must be a letter"):
        convert_graph(two_layers(), spikes(4, 4, 8), name="a b/c", max_steps=8)


def test_leaks_that_fail_once_are_not_tried_again(tries):
    one = np.ones(4)
    node = nir.LIF(tau=1e4 * one, r=1e4 * one, v_leak=0 * one, v_threshold=one)
    slow = chain({"w": linear(4, 8), "p": node}, 8)
    with pytest.raises(ConfigurationError, match=r"with k up to 12 must come near 0.9999"):
        converted(slow, spikes(4, 4, 8))
    assert tries == {2: 5}


def test_r_below_0():
    with pytest.raises(ConfigurationError, match="node 'p': r and w_in must be above 0, found -1"):
        chain({"w": linear(4, 8), "p": population(4, r=-np.ones(4))}, 8)


def test_labels_of_several_positions():
    """The largest channel of each of six positions."""
    weight = np.random.default_rng(0).integers(-3, 4, (12, 8)) * 1.0
    conv = nir.Conv2d(
        input_shape=(3, 2),
        weight=np.eye(2).reshape(2, 2, 1, 1),
        stride=(1, 1),
        padding=(0, 0),
        dilation=(1, 1),
        groups=1,
        bias=np.zeros(2),
    )
    hidden = population((2, 3, 2), 2.0)
    nodes = {"w": nir.Linear(weight=weight), "a": hidden, "c": conv, "b": population((2, 3, 2))}
    x = spikes(20, 16, 8)
    made = converted(chain(nodes, 8), x, agreement=1.0)
    assert made.network.population("b").shape == (2, 3, 2)
    assert made.agreement.labels == 1.0
    # With another decision in one of six positions of each sample a sixth differs.
    reference = chain(nodes, 8)
    wanted = reference.run({"input": x["input"].double()})
    shown = wanted.spikes["b"].clone().reshape(16, 20, 2, 6)
    shown[0, :, :, 0] += 100 * torch.stack(
        [
            shown.sum(0)[:, 0, 0] < shown.sum(0)[:, 1, 0],
            shown.sum(0)[:, 0, 0] >= shown.sum(0)[:, 1, 0],
        ],
        dim=1,
    )
    changed = replace(wanted, spikes=wanted.spikes | {"b": shown.reshape(16, 20, 12)})
    found = agreement_of(made.network, reference, x, changed)
    assert found.labels == pytest.approx(5 / 6)


def test_one_neuron_behind_four_values():
    text = r"node 'p': what comes to a population must have its 1 neurons, found shape \(4,\)"
    with pytest.raises(ConfigurationError, match=text):
        chain({"w": linear(4, 8), "p": population(1)}, 8)


def test_parameters_without_a_shape_are_those_of_all_neurons():
    scalar = nir.IF(r=np.array(1.0), v_threshold=np.array(0.8), v_reset=np.array(0.0))
    x = spikes(20, 16, 8)
    made = converted(chain({"w": linear(4, 8), "p": scalar}, 8), x, weight_bits=12)
    plain = converted(chain({"w": linear(4, 8), "p": population(4, 0.8)}, 8), x, weight_bits=12)
    assert made.network.content_hash == plain.network.content_hash
