"""Products: a case worked by hand, naive loops, and what one step knows of another."""

import itertools
import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from spikewright.golden.model import Model
from spikewright.golden.model import product as module
from spikewright.golden.model.arithmetic import Arithmetic
from spikewright.golden.model.product import ProductSynapses
from spikewright.golden.model.synapse import synapses
from spikewright.golden.spec import (
    Connection,
    Encoding,
    Fire,
    Identity,
    Input,
    Mode,
    Network,
    Payload,
    Population,
    Product,
    Readout,
    Soma,
    analyse,
    partial_sum_bound,
)
from support.scalar_network import product_charge

SPLIT = torch.split


def build(shapes, *, heads=1, shift=0, arithmetic=Arithmetic.INT64):
    operator = Product(keys="k", values="v", heads=heads, shift=shift)
    return ProductSynapses(operator, shapes, arithmetic, dtype=torch.float64)


def network(shapes, high=1, *, delay=0, heads=1, shift=0, payload=Payload.UNIT, low=0):
    """Inputs q, k and v, and a membrane that adds their product up."""
    query, keys, values = shapes
    inputs = tuple(
        Input(name=name, shape=shape, payload=payload, low=low, high=high, encoding="events")
        for name, shape in (("q", query), ("k", keys), ("v", values))
    )
    out = Population(
        name="a",
        shape=(values[0], *query[1:]),
        soma=Soma(fire=Fire.NONE),
        payload=Payload.UNIT,
    )
    operator = Product(keys="k", values="v", heads=heads, shift=shift)
    return Network(
        name="attention",
        inputs=inputs,
        populations=(out,),
        connections=(Connection(source="q", target="a", operator=operator, delay=delay),),
        readout=Readout(population="a", kind="stream", decision="raw"),
        modes=(Mode.STEPWISE,),
        max_steps=4,
    )


@pytest.mark.parametrize("arithmetic", list(Arithmetic))
def test_by_hand(arithmetic):
    """Two features, three tokens; of v one feature.

    k = [[1, 0, 1], [0, 1, 1]] and v = [[1, 1, 0]] store k v^T = [1 + 0 + 0, 0 + 1 + 0] = [1, 1]
    with v[0] = 1 at tokens 0 and 1. q = [[1, 0, 1], [0, 0, 1]] then reads 1, 0 and 1 + 1.
    """
    each = build([(2, 3), (2, 3), (1, 3)], shift=2, arithmetic=arithmetic)
    query, keys, values = [1, 0, 1, 0, 0, 1], [1, 0, 1, 0, 1, 1], [1, 1, 0]
    levels = torch.tensor([[*query, *keys, *values]])
    assert each(levels).tolist() == [[4, 0, 8]]
    assert each.begin() is each


def test_heads_do_not_see_each_other():
    """Channels 0 and 1 are a head each: k v^T is 2 in the one, and -3 in the other."""
    each = build([(2, 1), (2, 2), (2, 2)], heads=2)
    levels = torch.tensor([[1, 1, 1, 1, 1, 0, 1, 1, -3, 5]])
    assert each(levels).tolist() == [[2, -3]]


@pytest.mark.parametrize("arithmetic", list(Arithmetic))
def test_naive_loops(arithmetic):
    rng = random.Random(7)
    for heads, e, d, queries, tokens in itertools.product((1, 2), (1, 3), (1, 2), (1, 4), (1, 5)):
        shapes = [(heads * e, queries), (heads * e, tokens), (heads * d, tokens)]
        parts = [[rng.randint(-3, 3) for _ in range(a * b)] for a, b in shapes]
        operator = Product(keys="k", values="v", heads=heads, shift=1)
        want = product_charge(operator, shapes, parts)
        found = build(shapes, heads=heads, shift=1, arithmetic=arithmetic)(
            torch.tensor([[x for part in parts for x in part]])
        )
        assert found.tolist() == [want], (heads, e, d, queries, tokens)


@pytest.mark.parametrize("delay", [0, 1])
def test_the_spikes_of_one_step_meet(delay):
    """Steps without q, without k, and with all: nothing is kept from one to the next."""
    net = network([(1, 2), (1, 2), (1, 2)], delay=delay)
    query = [[0, 0], [1, 1], [1, 0], [0, 0]]
    keys = [[1, 1], [0, 0], [1, 1], [1, 1]]
    values = [[1, 1], [1, 1], [1, 1], [1, 1]]
    inputs = {"q": np.array([query]), "k": np.array([keys]), "v": np.array([values])}
    found = Model(net).run(inputs, mode=Mode.STEPWISE).values
    want = [[0, 0], [0, 0], [2, 0], [2, 0]]
    assert found.tolist() == [want if not delay else [[0, 0], *want[:-1]]]


