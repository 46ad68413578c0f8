"""Work is counted from the connections themselves: here again, spike by spike, in torch."""

import dataclasses

import numpy as np
import pytest
import torch

from spikewright.flow.cosim.manifest import Host
from spikewright.flow.cosim.streams import TokenStream, sum_parts
from spikewright.flow.cosim.work import CoreWork, PortWork, hosted, synops
from spikewright.golden.spec import (
    Connection,
    Decision,
    Delta,
    DeltaFunction,
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
    WindowKind,
)
from support.branching import branching, dense


def network(operator, source, target):
    """One connection into a population that never fires."""
    return Network(
        name="one",
        inputs=(
            Input(
                name="x", shape=source, payload=Payload.UNIT, low=0, high=1, encoding=Encoding.ONCE
            ),
        ),
        populations=(
            Population(name="out", shape=target, soma=Soma(fire=Fire.NONE), payload=Payload.UNIT),
        ),
        connections=(Connection(source="x", target="out", operator=operator),),
        readout=Readout(population="out", kind=ReadoutKind.MEMBRANE, decision=Decision.RAW),
        modes=(Mode.STEPWISE,),
        max_steps=1,
    )


def window(kind, kernel, weights=None, groups=1, pool=None, **geometry):
    n = len(kernel)
    defaults = {"stride": 1, "padding": 0, "dilation": 1, "output_padding": 0}
    shape = {name: geometry.get(name, default) for name, default in defaults.items()}
    return Window(
        kind=kind,
        kernel=kernel,
        **{k: v if isinstance(v, tuple) else (v,) * n for k, v in shape.items()},
        groups=groups,
        weights=None if weights is None else np.ones((*weights, *kernel), dtype=np.int64),
        weight_bits=2,
        pool=pool,
    )


CONV, TRANSPOSED, POOL = WindowKind.CONVOLUTION, WindowKind.TRANSPOSED, WindowKind.SUM_POOL
WINDOWS = {
    "same": (window(CONV, (3, 3), (4, 2), padding=1), (2, 5, 6)),
    "strides and dilation": (
        window(CONV, (3, 2), (4, 2), stride=(2, 1), dilation=(1, 3), padding=(0, 2)),
        (2, 7, 6),
    ),
    "groups": (window(CONV, (3, 3), (6, 2), groups=2), (4, 4, 4)),
    "depthwise": (window(CONV, (3, 3), (3, 1), groups=3, padding=1), (3, 4, 4)),
    "one dimension": (window(CONV, (5,), (3, 2), stride=2, padding=1), (2, 9)),
    "transposed": (
        window(TRANSPOSED, (3, 3), (2, 3), stride=2, padding=1, output_padding=1),
        (2, 3, 4),
    ),
    "sum pooling": (window(POOL, (2, 3), stride=2), (3, 5, 7)),
    "pooled first": (
        window(CONV, (3, 3), (4, 2), padding=1, pool=window(POOL, (2, 2), stride=1)),
        (2, 5, 5),
    ),
}


def paths(operator, source):
    """[targets] taps by which each single source neuron reaches each target, with torch."""
    n = int(np.prod(source))
    x = torch.eye(n, dtype=torch.float64).reshape(n, *source)

    def pooled(values, pool):
        channels = values.shape[1]
        ones = torch.ones((channels, 1, *pool.kernel), dtype=torch.float64)
        convolve = torch.conv1d if len(pool.kernel) == 1 else torch.conv2d
        return convolve(values, ones, None, pool.stride, pool.padding, pool.dilation, channels)

    if operator.kind is POOL:
        return pooled(x, operator)
    if operator.pool is not None:
        x = pooled(x, operator.pool)
    ones = torch.ones(operator.weights.shape, dtype=torch.float64)
    flat = len(operator.kernel) == 1
    if operator.kind is TRANSPOSED:
        convolve = torch.conv_transpose1d if flat else torch.conv_transpose2d
        return convolve(
            x, ones, None, operator.stride, operator.padding, operator.output_padding,
            operator.groups, operator.dilation,
        )  # fmt: skip
    convolve = torch.conv1d if flat else torch.conv2d
    return convolve(
        x, ones, None, operator.stride, operator.padding, operator.dilation, operator.groups
    )


@pytest.mark.parametrize("name", WINDOWS)
def test_windows(name):
    operator, source = WINDOWS[name]
    reached = paths(operator, source)
    net = network(operator, source, tuple(reached.shape[1:]))
    (connection,) = net.connections
    channels = reached.shape[1]
    for first, last in ((0, channels), (1, channels), (0, 1)):
        found = synops(net, connection, (first, last))
        wanted = reached[:, first:last].flatten(1).sum(dim=1).to(torch.int64)
        assert found.tolist() == wanted.tolist()


def test_dense_and_identity():
    dense = Dense(weights=np.ones((2, 3, 4), dtype=np.int64), weight_bits=2)
    net = network(dense, (6,), (8,))
    assert synops(net, net.connections[0], (0, 8)).tolist() == [8] * 6
    assert synops(net, net.connections[0], (6, 8)).tolist() == [2] * 6
    net = network(Identity(offset=3), (2, 1, 2), (4, 1, 2))
    # Source neurons 0..3 are target neurons 3..6, which are in channels 1, 2, 2 and 3.
    assert synops(net, net.connections[0], (0, 4)).tolist() == [1, 1, 1, 1]
    assert synops(net, net.connections[0], (2, 3)).tolist() == [0, 1, 1, 0]


def test_what_a_delta_sends_is_not_foretold():
    delta = Delta(function=DeltaFunction.MAX, window=window(POOL, (2, 2), stride=2))
    net = network(delta, (2, 4, 4), (2, 2, 2))
    assert synops(net, net.connections[0], (0, 2)) is None


