"""Writes a Gowin netlist so that nextpnr knows the delay of all of it.

nextpnr 0.11 has delays of LUT4, not of the smaller tables that Yosys makes, and none of the tables
that it adds behind placement where a flip-flop does not stand beside what it takes, since its input
comes through the table of its own slice. Paths through either are left out of its figure. Of block
RAMs it has those of simple dual port ones; on others it sees four holds for each address pin, and
reports violations that there are not (nextpnr issues 1786, 1803). The netlist computes the same
before and after.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

__all__ = ["make_timed"]

_INPUTS = ("I0", "I1", "I2", "I3")
_SMALL = {"LUT1": 1, "LUT2": 2, "LUT3": 3}
_READ_ONLY = {"SP": "SDPB", "SPX9": "SDPX9B"}
_TABLE = 16

Cells = dict[str, dict[str, Any]]


def make_timed(netlist: Mapping[str, Any], top: str) -> None:
    """Replace cells of which nextpnr does not know all delays by others of which it does, in place.

    Parameters
    ----------
    netlist : what Yosys' ``write_json`` wrote of a Gowin design, flattened. top : its module.
    """
    module = netlist["modules"][top]
    cells: Cells = module["cells"]
    for cell in cells.values():
        if cell["type"] in _SMALL:
            _widen(cell)
        elif cell["type"] in _READ_ONLY:
            _separate(cell)
    _feed(module)


def _widen(cell: dict[str, Any]) -> None:
    """A table of four inputs, whatever the added ones are."""
    rows = 1 << _SMALL[cell["type"]]
    pins = cell["connections"]
    init = cell["parameters"]["INIT"][-rows:].rjust(rows, "0")
    cell["parameters"]["INIT"] = init * (_TABLE // rows)
    for pin in _INPUTS[_SMALL[cell["type"]] :]:
        pins[pin] = ["0"]
        cell["port_directions"][pin] = "input"
    cell["type"] = "LUT4"


def _separate(cell: dict[str, Any]) -> None:
    """A port that only reads, and one that never writes; one that writes stays as it is."""
    pins, says = cell["connections"], cell["parameters"]
    off = pins["WRE"]
    if off != pins["BLKSEL"][:1]:
        return
    cell["type"] = _READ_ONLY[cell["type"]]
    width, chosen = says.pop("BIT_WIDTH"), says.pop("BLK_SEL")
    del says["WRITE_MODE"]
    says |= {"BIT_WIDTH_0": width, "BIT_WIDTH_1": width, "BLK_SEL_0": chosen, "BLK_SEL_1": chosen}
    cell["connections"] = {
        "CLKA": pins["CLK"],
        "CEA": off,
        "RESETA": off,
        "ADA": off * len(pins["AD"]),
        "BLKSELA": pins["BLKSEL"],
        "DI": pins["DI"],
        "CLKB": pins["CLK"],
        "CEB": pins["CE"],
        "OCE": pins["OCE"],
        "RESETB": pins["RESET"],
        "ADB": pins["AD"],
        "BLKSELB": pins["BLKSEL"],
        "DO": pins["DO"],
    }
    cell["port_directions"] = {
        pin: "output" if pin == "DO" else "input" for pin in cell["connections"]
    }


def _feed(module: Mapping[str, Any]) -> None:
    """Give each flip-flop that no table of its own feeds a table that does nothing."""
    cells: Cells = module["cells"]
    loads: Counter[object] = Counter(
        bit for port in module["ports"].values() for bit in port["bits"]
    )
    last = 1
    tables = set()
    for cell in cells.values():
        for pin, bits in cell["connections"].items():
            last = max([last, *(bit for bit in bits if isinstance(bit, int))])
            if cell["port_directions"][pin] != "output":
                loads.update(bits)
            elif cell["type"] == "LUT4":
                tables.update(bits)
    for name in [name for name, cell in cells.items() if cell["type"].startswith("DFF")]:
        pins = cells[name]["connections"]
        (taken,) = pins["D"]
        if taken in tables and loads[taken] == 1:
            continue
        last += 1
        pins["D"] = [last]
        cells[f"{name}$fed"] = {
            "hide_name": 0,
            "type": "LUT4",
            "parameters": {"INIT": "10" * (_TABLE // 2)},
            "attributes": {},
            "port_directions": dict.fromkeys(_INPUTS, "input") | {"F": "output"},
            "connections": {
                "F": [last],
                **{pin: [taken] if pin == "I0" else ["0"] for pin in _INPUTS},
            },
        }
