"""The whole model: a network worked by hand, parts of a batch, state, and what it refuses."""

import numpy as np
import pytest
import torch

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.model import Model, Result, arithmetic, model, synapse
from spikewright.golden.model.circuit import Layer
from spikewright.golden.spec import (
    BiasWhen,
    Connection,
    Decision,
    Delta,
    Dense,
    Encoding,
    Fire,
    Identity,
    Input,
    Mode,
    Network,
    Payload,
    Population,
    Readout,
    ReadoutKind,
    Soma,
    Window,
)
from support.random_networks import Seeded, random_inputs, settling_network, stepwise_network

DEVICES = [
    "cpu",
    pytest.param(
        "cuda",
        marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="this torch has no GPU"),
    ),
]


def build(modes=tuple(Mode), *, decision=Decision.ARGMAX, **soma) -> Network:
    """x -> h (threshold 4, starts at 2) -> out, weights worked by hand below."""
    options = {
        "fire": Fire.TERNARY,
        "threshold": 4,
        "threshold_negative": 1,
        "initial_v": 2,
        "s_min": 0,
        "s_max": 3,
    }
    hidden = Population(name="h", shape=(2,), soma=Soma(**(options | soma)), payload=Payload.SIGN)
    out = Population(
        name="out",
        shape=(2,),
        soma=Soma(fire=Fire.NONE, bias=np.array([0, 1]), bias_when=BiasWhen.FIRST),
        payload=Payload.UNIT,
    )
    return Network(
        name="hand",
        inputs=(
            Input(
                name="x",
                shape=(2,),
                payload=Payload.GRADED,
                low=0,
                high=3,
                encoding=Encoding.ONCE,
            ),
        ),
        populations=(hidden, out),
        connections=(
            Connection(
                source="x",
                target="h",
                operator=Dense(weights=np.array([[3, -1], [1, 2]]), weight_bits=4),
            ),
            Connection(
                source="h",
                target="out",
                operator=Dense(weights=np.array([[1, -2], [2, 2]]), weight_bits=4),
            ),
        ),
        readout=Readout(population="out", kind=ReadoutKind.MEMBRANE, decision=decision),
        modes=modes,
        max_steps=8,
    )


VALUES = np.array([[3, 1], [0, 0], [3, 0]])
# charges of h: [10, -1], [0, 0], [9, -3]; v0 + charge: [12, 1], [2, 2], [11, -1]
# levels min(floor(. / 4), 3): [3, 0], [0, 0], [2, 0]


def test_collapsed_by_hand():
    found = Model(build()).run(VALUES, mode="collapsed", trace=True)
    assert found.trace.spikes["h"].tolist() == [[[3, 0], [0, 0], [2, 0]]]
    assert found.trace.membranes["h"].tolist() == [[[0, 1], [2, 2], [3, -1]]]
    assert found.values.tolist() == [[3, -5], [0, 1], [2, -3]]
    assert found.labels.tolist() == [0, 1, 0]
    assert {name: each.tolist() for name, each in found.trace.steps.items()} == {
        "x": [0, 0, 0],
        "h": [0, 0, 0],
        "out": [0, 0, 0],
    }
    assert {name: each.tolist() for name, each in found.events.items()} == {
        "x": [2, 0, 1],
        "h": [1, 0, 1],
        "out": [0, 0, 0],
    }


def test_settle_by_hand():
    found = Model(build()).run(VALUES, mode="settle", trace=True)
    assert found.values.tolist() == [[3, -5], [0, 1], [2, -3]]
    # h of sample 0 fires in its input's step and in two further ones; sample 2 in one further
    assert found.trace.spikes["h"][:, :, 0].tolist() == [[1, 0, 1], [1, 0, 1], [1, 0, 0]]
    assert found.trace.membranes["h"][:, :, 0].tolist() == [[8, 2, 7], [4, 2, 3], [0, 2, 3]]
    assert {name: each.tolist() for name, each in found.trace.steps.items()} == {
        "x": [1, 1, 1],
        "h": [3, 1, 2],
        "out": [3, 1, 2],
    }
    assert {name: each.tolist() for name, each in found.events.items()} == {
        "x": [2, 0, 1],
        "h": [3, 0, 2],
        "out": [0, 0, 0],
    }


def test_stepwise_by_hand():
    one = Model(build())
    found = one.run(VALUES, mode="stepwise", steps=2, trace=True)
    assert found.values.tolist() == [[2, -3], [0, 1], [2, -3]]
    assert found.trace.membranes["out"][0].tolist() == [[1, -1], [0, 1], [1, -1]]
    assert one.run(VALUES, mode="stepwise", steps=3).values.tolist() == [[3, -5], [0, 1], [2, -3]]


