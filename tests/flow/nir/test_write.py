"""A network goes out as NIR and comes back: without a leak, the same spikes."""

import re
from dataclasses import replace
from itertools import pairwise

import nir
import numpy as np
import pytest
import torch

from spikewright.flow.nir import Discretisation, load_discretisation, read_graph
from spikewright.flow.nir.convert import convert_graph
from spikewright.flow.nir.graph import graph_of
from spikewright.flow.nir.reference import Reference
from spikewright.flow.nir.write import write_graph
from spikewright.golden.errors import UnsupportedError
from spikewright.golden.model import Model
from spikewright.golden.spec import (
    Connection,
    Decision,
    Dense,
    Encoding,
    Fire,
    Identity,
    Input,
    Leak,
    Mode,
    Network,
    Payload,
    Population,
    Readout,
    ReadoutKind,
    Soma,
    Window,
    WindowKind,
)

POOL = Window(
    kind=WindowKind.SUM_POOL,
    kernel=(2, 2),
    stride=(2, 2),
    padding=(0, 0),
    dilation=(1, 1),
    output_padding=(0, 0),
)


def network(second=None, first=None):
    rng = np.random.default_rng(1)
    window = Window(
        kind=WindowKind.CONVOLUTION,
        kernel=(3, 2),
        stride=(1, 2),
        padding=(1, 0),
        dilation=(1, 1),
        output_padding=(0, 0),
        groups=2,
        weights=rng.integers(-7, 8, (4, 1, 3, 2)),
        weight_bits=4,
        shift=1,
        pool=POOL,
    )

    def dense(rows, columns, shift=0):
        return Dense(weights=rng.integers(-7, 8, (rows, columns)), weight_bits=4, shift=shift)

    plain = {"fire": Fire.BINARY, "threshold": 9}
    first, soma = plain | (first or {}), plain | (second or {})
    populations = (
        Population(
            name="a", shape=(4, 3, 2), soma=Soma(**first, bias=[1, -2, 0, 3]), payload=Payload.UNIT
        ),
        Population(name="b", shape=(6,), soma=Soma(**soma), payload=Payload.UNIT),
        Population(
            name="out",
            shape=(6,),
            soma=Soma(fire=Fire.NONE, bias=rng.integers(-3, 4, 6)),
            payload=Payload.UNIT,
        ),
    )
    source = Input(
        name="x",
        shape=(2, 6, 8),
        payload=Payload.UNIT,
        low=0,
        high=1,
        encoding=Encoding.EVENTS,
    )
    connections = (
        Connection(source="x", target="a", operator=window),
        Connection(source="a", target="b", operator=dense(24, 6)),
        Connection(source="b", target="a", operator=dense(6, 24, shift=1), delay=1),
        Connection(source="b", target="b", operator=Identity(negative=True), delay=1),
        Connection(source="b", target="out", operator=dense(6, 6)),
        Connection(source="b", target="out", operator=Identity(shift=2), delay=1),
    )
    return Network(
        name="net",
        inputs=(source,),
        populations=populations,
        connections=connections,
        readout=Readout(population="out", kind=ReadoutKind.MEMBRANE, decision=Decision.ARGMAX),
        modes=(Mode.STEPWISE,),
        max_steps=16,
    )


@pytest.mark.parametrize(
    "soma",
    [
        {"reset": "subtract"},
        {"reset": "value"},
        {"reset_amount": 8},
        {"reset_delay": True},
        {"reset": "none"},
        {"reset_amount": 5},
        {"reset_amount": 12, "reset_delay": True},
        {"refractory": 2, "reset": "value", "reset_value": 3},
        {"refractory": 1},
        {"v_min": 0},
        {"v_min": -18},
        {"reset": "value", "reset_value": -4, "initial_v": -4},
    ],
    ids=str,
)
@pytest.mark.parametrize("alone", [False, True], ids=["both", "one"])
def test_there_and_back(tmp_path, soma, alone):
    """Both populations of a kind, or only the second."""
    net = network(soma) if alone else network(soma, soma)
    write_graph(net, tmp_path / "net.nir")
    reference = Reference(
        read_graph(tmp_path / "net.nir"), load_discretisation(tmp_path / "net.json")
    )
    x = np.random.default_rng(2).integers(0, 2, (8, 12, 96))
    found = Model(net).run(x, mode="stepwise", trace=True)
    wanted = reference.run({"x": torch.from_numpy(x).reshape(8, 12, 2, 6, 8)})
    for name in ("a", "b"):
        assert found.trace.spikes[name].tolist() == wanted.spikes[name].long().tolist()
        assert found.events[name].sum() > 50
    assert found.values.tolist() == wanted.membranes["out"][-1].long().tolist()


