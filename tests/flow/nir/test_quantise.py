"""Integers that hold the parameters exactly do what the doubles do, spike for spike."""

import itertools
import json
from dataclasses import replace

import nir
import numpy as np
import pytest
import torch

from spikewright.flow.nir import Discretisation
from spikewright.flow.nir.convert import convert_graph
from spikewright.flow.nir.graph import graph_of
from spikewright.flow.nir.precision import Precision
from spikewright.flow.nir.quantise import network_of
from spikewright.flow.nir.reference import Reference
from spikewright.golden.errors import ConfigurationError, RangeError, UnsupportedError
from spikewright.golden.model import Model
from spikewright.golden.spec import BiasWhen, Dense, Fire, Leak, Reset, Window

DT = 1.0


def ends(shape, n):
    return {
        "input": nir.Input({"input": np.array(shape)}),
        "output": nir.Output({"output": np.array([n])}),
    }


def built(nodes, edges, shape, n, rule):
    graph = nir.NIRGraph(nodes=ends(shape, n) | nodes, edges=edges, type_check=False)
    return Reference(graph_of(graph, where="graph"), rule)


def weights(rng, *shape):
    """Multiples of 1/8 whose largest is 127/8: the units of 8 bits hold them exactly."""
    w = rng.integers(-40, 41, shape) / 8.0
    w.flat[0] = 127 / 8
    return w


def cuba(n, threshold):
    """Leaks of 1/2 and 3/4 at dt 1, and gains that cancel their time constants."""
    one = np.ones(n)
    return nir.CubaLIF(
        tau_syn=2 * one,
        tau_mem=4 * one,
        r=4 * one,
        v_leak=0 * one,
        v_threshold=threshold * one,
        w_in=2 * one,
    )


def recurrent(rng, rule):
    nodes = {
        "w": nir.Affine(weight=weights(rng, 6, 5), bias=rng.integers(-8, 9, 6) / 8.0),
        "rec": nir.Linear(weight=weights(rng, 6, 6)),
        "a": cuba(6, 30.0),
        "out": nir.Linear(weight=weights(rng, 4, 6)),
        "b": cuba(4, 25.5),
    }
    edges = [("input", "w"), ("w", "a"), ("a", "rec"), ("rec", "a"), ("a", "out"), ("out", "b")]
    return built(nodes, [*edges, ("b", "output")], [5], 4, rule)


def compare(reference, network, x):
    wanted = reference.run({"input": x})
    found = Model(network).run(x.flatten(2).long().numpy(), mode="stepwise", trace=True)
    for theirs, ours in zip(reference.graph.populations, network.populations, strict=False):
        a, b = found.trace.spikes[ours.name], wanted.spikes[theirs]
        assert a.tolist() == b.long().tolist(), theirs
    return found


@pytest.mark.parametrize("reset", ["subtract", "value"])
@pytest.mark.parametrize("compared", ["above", "reached"])
def test_a_recurrent_network(reset, compared):
    rng = np.random.default_rng(5)
    rule = Discretisation(dt=DT, reset=reset, compare=compared)
    reference = recurrent(rng, rule)
    # 3/4 and 1/2 are exact; a step shifts v and i right by three bits at the most, so that 40
    # fraction bits would be needed for ever: few steps stay exact with some.
    precision = Precision(weight_bits=8, fraction_bits=14, leak_bits=4)
    network = network_of(reference, precision, name="net", max_steps=8)
    x = torch.from_numpy(rng.random((64, 5, 5)) < 0.4).double()
    found = compare(reference, network, x)
    assert found.events["a"].sum() > 50
    assert [each.delay for each in network.connections] == [0, 1, 0]
    soma = network.population("a").soma
    assert (soma.leak_i, soma.leak_v) == (Leak(shift=1), Leak(multiplier=3, shift=2))
    assert soma.bias_when is BiasWhen.EVERY
    assert soma.reset is (Reset.SUBTRACT if reset == "subtract" else Reset.VALUE)