def array(*values):
    return np.array(values, dtype=np.int64)


def port(**options):
    return PortWork(
        **({"source": "x", "n": 3, "delay": 0, "serial": False, "parts": None} | options)
    )


def test_counters_of_a_delay_and_of_bits():
    """What the last step sends is heard by the next sample, if END keeps, and else by none."""
    source = TokenStream(
        kind=array(0, 1, 0, 1, 2, 0, 1, 2, 0, 1, 2),
        address=array(0, 0, 2, 0, 1, 1, 0, 0, 1, 0, 0),
        payload=array(7, 0, -5, 0, 0, 4, 0, 0, 3, 0, 0),
        starts=array(0, 5, 8, 11),
    )
    worth = array(1, 10, 100)
    assert source.per_sample(worth).tolist() == [101, 10, 10]
    assert source.per_sample(worth, delay=1).tolist() == [1, 100, 0]
    assert source.per_sample(worth, serial=True).tolist() == [203, 10, 20]
    assert source.per_sample(worth, delay=1, serial=True).tolist() == [3, 200, 0]
    assert source.sent(3).tolist() == [1, 2, 1]
    assert source.sent(3, delay=1).tolist() == [1, 0, 1]
    assert source.sent(3, serial=True).tolist() == [3, 3, 2]
    late = port(delay=1, serial=True, rows=worth, synops=worth)
    core = CoreWork(ports=(late,), hosted={})
    rows, _, into, _ = core.counters({"x": source})
    assert rows.tolist() == [3, 200, 0]
    assert into.tolist() == [1, 1, 0]


def test_counters_of_a_core():
    """Two ports, one behind a delta, into a slice."""
    source = TokenStream(
        kind=array(0, 0, 1, 2, 0, 2),
        address=array(0, 2, 0, 0, 1, 0),
        payload=array(1, 1, 0, 0, 1, 0),
        starts=array(0, 4, 6),
    )
    sent = TokenStream(
        kind=array(0, 0, 2, 2),
        address=array(0, 3, 0, 0),
        payload=array(1, 1, 0, 0),
        starts=array(0, 3, 4),
    )
    known = port(rows=array(1, 2, 4), synops=array(10, 20, 40))
    delta = port(rows=None, synops=None)
    streams = {"x": source, "out": sent}
    core = CoreWork(ports=(known, delta), hosted={"out": array(0, 0, 1, 1)})
    rows, synapses, into, out = core.counters(streams)
    assert rows.tolist() == [5, 2]
    assert synapses.tolist() == [50, 20]
    assert into.tolist() == [4, 2]
    assert out.tolist() == [1, 0]
    assert not core.exact
    assert CoreWork(ports=(known,), hosted={}).exact


def test_neurons_of_a_slice():
    net = network(Identity(), (3, 1, 2), (3, 1, 2))
    assert hosted(net, Host(population="out", channels=None)).tolist() == [1] * 6
    assert hosted(net, Host(population="out", channels=(1, 2))).tolist() == [0, 0, 1, 1, 0, 0]


def test_counters_of_sums():
    """In settle mode a sample hears the sums of the one before, in parts, if its END kept them."""
    source = TokenStream(
        kind=array(0, 0, 0, 1, 0, 2, 0, 0, 0, 2, 0, 2, 2),
        address=array(0, 0, 2, 0, 2, 1, 1, 1, 1, 0, 0, 1, 1),
        payload=array(3, 2, -1, 0, 1, 0, -2, -2, -1, 0, 1, 0, 0),
        starts=array(0, 6, 10, 12, 13),
    )
    heard = source.recalled(3, (-2, 4))
    assert heard.starts.tolist() == [0, 0, 2, 2, 3]
    assert heard.address.tolist() == [0, 0, 0]
    assert heard.payload.tolist() == [4, 1, 1]  # 5, and what came and went is nothing
    worth = array(1, 10, 100)
    core = CoreWork(ports=(port(delay=1, parts=(-2, 4), rows=worth, synops=worth),), hosted={})
    rows, _, into, _ = core.counters({"x": source})
    assert rows.tolist() == [0, 2, 0, 1]
    assert into.tolist() == [0, 2, 0, 1]
    keeps = dataclasses.replace(source, address=np.where(source.kind == 2, 1, source.address))
    assert keeps.recalled(3, (-2, 4)).payload.tolist() == [4, 1, -2, -2, -1, 1]


@pytest.mark.parametrize(
    ("payload", "low", "high", "expected"),
    [
        ("unit", 0, 1, (0, 1)),
        ("sign", -1, 1, (-1, 1)),
        ("graded", -3, 5, (-3, 5)),
        ("graded", 2, 5, (0, 5)),
        ("shift", -2, 1, (-2, 1)),  # no gap between these
        ("shift", -4, 1, (-1, 1)),
        ("shift", 0, 8, (0, 1)),
    ],
)
def test_parts_of_sums(payload, low, high, expected):
    """As many as the payload carries at once, but ones where there are gaps between powers."""
    rng = np.random.default_rng(0)
    wires = [("x", "a", dense(rng, 3, 4)), ("a", "out", dense(rng, 4, 2))]
    net = branching({"x": (3,)}, {"a": (4,), "out": (2,)}, wires, seed=0, signed=True)
    given = {"payload": payload, "low": low, "high": high, "encoding": "events"}
    net = dataclasses.replace(net, inputs=(dataclasses.replace(net.inputs[0], **given),))
    assert sum_parts(net, "x") == expected
    assert sum_parts(net, "a") == (-1, 1)