def test_a_delay_reads_exactly_the_step_before():  # checklist 14
    """A ring of one: what h fired at t comes back at t + 1, and the readout sees h at t."""
    network = Network(
        name="ring",
        inputs=(
            Input(
                name="x", shape=(1,), payload=Payload.UNIT, low=0, high=1, encoding=Encoding.ONCE
            ),
        ),
        populations=(
            Population(
                name="h",
                shape=(3,),
                soma=Soma(fire=Fire.BINARY, threshold=1),
                payload=Payload.UNIT,
            ),
            Population(name="out", shape=(3,), soma=Soma(fire=Fire.NONE), payload=Payload.UNIT),
        ),
        connections=(
            Connection(source="x", target="h", operator=Identity()),
            Connection(
                source="h",
                target="h",
                delay=1,
                operator=Dense(weights=np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]]), weight_bits=2),
            ),
            Connection(source="h", target="out", operator=Identity()),
        ),
        readout=Readout(population="out", kind=ReadoutKind.MEMBRANE, decision=Decision.RAW),
        modes=(Mode.STEPWISE,),
        max_steps=5,
    )
    found = Model(network).run(np.array([[1], [0]]), mode="stepwise", trace=True)
    around = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0], [0, 1, 0]]
    assert found.trace.spikes["h"][:, 0].tolist() == around
    assert found.values.tolist() == [[2, 2, 1], [0, 0, 0]]
    assert found.labels is None


LINE = {"padding": (0,), "dilation": (1,), "output_padding": (0,)}
HALVES = Window(kind="sum_pool", kernel=(2,), stride=(2,), **LINE)


def small_convolutional(*operators) -> Network:
    """x (1, 4) -> h (1, 4) -> p by the first operator -> out by the second; worked by hand."""
    shape = operators[0].window.output_shape((1, 4))
    soma = {"fire": Fire.TERNARY, "threshold_negative": 1, "s_min": 0, "s_max": 3}
    line = {"stride": (1,), **LINE, "padding": (1,)}
    kernel = Window(kind="convolution", kernel=(3,), weights=[[[1, 2, -1]]], weight_bits=3, **line)
    return Network(
        name="lines",
        inputs=(
            Input(
                name="x",
                shape=(1, 4),
                payload=Payload.GRADED,
                low=0,
                high=3,
                encoding=Encoding.SPREAD,
            ),
        ),
        populations=(
            Population(
                name="h", shape=(1, 4), soma=Soma(threshold=2, **soma), payload=Payload.SIGN
            ),
            Population(name="p", shape=shape, soma=Soma(threshold=1, **soma), payload=Payload.SIGN),
            Population(name="out", shape=(2, 2), soma=Soma(fire=Fire.NONE), payload=Payload.UNIT),
        ),
        connections=(
            Connection(source="x", target="h", operator=kernel),
            Connection(source="h", target="p", operator=operators[0]),
            Connection(source="p", target="out", operator=operators[1]),
        ),
        readout=Readout(population="out", kind=ReadoutKind.MEMBRANE, decision=Decision.ARGMAX),
        modes=tuple(Mode),
        max_steps=3,
    )


def test_convolution_maximum_and_a_map_by_hand():
    """Settle and collapsed give the maximum of what h settles to; a label for both positions."""
    channels = Window(
        kind="convolution", kernel=(1,), stride=(1,), weights=[[[1]], [[3]]], weight_bits=3, **LINE
    )
    constant = np.array([[0, 1, 2, 3], [3, 0, 0, 0]])
    network = small_convolutional(Delta(function="max", window=HALVES), channels)
    # x: 0 1 2 3; charge 2 x + left - right: -1 0 2 8, h: 0 0 1 3 (v of the last: 2)
    # x: 3 0 0 0; charge 6 3 0 0, h: 3 1 0 0
    for mode in ("settle", "collapsed"):
        found = Model(network).run(constant, mode=mode, trace=True)
        assert found.trace.spikes["h"].sum(0).tolist() == [[0, 0, 1, 3], [3, 1, 0, 0]]
        assert found.trace.membranes["h"][-1].tolist() == [[-1, 0, 0, 2], [0, 1, 0, 0]]
        assert found.trace.spikes["p"].sum(0).tolist() == [[0, 3], [3, 0]]
        assert found.values.tolist() == [[0, 3, 0, 9], [3, 0, 9, 0]]
        assert found.labels.tolist() == [[0, 1], [1, 0]]
    found = Model(network).run(constant, mode="stepwise", steps=3, trace=True)
    # x of 0 1 2 3 over three steps: 0 0 0 1 | 0 0 1 1 | 0 1 1 1
    # h: v 0 0 -1 2 | 0 -1 0 3 | -1 0 2 3
    assert found.trace.spikes["h"][:, 0].tolist() == [[0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 1, 1]]
    assert found.trace.membranes["h"][:, 0].tolist() == [
        [0, 0, -1, 0],
        [0, -1, 0, 1],
        [-1, 0, 0, 2],
    ]
    assert found.trace.spikes["p"][:, 0].tolist() == [[0, 1], [0, 1], [0, 1]]