def test_convolutions_pools_and_flatten():
    rng = np.random.default_rng(2)
    one = np.ones((4, 3, 2))
    nodes = {
        "pool": nir.AvgPool2d(
            kernel_size=np.array([2, 1]), stride=np.array([2, 1]), padding=np.array([0, 0])
        ),
        "conv": nir.Conv2d(
            input_shape=None,
            weight=weights(rng, 4, 1, 3, 2),
            stride=(1, 2),
            padding=(1, 0),
            dilation=1,
            groups=2,
            bias=rng.integers(-8, 9, 4) / 8.0,
        ),
        "a": nir.IF(r=one, v_threshold=9.5 * one),
        "flat": nir.Flatten(input_type={"input": np.array([4, 3, 2])}),
        "w": nir.Linear(weight=weights(rng, 3, 24)),
        "b": nir.I(r=np.ones(3)),
    }
    edges = [("input", "pool"), ("pool", "conv"), ("conv", "a"), ("a", "flat"), ("flat", "w")]
    edges += [("w", "b"), ("b", "output")]
    rule = Discretisation(dt=DT, reset="subtract")
    reference = built(nodes, edges, [2, 6, 4], 3, rule)
    network = network_of(reference, Precision(fraction_bits=4), name="net", max_steps=8)
    x = torch.from_numpy(rng.random((16, 8, 2, 6, 4)) < 0.4).double()
    found = compare(reference, network, x)
    assert found.events["a"].sum() > 50
    # The readout's unit is an eighth of 1 / 2**4.
    wanted = reference.run({"input": x}).membranes["b"][-1]
    assert (found.values / 128).tolist() == wanted.tolist()


def test_delays_of_several_steps_and_bursts():
    rng = np.random.default_rng(3)
    one = np.ones(3)
    nodes = {
        "w": nir.Linear(weight=weights(rng, 3, 4)),
        "a": nir.IF(r=one, v_threshold=8 * one),
        "later": nir.Delay(delay=3 * one),
        "b": nir.IF(r=one, v_threshold=one),
    }
    edges = [("input", "w"), ("w", "a"), ("a", "later"), ("later", "b"), ("b", "output")]
    rule = Discretisation(dt=DT, reset="subtract", compare="reached")
    reference = built(nodes, edges, [4], 3, rule)
    network = network_of(reference, Precision(), name="net", max_steps=12)
    x = torch.from_numpy(rng.random((16, 12, 4)) < 0.4).double()
    wanted = reference.run({"input": x})
    found = Model(network).run(x.long().numpy(), mode="stepwise", trace=True)
    assert found.trace.spikes["b"].tolist() == wanted.spikes["b"].long().tolist()
    assert found.events["b"].sum() > 20
    names = sorted(p.name for p in network.populations)
    assert names == ["a", "a_later_1", "a_later_2", "b"]


@pytest.mark.parametrize("bursts", [3, None])
def test_bursts_of_several_steps_ago(bursts):
    """Relays repeat levels, not only that there were some."""
    rng = np.random.default_rng(3)
    one = np.ones(3)
    nodes = {
        "w": nir.Linear(weight=weights(rng, 3, 4)),
        "a": nir.IF(r=one, v_threshold=2 * one),
        "later": nir.Delay(delay=3 * one),
        "b": nir.IF(r=one, v_threshold=2 * one),
    }
    edges = [("input", "w"), ("w", "a"), ("a", "later"), ("later", "b"), ("b", "output")]
    rule = Discretisation(dt=DT, reset="subtract", compare="reached", bursts=bursts)
    reference = built(nodes, edges, [4], 3, rule)
    network = network_of(reference, Precision(), name="net", max_steps=12)
    assert network.population("a").soma.fire is Fire.BURST
    x = torch.from_numpy(rng.random((16, 12, 4)) < 0.4).double()
    wanted = reference.run({"input": x})
    found = Model(network).run(x.long().numpy(), mode="stepwise", trace=True)
    assert found.trace.spikes["b"].tolist() == wanted.spikes["b"].long().tolist()
    assert found.trace.spikes["a_later_2"].max() == (3 if bursts == 3 else wanted.spikes["a"].max())
    assert wanted.spikes["b"].max() > 1


