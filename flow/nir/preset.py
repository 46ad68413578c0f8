"""Whether a preset can be that of a file."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import nir
import numpy as np

from spikewright.golden.errors import ConfigurationError

from .graph import Graph

__all__ = ["check_preset"]

Kinds = tuple[type[nir.NIRNode], ...]
_CUBA: Kinds = (nir.CubaLI, nir.CubaLIF)


@dataclass(frozen=True, kw_only=True)
class _Reader:
    """What a framework's own reader has not, or leaves out in silence.

    ``without`` : kinds of neurons. ``fixed`` : the one value of a parameter that it has, by name,
    in nodes that are not of the kinds ``but``.
    """

    without: Kinds = ()
    fixed: Mapping[str, float] = field(default_factory=dict)
    but: Mapping[str, Kinds] = field(default_factory=dict)


_READERS: Mapping[str, _Reader] = {
    # import_nir.py, _nir_to_snntorch_module: an IF becomes a Leaky of beta 0.9
    "snntorch": _Reader(without=(nir.IF,), fixed={"v_leak": 0.0, "v_reset": 0.0}),
    # utils/import_nir.py, _import_norse_module: r counts in CubaLIF alone, whose current would also
    # leak towards v_leak
    "norse": _Reader(
        fixed={"r": 1.0, "v_reset": 0.0, "v_leak": 0.0},
        but={"r": _CUBA, "v_leak": (nir.LIF, nir.LI)},
    ),
    # nir.py, _import_sinabs_module
    "sinabs": _Reader(without=_CUBA, fixed={"r": 1.0, "v_leak": 0.0}),
    # torch/nir.py, _convert_nir_to_rockpool: v_leak becomes a bias
    "rockpool": _Reader(fixed={"v_leak": 0.0}),
    "lava": _Reader(fixed={"v_reset": 0.0}),
}


def check_preset(preset: str, graph: Graph, *, where: str) -> None:
    """Refuse a file that says what the preset's framework does not hear.

    Raises
    ------
    ConfigurationError
        If a node does, by name.
    """
    reader = _READERS.get(preset, _Reader())
    action = "give the preset of the framework that exported it, or --discretisation"
    for name in graph.populations:
        node = graph.nodes[name]
        kind = type(node).__name__
        if isinstance(node, reader.without):
            raise ConfigurationError(
                f"the preset must be of a framework that has {kind}",
                found=preset,
                where=f"{where}: node {name!r}",
                action=action,
            )
        for key, value in reader.fixed.items():
            found = np.asarray(getattr(node, key, value), dtype=np.float64)
            wrong = ~np.isclose(found, value)
            if wrong.any() and not isinstance(node, reader.but.get(key, ())):
                raise ConfigurationError(
                    f"{key} of {kind} must be {value:g} with the preset {preset}, whose framework "
                    "takes no other",
                    found=f"{found[wrong].flat[0]:g}",
                    where=f"{where}: node {name!r}",
                    action=action,
                )
