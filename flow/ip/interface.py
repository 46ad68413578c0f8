"""How an accelerator is joined to a system: its top, its Verilog, its registers."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from amaranth.back import verilog

from spikewright.flow.generate.manifest import TOP, VERILOG, ports_of
from spikewright.hdl.accelerator import Accelerator
from spikewright.hdl.design import design_hash
from spikewright.hdl.interfaces import AxiAccelerator, RegisterMap, WishboneAccelerator
from spikewright.hdl.interfaces.axi_stream import bytes_of
from spikewright.hdl.interfaces.token_words import words_of

__all__ = ["Interface", "Wrapped", "wrapped"]


class Interface(StrEnum):
    """What tokens and registers travel on."""

    STREAM = "stream"
    AXI_STREAM = "axi-stream"
    WISHBONE = "wishbone"


@dataclass(frozen=True, kw_only=True, eq=False)
class Wrapped:
    """An accelerator with an interface around it.

    ``top`` : the module's name. ``text`` : its Verilog, which has the accelerator as a module that
    lies beside; None where that is all. ``registers`` : None where there are none. ``ports`` : of
    the top. ``streams`` : what a token looks like on the interface, by the network's input, and as
    ``output``.
    """

    interface: Interface
    accelerator: Accelerator
    top: str
    text: str | None
    registers: RegisterMap | None
    ports: list[dict[str, Any]]
    streams: dict[str, Any]

    @property
    def verilog(self) -> list[str]:
        """Names of the files of Verilog."""
        return [VERILOG, *([f"{self.top}.v"] if self.text is not None else [])]

    def as_dict(self) -> dict[str, Any]:
        """The manifest's section."""
        return {
            "kind": str(self.interface),
            "top": self.top,
            "verilog": self.verilog,
            "ports": self.ports,
            "streams": self.streams,
            "registers": None
            if self.registers is None
            else [
                {
                    "name": each.name,
                    "address": each.address,
                    "access": str(each.access),
                    "constant": each.constant,
                    "fields": [
                        {"name": field.name, "low": field.low, "width": field.width}
                        for field in each.fields
                    ],
                }
                for each in self.registers.registers
            ],
        }


def wrapped(accelerator: Accelerator, interface: Interface) -> Wrapped:
    """An accelerator with an interface.

    Raises
    ------
    UnsupportedError
        If the interface has no room for so many inputs or cores.
    """
    inputs, output = accelerator.inputs, accelerator.output_layout
    identity = design_hash(accelerator.network, accelerator.plan)
    if interface is Interface.STREAM:
        return Wrapped(
            interface=interface,
            accelerator=accelerator,
            top=TOP,
            text=None,
            registers=None,
            ports=ports_of(accelerator),
            streams={"inputs": {each.name: each.member for each in inputs}, "output": "o"},
        )
    top: AxiAccelerator | WishboneAccelerator
    if interface is Interface.AXI_STREAM:
        top = AxiAccelerator(accelerator=accelerator, module=TOP, plan_hash=identity)
        name = f"{TOP}_axi"
        streams = {
            "inputs": {
                each.name: {"port": f"s_axis_{each.name}", "bytes": bytes_of(each.layout)}
                for each in inputs
            },
            "output": {"port": "m_axis", "bytes": bytes_of(output)},
        }
        ports = ports_of(top, clock=False)
    else:
        top = WishboneAccelerator(accelerator=accelerator, module=TOP, plan_hash=identity)
        name = f"{TOP}_wishbone"
        streams = {
            "inputs": {
                each.name: {
                    "register": f"IN{k}_DATA",
                    "words": words_of(each.layout),
                    "depth": top.input_depth,
                }
                for k, each in enumerate(inputs)
            },
            "output": {
                "register": "OUT_DATA",
                "words": words_of(output),
                "depth": top.output_depth,
            },
        }
        ports = ports_of(top)
    # Without places in source files the text is the same on every machine.
    text = verilog.convert(top, name=name, strip_internal_attrs=True, emit_src=False)
    return Wrapped(
        interface=interface,
        accelerator=accelerator,
        top=name,
        text=str(text),
        registers=top.registers,
        ports=ports,
        streams=streams,
    )