def test_inputs_of_several_steps_ago_keep_their_levels():
    rng = np.random.default_rng(4)
    one = np.ones(3)
    nodes = {
        "later": nir.Delay(delay=2 * one),
        "w": nir.Linear(weight=weights(rng, 3, 3)),
        "a": nir.IF(r=one, v_threshold=20 * one),
    }
    edges = [("input", "later"), ("later", "w"), ("w", "a"), ("a", "output")]
    rule = Discretisation(dt=DT, reset="subtract", compare="reached")
    reference = built(nodes, edges, [3], 3, rule)
    levels = {"input": (-3, 5, None)}
    network = network_of(reference, Precision(), name="net", max_steps=12, levels=levels)
    x = torch.from_numpy(rng.integers(-3, 6, (16, 12, 3))).double()
    wanted = reference.run({"input": x})
    found = Model(network).run(x.long().numpy(), mode="stepwise", trace=True)
    assert found.trace.spikes["a"].tolist() == wanted.spikes["a"].long().tolist()
    assert found.events["a"].sum() > 20


def test_the_current_of_the_step_before():
    """Connections come a step later, which is the same where there is no bias."""
    rng = np.random.default_rng(6)
    nodes = {
        "w": nir.Linear(weight=weights(rng, 6, 5)),
        "rec": nir.Linear(weight=weights(rng, 6, 6)),
        "a": cuba(6, 30.0),
    }
    edges = [("input", "w"), ("w", "a"), ("a", "rec"), ("rec", "a"), ("a", "output")]
    rule = Discretisation(dt=DT, reset="subtract", compare="reached", order="old")
    reference = built(nodes, edges, [5], 6, rule)
    precision = Precision(weight_bits=8, fraction_bits=14, leak_bits=4)
    network = network_of(reference, precision, name="net", max_steps=8)
    x = torch.from_numpy(rng.random((64, 8, 5)) < 0.4).double()[:, :5]
    wanted = reference.run({"input": x})
    found = Model(network).run(x.long().numpy(), mode="stepwise", trace=True)
    assert found.trace.spikes["a"].tolist() == wanted.spikes["a"].long().tolist()
    assert found.events["a"].sum() > 40
    new = built(nodes, edges, [5], 6, replace(rule, order="new")).run({"input": x})
    assert not torch.equal(new.spikes["a"], wanted.spikes["a"])
    biased = nodes | {"w": nir.Affine(weight=weights(rng, 6, 5), bias=np.ones(6))}
    with pytest.raises(
        UnsupportedError, match=r"node 'a': a current that is taken in a step later"
    ):
        network_of(built(biased, edges, [5], 6, rule), precision, name="net", max_steps=8)


def chain(rng, n, **node):
    """Whole weights of which none is 127, so that only their own grid holds them."""
    weights = [rng.integers(-6, 7, (n, n)).astype(float) for _ in range(2)]
    for each in weights:
        each[0, 0] = 5.0
    nodes = {
        "v": nir.Affine(weight=weights[0], bias=rng.integers(0, 3, n) * 1.0),
        "a": nir.IF(r=np.ones(n), **node),
        "w": nir.Linear(weight=weights[1] * 0.375),
        "b": nir.IF(r=np.ones(n), v_threshold=np.full(n, 0.375 * 4)),
    }
    return nodes, [("input", "v"), ("v", "a"), ("a", "w"), ("w", "b"), ("b", "output")]


