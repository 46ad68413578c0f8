"""A trained network's own steps are those of its graph, spike for spike, and of its integers."""

from dataclasses import replace
from itertools import product

import nir
import pytest
import torch

from spikewright.flow.convert import TrainConfig, train
from spikewright.flow.nir.convert import convert_graph
from spikewright.flow.nir.graph import graph_of, read_graph
from spikewright.flow.nir.reference import Reference
from spikewright.flow.spiking import RULES, Layer, Output, SpikingNetwork
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Leak, Reset

LEAKS = (0.5, 0.90625, 1.0)


def network(*layers, shape=(5,), output=None, seed=0, **options):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = SpikingNetwork(shape, layers, output or Output(classes=3), **options)
        for bias in made.biases:
            torch.nn.init.uniform_(bias, 0.0, 0.3)  # lively
    return made.double()


def events(*size, seed=1, share=0.4):
    return (torch.rand(size, generator=torch.Generator().manual_seed(seed)) < share).double()


def reference(module):
    return Reference(graph_of(module.graph(), where="trained"), module.rule)


def differences(module, x):
    """Spikes that differ, by population, and the readout's values of both."""
    graph = reference(module)
    with torch.no_grad():
        logits, spikes = module.run(x)
    traces = graph.run({"input": x})
    names = graph.graph.populations
    found = [
        int((ours != traces.spikes[name]).sum()) for ours, name in zip(spikes, names, strict=False)
    ]
    assert all(bool(each.any()) for each in spikes)
    last = names[-1]
    read = traces.spikes[last].sum(0) if module.output.fires else traces.membranes[last][-1]
    return found, logits, read


@pytest.mark.parametrize("reset", list(RULES))
@pytest.mark.parametrize("bits", [None, 2, 4, 8])
@pytest.mark.parametrize("current", [None, 0.75, 0.28125])
def test_its_steps_are_those_of_its_graph(current, bits, reset):
    for leak, recurrent, fires in product(LEAKS, (True, False), (True, False)):
        if current is not None and leak == 1.0:
            continue
        module = network(
            Layer(neurons=12, leak=leak, current=current, recurrent=recurrent),
            Layer(neurons=8, leak=0.875, recurrent=not recurrent),
            output=Output(classes=3, leak=leak, fires=fires),
            weight_bits=bits,
            reset=reset,
            seed=3,
        )
        found, logits, read = differences(module, events(6, 30, 5))
        assert found == [0] * (3 if fires else 2)
        if not fires:
            read = read * module.coded()[-1].unit
        assert torch.allclose(logits, read, rtol=1e-12, atol=1e-12)


def test_a_wrong_step_is_seen():
    """The check above can fail: with another leak, or a delay more, spikes differ."""
    module = network(Layer(neurons=12, leak=0.875, recurrent=True))
    x = events(6, 30, 5)
    right, _, _ = differences(module, x)
    assert right == [0]
    graph = module.graph()
    graph.nodes["hidden1"].tau[:] *= 1.5
    module.graph = lambda: graph
    assert differences(module, x)[0] > [0]
    del module.graph
    graph = module.graph()
    again = graph.nodes["hidden1_again"]
    again.weight[:] = again.weight.T.copy()
    module.graph = lambda: graph
    assert differences(module, x)[0] > [0]


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_nothing_is_lost_where_the_leaks_are_dyadic(bits):
    """Weights, thresholds and leaks are integers already: all spikes are the same."""
    module = network(
        Layer(neurons=16, leak=0.5, recurrent=True),
        Layer(neurons=8, leak=0.5, recurrent=True),
        output=Output(classes=3, fires=True),
        weight_bits=bits,
    )
    x = events(20, 24, 5)
    made = convert_graph(
        reference(module), {"input": x}, name="net", max_steps=24, weight_bits=bits, agreement=1.0
    )
    assert made.agreement.least()[0] == 1.0
    assert made.precision.fraction_bits == 2
    for part, layer in zip(module.coded(), made.network.populations, strict=True):
        assert layer.soma.threshold.tolist() == [4 * part.threshold]
        sent = [c.operator for c in made.network.connections if c.target == layer.name]
        for weights, operator in zip(part.weights, sent, strict=True):
            whole = operator.weights << (operator.shift - 2)
            assert whole.tolist() == weights.detach().long().tolist()
    assert made.network.populations[0].soma.leak_v == Leak(multiplier=1, shift=1)


