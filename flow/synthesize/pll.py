"""Sets another clock in a netlist that Yosys has made: only the PLL's settings differ."""

from collections.abc import Mapping
from typing import Any

from amaranth.hdl import IOPort, Signal

from spikewright.boards.pll import Pll

__all__ = ["set_pll"]


def set_pll(netlist: Mapping[str, Any], top: str, old: Pll, new: Pll) -> bool:
    """Change the settings of one PLL into those of another, in place.

    Parameters
    ----------
    netlist : what Yosys' ``write_json`` wrote of a design, flattened. top : its module.
    old, new : the clock that the netlist was made with, and the one that it shall have.

    Returns
    -------
    Whether that is all there is to change. It is not where a clock needs no PLL, or the netlist
    does not hold the settings of ``old``; then nothing is changed.
    """
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