@pytest.mark.parametrize(
    "own",
    [
        {"reset": "none"},
        {"reset": "subtract", "amount": 3.0},
        {"reset": "value", "refractory": 2},
        {"reset": "value", "start": "reset"},
        {"reset": "subtract", "floor": 0.5},
        {"reset": "subtract", "compare": "reached", "bursts": None},
        {"reset": "subtract", "compare": "reached", "bursts": 3},
    ],
    ids=str,
)
def test_populations_with_rules_of_their_own(own):
    rng = np.random.default_rng(4)
    value = 2.0 if own["reset"] == "value" else 0.0
    nodes, edges = chain(rng, 5, v_threshold=np.full(5, 6.0), v_reset=np.full(5, value))
    plain = Discretisation(dt=DT, reset="subtract")
    rule = replace(plain, populations={"a": replace(plain, **own)})
    reference = built(nodes, edges, [5], 5, rule)
    network = network_of(reference, Precision(fraction_bits=2), name="net", max_steps=20)
    x = torch.from_numpy(rng.random((16, 20, 5)) < 0.5).double()
    found = compare(reference, network, x)
    assert found.events["a"].sum() > 100
    assert found.events["b"].sum() > 20
    soma = network.population("a").soma
    if "bursts" in own:
        # What the weights and biases can bring in a step, on top of what is left below 6.
        most = int((np.clip(nodes["v"].weight, 0, None).sum(1) + nodes["v"].bias).max())
        assert soma.max_level == (own["bursts"] or (5 + most) // 6)
    else:
        assert soma.fire is Fire.BINARY


@pytest.mark.parametrize("reset", ["subtract", "value"])
def test_a_threshold_has_no_memory(reset):
    rng = np.random.default_rng(4)
    nodes, edges = chain(rng, 5, v_threshold=np.full(5, 1.0))
    nodes["a"] = nir.Threshold(threshold=np.array([1.0, 2.0, 3.0, 4.0, 40.0]))
    bursts = 3 if reset == "subtract" else 1
    rule = Discretisation(dt=DT, reset=reset, compare="reached", bursts=bursts)
    reference = built(nodes, edges, [5], 5, rule)
    network = network_of(reference, Precision(fraction_bits=2), name="net", max_steps=20)
    x = torch.from_numpy(rng.random((16, 20, 5)) < 0.5).double()
    found = compare(reference, network, x)
    assert found.events["a"].sum() > 100
    wanted = x @ torch.from_numpy(nodes["v"].weight).T + torch.from_numpy(nodes["v"].bias)
    wanted = (wanted >= torch.from_numpy(nodes["a"].threshold)).long()
    assert found.trace.spikes["a"].tolist() == wanted.transpose(0, 1).tolist()
    with pytest.raises(RangeError, match="a threshold without memory must be at most 65536"):
        network_of(reference, Precision(fraction_bits=11), name="net", max_steps=20)


def test_weights_on_a_grid_are_taken_as_they_are():
    rng = np.random.default_rng(4)
    nodes, edges = chain(rng, 5, v_threshold=np.full(5, 6.0))
    reference = built(nodes, edges, [5], 5, Discretisation(dt=DT, reset="subtract"))
    network = network_of(reference, Precision(fraction_bits=0), name="net", max_steps=8)
    for connection, name in zip(network.connections, ("v", "w"), strict=True):
        step = 1.0 if name == "v" else 0.375
        assert connection.operator.shift == 0
        assert (connection.operator.weights.T * step == nodes[name].weight).all()
    # One weight between two others: no grid of 8 bits holds it.
    nodes["v"].weight[1, 1] = 0.013
    network = network_of(
        built(nodes, edges, [5], 5, Discretisation(dt=DT, reset="subtract")),
        Precision(fraction_bits=0),
        name="net",
        max_steps=8,
    )
    assert network.connections[0].operator.weights.max() == 127


def test_a_threshold_of_a_grid_that_doubles_do_not_hold():
    """0.6 is 3 times 0.2, so that v > 0.6 is v >= 4 times 0.2; but 0.6 / 0.2 is less than 3."""
    nodes = {
        "w": nir.Linear(weight=np.array([[0.2, -0.4, 1.0]])),
        "p": nir.IF(r=np.ones(1), v_threshold=np.array([0.6])),
    }
    assert 0.6 / 0.2 < 3
    edges = [("input", "w"), ("w", "p"), ("p", "output")]
    for compared, wanted in (("above", 4), ("reached", 3)):
        rule = Discretisation(dt=DT, reset="value", compare=compared)
        reference = built(nodes, edges, [3], 1, rule)
        network = network_of(reference, Precision(fraction_bits=0), name="net", max_steps=4)
        assert network.connections[0].operator.weights.flatten().tolist() == [1, -2, 5]
        assert network.population("p").soma.threshold.tolist() == [wanted]


def test_spikes_without_a_bound_in_a_loop():
    rule = Discretisation(dt=DT, reset="subtract", compare="reached", bursts=None)
    reference = recurrent(np.random.default_rng(1), rule)
    with pytest.raises(UnsupportedError, match="bounded where paths lead back, found bursts none"):
        network_of(reference, Precision(), name="net", max_steps=4)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"v_threshold": np.array([1.0, 2.0, 3.0])}, "the least membrane must be the same for all"),
        ({"v_reset": np.array([0.0, 0.5, 0.5])}, "v_reset must be the same for all neurons"),
    ],
)
def test_what_a_soma_cannot_hold(changes, text):
    one = np.ones(3)
    options = {"tau": 4 * one, "r": 4 * one, "v_leak": 0 * one, "v_threshold": one} | changes
    nodes = {"w": nir.Linear(weight=np.ones((3, 3))), "p": nir.LIF(**options)}
    reset = "value" if "v_reset" in changes else "subtract"
    rule = Discretisation(dt=DT, reset=reset, floor=1.0)
    edges = [("input", "w"), ("w", "p"), ("p", "output")]
    with pytest.raises(ConfigurationError, match=f"node 'p': {text}"):
        network_of(built(nodes, edges, [3], 3, rule), Precision(), name="net", max_steps=4)


