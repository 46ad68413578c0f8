"""Names of a file as those of an integer network, which are letters, digits and underscores."""

from collections.abc import Collection, Mapping

from spikewright.golden.spec.validate import NAME

from .graph import Graph

__all__ = ["free_name", "names_of"]


def names_of(graph: Graph) -> Mapping[str, str]:
    """Of each input and population of a graph its name in the network; legal ones stay."""
    given = (*graph.inputs, *graph.populations)
    legal = {name: name for name in given if NAME.fullmatch(name)}
    found = dict(legal)
    for name in given:
        if name not in found:
            found[name] = free_name(_plain(name), found.values())
    return found


def free_name(name: str, taken: Collection[str]) -> str:
    """The name, or with a number behind it the first that is not taken."""
    found, k = name, 1
    while found in taken:
        k += 1
        found = f"{name}_{k}"
    return found


def _plain(name: str) -> str:
    plain = "".join(c if c.isalnum() and c.isascii() else "_" for c in name)
    return plain if plain[:1].isalpha() else f"n{plain}"