def test_branches_that_settle_after_different_numbers_of_steps():
    """A sum steps while any of its sources does; the delta in one of them goes on counting."""
    soma = {"fire": Fire.TERNARY, "threshold_negative": 1, "s_min": 0}
    network = Network(
        name="branches",
        inputs=(
            Input(name="x", shape=(1,), payload=Payload.GRADED, low=0, high=9, encoding="once"),
            Input(name="y", shape=(1,), payload=Payload.UNIT, low=0, high=1, encoding="events"),
        ),
        populations=(
            Population(
                name="a",
                shape=(1,),
                soma=Soma(threshold=1, s_max=9, **soma),
                payload=Payload.SIGN,
            ),
            Population(name="out", shape=(1,), soma=Soma(fire=Fire.NONE), payload=Payload.UNIT),
        ),
        connections=(
            Connection(source="x", target="a", operator=Identity()),
            Connection(source="a", target="out", operator=Delta(function="clip", high=4)),
            Connection(source="y", target="out", operator=Identity(shift=4)),
        ),
        readout=Readout(population="out", kind=ReadoutKind.MEMBRANE, decision=Decision.RAW),
        modes=tuple(Mode),
        max_steps=8,
    )
    inputs = {"x": np.array([[6], [1]]), "y": np.array([[[1], [0], [1]], [[0], [0], [1]]])}
    found = Model(network).run(inputs, mode="settle", trace=True)
    assert found.trace.steps["a"].tolist() == [6, 1]
    assert found.trace.steps["out"].tolist() == [6, 3]
    membranes = found.trace.membranes["out"][:, :, 0].T.tolist()
    assert membranes == [[17, 18, 35, 36, 36, 36], [1, 1, 17, 17, 17, 17]]
    assert Model(network).run(inputs, mode="collapsed").values.tolist() == [[36], [17]]


def test_or_pooling_of_directly_trained_neurons():
    """Spikes of one window and step are one spike: a sum, threshold 1, reset to 0."""
    source = Input(
        name="x", shape=(1, 4), payload=Payload.UNIT, low=0, high=1, encoding=Encoding.EVENTS
    )
    soma = Soma(fire=Fire.BINARY, threshold=1, reset="value", reset_value=0)
    network = Network(
        name="or",
        inputs=(source,),
        populations=(Population(name="p", shape=(1, 2), soma=soma, payload=Payload.UNIT),),
        connections=(Connection(source="x", target="p", operator=HALVES),),
        readout=Readout(population="p", kind=ReadoutKind.COUNT, decision=Decision.RAW),
        modes=(Mode.STEPWISE,),
        max_steps=3,
    )
    spikes = np.array([[[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1]]])
    found = Model(network).run(spikes, mode="stepwise", trace=True)
    assert found.trace.spikes["p"][:, 0].tolist() == [[1, 0], [1, 0], [0, 1]]
    assert found.values.tolist() == [[2, 1]]


def test_autocast_does_not_reach_it():  # checklist 12
    weights = np.full((300, 1), 257)
    out = Population(name="r", shape=(1,), soma=Soma(fire=Fire.NONE), payload=Payload.UNIT)
    network = Network(
        name="sum",
        inputs=(
            Input(name="x", shape=(300,), payload=Payload.UNIT, low=0, high=1, encoding="once"),
        ),
        populations=(out,),
        connections=(
            Connection(source="x", target="r", operator=Dense(weights=weights, weight_bits=16)),
        ),
        readout=Readout(population="r", kind=ReadoutKind.MEMBRANE, decision=Decision.RAW),
        modes=(Mode.STEPWISE,),
        max_steps=1,
    )
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = Model(network).run(np.ones((1, 300), dtype=int), mode="stepwise")
    assert found.values.tolist() == [[300 * 257]]
    assert found.events["x"].tolist() == [300]


