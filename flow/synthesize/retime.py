"""Sets another clock in a netlist that Yosys has made: its PLL, and what counts its cycles."""

from collections.abc import Mapping
from typing import Any

from amaranth.hdl import IOPort, Signal

from spikewright.boards import BoardTop, LinkTop
from spikewright.boards.pll import Pll
from spikewright.boards.strap import strap_cell
from spikewright.golden.link import INCREMENT_BITS

__all__ = ["set_clock"]

_STRAP = "baud_strap.bit_"


def set_clock(netlist: Mapping[str, Any], top: str, old: BoardTop, new: BoardTop) -> bool:
    """Change the clock of one design into that of another, in place.

    Parameters
    ----------
    netlist : what Yosys' ``write_json`` wrote of a design, flattened. top : its module.
    old, new : the design that the netlist was made of, and the one that it shall be; nothing else
    differs between them.

    Returns
    -------
    Whether that can be done. It is not where a clock needs no PLL, or the netlist does not hold
    the settings of ``old``; then nothing is changed.
    """
    straps = _straps(netlist["modules"][top]["cells"], old, new)
    if straps is None or not _set_pll(netlist, top, old.pll, new.pll):
        return False
    for cell, parameters in straps:
        cell["parameters"].update(parameters)
    return True


def _straps(
    cells: Mapping[str, Any], old: BoardTop, new: BoardTop
) -> list[tuple[Any, dict[str, str]]] | None:
    """The cells of the baud rate's increment, with what they shall be; None where they are not."""
    if not isinstance(old, LinkTop) or not isinstance(new, LinkTop):
        return []
    found = []
    for k in range(INCREMENT_BITS):
        kind, before = strap_cell(old.board.family, old.increment >> k & 1)
        _, after = strap_cell(old.board.family, new.increment >> k & 1)
        cell = cells.get(f"{_STRAP}{k}")
        if cell is None or cell["type"] != kind:
            return None
        if any(cell["parameters"].get(name) != f"{value:016b}" for name, value in before.items()):
            return None
        found.append((cell, {name: f"{value:016b}" for name, value in after.items()}))
    return found


def _set_pll(netlist: Mapping[str, Any], top: str, old: Pll, new: Pll) -> bool:
    """Change the settings of one PLL into those of another, where they are there."""
    before, after = _settings(old), _settings(new)
    if before is None or after is None or before[0] != after[0]:
        return False
    cells = [
        cell for cell in netlist["modules"][top]["cells"].values() if cell["type"] == before[0]
    ]
    if len(cells) != 1:
        return False
    (cell,) = cells
    if any(cell[part].get(name) != value for (part, name), value in before[1].items()):
        return False
    for (part, name), value in after[1].items():
        cell[part][name] = value
    return True


def _settings(pll: Pll) -> tuple[str, dict[tuple[str, str], str]] | None:
    """Cell type, and its parameters and attributes as Yosys writes them; None without a PLL."""
    source = IOPort(1, name="pad") if pll.takes_pad else Signal()
    cell: Any = pll.instance(source, Signal(), Signal())
    if cell is None:
        return None
    settings = {("parameters", name): _written(value) for name, value in cell.parameters.items()}
    return cell.type, settings | {
        ("attributes", name): _written(value) for name, value in cell.attrs.items()
    }


def _written(value: object) -> str:
    """Numbers have 32 binary digits; a text that could be one of those gets a space behind it."""
    if isinstance(value, int):
        return f"{value & 0xFFFFFFFF:032b}"
    text = str(value)
    return text + " " if text.rstrip(" ").strip("01xz") == "" else text
