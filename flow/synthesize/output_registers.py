"""Moves flip-flops behind block RAM into the block's own output register, which Yosys does not use.

An ECP5 block RAM answers late in its cycle; with its output register it answers as early as a
flip-flop does, and the flip-flops are saved. The netlist computes the same before and after: the
register has only moved. It is done between Yosys and nextpnr, so the Verilog that is simulated says
nothing of any device.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["use_output_registers"]

_BITS = 18
_ON, _OFF = "1", "0"

Cells = dict[str, dict[str, Any]]


def use_output_registers(netlist: Mapping[str, Any], top: str) -> int:
    """Move what can be moved, in place; returns the number of flip-flops that are gone.

    A port of a ``DP16KD`` can where each of its bits that anyone reads is read by one flip-flop
    alone, at the port's clock, without enable, reset or an initial value of 1. A port of which
    only a part is registered stays as it is, since all bits of a port share the choice.

    Parameters
    ----------
    netlist : what Yosys' ``write_json`` wrote of an ECP5 design, flattened. top : its module.
    """
    module = netlist["modules"][top]
    cells: Cells = module["cells"]
    readers = _readers(cells)
    outside = {bit for port in module["ports"].values() for bit in port["bits"]}
    moved = 0
    for ram in [cell for cell in cells.values() if cell["type"] == "DP16KD"]:
        for port in "AB":
            found = _registers(cells, ram, port, readers, outside)
            for pin, name in found.items():
                ram["connections"][pin] = cells.pop(name)["connections"]["Q"]
            if found:
                ram["parameters"][f"REGMODE_{port}"] = "OUTREG"
                moved += len(found)
    return moved


def _readers(cells: Cells) -> dict[object, list[tuple[str, str]]]:
    """By bit, the cells and pins that read it."""
    readers: dict[object, list[tuple[str, str]]] = defaultdict(list)
    for name, cell in cells.items():
        for pin, bits in cell["connections"].items():
            if cell["port_directions"][pin] != "output":
                for bit in bits:
                    readers[bit].append((name, pin))
    return readers


def _registers(
    cells: Cells,
    ram: Mapping[str, Any],
    port: str,
    readers: Mapping[object, list[tuple[str, str]]],
    outside: set[object],
) -> dict[str, str]:
    """By pin of a port, the flip-flop behind it; none where they cannot all be moved."""
    pins: Mapping[str, list[object]] = ram["connections"]
    if not (
        ram["parameters"][f"REGMODE_{port}"] == "NOREG"
        and pins[f"OCE{port}"] == [_ON]
        and pins[f"RST{port}"] == [_OFF]
    ):
        return {}
    found = {}
    for pin in (f"DO{port}{k}" for k in range(_BITS)):
        for bit in pins[pin]:
            if bit in outside:
                return {}
            behind = readers.get(bit, [])
            if not behind:
                continue
            name, at = behind[0]
            if len(behind) > 1 or at != "DI" or not _is_plain(cells[name], pins[f"CLK{port}"]):
                return {}
            found[pin] = name
    return found


def _is_plain(cell: Mapping[str, Any], clock: Iterable[object]) -> bool:
    """Whether it is a flip-flop that takes every bit, at that clock, and begins with 0."""
    if cell["type"] != "TRELLIS_FF":
        return False
    pins, says = cell["connections"], cell["parameters"]
    always = says["CEMUX"].strip() == _ON or pins.get("CE") == [_ON]
    return bool(
        pins["CLK"] == clock
        and says["CLKMUX"] == "CLK"
        and says["REGSET"] == "RESET"
        and always
        and pins.get("LSR", [_OFF]) == [_OFF]
    )
