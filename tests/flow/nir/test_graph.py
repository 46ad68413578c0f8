"""What a NIR file holds, and what is refused of it."""

import re

import nir
import numpy as np
import pytest

from spikewright.flow.nir import read_graph
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


def test_no_file_and_no_nir(tmp_path):
    with pytest.raises(FileError, match=r"the NIR file must be there, found none"):
        read_graph(tmp_path / "none.nir")
    (tmp_path / "text.nir").write_text("not HDF5")
    with pytest.raises(FileError, match=r"the file must be NIR, found .*; export it again"):
        read_graph(tmp_path / "text.nir")


def test_unknown_nodes_are_named(tmp_path, monkeypatch):
    path = write(
        tmp_path / "a.nir",
        ends(3, 3) | {"p": lif(), "w": linear(3, 3)},
        [("input", "w"), ("w", "p"), ("p", "output")],
    )
    monkeypatch.setattr("spikewright.flow.nir.graph.LINEAR", ())
    with pytest.raises(UnsupportedError, match=r"node 'w': a node must be one of .*, found Linear"):
        read_graph(path)
