"""Whether a preset can be that of a file."""

from collections.abc import Mapping

import nir

from spikewright.golden.errors import ConfigurationError

from .graph import Graph

__all__ = ["check_preset"]

# sinabs/nir.py: _import_sinabs_module knows no neuron with a current
_WITHOUT: Mapping[str, tuple[type[nir.NIRNode], ...]] = {"sinabs": (nir.CubaLI, nir.CubaLIF)}


def check_preset(preset: str, graph: Graph, *, where: str) -> None:
    """Refuse a file with neurons that the preset's framework has not.

    Raises
    ------
    ConfigurationError
        If there is one, by name.
    """
    for name, node in graph.nodes.items():
        if isinstance(node, _WITHOUT.get(preset, ())):
            raise ConfigurationError(
                f"the preset must be of a framework that has {type(node).__name__}",
                found=preset,
                where=f"{where}: node {name!r}",
                action="give the preset of the framework that exported it, or --discretisation",
            )
