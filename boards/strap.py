"""Constants that can be changed in a netlist: nothing is computed from them before."""

from typing import Any

from amaranth.hdl import Const, Instance, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from spikewright.golden.errors import ConfigurationError

__all__ = ["STRAP_CELLS", "Strap", "strap_cell"]

STRAP_CELLS = {
    "ecp5": ("LUT4", "INIT"),
    "gowin": ("LUT4", "INIT"),
    "ice40": ("SB_LUT4", "LUT_INIT"),
}
"""The lookup table of a family, and its parameter."""

_NUMBERED = ("I0", "I1", "I2", "I3")
_INPUTS = {"ecp5": "ABCD", "gowin": _NUMBERED, "ice40": _NUMBERED}
_OUTPUT = {"ecp5": "Z", "gowin": "F", "ice40": "O"}


def strap_cell(family: str, bit: int) -> tuple[str, dict[str, int]]:
    """Type and parameters of the cell that makes a bit."""
    cell, parameter = STRAP_CELLS[family]
    return cell, {parameter: 0xFFFF if bit else 0}


class Strap(wiring.Component):  # type: ignore[type-arg]  # generic only in its stubs
    """A number made of lookup tables of its family, one a bit, which synthesis leaves alone.

    Parameters
    ----------
    family : as of ``Board``. value : the number. bits : its width.

    Members
    -------
    o : Out, the number. Timing: it never changes. Storage: none.
    """

    def __init__(self, *, family: str, value: int, bits: int) -> None:
        if not 0 <= value < 1 << bits:
            raise ConfigurationError(f"a strap must fit {bits} bits", found=str(value))
        self.family = family
        self.value = value
        self.bits = bits
        super().__init__({"o": Out(bits)})

    def elaborate(self, platform: object) -> Module:
        """Cells bit_0, bit_1, ..."""
        m = Module()
        inputs: dict[str, Any] = {f"i_{name}": Const(0) for name in _INPUTS[self.family]}
        for k in range(self.bits):
            cell, parameters = strap_cell(self.family, self.value >> k & 1)
            out = Signal(name=f"out_{k}")
            settings = {f"p_{name}": Const(value, 16) for name, value in parameters.items()}
            m.submodules[f"bit_{k}"] = Instance(
                cell, a_keep=1, **settings, **inputs, **{f"o_{_OUTPUT[self.family]}": out}
            )
            m.d.comb += self.o[k].eq(out)
        return m