def test_positions_of_keys_and_queries_may_differ():
    net = network([(2, 3), (2, 2, 2), (4, 2, 2)], heads=2)
    assert net.population("a").shape == (4, 3)
    rng = np.random.default_rng(1)
    inputs = {each.name: rng.integers(0, 2, (2, 3, each.n)) for each in net.inputs}
    found = Model(net).run(inputs, mode=Mode.STEPWISE).values
    operator = net.connections[0].operator
    shapes = [each.shape for each in net.inputs]
    for sample in range(2):
        total = np.zeros(12, int)
        for step in range(3):
            parts = [inputs[name][sample, step].tolist() for name in "qkv"]
            total += product_charge(operator, shapes, parts)
            assert found[sample, step].tolist() == total.tolist()


def test_the_bound_decides_the_arithmetic():
    """Sums right below 2**24, and beyond, where float32 would lose the lowest bit."""
    for tokens, want in ((1, Arithmetic.FLOAT32), (2, Arithmetic.FLOAT64)):
        net = network([(1, 1), (1, tokens), (1, tokens)], high=255, payload=Payload.GRADED)
        bound = partial_sum_bound(net, net.connections[0], Mode.STEPWISE)
        assert bound == tokens * 255**3
        options = {"dtype": torch.float64, "device": torch.device("cpu")}
        built = synapses(net, net.connections[0], Mode.STEPWISE, **options)
        assert built.arithmetic is want
        inputs = {each.name: np.full((1, 1, each.n), 255) for each in net.inputs}
        assert Model(net).run(inputs, mode=Mode.STEPWISE).values.tolist() == [[[bound]]]


@pytest.mark.parametrize("rounds", [False, True])
def test_float32_is_left_where_torch_rounds_its_products(rounds, monkeypatch):
    """With fewer bits told 4097 * 4095 would not be exact; then float64 is taken."""
    monkeypatch.setattr(module, "rounds_products", lambda: rounds)
    seen = []
    monkeypatch.setattr(
        torch, "split", lambda x, *rest, **more: seen.append(x.dtype) or SPLIT(x, *rest, **more)
    )
    each = build([(1, 1), (1, 1), (1, 1)], arithmetic=Arithmetic.FLOAT32)
    assert each(torch.tensor([[4097, 4095, 1]])).tolist() == [[4097 * 4095]]
    assert seen == [torch.float64 if rounds else torch.float32]


@pytest.mark.parametrize(("heads", "features"), [(1, 4), (2, 2), (4, 1)])
@pytest.mark.parametrize("shift", [0, 2])
def test_the_bound_is_reached(heads, features, shift):
    """By one query of all features of a head, whose keys and values are all at their ends."""
    shapes = [(4, 2), (4, 3), (4, 3)]
    kinds = {"high": 5, "low": -7, "payload": Payload.GRADED}
    net = network(shapes, heads=heads, shift=shift, **kinds)
    inputs = {each.name: np.full((1, 1, each.n), -7) for each in net.inputs}
    found = Model(net).run(inputs, mode=Mode.STEPWISE).values
    bound = partial_sum_bound(net, net.connections[0], Mode.STEPWISE)
    assert bound == (features * 3 * 7**3) << shift
    assert found.unique().tolist() == [-bound]


@pytest.mark.parametrize("signed", ["", "q", "k", "v", "qkv"])
def test_a_sum_has_a_sign_where_any_part_has_one(signed):
    """Of 2 features and 3 tokens 6 spikes at most meet, whichever of the three is negative."""
    net = network([(2, 1), (2, 3), (1, 3)])
    inputs = tuple(
        replace(each, payload=Payload.SIGN, low=-1) if each.name in signed else each
        for each in net.inputs
    )
    net = replace(net, inputs=inputs)
    charge = analyse(net, Mode.STEPWISE)["a"].charge
    assert (charge.low, charge.high) == (-6 if signed else 0, 6)
    values = {each.name: np.full((1, 1, each.n), each.low or 1) for each in inputs}
    (found,) = Model(net).run(values, mode=Mode.STEPWISE).values.flatten().tolist()
    assert found == (-1) ** len(signed) * 6


def test_a_constant_input_is_heard_in_every_step():
    net = network([(1, 1), (1, 1), (1, 1)])
    constant = tuple(
        Input(
            name=each.name,
            shape=each.shape,
            payload=each.payload,
            low=0,
            high=1,
            encoding=Encoding.CONSTANT,
        )
        for each in net.inputs
    )
    net = Network(
        name="constant",
        inputs=constant,
        populations=net.populations,
        connections=(*net.connections, Connection(source="q", target="a", operator=Identity())),
        readout=net.readout,
        modes=net.modes,
        max_steps=3,
    )
    inputs = {each.name: np.ones((1, 1), int) for each in constant}
    found = Model(net).run(inputs, mode=Mode.STEPWISE, steps=3).values
    assert found.tolist() == [[[2], [4], [6]]]
