"""Which part of the hardware the cells of a flat netlist belong to, by the names of their nets."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

__all__ = ["count_parts", "part_of"]

# Lookup tables that nextpnr makes of a cell: both halves of a carry, a LUT RAM and its write port.
_LUTS = {"LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 6, "SB_LUT4": 1}
_CARRIES = {"CCU2C": ("CIN", "COUT"), "SB_CARRY": ("CI", "CO")}
# Of the names of a net that goes from part to part, those of the part that drives it.
_DRIVERS = ("serialiser", "selftest", "merge_", "fork_", "encoder_", "guard_")
_CORE = re.compile(r"core_(\d+)$")
_READOUT = ("argmax", "tally", "filter")


def count_parts(netlist: Mapping[str, Any], top: str) -> dict[str, tuple[int, int, int]]:
    """Lookup tables, flip-flops and beginnings of carry chains of each part.

    Parts are ``core_<k>.<part>``, ``readout``, ``routers``, ``selftest`` and ``board``.

    Parameters
    ----------
    netlist : what Yosys' ``write_json`` wrote of a flattened design. top : its module.
    """
    module = netlist["modules"][top]
    names = _names(module)
    carried = {
        bit
        for cell in module["cells"].values()
        if cell["type"] in _CARRIES
        for bit in cell["connections"].get(_CARRIES[cell["type"]][1], ())
    }
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for cell in module["cells"].values():
        kind = cell["type"]
        flip_flop = kind == "TRELLIS_FF" or kind.startswith("SB_DFF")
        if not (flip_flop or kind in _LUTS or kind in _CARRIES):
            continue
        counts = found[part_of(_driven(cell, names))]
        counts[0] += _LUTS.get(kind, 0)
        counts[1] += flip_flop
        if kind in _CARRIES:
            begins = cell["connections"].get(_CARRIES[kind][0], ["0"])
            counts[2] += not begins or begins[0] not in carried
    return {name: (counts[0], counts[1], counts[2]) for name, counts in sorted(found.items())}


def part_of(name: str) -> str:
    """The part that a net of that name belongs to."""
    path = [re.sub(r"\$\d+$", "", part) for part in name.split(".")]
    if path[0] == "selftest":
        return "selftest"
    if path[0] != "accelerator" or len(path) == 1:
        return "board"
    inside = path[1]
    if _CORE.match(inside):
        part = re.sub(r"_\d+$", "", path[2]) if len(path) > 3 else "shell"
        return f"{inside}.{part}"
    if inside.startswith(_READOUT):
        return "readout"
    return "routers" if inside.startswith(("merge_", "fork_")) else "board"


def _names(module: Mapping[str, Any]) -> dict[int, str]:
    """The best name of each bit: of the part that drives it, and the innermost."""
    ranked: dict[int, tuple[tuple[bool, int, str], str]] = {}
    for name, net in module["netnames"].items():
        path = name.split(".")
        inside = path[1:-1] if path[0] == "accelerator" else path[:-1]
        drives = any(part.startswith(_DRIVERS) for part in inside)
        # The hierarchy of a name that a tool made up is that of a cell beside it.
        rank = (not drives, -len(path), name)
        for bit in net["bits"]:
            if isinstance(bit, int) and (bit not in ranked or rank < ranked[bit][0]):
                ranked[bit] = (rank, name)
    return {bit: name for bit, (_, name) in ranked.items()}


def _driven(cell: Mapping[str, Any], names: Mapping[int, str]) -> str:
    counted: Counter[str] = Counter()
    for pin, bits in cell["connections"].items():
        if cell["port_directions"][pin] == "output":
            counted.update(names[bit] for bit in bits if bit in names)
    return counted.most_common(1)[0][0] if counted else ""