@pytest.mark.parametrize("leak", [5.0, np.array([5.0, 0.0, 7.0])], ids=["all", "some"])
@pytest.mark.parametrize("reset", ["value", "subtract"])
def test_neurons_that_fire_by_themselves(leak, reset):
    """A rest above the threshold is a bias of every step."""
    one = np.ones(3)
    node = nir.LIF(tau=4 * one, r=4 * one, v_leak=leak * one, v_threshold=3 * one)
    nodes = {"w": nir.Linear(weight=np.array([[1.0, 2, -3], [-2, 1, 5], [2, 2, 1]])), "p": node}
    edges = [("input", "w"), ("w", "p"), ("p", "output")]
    reference = built(nodes, edges, [3], 3, Discretisation(dt=DT, reset=reset))
    network = network_of(reference, Precision(fraction_bits=14), name="net", max_steps=7)
    x = torch.from_numpy(np.random.default_rng(0).random((32, 7, 3)) < 0.3).double()
    found = compare(reference, network, x)
    assert found.trace.spikes["p"][:, :, 0].sum() > 50
    silent = Model(network).run(np.zeros((1, 7, 3), dtype=np.int64), mode="stepwise")
    assert silent.values[0, 0] > 0


def test_neurons_that_are_read_may_have_other_rests():
    one = np.ones(3)
    node = nir.LI(tau=4 * one, r=4 * one, v_leak=np.array([1.0, -2.0, 3.0]))
    nodes = {"w": nir.Linear(weight=np.eye(3)), "p": node}
    edges = [("input", "w"), ("w", "p"), ("p", "output")]
    reference = built(nodes, edges, [3], 3, Discretisation(dt=DT))
    network = network_of(reference, Precision(fraction_bits=14), name="net", max_steps=6)
    x = torch.from_numpy(np.random.default_rng(0).random((32, 6, 3)) < 0.3).double()
    wanted = reference.run({"input": x}).membranes["p"][-1]
    found = Model(network).run(x.long().numpy(), mode="stepwise")
    # The drift of 1/4 a step is the unit, in which 2**14 more are counted.
    assert (found.values / 2**16).tolist() == wanted.tolist()


