"""Attention in hardware, spike for spike: a block of it, and products of every kind."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from spikewright.flow.plan import default_plan
from spikewright.golden.model import Model
from spikewright.golden.spec import (
    Connection,
    Encoding,
    Identity,
    Mode,
    Product,
    Window,
    WindowKind,
)
from spikewright.hdl import core_configs
from spikewright.hdl.make_core import make_core
from spikewright.hdl.plan import MembraneStore, Products, Sweeps
from support.attention import attention_block, attention_inputs, events_of, product_network
from support.fuzz import Case, check


def floating_block(network, x, steps):
    """The block of ``attention_block`` in float64, {name: [step][n]}.

    Of SpikingJelly's LIF nodes, v += (x - v) / 2, which fire at v >= threshold, and then v = 0;
    their attention, v k^T q * 0.125, has Spikformer's threshold of 0.5.
    """
    weights = {
        (each.source, each.target): torch.tensor(each.operator.weights[..., 0, 0]).double()
        for each in network.connections
        if each.target in "qkvp" and each.source in ("x", "a") and each.operator != Identity()
        if hasattr(each.operator, "weights")
    }
    threshold = {name: float(network.population(name).soma.threshold[0]) for name in "qkvp"}
    threshold["a"] = 0.5
    heads = next(c.operator.heads for c in network.connections if isinstance(c.operator, Product))
    channels = network.inputs[0].shape[0]
    v = {name: torch.zeros(channels, x.shape[-1] // channels).double() for name in "qkvap"}
    spikes = {name: [] for name in "qkvap"}
    for step in range(steps):
        now = {"x": torch.tensor(x[step]).double().reshape(channels, -1)}
        for name in "qkvap":
            if name == "a":
                q, k, w = (now[each].reshape(heads, channels // heads, -1) for each in "qkv")
                y = (w @ k.transpose(1, 2) @ q).reshape(channels, -1) * 0.125
            elif name == "p":
                y = weights["a", "p"] @ now["a"] + now["x"]
            else:
                y = weights["x", name] @ now["x"]
            v[name] = v[name] + (y - v[name]) / 2
            now[name] = (v[name] >= threshold[name]).double()
            v[name] = v[name] * (1 - now[name])
            spikes[name].append(now[name].flatten().long().tolist())
    return spikes


def test_the_block_is_the_floating_point_one():
    """Dyadic leaks make integers exact: every spike of every population, over all steps."""
    network = attention_block(8, (3, 3), heads=2, seed=1)
    x = attention_inputs(network, batch=6, steps=8, seed=2, share=0.5)["x"]
    trace = Model(network).run(x, mode=Mode.STEPWISE, trace=True).trace
    fired = 0
    for sample in range(len(x)):
        for name, steps in floating_block(network, x[sample], 8).items():
            assert trace.spikes[name][:, sample].long().tolist() == steps, name
            fired += np.sum(steps) if name == "a" else 0
    assert 0.05 < fired / (6 * 8 * 72) < 0.9  # some attend, and some do not


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(
            {"lanes": {"q": 8, "k": 2, "v": 3, "a": 4, "p": 8, "out": 3}}, marks=pytest.mark.rest
        ),
        {
            "lanes": {"q": 2, "k": 8, "v": 8, "a": 2, "p": 4, "out": 3},
            "partition": {"a": 2, "k": 2},
            "membranes": MembraneStore.BLOCK,
        },
    ],
)
def test_the_block_in_hardware(options, tmp_path):
    network = attention_block(8, (3, 2), heads=2, seed=1)
    plan = default_plan(network, Mode.STEPWISE, **options)
    inputs = attention_inputs(network, batch=3, steps=5, seed=2, share=0.5)
    stalls = ("0110", "001")
    check(
        Case(network=network, plan=plan, inputs=inputs, steps=5, keep=None, stalls=stalls), tmp_path
    )


def run(network, tmp_path, *, stalls=None, keep=None, steps=4, batch=3, share=0.5, **options):
    inputs = events_of(network, batch=batch, steps=steps, seed=batch, share=share)
    plan = default_plan(network, Mode.STEPWISE, **options)
    case = Case(
        network=network,
        plan=plan,
        inputs=inputs,
        steps=steps,
        keep=keep,
        stalls=stalls or (None,) * 4,
    )
    check(case, tmp_path)


UNIT = ("unit",) * 3


def beside_a_window():
    """A convolution of the values beside the product, whose rows are longer under way."""
    rng = np.random.default_rng(0)
    network = product_network(UNIT, space=(3, 3), beside=False)
    window = Window(
        kind=WindowKind.CONVOLUTION,
        kernel=(3, 3),
        stride=(1, 1),
        padding=(1, 1),
        dilation=(1, 1),
        output_padding=(0, 0),
        weights=rng.integers(-3, 4, (4, 4, 3, 3)),
        weight_bits=3,
    )
    other = Connection(source="v", target="a", operator=window)
    return replace(network, connections=(*network.connections, other))


def test_sums_stay_while_the_last_rows_are_under_way(tmp_path):
    """Neurons decide meanwhile, and rows of a product wait for those of a longer way beside it."""
    network = beside_a_window()
    options = {"lanes": 36, "banks": (3, 3), "sweep_lanes": 4}
    (config,) = core_configs(network, default_plan(network, Mode.STEPWISE, **options))
    units = zip(config.ports, make_core(config).synapses, strict=True)
    waits = {port.product is None: unit.latency - unit.natural_latency for port, unit in units}
    assert waits == {False: 2, True: 0}
    run(network, tmp_path, share=0.9, steps=6, **options)


CASES = [
    (
        product_network(("graded", "count", "graded"), shift=1),
        {"lanes": 1, "products": Products.SERIAL},
    ),
    (
        product_network(("unit", "sign", "unit"), delay=1),
        {"lanes": 2, "keep": (True, False, False), "steps": 2},
    ),
    (product_network(UNIT, features=(2, 3), beside=False), {"lanes": 1, "partition": {"a": 3}}),
    (product_network(UNIT, space=(3,)), {"lanes": 12, "banks": (1, 3), "sweep_lanes": 2}),
]
MORE = [
    (product_network(UNIT), {"lanes": 2, "stalls": ("0110", "01", "001101", "0011")}),
    (product_network(("sign", "unit", "sign")), {"lanes": 4, "share": 1}),
    (product_network(("graded",) * 3, beside=False), {"lanes": 2}),
    (product_network(UNIT, features=(3, 1), keys=(2, 2), beside=False), {"lanes": 2}),
    (product_network(UNIT, features=(1, 3), space=(3, 3)), {"lanes": 8, "banks": (2, 2)}),
    (product_network(UNIT, space=(40,), features=(1, 1)), {"lanes": 1, "steps": 2}),
    (
        product_network(UNIT, delay=1, beside=False),
        {"lanes": 2, "stalls": ("0", "01", "0111", "0")},
    ),
    (product_network(UNIT, space=(9,)), {"lanes": 2, "sweeps": Sweeps.TOUCHED, "fanout": 8}),
]


@pytest.mark.parametrize(
    ("network", "options"),
    [*CASES, *(pytest.param(*case, marks=pytest.mark.rest) for case in MORE)],
)
def test_products_in_hardware(network, options, tmp_path):
    run(network, tmp_path, **options)


def test_a_constant_query_meets_other_keys_in_every_step(tmp_path):
    """What it adds is not the same in all steps, so that it is not replayed."""
    network = product_network(UNIT)
    query, *others = network.inputs
    network = replace(network, inputs=(replace(query, encoding=Encoding.CONSTANT), *others))
    rng = np.random.default_rng(1)
    inputs = {each.name: rng.integers(0, 2, (3, 4, each.n)) for each in others}
    inputs["q"] = rng.integers(0, 2, (3, query.n))
    plan = default_plan(network, Mode.STEPWISE, lanes=2)
    stalls = (None,) * 4
    check(
        Case(network=network, plan=plan, inputs=inputs, steps=4, keep=None, stalls=stalls), tmp_path
    )
