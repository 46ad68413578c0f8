"""Reads what nextpnr reports: speed, the slowest path, resources."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from .report import CriticalPath, PathSegment

__all__ = [
    "CLOCK_NET",
    "crowded",
    "overflow",
    "read_holds",
    "read_packed",
    "read_path",
    "read_speed",
    "read_used",
    "sizes",
]

CLOCK_NET = "clock"
"""Net of the sync domain, as ``boards.top`` names it."""

# Device utilisation as nextpnr logs it before it places:  "Info:   TRELLIS_FF:  3986/  83640   4%"
_UTILISATION = re.compile(r"^Info:\s+(\w+):\s+(\d+)/\s*(\d+)\s+\d+%", re.MULTILINE)
_HOLDS = re.compile(r"^Info: (\d+) Hold/min time violations", re.MULTILINE)
_ICE40_CELLS = re.compile(r"(\d+) LCs used as (LUT4 only|LUT4 and DFF|DFF only|CARRY only)")


def read_speed(report: Mapping[str, Any]) -> float | None:
    """Fmax of the sync domain in MHz; None where nextpnr found no path in it."""
    for net, figures in report["fmax"].items():
        if _is_clock(net):
            return float(figures["achieved"])
    return None


def read_path(report: Mapping[str, Any]) -> CriticalPath | None:
    """The slowest path inside the sync domain."""
    for path in report["critical_paths"]:
        if _is_clock(path["from"]) and _is_clock(path["to"]):
            return _path(path["path"])
    return None


def read_holds(log: str) -> int:
    """How many paths are too short, from the log of a routed design."""
    found = _HOLDS.search(log)
    return 0 if found is None else int(found.group(1))


def read_used(report: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """(used, available) of every resource of which some is used."""
    return {
        name: (int(figures["used"]), int(figures["available"]))
        for name, figures in report["utilization"].items()
        if figures["used"]
    }


def read_packed(log: str) -> dict[str, tuple[int, int]]:
    """(used, available) of every resource that is used, from the log of a design that is packed."""
    found = {name: (int(used), int(all_)) for name, used, all_ in _UTILISATION.findall(log)}
    return {name: figures for name, figures in found.items() if figures[0]}


def sizes(family: str, used: Mapping[str, tuple[int, int]], log: str) -> dict[str, int | None]:
    """The figures of a report by their common names."""

    def count(name: str) -> int:
        return used.get(name, (0, 0))[0]

    if family == "gowin":
        return {
            # A LUT RAM takes all tables of its cell.
            "lut": count("LUT4") + count("ALU") + 8 * count("RAM16SDP4"),
            "ff": count("DFF"),
            "bram": count("BSRAM"),
            "spram": 0,
            "dsp": sum(figures[0] for name, figures in used.items() if name.startswith("MULT")),
            "logic_cells": None,
        }
    if family == "ecp5":
        return {
            "lut": count("TRELLIS_COMB"),
            "ff": count("TRELLIS_FF"),
            "bram": count("DP16KD"),
            "spram": 0,
            "dsp": count("MULT18X18D"),
            "logic_cells": None,
        }
    cells = {kind: int(number) for number, kind in _ICE40_CELLS.findall(log)}
    both = cells.get("LUT4 and DFF", 0)
    return {
        "lut": cells.get("LUT4 only", 0) + both + cells.get("CARRY only", 0),
        "ff": cells.get("DFF only", 0) + both,
        "bram": count("ICESTORM_RAM"),
        "spram": count("ICESTORM_SPRAM"),
        "dsp": count("ICESTORM_DSP"),
        "logic_cells": count("ICESTORM_LC"),
    }


def overflow(log: str) -> dict[str, tuple[int, int]]:
    """(used, available) of every resource of which there is too little, from a log of nextpnr."""
    packed = read_packed(log)
    # Buffers of a kind that Gowin's have none of are pins of another kind.
    return {name: figures for name, figures in packed.items() if figures[0] > figures[1] > 0}


def crowded(log: str) -> bool:
    """Whether what is left of the device was too little to place all cells, by nextpnr's log."""
    return "Unable to find legal placement for all cells" in log


def _is_clock(domain: str) -> bool:
    """Whether a domain ("posedge $glbnet$clock", or just the net) is the sync domain."""
    return domain.rsplit(" ", 1)[-1].removeprefix("$glbnet$") == CLOCK_NET


def _path(pieces: list[dict[str, Any]]) -> CriticalPath:
    segments = tuple(
        PathSegment(
            kind=str(piece["type"]),
            delay_ns=float(piece["delay"]),
            source=_pin(piece["from"]),
            sink=_pin(piece["to"]),
            code=_code(piece.get("sources", ())),
        )
        for piece in pieces
    )
    total = sum(segment.delay_ns for segment in segments)
    routing = sum(segment.delay_ns for segment in segments if segment.kind == "routing")
    return CriticalPath(
        source=segments[0].source,
        sink=segments[-1].sink,
        delay_ns=round(total, 3),
        logic_ns=round(total - routing, 3),
        routing_ns=round(routing, 3),
        segments=segments,
    )


def _code(sources: Sequence[str]) -> str:
    """Folder, file and line of our own code; the tools name their cell libraries as well."""
    own = [s for s in sources if ".py:" in s and "/amaranth/" not in s]
    return "/".join(own[-1].split("/")[-2:]) if own else ""


def _pin(end: Mapping[str, Any]) -> str:
    return f"{end['cell']}.{end['port']}" if "port" in end else str(end["cell"])
