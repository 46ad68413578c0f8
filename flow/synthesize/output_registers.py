"""Moves flip-flops behind block RAM into the block's own output register, which Yosys does not use.

An ECP5 block RAM answers late in its cycle; with its output register it answers as early as a
flip-flop does, and the flip-flops are saved. The netlist computes the same before and after: the
register has only moved. It is done between Yosys and nextpnr, so the Verilog that is simulated says
nothing of any device.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["use_output_registers"]

_BITS = 18
_WIDE = 2 * _BITS
_ON, _OFF = "1", "0"

Cells = dict[str, dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class _Found:
    """Flip-flops behind an output, by its pins; ``enable`` : the bit that lets them all take."""

    names: dict[str, str]
    enable: object


def use_output_registers(netlist: Mapping[str, Any], top: str) -> int:
    """Move what can be moved, in place; returns the number of flip-flops that are gone.

    An output of a ``DP16KD`` is one of its ports, or both together where words of 36 bits are read.
    It can where each of its bits that anyone reads is read by one flip-flop alone, at the port's
    clock, with one enable for all or none, without reset or an initial value of 1. An output of
    which only a part is registered stays as it is, since all its bits share the choice.

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
        for ports in _outputs(ram):
            found = _registers(cells, ram, ports, readers, outside)
            if found is None:
                continue
            for pin, name in found.names.items():
                ram["connections"][pin] = cells.pop(name)["connections"]["Q"]
            for port in ports:
                ram["connections"][f"CLK{port}"] = ram["connections"][f"CLK{ports[-1]}"]
                ram["parameters"][f"REGMODE_{port}"] = "OUTREG"
                ram["connections"][f"OCE{port}"] = [found.enable]
            moved += len(found.names)
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


def _outputs(ram: Mapping[str, Any]) -> list[str]:
    """The ports that read, those together that read one word."""
    return ["AB"] if int(ram["parameters"]["DATA_WIDTH_B"], 2) == _WIDE else ["A", "B"]


def _registers(
    cells: Cells,
    ram: Mapping[str, Any],
    ports: str,
    readers: Mapping[object, list[tuple[str, str]]],
    outside: set[object],
) -> _Found | None:
    """The flip-flops behind an output; None where there are none, or not all can be moved."""
    pins: Mapping[str, list[object]] = ram["connections"]
    clocks = [pins[f"CLK{port}"] for port in ports]
    if pins.get(f"CE{ports[0]}") == [_OFF]:
        clocks[0] = clocks[-1]  # words of 36 bits that nobody writes: that port has no clock
    free = all(
        ram["parameters"][f"REGMODE_{port}"] == "NOREG" and pins[f"RST{port}"] == [_OFF]
        for port in ports
    )
    # Where both read one word it is the second that says when.
    if not free or pins[f"OCE{ports[-1]}"] != [_ON] or clocks[0] != clocks[-1]:
        return None
    names: dict[str, str] = {}
    enables = []
    for pin in (f"DO{port}{k}" for port in ports for k in range(_BITS)):
        for bit in pins[pin]:
            if bit in outside:
                return None
            behind = readers.get(bit, [])
            if not behind:
                continue
            name, at = behind[0]
            if len(behind) > 1 or at != "DI" or not _is_plain(cells[name], clocks[0]):
                return None
            names[pin] = name
            enables.append(_enable(cells[name]))
    if not names or any(enable != enables[0] for enable in enables):
        return None
    return _Found(names=names, enable=enables[0])


def _is_plain(cell: Mapping[str, Any], clock: list[object]) -> bool:
    """Whether it is a flip-flop at that clock that begins with 0 and is never reset."""
    if cell["type"] != "TRELLIS_FF":
        return False
    pins, says = cell["connections"], cell["parameters"]
    return bool(
        pins["CLK"] == clock
        and says["CLKMUX"] == "CLK"
        and says["REGSET"] == "RESET"
        and says["CEMUX"].strip() in (_ON, "CE")
        and pins.get("LSR", [_OFF]) == [_OFF]
    )


def _enable(cell: Mapping[str, Any]) -> object:
    """The bit that lets a flip-flop take."""
    if cell["parameters"]["CEMUX"].strip() == _ON:
        return _ON
    return cell["connections"].get("CE", [_ON])[0]