def test_neurons_with_a_current_must_rest_below_their_threshold():
    one = np.ones(3)
    node = cuba(3, 3.0)
    node.v_leak = 5 * one
    nodes = {"w": nir.Linear(weight=np.eye(3)), "p": node}
    edges = [("input", "w"), ("w", "p"), ("p", "output")]
    reference = built(nodes, edges, [3], 3, Discretisation(dt=DT))
    with pytest.raises(ConfigurationError, match="node 'p': a threshold must lie above the rest"):
        network_of(reference, Precision(), name="net", max_steps=6)


def test_weights_of_one_magnitude_lose_neither_bias_nor_threshold():
    """As after quantised training: all are whole numbers, but only the weights of 7."""
    weight = 7.0 * np.array([[1, -1, 1], [1, 1, -1], [-1, 1, 1]])
    nodes = {
        "w": nir.Affine(weight=weight, bias=np.array([1.0, 2.0, -3.0])),
        "p": nir.IF(r=np.ones(3), v_threshold=np.array([10.0, 11.0, 9.0])),
    }
    edges = [("input", "w"), ("w", "p"), ("p", "output")]
    rule = Discretisation(dt=DT, reset="subtract", compare="reached")
    reference = built(nodes, edges, [3], 3, rule)
    precision = Precision(weight_bits=4, fraction_bits=0)
    network = network_of(reference, precision, name="net", max_steps=20)
    soma = network.population("p").soma
    assert soma.threshold.tolist() == [10, 11, 9]
    assert soma.bias.tolist() == [1, 2, -3]
    assert network.connections[0].operator.weights.tolist() == weight.T.tolist()
    x = torch.from_numpy(np.random.default_rng(0).random((16, 20, 3)) < 0.4).double()
    assert compare(reference, network, x).events["p"].sum() > 100


def conv(weight, **changes):
    options = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
    bias = np.zeros(len(weight))
    return nir.Conv2d(input_shape=None, weight=weight, bias=bias, **(options | changes))


def residual(kind):
    """A branch without weights beside one of weights of 3, of which it is no power of two."""
    rng = np.random.default_rng(7)
    shape = (4,) if kind == "flat" else (2, 4, 4)
    one = np.ones(shape)
    weight = 3.0 * rng.integers(-4, 5, (4, 4) if kind == "flat" else (2, 2, 1, 1))
    weight.flat[0] = 3.0
    nodes = {
        "a": nir.IF(r=one, v_threshold=one),
        "w": nir.Linear(weight=weight) if kind == "flat" else conv(weight),
        "b": nir.IF(r=one, v_threshold=4.0 * one),
    }
    edges = [("input", "a"), ("a", "w"), ("w", "b"), ("b", "output")]
    if kind == "pool":
        size = np.array([2, 2])
        nodes["pool"] = nir.AvgPool2d(kernel_size=size, stride=size, padding=np.zeros(2, int))
        nodes["w"] = conv(weight, stride=(2, 2))
        small = np.ones((2, 2, 2))
        nodes["b"] = nir.IF(r=small, v_threshold=4.0 * small)
        return nodes, [*edges, ("a", "pool"), ("pool", "b")], shape
    scale = nir.Scale(scale=np.array(5.0))
    if kind == "scaled":
        return nodes | {"s": scale}, [*edges, ("a", "s"), ("s", "b")], shape
    return nodes, [*edges, ("a", "b")], shape


