"""Names of a file become legal ones that differ."""

import itertools

import nir
import numpy as np
import pytest

from spikewright.flow.nir.graph import graph_of
from spikewright.flow.nir.names import free_name, names_of


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (("a.b", "a_b"), ("a_b_2", "a_b")),
        (("é", "ü"), ("n_", "n__2")),
        (("1", "n1", "a"), ("n1_2", "n1", "a")),
        (("x_later_1", "b c"), ("x_later_1", "b_c")),
    ],
)
def test_names_are_legal_and_differ(given, wanted):
    one = np.ones(2)
    nodes = {name: nir.IF(r=one, v_threshold=one) for name in given}
    nodes |= {"input": nir.Input({"input": np.array([2])})}
    nodes |= {"output": nir.Output({"output": np.array([2])})}
    way = ("input", *given, "output")
    edges = list(itertools.pairwise(way))
    graph = graph_of(nir.NIRGraph(nodes=nodes, edges=edges, type_check=False), where="g")
    assert names_of(graph) == {"input": "input"} | dict(zip(given, wanted, strict=True))


def test_the_first_name_that_is_free():
    assert free_name("a", {"b"}) == "a"
    assert free_name("a", {"a", "a_2"}) == "a_3"
