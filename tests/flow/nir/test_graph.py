"""What a NIR file holds, and what is refused of it."""

import re

import h5py
import nir
import numpy as np
import pytest
import torch

from spikewright.flow.nir import PRESETS, Discretisation, read_graph
from spikewright.flow.nir.reference import Reference
from spikewright.golden.errors import ConfigurationError, FileError, UnsupportedError


def lif(n=3, **changes):
    one = np.ones(n)
    options = {"tau": 2e-3 * one, "r": one, "v_leak": 0 * one, "v_threshold": one}
    return nir.LIF(**(options | changes))


def linear(rows, columns):
    return nir.Linear(weight=np.ones((rows, columns)))


def ends(n_in, n_out):
    return {
        "input": nir.Input({"input": np.array([n_in])}),
        "output": nir.Output({"output": np.array([n_out])}),
    }


def write(path, nodes, edges):
    nir.write(path, nir.NIRGraph(nodes=nodes, edges=edges, type_check=False))
    return path


def paths(graph):
    return [(path.source, path.nodes, path.target) for path in graph.paths]


def test_a_chain(tmp_path):
    nodes = ends(2, 3) | {"w": linear(3, 2), "p": lif()}
    edges = [("input", "w"), ("w", "p"), ("p", "output")]
    graph = read_graph(write(tmp_path / "a.nir", nodes, edges))
    assert dict(graph.inputs) == {"input": (2,)}
    assert (graph.populations, graph.outputs) == (("p",), ("p",))
    assert paths(graph) == [("input", ("w",), "p")]


def test_loops_and_branches_come_in_the_order_of_the_way(tmp_path):
    nodes = ends(2, 3) | {"b": lif(), "a": lif(), "w": linear(3, 2), "r": linear(3, 3)}
    edges = [("a", "r"), ("r", "a"), ("a", "b"), ("input", "w"), ("w", "a"), ("w", "b")]
    edges += [("b", "output"), ("b", "r")]
    graph = read_graph(write(tmp_path / "a.nir", nodes, edges))
    assert graph.populations == ("a", "b")
    assert sorted(paths(graph)) == [
        ("a", (), "b"),
        ("a", ("r",), "a"),
        ("b", ("r",), "a"),
        ("input", ("w",), "a"),
        ("input", ("w",), "b"),
    ]


def test_subgraphs_take_their_place(tmp_path):
    inner = nir.NIRGraph(
        nodes=ends(3, 3) | {"lif": lif(), "rec": linear(3, 3)},
        edges=[("input", "lif"), ("lif", "rec"), ("rec", "lif"), ("lif", "output")],
        type_check=False,
    )
    nodes = ends(2, 3) | {"w": linear(3, 2), "cell": inner, "last": lif()}
    edges = [("input", "w"), ("w", "cell"), ("cell", "last"), ("last", "output")]
    graph = read_graph(write(tmp_path / "a.nir", nodes, edges))
    assert graph.populations == ("cell.lif", "last")
    assert sorted(paths(graph)) == [
        ("cell.lif", (), "last"),
        ("cell.lif", ("cell.rec",), "cell.lif"),
        ("input", ("w",), "cell.lif"),
    ]


def test_an_edge_that_is_there_twice_is_taken_once_with_a_warning(tmp_path):
    nodes = ends(3, 3) | {"p": lif()}
    edges = [("input", "p"), ("p", "output"), ("input", "p")]
    path = tmp_path / "a.nir"
    graph = nir.NIRGraph(nodes=nodes, edges=edges, type_check=False)
    graph.edges = edges  # as older exporters wrote them
    nir.write(path, graph)
    with pytest.warns(UserWarning, match=r"edge 'input' -> 'p' is there twice; it is taken once"):
        assert paths(read_graph(path)) == [("input", (), "p")]


def test_ends_of_older_exporters_are_repaired_with_a_warning(tmp_path):
    inner = nir.NIRGraph(
        nodes=ends(3, 3) | {"lif": lif()},
        edges=[("input", "lif"), ("lif", "output")],
        type_check=False,
    )
    plain = ends(3, 3)
    nodes = {"in": plain["input"], "out": plain["output"], "cell": inner}
    graph = nir.NIRGraph(nodes=nodes, edges=[], type_check=False)
    graph.edges = [("input", "cell.input"), ("cell.output", "output")]
    nir.write(tmp_path / "a.nir", graph)
    with pytest.warns(UserWarning, match="an edge's end") as said:
        found = read_graph(tmp_path / "a.nir")
    assert paths(found) == [("in", (), "cell.lif")]
    assert found.outputs == ("cell.lif",)
    texts = [str(each.message).partition(": ")[2] for each in said]
    assert texts == [
        "an edge's end 'input' is no node; 'in' is taken",
        "an edge's end 'cell.input' is no node; 'cell' is taken",
        "an edge's end 'cell.output' is no node; 'cell' is taken",
        "an edge's end 'output' is no node; 'out' is taken",
    ]


def test_what_may_mean_two_nodes_is_not_repaired(tmp_path):
    plain = ends(3, 3)
    nodes = {"in": plain["input"], "in2": plain["input"], "output": plain["output"], "p": lif()}
    graph = nir.NIRGraph(nodes=nodes, edges=[], type_check=False)
    graph.edges = [("input", "p"), ("p", "output")]
    nir.write(tmp_path / "a.nir", graph)
    with pytest.raises(
        ConfigurationError, match="edge 'input' -> 'p': both ends .* no node 'input'"
    ):
        read_graph(tmp_path / "a.nir")


