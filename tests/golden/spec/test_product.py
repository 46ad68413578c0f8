"""Shapes that a product can have, and those that it is refused for."""

import re

import pytest

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Connection, Fire, Input, Population, Product, Soma
from spikewright.golden.spec.validate import check_connection

Shape = tuple[int, ...]
TOKENS = (
    "; give q and k the same channels, v and the target; q and the target the same tokens, k and v"
)


def check(query: Shape, keys: Shape, values: Shape, target: Shape, heads: int) -> None:
    """Check a product of inputs q, k and v of these shapes."""
    nodes: dict[str, Input | Population] = {
        name: Input(name=name, shape=shape, payload="unit", low=0, high=1, encoding="events")
        for name, shape in (("q", query), ("k", keys), ("v", values))
    }
    nodes["a"] = Population(name="a", shape=target, soma=Soma(fire=Fire.NONE), payload="unit")
    operator = Product(keys="k", values="v", heads=heads)
    check_connection(Connection(source="q", target="a", operator=operator), nodes)


@pytest.mark.parametrize(
    ("query", "keys", "values", "target", "heads"),
    [
        ((4,), (4,), (6,), (6,), 2),
        ((4, 5), (4, 5), (4, 5), (4, 5), 4),
        ((4, 5), (4, 2, 3), (8, 2, 3), (8, 5), 1),  # of other tokens, as in cross-attention
        ((4, 2, 2), (4,), (2,), (2, 2, 2), 2),
    ],
)
def test_shapes_that_fit(
    query: Shape, keys: Shape, values: Shape, target: Shape, heads: int
) -> None:
    check(query, keys, values, target, heads)


@pytest.mark.parametrize(
    ("query", "keys", "values", "target", "heads", "message"),
    [
        (
            (4, 1, 1, 1),
            (4,),
            (4,),
            (4,),
            1,
            "the source's shape must be (channels, *tokens), of 1 to 3 dimensions, "
            "found (4, 1, 1, 1)",
        ),
        (
            (4, 5),
            (3, 5),
            (2, 5),
            (2, 5),
            1,
            f"the shape of keys 'k' must be (4, 5), found (3, 5){TOKENS}",
        ),
        (
            (4, 5),
            (4, 5),
            (3, 5),
            (2, 5),
            1,
            f"the shape of values 'v' must be (2, 5), found (3, 5){TOKENS}",
        ),
        (
            (4, 5),
            (4, 5),
            (2, 4),
            (2, 5),
            1,
            f"the shape of values 'v' must be (2, 5), found (2, 4){TOKENS}",
        ),
        (
            (4, 5),
            (4, 4),
            (2, 4),
            (2, 4),
            1,
            f"the target's shape must be (2, 5), found (2, 4){TOKENS}",
        ),
        (
            (4,),
            (4, 1, 1, 2),
            (4, 1, 1, 2),
            (4,),
            1,
            "the shape of keys 'k' must have at most 3 dimensions, found (4, 1, 1, 2)",
        ),
        (
            (4,),
            (4,),
            (6,),
            (6,),
            4,
            "channels of the target must be a multiple of 4 heads, found 6",
        ),
        (
            (4,),
            (4,),
            (6,),
            (6,),
            3,
            "channels of the source must be a multiple of 3 heads, found 4",
        ),
    ],
)
def test_shapes_that_do_not(
    query: Shape, keys: Shape, values: Shape, target: Shape, heads: int, message: str
) -> None:
    where = "connection 'q' -> 'a': "
    with pytest.raises(ConfigurationError, match=f"^{re.escape(where + message)}$"):
        check(query, keys, values, target, heads)
