"""A NIR file as populations and the linear maps between them."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import nir
import numpy as np

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
    path = Path(path)
    _check_kinds(path)
    try:
        # Its own inference of shapes goes wrong on non-square and grouped convolutions.
        whole = nir.read(path, type_check=False)
    except Exception as error:  # h5py and nir raise a dozen kinds
        raise FileError(
            "the file must be NIR",
            found=f"{type(error).__name__}: {error}",
            where=str(path),
            action="export it again with nir.write",
        ) from error
    return graph_of(whole, where=str(path))


def _check_kinds(path: Path) -> None:
    """Every node of a file is of a kind that is known, or a subgraph."""
    if not path.is_file():
        raise FileError("the NIR file must be there", found="none", where=str(path))
    try:
        with h5py.File(path, "r") as file:
            _check_group(file.get("node"), "", str(path))
    except OSError as error:
        raise FileError(
            "the file must be NIR, which is HDF5",
            found="another or a damaged file",
            where=str(path),
            action="export it again with nir.write",
        ) from error


def _check_group(group: object, prefix: str, where: str) -> None:
    nodes = group.get("nodes") if isinstance(group, h5py.Group) else None
    if not isinstance(nodes, h5py.Group):
        return  # nir says what is wrong with it
    known = {kind.__name__ for kind in (*NEURONS, *LINEAR, nir.Input, nir.Output, nir.NIRGraph)}
    for name, node in nodes.items():
        kind = node["type"][()] if isinstance(node, h5py.Group) and "type" in node else b"none"
        kind = kind.decode() if isinstance(kind, bytes) else str(kind)
        if kind not in known:
            raise _unknown(kind, f"{where}: node {prefix + name!r}")
        _check_group(node, f"{prefix}{name}.", where)


def _unknown(kind: str, where: str) -> UnsupportedError:
    known = ", ".join(each.__name__ for each in (*NEURONS, *LINEAR))
    return UnsupportedError(f"a node must be one of {known}", found=kind, where=where)


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
        source = _end(graph, source, nir.Input, prefix, where)
        target = _end(graph, target, nir.Output, prefix, where)
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


def _end(graph: nir.NIRGraph, name: str, kind: type, prefix: str, where: str) -> str:
    """A node's name, or the one that must be meant.

    Older exporters let edges lead to the inputs and outputs inside a subgraph, and left a single
    input or output its own name in the graph alone.
    """
    if name in graph.nodes:
        return name
    outer, _, inner = name.partition(".")
    whole = graph.nodes.get(outer)
    found = None
    if isinstance(whole, nir.NIRGraph) and isinstance(
        whole.nodes.get(inner), nir.Input | nir.Output
    ):
        found = outer
    elif name == kind.__name__.lower():
        ends = [each for each, node in graph.nodes.items() if isinstance(node, kind)]
        found = ends[0] if len(ends) == 1 else None
    if found is None:
        return name
    warnings.warn(
        f"{where}: an edge's end {prefix + name!r} is no node; {prefix + found!r} is taken",
        stacklevel=2,
    )
    return found


def _paths(nodes: Mapping[str, nir.NIRNode], edges: Edges, where: str) -> Graph:
    for name, node in nodes.items():
        if not isinstance(node, (*NEURONS, *LINEAR, nir.Input, nir.Output)):
            raise _unknown(type(node).__name__, f"{where}: node {name!r}")
        _check_numbers(node, f"{where}: node {name!r}")
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
    reached = walk.order(inputs, paths)
    for name, node in nodes.items():
        if isinstance(node, NEURONS) and name not in reached:
            raise ConfigurationError(
                "a population must be reached from an input",
                found="no path",
                where=f"{where}: node {name!r}",
            )
    read = [name for name in reached if walk.reads(name)]
    _check_ends(nodes, walk, paths, inputs, where)
    return Graph(
        nodes={n: node for n, node in nodes.items() if isinstance(node, (*NEURONS, *LINEAR))},
        inputs={name: _shape(nodes[name]) for name in inputs},
        outputs=tuple(read),
        populations=tuple(reached),
        paths=tuple(paths),
    )


def _check_ends(
    nodes: Mapping[str, nir.NIRNode],
    walk: "_Walk",
    paths: Sequence[Route],
    inputs: Sequence[str],
    where: str,
) -> None:
    """Refuse linear nodes from or to nowhere; what follows the last population is told later."""
    used = {name for path in paths for name in path.nodes}
    starts = (*inputs, *(name for name, node in nodes.items() if isinstance(node, NEURONS)))
    reached = {name for start in starts for name in walk.beyond(start)}
    for name, node in nodes.items():
        if not isinstance(node, LINEAR) or name in used:
            continue
        if name in reached and any(isinstance(nodes[n], nir.Output) for n in walk.beyond(name)):
            continue
        raise ConfigurationError(
            "a node must lie on a way from an input to a population or an output",
            found="no such way",
            where=f"{where}: node {name!r}",
            action="join it, or leave it out",
        )


def _check_numbers(node: nir.NIRNode, where: str) -> None:
    """What a node computes with is finite; time constants and thresholds say more of themselves."""
    for name in ("weight", "bias", "scale", "r", "w_in", "v_leak", "v_reset", "delay", "threshold"):
        value = getattr(node, name, None)
        if value is None:
            continue
        array = np.asarray(value)
        if array.dtype.kind not in "iuf":
            raise ConfigurationError(f"{name} must be numbers", found=str(array.dtype), where=where)
        if not np.isfinite(array).all():
            raise ConfigurationError(
                f"{name} must be finite",
                found=f"{int((~np.isfinite(array)).sum())} of {array.size} that are not",
                where=where,
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
        """Every path that begins at an input, or at a population that is reached from one."""
        waiting, seen, paths = [*inputs], set(inputs), list[Route]()
        while waiting:
            source = waiting.pop(0)
            for path in self._from(source, source, ()):
                paths.append(path)
                if path.target not in seen:
                    seen.add(path.target)
                    waiting.append(path.target)
        return paths

    def order(self, inputs: Iterable[str], paths: Sequence[Route]) -> list[str]:
        """Populations, each before those that it leads to in the same step.

        In reverse order of leaving them depth first, so that just what closes a loop leads back.
        Paths with a delay order nothing.
        """
        now: dict[str, list[str]] = {}
        for path in paths:
            if not any(self._delays(name) for name in path.nodes):
                now.setdefault(path.source, []).append(path.target)
        left: list[str] = []
        seen: set[str] = set()
        for root in dict.fromkeys([*inputs, *(path.target for path in paths)]):
            if root in seen:
                continue
            seen.add(root)
            waiting = [(root, iter(now.get(root, [])))]
            while waiting:
                name, targets = waiting[-1]
                target = next((each for each in targets if each not in seen), None)
                if target is None:
                    left.append(name)
                    waiting.pop()
                else:
                    seen.add(target)
                    waiting.append((target, iter(now.get(target, []))))
        return [name for name in reversed(left) if isinstance(self.nodes[name], NEURONS)]

    def _delays(self, name: str) -> bool:
        node = self.nodes[name]
        return isinstance(node, nir.Delay) and bool(np.any(np.asarray(node.delay) > 0))

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

    def beyond(self, start: str) -> set[str]:
        """All nodes that edges lead to from one."""
        reached, waiting = set[str](), [start]
        while waiting:
            news = set(self.after[waiting.pop()]) - reached
            reached |= news
            waiting += news
        return reached

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