def test_leaks_go_out_as_time_constants(tmp_path):
    leaks = {"leak_v": Leak(multiplier=7, shift=3), "current": True, "leak_i": Leak(shift=1)}
    net = network(leaks, leaks)
    write_graph(net, tmp_path / "net.nir")
    node = read_graph(tmp_path / "net.nir").nodes["b"]
    assert np.allclose(node.tau_mem, 8)
    assert np.allclose(node.tau_syn, 2)
    reference = Reference(
        read_graph(tmp_path / "net.nir"), load_discretisation(tmp_path / "net.json")
    )
    dynamics = reference.dynamics["b"]
    assert (dynamics.left_v, dynamics.left_i) == (7 / 8, 1 / 2)
    assert np.allclose(dynamics.gain, 1)


@pytest.mark.parametrize(
    ("soma", "text"),
    [
        ({"fire": "ternary", "threshold_negative": 1}, "one that fires downwards"),
        (
            {"threshold": 49, "v_min": -1},
            "one that clips its membrane at no share of its threshold",
        ),
        ({"v_max": 40}, "one that clips its membrane from above"),
        ({"reset_amount": [7, 7, 7, 7, 7, 8]}, "one that resets by other amounts than its thresh"),
        ({"s_max": 1}, "one that bounds the spikes of a sample"),
        ({"initial_v": 3}, "one that begins with a membrane"),
    ],
)
def test_what_nir_cannot_say_is_named(tmp_path, soma, text):
    net = network()
    changed = Population(
        name="b",
        shape=(6,),
        soma=Soma(**({"fire": "binary", "threshold": 9} | soma)),
        payload=Payload.SIGN if "threshold_negative" in soma else Payload.UNIT,
    )
    fields = {name: getattr(net, name) for name in ("name", "inputs", "connections", "readout")}
    net = Network(
        **fields,
        populations=(net.populations[0], changed, net.populations[2]),
        modes=net.modes,
        max_steps=16,
    )
    with pytest.raises(
        UnsupportedError,
        match=re.escape(f"population 'b': NIR has no such population, found {text}"),
    ):
        write_graph(net, tmp_path / "net.nir")
    assert not list(tmp_path.iterdir())


def there_and_back(tmp_path, nodes, rule):
    """A graph to integers, out, in, and to integers again."""
    n = len(next(iter(nodes.values())).weight[0])
    ends = {"input": nir.Input({"input": np.array([n])})}
    ends["output"] = nir.Output({"output": np.array([3])})
    way = ("input", *nodes, "output")
    whole = nir.NIRGraph(nodes=ends | nodes, edges=list(pairwise(way)), type_check=False)
    x = {"input": torch.from_numpy(np.random.default_rng(5).integers(0, 2, (20, 16, n)))}
    made = []
    reference = Reference(graph_of(whole, where="graph"), rule)
    for k in range(2):
        made.append(convert_graph(reference, x, name="net", max_steps=16, agreement=1.0))
        write_graph(made[-1].network, tmp_path / f"{k}.nir")
        graph = read_graph(tmp_path / f"{k}.nir")
        reference = Reference(graph, load_discretisation(tmp_path / f"{k}.json"))
    runs = [
        Model(each.network).run(x["input"].numpy(), mode="stepwise", trace=True) for each in made
    ]
    assert runs[0].events["b"].sum() > 50
    assert runs[0].trace.spikes["b"].tolist() == runs[1].trace.spikes["b"].tolist()
    return made


RULE = Discretisation(dt=1.0, reset="subtract", compare="reached")


def weights(seed, *shape):
    return np.random.default_rng(seed).integers(-3, 6, shape) * 1.0


@pytest.mark.parametrize("bursts", [1, 3])
def test_relays_come_back_as_populations(tmp_path, bursts):
    nodes = {
        "v": nir.Linear(weight=weights(0, 4, 5)),
        "a": nir.IF(r=np.ones(4), v_threshold=np.full(4, 3.0)),
        "wait": nir.Delay(delay=np.full(4, 3.0)),
        "w": nir.Linear(weight=weights(1, 3, 4)),
        "b": nir.IF(r=np.ones(3), v_threshold=np.full(3, 2.0)),
    }
    first, second = there_and_back(tmp_path, nodes, replace(RULE, bursts=bursts))
    names = {p.name for p in first.network.populations}
    assert names == {p.name for p in second.network.populations}
    assert names == {"a", "b", "a_later_1", "a_later_2"}
    assert set(second.agreement.spikes) == names > set(first.agreement.spikes)


@pytest.mark.parametrize("compared", ["reached", "above"])
def test_thresholds_come_back(tmp_path, compared):
    nodes = {
        "v": nir.Affine(weight=weights(0, 4, 5), bias=np.array([0.0, 1.0, 0.0, 2.0])),
        "a": nir.Threshold(threshold=np.array([1.0, 3.0, 4.0, 2.0])),
        "w": nir.Linear(weight=weights(1, 3, 4)),
        "b": nir.IF(r=np.ones(3), v_threshold=np.full(3, 2.0)),
    }
    _, second = there_and_back(tmp_path, nodes, replace(RULE, compare=compared))
    assert isinstance(read_graph(tmp_path / "0.nir").nodes["a"], nir.Threshold)
    assert second.network.population("a").soma.v_min == 0