def test_rounded_weights_are_worth_it():
    """CuBa and leaks that are no shifts: fractions hold them; weights that were real lose more."""
    least = {}
    for bits, agreement in ((None, 0.9), (8, 1.0)):
        module = network(
            Layer(neurons=12, leak=0.90625, current=0.75, recurrent=True),
            output=Output(classes=3, leak=0.875, fires=True),
            weight_bits=bits,
        )
        x = events(30, 24, 5)
        made = convert_graph(
            reference(module), {"input": x}, name="net", max_steps=24, agreement=agreement
        )
        assert made.precision.fraction_bits > 2
        least[bits], _ = made.agreement.least()
    assert least[8] == 1.0 > least[None] > 0.9


def test_weights_are_whole_numbers_of_their_bits():
    module = network(Layer(neurons=30, leak=0.75, recurrent=True), weight_bits=4)
    with torch.no_grad():
        module.recurrents["0"] *= 5  # a unit four or eight times as large
    first, again = module.coded()[0].weights
    assert first.abs().max() == 7
    assert torch.equal(first, first.round())
    assert 7 < again.abs().max() <= 7 * 8
    assert not bool((again % 2).any())


def test_training_learns_and_repeats():
    """Which of two halves of the inputs is busy in the later steps."""
    y = torch.arange(400) % 2
    share = torch.full((400, 12, 8), 0.2)
    share[y == 0, 6:, :4] = share[y == 1, 6:, 4:] = 0.5
    x = events(400, 12, 8, share=share)
    config = TrainConfig(epochs=25, batch=40, learning_rate=1e-2, sparsity=0.1)
    results = []
    for _ in range(2):
        module = network(
            Layer(neurons=20, leak=0.75, recurrent=True),
            shape=(8,),
            output=Output(classes=2, leak=0.75),
            weight_bits=4,
        ).float()
        history = train(module, x, y, config)
        results.append([epoch.loss for epoch in history])
        assert history[-1].accuracy > 0.9 > history[0].accuracy
        assert 0 < history[-1].activity < 0.5
    assert results[0] == results[1]
    found, _, _ = differences(module.double(), x[:10])
    assert found == [0]


def test_a_graph_goes_through_a_file(tmp_path):
    module = network(Layer(neurons=6, leak=0.75, current=0.5), shape=(2, 3), weight_bits=4)
    nir.write(tmp_path / "net.nir", module.graph())
    graph = Reference(read_graph(tmp_path / "net.nir"), module.rule)
    x = events(4, 20, 2, 3)
    with torch.no_grad():
        _, spikes = module.run(x)
    assert torch.equal(graph.run({"input": x}).spikes["hidden1"], spikes[0])


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Layer(neurons=0, leak=0.5), "neurons: must be an integer of at least 1, found 0"),
        (lambda: Layer(neurons=1, leak=0.0), r"leak: what a step leaves must lie in 0.00390625..1"),
        (lambda: Layer(neurons=1, leak=0.9), r"a multiple of 1/256, .*, found 0.9; use 230/256"),
        (lambda: Layer(neurons=1, leak=1.0, current=0.5), "leak: what a step leaves must lie in"),
        (lambda: Layer(neurons=1, leak=0.5, current=1.0), "current: what a step leaves must lie"),
        (lambda: Output(classes=2, leak=2.0), "leak: what a step leaves must lie in"),
        (network, "at least one layer, found shape .5., 0 layers"),
        (lambda: network(Layer(neurons=1, leak=0.5), weight_bits=9), "weight_bits: must be 2 to 8"),
        (lambda: network(Layer(neurons=1, leak=0.5), reset=Reset.NONE), "reset: must be one of"),
    ],
)
def test_what_is_refused(make, text):
    with pytest.raises(ConfigurationError, match=text):
        make()


def test_layers_are_data():
    layer = Layer(neurons=3, leak=0.5)
    assert replace(layer, recurrent=True) == Layer(neurons=3, leak=0.5, recurrent=True)
