"""Sipeed Tang Nano 9K and 20K: Gowin GW1NR-9C and GW2AR-18C, 27 MHz oscillator, six LEDs."""

from typing import Any

from amaranth.build import Attrs, Clock, Pins, PinsN, Resource
from amaranth.vendor import GowinPlatform
from amaranth_boards.tang_nano_9k import TangNano9kPlatform

from .board import Board, Light, Programmer, Uart
from .device import GW1NR_9C, GW2AR_18C
from .links import BL702, uart_on
from .pll import gowin_plls

__all__ = ["TANG_NANO_20K", "TANG_NANO_9K"]


_Base: Any = GowinPlatform  # its types forbid what it is for


class _Platform(_Base):  # type: ignore[misc]
    """With the netlist in the file where the flow of all other families has it."""

    @property
    def device(self) -> str:
        """What other platforms call so."""
        return str(self.family)

    @property
    def file_templates(self) -> dict[str, str]:
        """Amaranth's, with another file name."""
        name = "{{name}}.ys"
        templates = dict(super().file_templates)
        templates[name] = templates[name].replace("{{name}}.syn.json", "{{name}}.json")
        return templates


class _Nano9k(_Platform, TangNano9kPlatform):  # type: ignore[misc]
    pass


def _lvcmos(**more: Any) -> Attrs:
    return Attrs(IO_TYPE="LVCMOS33", **more)


class _Nano20k(_Platform):
    part = "GW2AR-LV18QN88C8/I7"
    family = "GW2AR-18C"
    default_clk = "clk27"
    resources = (
        Resource("clk27", 0, Pins("4", dir="i"), Clock(27e6), _lvcmos()),
        *(Resource("led", k, PinsN(str(15 + k), dir="o"), _lvcmos()) for k in range(6)),
        Resource("button", 0, Pins("88", dir="i"), _lvcmos(PULL_MODE="DOWN")),
        uart_on(rx="70", tx="69", IO_TYPE="LVCMOS33", PULL_MODE="UP"),
    )
    connectors = ()


def _lights() -> dict[str, Any]:
    return {
        "label": tuple(Light(name="led", number=number) for number in range(4)),
        "match": Light(name="led", number=5),
        "beat": Light(name="led", number=4),
        "button": Light(name="button", number=0),
    }


TANG_NANO_9K = Board(
    name="tang-nano-9k",
    title="Tang Nano 9K (Gowin GW1NR-9C, C6/I5)",
    **GW1NR_9C.fields,
    package="QN88P",
    speed="C6/I5",
    clock="clk27",
    clock_mhz=27.0,
    default_mhz=54.0,
    goal_mhz=100.0,
    plls=gowin_plls(27.0, "GW1NR-9C"),
    platform=_Nano9k,
    uart=Uart(bridge="BL702", rates=BL702),
    programmer=Programmer(arguments=("-b", "tangnano9k")),
    **_lights(),
)

TANG_NANO_20K = Board(
    name="tang-nano-20k",
    title="Tang Nano 20K (Gowin GW2AR-18C, C8/I7)",
    **GW2AR_18C.fields,
    package="QN88",
    speed="C8/I7",
    clock="clk27",
    clock_mhz=27.0,
    default_mhz=81.0,
    goal_mhz=150.0,
    plls=gowin_plls(27.0, "GW2AR-18C"),
    platform=_Nano20k,
    uart=Uart(bridge="BL616", rates=BL702),
    programmer=Programmer(arguments=("-b", "tangnano20k")),
    **_lights(),
)
