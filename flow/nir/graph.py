"""A NIR file as populations and the linear maps between them."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import nir

from spikewright.golden.errors import ConfigurationError, FileError, UnsupportedError

__all__ = ["LINEAR", "NEURONS", "Graph", "Route", "read_graph"]

NEURONS = (nir.I, nir.IF, nir.LI, nir.LIF, nir.CubaLI, nir.CubaLIF, nir.Threshold)
LINEAR = (
    nir.Affine,
    nir.Linear,
    nir.Conv1d,
    nir.Conv2d,
    nir.Scale,
    nir.Delay,
    nir.SumPool2d,
    nir.AvgPool2d,
    nir.Flatten,
)
Edges = list[tuple[str, str]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Route:
    """What leads from an input or a population to a population: linear nodes, by name, in order."""

    source: str
    target: str
    nodes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Graph:
    """A flat NIR graph.

    ``nodes`` by name, without those that only pass on. ``inputs`` with the shape of each, None
    where the file does not say. ``outputs``: the populations that are read. ``paths`` end at the
    ``populations``, which are in the order in which they are reached from the inputs.
    """

    nodes: Mapping[str, nir.NIRNode]
    inputs: Mapping[str, tuple[int, ...] | None]
    outputs: tuple[str, ...]
    populations: tuple[str, ...]
    paths: tuple[Route, ...]


def read_graph(path: Path) -> Graph:
    """Read a file, flatten its subgraphs, check its edges, and find its paths.

    Edges that are there twice are taken once, with a warning, as older exporters wrote them.

    Raises
    ------
    FileError
        If the file cannot be read as NIR.
    ConfigurationError
        If an edge leads from or to nowhere, or a node is not joined to an input and an output.
    UnsupportedError
        If a node is of a kind that is not known.
    """
    try:
        # Its own inference of shapes goes wrong on non-square and grouped convolutions.
        whole = nir.read(path, type_check=False)
    except FileNotFoundError as error:
        raise FileError("the NIR file must be there", found="none", where=str(path)) from error
    except Exception as error:  # h5py and nir raise a dozen kinds
        raise FileError(
            "the file must be NIR",
            found=f"{type(error).__name__}: {error}",
            where=str(path),
            action="export it again with nir.write",
        ) from error
    return graph_of(whole, where=str(path))


def graph_of(whole: nir.NIRGraph, *, where: str) -> Graph:
    """The same of a graph in memory."""
    nodes, edges = _flat(whole, "", where)
    return _paths(nodes, edges, where)


def _flat(graph: nir.NIRGraph, prefix: str, where: str) -> tuple[dict[str, nir.NIRNode], Edges]:
    """Nodes and edges with those of subgraphs in their place, whose names begin with theirs."""
    nodes: dict[str, nir.NIRNode] = {}
    edges = _checked_edges(graph, prefix, where)
    for name, node in graph.nodes.items():
        if not isinstance(node, nir.NIRGraph):
            nodes[prefix + name] = node
            continue
        inner, inside = _flat(node, f"{prefix}{name}.", where)
        nodes |= inner
        ends = {
            kind: [k for k, n in node.nodes.items() if isinstance(n, kind)]
            for kind in (nir.Input, nir.Output)
        }
        joined: Edges = []
        for source, target in edges:
            sources, targets = [source], [target]
            if source == prefix + name:
                sources = [f"{prefix}{name}.{k}" for k in ends[nir.Output]]
            if target == prefix + name:
                targets = [f"{prefix}{name}.{k}" for k in ends[nir.Input]]
            for what, found in (("output", sources), ("input", targets)):
                if len(found) != 1:
                    raise UnsupportedError(
                        f"a subgraph must have one {what}",
                        found=str(len(found)),
                        where=f"{where}: node {prefix + name!r}",
                        action="flatten it before the export",
                    )
            joined.append((sources[0], targets[0]))
        edges = [*joined, *inside]
    return nodes, edges


def _checked_edges(graph: nir.NIRGraph, prefix: str, where: str) -> Edges:
    edges: Edges = []
    for source, target in graph.edges:
        for name in (source, target):
            if name not in graph.nodes:
                raise ConfigurationError(
                    "both ends of an edge must be nodes",
                    found=f"no node {prefix + name!r}",
                    where=f"{where}: edge {prefix + source!r} -> {prefix + target!r}",
                    action="export the graph again, or repair its edges",
                )
        edge = (prefix + source, prefix + target)
        if edge in edges:
            warnings.warn(
                f"{where}: edge {edge[0]!r} -> {edge[1]!r} is there twice; it is taken once",
                stacklevel=2,
            )
        else:
            edges.append(edge)
    return edges


def _paths(nodes: Mapping[str, nir.NIRNode], edges: Edges, where: str) -> Graph:
    for name, node in nodes.items():
        if not isinstance(node, (*NEURONS, *LINEAR, nir.Input, nir.Output)):
            known = ", ".join(kind.__name__ for kind in (*NEURONS, *LINEAR))
            raise UnsupportedError(
                f"a node must be one of {known}",
                found=type(node).__name__,
                where=f"{where}: node {name!r}",
            )
    after: dict[str, list[str]] = {name: [] for name in nodes}
    before: dict[str, list[str]] = {name: [] for name in nodes}
    for source, target in edges:
        after[source].append(target)
        before[target].append(source)
    # An input or output of a subgraph has something on its other side; it only passes on.
    inputs = [n for n, node in nodes.items() if isinstance(node, nir.Input) and not before[n]]
    outputs = [n for n, node in nodes.items() if isinstance(node, nir.Output) and not after[n]]
    for what, found in (("input", inputs), ("output", outputs)):
        if not found:
            raise ConfigurationError(f"a graph must have an {what}", found="none", where=where)
    walk = _Walk(nodes, after, where)
    paths = walk.all(inputs)
    reached = [*dict.fromkeys(path.target for path in paths)]
    for name, node in nodes.items():
        if isinstance(node, NEURONS) and name not in reached:
            raise ConfigurationError(
                "a population must be reached from an input",
                found="no path",
                where=f"{where}: node {name!r}",
            )
    read = [name for name in reached if walk.reads(name)]
    return Graph(
        nodes={n: node for n, node in nodes.items() if isinstance(node, (*NEURONS, *LINEAR))},
        inputs={name: _shape(nodes[name]) for name in inputs},
        outputs=tuple(read),
        populations=tuple(reached),
        paths=tuple(paths),
    )


def _shape(node: nir.Input) -> tuple[int, ...] | None:
    given = next(iter(node.input_type.values()), None)
    return None if given is None else tuple(int(size) for size in given)


class _Walk:
    """Goes along the edges, from each input and population to the next populations."""

    def __init__(
        self, nodes: Mapping[str, nir.NIRNode], after: Mapping[str, Sequence[str]], where: str
    ) -> None:
        self.nodes, self.after, self.where = nodes, after, where

    def all(self, inputs: Iterable[str]) -> list[Route]:
        """Every path, breadth first: a population stands before those that it leads to."""
        waiting, seen, paths = [*inputs], set(inputs), []
        while waiting:
            source = waiting.pop(0)
            for path in self._from(source, source, ()):
                paths.append(path)
                if path.target not in seen:
                    seen.add(path.target)
                    waiting.append(path.target)
        return paths

    def _from(self, source: str, at: str, nodes: tuple[str, ...]) -> Iterable[Route]:
        for name in self.after[at]:
            node = self.nodes[name]
            if isinstance(node, NEURONS):
                yield Route(source=source, target=name, nodes=nodes)
            elif name in nodes:
                raise ConfigurationError(
                    "a cycle must go through a population",
                    found=" -> ".join([*nodes, name]),
                    where=self.where,
                )
            elif isinstance(node, LINEAR):
                yield from self._from(source, name, (*nodes, name))
            else:
                yield from self._from(source, name, nodes)

    def reads(self, population: str) -> bool:
        """Whether an output reads a population; what is between must pass on."""
        waiting = [*self.after[population]]
        while waiting:
            name = waiting.pop()
            node = self.nodes[name]
            if isinstance(node, nir.Output) and not self.after[name]:
                return True
            if isinstance(node, (nir.Input, nir.Output)):
                waiting += self.after[name]
        return False
