"""Inputs, populations, connections and readouts, each by itself."""

import re
from typing import Any

import numpy as np
import pytest

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import (
    Biquad,
    Connection,
    Fire,
    Identity,
    Input,
    Payload,
    Population,
    Product,
    Readout,
    Soma,
    int_vector,
)

INPUT = {
    "name": "x",
    "shape": (2, 3),
    "payload": "graded",
    "low": 0,
    "high": 3,
    "encoding": "once",
}


def exact(text: str) -> str:
    return f"^{re.escape(text)}$"


def test_input() -> None:
    source = Input(**INPUT, step=np.float32(0.5))
    assert source.n == 6
    assert source.payload is Payload.GRADED
    assert source.step == 0.5
    assert source == Input(**INPUT, step=0.5)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([7], [7] * 6),
        ([7, 8], [7, 7, 7, 8, 8, 8]),
        ([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6]),
    ],
)
def test_parameters_spread_over_neurons(values: list[int], expected: list[int]) -> None:
    population = Population(name="p", shape=(2, 3), soma=Soma(fire=Fire.NONE), payload="unit")
    assert (population.n, population.channels) == (6, 2)
    assert population.per_neuron(int_vector(values)).tolist() == expected


def test_connection_reads() -> None:
    assert Connection(source="a", target="b", operator=Identity()).reads == ("a",)
    product = Product(keys="k", values="v", heads=1)
    assert Connection(source="a", target="b", operator=product).reads == ("a", "k", "v")


def test_biquad_has_unit_gain_at_rest() -> None:
    biquad = Biquad(a1=-1000, a2=300, shift=10)
    assert biquad.b0 * 4 == (1 << 10) - 1000 + 300


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: Input(**{**INPUT, "shape": ()}),
            "input 'x': shape must have at least one dimension, found ()",
        ),
        (
            lambda: Input(**{**INPUT, "shape": (0,)}),
            "input 'x': each entry of shape must be an integer of at least 1, found 0",
        ),
        (
            lambda: Input(**INPUT, step=0),
            "input 'x': step must be positive and finite, or None, found 0",
        ),
        (
            lambda: Input(**INPUT, step=float("nan")),
            "input 'x': step must be positive and finite, or None, found nan",
        ),
        (lambda: Input(**{**INPUT, "name": 3}), "input 3: name must be a string, found 3"),
        (
            lambda: Input(**{**INPUT, "low": np.array([1, 2])}),
            "input 'x': low must be an integer, found array([1, 2])",
        ),
        (
            lambda: Population(name="p", shape=(1,), soma=None, payload="unit"),
            "population 'p': soma must be of type Soma, found NoneType",
        ),
        (
            lambda: Population(name="p", shape=(1,), soma=Soma(fire="none"), payload="big"),
            "population 'p': payload must be one of unit, sign, shift, graded, found 'big'",
        ),
        (
            lambda: Connection(source="a", target="b", operator=Identity(), delay=2),
            "connection 'a' -> 'b': delay must be an integer from 0 to 1, found 2",
        ),
        (
            lambda: Connection(source="a", target="b", operator=3),
            "connection 'a' -> 'b': operator must be of type Dense, Window, Identity, Product, "
            "Delta, found int",
        ),
        (
            lambda: Readout(population="p", kind="membrane", decision="filter"),
            "readout: the decision filter, and no other, must have biquads, found 0 with decision "
            "filter",
        ),
        (
            lambda: Readout(
                population="p",
                kind="membrane",
                decision="raw",
                biquads=(Biquad(a1=0, a2=0, shift=4),),
            ),
            "readout: the decision filter, and no other, must have biquads, found 1 with decision "
            "raw",
        ),
        (
            lambda: Biquad(a1=-2100, a2=1000, shift=10),
            "biquad: a biquad must be stable: |a2| < 1024 and |a1| < 1024 + a2, found a1 -2100, "
            "a2 1000",
        ),
        (
            lambda: Biquad(a1=1, a2=0, shift=10),
            "biquad: 2**shift + a1 + a2 must be a multiple of 4, so that b0 is an integer, "
            "found 1025",
        ),
    ],
)
def test_illegal_parts(make: Any, text: str) -> None:
    with pytest.raises(ConfigurationError, match=exact(text)):
        make()