def test_samples_leave_nothing_behind():  # checklist 15
    """Membranes, tracers, delayed spikes and what had not settled do not reach the next run."""
    for seed in range(20):
        for make in (stepwise_network, settling_network):
            network = make(Seeded(seed))
            inputs = random_inputs(network, batch=2, steps=4, seed=seed)
            other = random_inputs(network, batch=2, steps=4, seed=seed + 1)
            for mode in network.modes:
                used = Model(network)
                used.run(other, mode=mode, steps=4)
                assert_same(
                    used.run(inputs, mode=mode, steps=4, trace=True),
                    Model(network).run(inputs, mode=mode, steps=4, trace=True),
                )


def test_parts_of_a_batch_are_the_batch(monkeypatch):
    for seed in range(20):
        for make in (stepwise_network, settling_network):
            network = make(Seeded(seed))
            inputs = random_inputs(network, batch=7, steps=4, seed=seed)
            for mode in network.modes:
                one = Model(network)
                whole = one.run(inputs, mode=mode, steps=4, trace=True)
                with monkeypatch.context() as patch:
                    patch.setattr(model, "CHUNK_BYTES", 1)
                    parts = one.run(inputs, mode=mode, steps=4, trace=True)
                    bare = one.run(inputs, mode=mode, steps=4)
                assert_same(whole, parts)
                assert torch.equal(bare.values, whole.values)
                assert bare.trace is None


def test_who_goes_ahead_does_what_it_does_step_by_step(monkeypatch):
    ahead = 0
    for seed in range(20):
        network = stepwise_network(Seeded(seed))
        inputs = random_inputs(network, batch=5, steps=4, seed=seed)
        one = Model(network)
        whole = one.run(inputs, mode=Mode.STEPWISE, steps=4, trace=True)
        layers = one._circuits[Mode.STEPWISE].layers
        ahead += sum(layer.goes_ahead([each.name for each in network.inputs]) for layer in layers)
        with monkeypatch.context() as patch:
            patch.setattr(Layer, "goes_ahead", lambda self, known: False)
            assert_same(whole, one.run(inputs, mode=Mode.STEPWISE, steps=4, trace=True))
        with monkeypatch.context() as patch:
            patch.setattr(arithmetic, "has_int8", lambda: False)
            patch.setattr(synapse, "has_int8", lambda: False)
            plain = Model(network)
            assert_same(whole, plain.run(inputs, mode=Mode.STEPWISE, steps=4, trace=True))
    assert ahead > 4


def assert_same(a: Result, b: Result) -> None:
    assert torch.equal(a.values, b.values)
    assert (a.labels is None) == (b.labels is None)
    assert a.labels is None or torch.equal(a.labels, b.labels)
    for name in a.events:
        assert torch.equal(a.events[name], b.events[name])
    for part in ("spikes", "membranes", "steps"):
        one, other = getattr(a.trace, part), getattr(b.trace, part)
        assert set(one) == set(other)
        for name in one:
            assert torch.equal(one[name], other[name]), (part, name)


@pytest.mark.parametrize("device", DEVICES)
def test_devices_agree(device):
    for seed in range(10):
        network = settling_network(Seeded(seed))
        inputs = random_inputs(network, batch=5, steps=4, seed=seed)
        for mode in network.modes:
            here = Model(network).run(inputs, mode=mode, steps=4, trace=True)
            there = Model(network, device=device).run(inputs, mode=mode, steps=4, trace=True)
            assert here.values.tolist() == there.values.tolist()
            assert here.labels.tolist() == there.labels.tolist()
            for name, levels in here.trace.spikes.items():
                assert torch.equal(levels, there.trace.spikes[name].cpu())


def test_everything_is_int64_and_the_inputs_stay_as_they_were():
    values = torch.tensor(VALUES)
    before = values.clone()
    for mode in Mode:
        found = Model(build()).run(values, mode=mode, trace=True)
        trace = found.trace
        tensors = [found.values, found.labels, *found.events.values(), *trace.spikes.values()]
        tensors += [*trace.membranes.values(), *trace.steps.values()]
        assert {each.dtype for each in tensors} == {torch.int64}
    assert torch.equal(values, before)


def test_all_silent_and_all_firing():
    silent = np.zeros((2, 2), dtype=int)
    for mode in Mode:
        one = Model(build())
        assert one.run(silent, mode=mode).values.tolist() == [[0, 1], [0, 1]]
        # v0 + charge of h: [14, 5]
        full = one.run(silent + 3, mode=mode, steps=8)
        assert full.values.tolist() == [[3 + 2, -6 + 2 + 1]] * 2


@pytest.mark.parametrize("device", ["nowhere", "cuda:99"])
def test_a_device_that_is_not_there(device):
    with pytest.raises(ConfigurationError, match=f"device must be .* found '{device}'; take 'cpu'"):
        Model(build(), device=device)