@pytest.mark.parametrize("kind", ["flat", "map", "pool", "scaled"])
@pytest.mark.parametrize("threshold", [4.0, 4.37])
def test_residuals(kind, threshold):
    nodes, edges, shape = residual(kind)
    nodes["b"].v_threshold[:] = threshold
    rule = Discretisation(dt=DT, reset="subtract", compare="reached")
    out = nodes["b"].r.shape
    reference = built(nodes, edges, shape, int(np.prod(out)), rule)
    network = network_of(reference, Precision(fraction_bits=14), name="net", max_steps=8)
    x = torch.from_numpy(np.random.default_rng(0).random((16, 8, *shape)) < 0.4).double()
    wanted = reference.run({"input": x})
    found = Model(network).run(x.flatten(2).long().numpy(), mode="stepwise", trace=True)
    if threshold == 4.0:
        assert found.trace.spikes["b"].tolist() == wanted.spikes["b"].long().tolist()
    assert wanted.spikes["b"].sum() > 20
    assert {c.source for c in network.connections if c.target == "b"} == {"a"}


def test_a_branch_without_weights_gets_some():
    """One of 1, which is no power of two of the unit of the others: a diagonal."""
    weight = np.array([[0.3, -0.611], [0.913, 0.6]])
    nodes = {
        "a": nir.IF(r=np.ones(2), v_threshold=np.ones(2)),
        "w": nir.Linear(weight=weight),
        "b": nir.IF(r=np.ones(2), v_threshold=np.full(2, 0.7)),
    }
    edges = [("input", "a"), ("a", "w"), ("w", "b"), ("b", "output"), ("a", "b")]
    reference = built(nodes, edges, [2], 2, Discretisation(dt=DT, reset="subtract"))
    network = network_of(reference, Precision(weight_bits=16), name="net", max_steps=8)
    diagonal = network.connections[-1].operator
    assert isinstance(diagonal, Dense)
    assert (diagonal.weights == diagonal.weights[0, 0] * np.eye(2)).all()
    other = network.connections[1].operator
    # 1 to 0.3, as near as 16 bits hold it.
    first, second = (each.weights[0, 0] * 2.0**each.shift for each in (diagonal, other))
    assert first / second == pytest.approx(1 / 0.3, rel=1e-4)


@pytest.mark.parametrize("read", [False, True], ids=["hidden", "read"])
@pytest.mark.parametrize("pooled", [False, True])
def test_a_convolution_that_is_flattened(read, pooled):
    """Behind it a flat population has the convolution's shape; one that is read has its own."""
    rng = np.random.default_rng(3)
    weight = rng.integers(-4, 5, (3, 1, 2, 3)) * 1.0
    weight.flat[0] = 1.0
    shape = (3, 5, 7) if not pooled else (3, 10, 14)
    flat = 3 * 4 * 3
    nodes = {
        "c": conv(weight, stride=(1, 2), groups=3),
        "f": nir.Flatten(input_type={"input": np.array([3, 4, 3])}, start_dim=0, end_dim=-1),
        "p": nir.IF(r=np.ones(flat), v_threshold=rng.integers(2, 6, flat) * 1.0),
    }
    way = ["input", "c", "f", "p"]
    if pooled:
        size = np.array([2, 2])
        nodes["s"] = nir.SumPool2d(kernel_size=size, stride=size, padding=np.zeros(2, int))
        way.insert(1, "s")
    if not read:
        nodes["w"] = nir.Linear(weight=rng.integers(-4, 5, (2, flat)) * 1.0)
        nodes["q"] = nir.IF(r=np.ones(2), v_threshold=3 * np.ones(2))
        way += ["w", "q"]
    way.append("output")
    rule = Discretisation(dt=DT, reset="subtract", compare="reached")
    n = flat if read else 2
    reference = built(nodes, list(itertools.pairwise(way)), shape, n, rule)
    network = network_of(reference, Precision(), name="net", max_steps=8)
    x = torch.from_numpy(rng.random((6, 8, *shape)) < 0.3).double()
    assert compare(reference, network, x).events["p"].sum() > 50
    population = network.population("p")
    kinds = {True: (Dense, (flat,)), False: (Window, (3, 4, 3))}
    assert (type(network.connections[0].operator), population.shape) == kinds[read]


