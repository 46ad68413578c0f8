"""The accelerator as a module of Verilog that lies beside."""

from typing import Any

from amaranth.hdl import ClockSignal, Instance, Module, ResetSignal
from amaranth.lib import wiring

from spikewright.hdl.accelerator import Accelerator

__all__ = ["AcceleratorInstance"]


class AcceleratorInstance(wiring.Component):
    """An accelerator's ports, joined to a module of its Verilog instead of to a copy of it.

    So what stands behind a bus is, letter by letter, what co-simulation has compared.

    Parameters
    ----------
    accelerator : whose ports. module : the name of its Verilog's top.

    Members
    -------
    Those of the accelerator.
    """

    def __init__(self, *, accelerator: Accelerator, module: str) -> None:
        self.accelerator = accelerator
        self.module = module
        super().__init__(accelerator.signature)

    def elaborate(self, platform: object) -> Module:
        """Ports are named as Amaranth names them in Verilog."""
        m = Module()
        ports: dict[str, Any] = {"i_clk": ClockSignal(), "i_rst": ResetSignal()}
        for path, member, value in self.signature.flatten(self):
            way = "i" if member.flow is wiring.In else "o"
            ports[f"{way}_{'__'.join(str(part) for part in path)}"] = value
        m.submodules[self.module] = Instance(self.module, **ports)
        return m