def test_a_way_round_stands_behind_the_longer_way(tmp_path):
    """The input reaches c at once, and through a and b: c is behind b, and nothing leads back."""
    nodes = ends(3, 3) | {"c": lif(), "a": lif(), "b": lif()}
    edges = [("input", "c"), ("input", "a"), ("a", "b"), ("b", "c"), ("c", "output")]
    graph = read_graph(write(tmp_path / "a.nir", nodes, edges))
    assert graph.populations == ("a", "b", "c")
    assert set(Reference(graph, PRESETS["snntorch"]).delays.values()) == {0}


def test_a_path_with_a_delay_orders_nothing(tmp_path):
    later = nir.Delay(delay=np.full(3, 1e-4))
    nodes = ends(3, 3) | {"a": lif(), "later": later, "b": lif()}
    edges = [("input", "a"), ("a", "later"), ("later", "b"), ("input", "b"), ("b", "a")]
    graph = read_graph(write(tmp_path / "a.nir", nodes, [*edges, ("a", "output")]))
    assert graph.populations == ("b", "a")
    delays = Reference(graph, PRESETS["snntorch"]).delays
    found = {(path.source, path.target): steps for path, steps in delays.items()}
    assert found == {("input", "a"): 0, ("input", "b"): 0, ("a", "b"): 1, ("b", "a"): 0}


def test_a_node_where_paths_meet_adds_its_bias_once(tmp_path):
    bias = nir.Affine(weight=np.eye(3), bias=np.array([1.0, 2.0, 3.0]))
    node = nir.I(r=np.ones(3))
    nodes = ends(3, 3) | {"a": lif(v_threshold=np.full(3, 9.0)), "w": bias, "p": node}
    edges = [("input", "w"), ("input", "a"), ("a", "w"), ("w", "p"), ("p", "output")]
    reference = Reference(
        read_graph(write(tmp_path / "a.nir", nodes, edges)), Discretisation(dt=1e-4)
    )
    found = reference.run({"input": torch.ones(1, 2, 3)}).membranes["p"][-1]
    assert found.tolist() == [[4.0, 6.0, 8.0]]


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("weight", np.nan, "node 'w': weight must be finite, found 1 of 9 that are not"),
        ("weight", np.inf, "node 'w': weight must be finite, found 1 of 9 that are not"),
        ("r", np.nan, "node 'p': r must be finite, found 1 of 3 that are not"),
        ("v_leak", -np.inf, "node 'p': v_leak must be finite, found 1 of 3 that are not"),
    ],
)
def test_numbers_are_finite(tmp_path, name, value, text):
    nodes = ends(3, 3) | {"w": linear(3, 3), "p": lif()}
    array = getattr(nodes["w"] if name == "weight" else nodes["p"], name)
    array.flat[0] = value
    path = write(tmp_path / "a.nir", nodes, [("input", "w"), ("w", "p"), ("p", "output")])
    with pytest.raises(ConfigurationError, match=re.escape(text)):
        read_graph(path)


WRONG = [
    (
        {"p": lif()},
        [("input", "p"), ("p", "output"), ("p", "gone")],
        ConfigurationError,
        "edge 'p' -> 'gone': both ends of an edge must be nodes, found no node 'gone'",
    ),
    (
        {"p": lif(), "q": lif()},
        [("input", "p"), ("p", "output"), ("q", "p")],
        ConfigurationError,
        "node 'q': a population must be reached from an input, found no path",
    ),
    (
        {"p": lif(), "a": linear(3, 3), "b": linear(3, 3)},
        [("input", "a"), ("a", "b"), ("b", "a"), ("b", "p"), ("p", "output")],
        ConfigurationError,
        ": a cycle must go through a population, found a -> b -> a",
    ),
]


@pytest.mark.parametrize(("nodes", "edges", "error", "text"), WRONG)
def test_wrong_graphs(tmp_path, nodes, edges, error, text):
    path = tmp_path / "a.nir"
    graph = nir.NIRGraph(nodes=ends(3, 3) | nodes, edges=[], type_check=False)
    graph.edges = edges
    nir.write(path, graph)
    with pytest.raises(error, match=re.escape(text)):
        read_graph(path)


@pytest.mark.parametrize("edges", [[], [("p", "lost")], [("lost", "p")], [("input", "lost")]])
def test_a_linear_node_from_or_to_nowhere_is_named(tmp_path, edges):
    nodes = ends(2, 3) | {"w": linear(3, 2), "p": lif(), "lost": linear(3, 3)}
    edges = [("input", "w"), ("w", "p"), ("p", "output"), *edges]
    message = r"a\.nir: node 'lost': a node must lie on a way from an input to a population or"
    with pytest.raises(ConfigurationError, match=message):
        read_graph(write(tmp_path / "a.nir", nodes, edges))


def test_no_file_and_no_nir(tmp_path):
    with pytest.raises(FileError, match=r"the NIR file must be there, found none"):
        read_graph(tmp_path / "none.nir")
    (tmp_path / "text.nir").write_text("not HDF5")
    with pytest.raises(
        FileError, match=r"the file must be NIR, which is HDF5, found .*; export it"
    ):
        read_graph(tmp_path / "text.nir")


def test_unknown_nodes_are_named(tmp_path):
    path = write(
        tmp_path / "a.nir",
        ends(3, 3) | {"p": lif(), "w": linear(3, 3)},
        [("input", "w"), ("w", "p"), ("p", "output")],
    )
    with h5py.File(path, "r+") as file:
        del file["node/nodes/w/type"]
        file["node/nodes/w/type"] = "Spline"
    with pytest.raises(UnsupportedError, match=r"node 'w': a node must be one of .*, found Spline"):
        read_graph(path)