def test_relays_take_names_that_are_free():
    one = np.ones(3)
    weight = np.random.default_rng(3).integers(-2, 5, (3, 3)) * 1.0
    nodes = {
        "w": nir.Linear(weight=weight),
        "a": nir.IF(r=one, v_threshold=8 * one),
        "later": nir.Delay(delay=2 * one),
        "a_later_1": nir.IF(r=one, v_threshold=2 * one),
        "v": nir.Linear(weight=2 * weight),
        "b": nir.IF(r=one, v_threshold=2 * one),
    }
    way = ("input", "w", "a", "later", "a_later_1", "v", "b", "output")
    rule = Discretisation(dt=DT, reset="subtract", compare="reached")
    reference = built(nodes, list(itertools.pairwise(way)), [3], 3, rule)
    x = (torch.rand(20, 16, 3, generator=torch.Generator().manual_seed(0)) < 0.5).long()
    made = convert_graph(reference, {"input": x}, name="net", max_steps=16, agreement=1.0)
    (relay,) = (c for c in made.network.connections if c.target == "a_later_1_2")
    assert (relay.source, relay.delay, len(made.network.populations)) == ("a", 1, 4)
    assert set(made.agreement.spikes) == {"a", "a_later_1", "b"}
    assert made.agreement.fired["a_later_1"] > 10


def test_what_was_asked_for_is_kept_as_json():
    reference = recurrent(np.random.default_rng(1), Discretisation(dt=DT))
    network = network_of(reference, Precision(), name="net", max_steps=4)
    assert json.loads(network.provenance["discretisation"]) == reference.rule.as_dict()


@pytest.mark.parametrize(
    ("kind", "operator", "shape"),
    [("flat", Dense, (4, 4)), ("map", Window, (2, 1, 1, 1)), ("pool", Window, (2, 1, 2, 2))],
)
def test_residuals_beside_weights_of_any_size(kind, operator, shape):
    """A diagonal is a matrix, or of maps a convolution of each channel; so is a pool."""
    nodes, edges, source = residual(kind)
    nodes["w"].weight = nodes["w"].weight * 0.3701
    out = nodes["b"].r.shape
    nodes["b"].v_threshold[:] = 2.3
    rule = Discretisation(dt=DT, reset="subtract")
    reference = built(nodes, edges, source, int(np.prod(out)), rule)
    precision = Precision(weight_bits=16, fraction_bits=2)
    network = network_of(reference, precision, name="net", max_steps=8)
    found = {c.operator.weights.shape: c.operator for c in network.connections if c.target == "b"}
    made = found[shape]
    other = next((each for each in found.values() if each is not made), made)
    assert isinstance(made, operator)
    if len(found) == 2:
        size = 0.25 if kind == "pool" else 1.0
        first, second = (each.weights.flat[0] * 2.0**each.shift for each in (made, other))
        assert first / second == pytest.approx(size / nodes["w"].weight.flat[0], rel=1e-3)
    x = torch.from_numpy(np.random.default_rng(0).random((16, 8, *source)) < 0.4).double()
    compare(reference, network, x)


def test_a_delay_is_no_longer_than_a_sample():
    one = np.ones(3)
    nodes = {
        "later": nir.Delay(delay=1e6 * one),
        "w": nir.Linear(weight=np.eye(3)),
        "a": nir.IF(r=one, v_threshold=one),
    }
    edges = [("input", "later"), ("later", "w"), ("w", "a"), ("a", "output")]
    reference = built(nodes, edges, [3], 3, Discretisation(dt=DT, reset="subtract"))
    message = r"'input' -> 'a': a delay must be at most 12 steps, which a sample has, found 1000000"
    with pytest.raises(ConfigurationError, match=message):
        network_of(reference, Precision(), name="net", max_steps=12)
