"""Colorlight's LED controllers as FPGA boards: i5 and i9 on MuseLab's base board, and 5A-75B.

The pins of i5 and i9 are those that MuseLab documents for v7.0 and v7.2; their link is that of the
base board's iCELink. The 5A-75B takes a JTAG adapter, and its link is on J19: RX on KEY+, TX on
LED-, in place of its button and its LED.
"""

from typing import Any

from amaranth.build import Attrs, Clock, Pins, PinsN, Resource
from amaranth.vendor import LatticeECP5Platform
from amaranth_boards.colorlight_5a75b_r7_0 import Colorlight_5A75B_R70Platform

from .board import Board, Light, Programmer, Uart
from .device import ecp5
from .flashes import ecp5_flash, with_boot_flash
from .links import ADAPTER, ICELINK, uart_on
from .pll import ecp5_plls

__all__ = ["COLORLIGHT_5A75B", "COLORLIGHT_I5", "COLORLIGHT_I9"]


def _resources(led: str) -> list[Resource]:
    lvcmos = Attrs(IO_TYPE="LVCMOS33")
    return [
        Resource("clk25", 0, Pins("P3", dir="i"), Clock(25e6), lvcmos),
        Resource("led", 0, PinsN(led, dir="o"), lvcmos),
        uart_on(rx="H18", tx="J17", IO_TYPE="LVCMOS33"),
    ]


_Base: Any = LatticeECP5Platform  # its types forbid what it is for


class _I5Platform(_Base):  # type: ignore[misc]
    device = "LFE5U-25F"
    package = "BG381"
    speed = "6"
    default_clk = "clk25"
    resources = _resources("U16")
    connectors = ()


class _I9Platform(_I5Platform):
    device = "LFE5U-45F"
    resources = _resources("L2")


def _base_board(name: str, size: str, platform: type[_I5Platform], *, flash_bytes: int) -> Board:
    return Board(
        name=f"colorlight-{name}",
        title=f"Colorlight {name} (Lattice LFE5U-{size}, speed grade 6)",
        package="CABGA381",
        platform=lambda: with_boot_flash(platform(toolchain="Trellis"), "CABGA381"),
        uart=Uart(bridge="iCELink", rates=ICELINK),
        programmer=Programmer(arguments=("-b", f"colorlight-{name}")),
        flash=ecp5_flash(size, bytes_=flash_bytes),
        **_common(size),
    )


def _common(size: str) -> dict[str, Any]:
    return {
        **ecp5(f"LFE5U-{size}").fields,
        "speed": "6",
        "clock": "clk25",
        "clock_mhz": 25.0,
        "default_mhz": 100.0,
        "goal_mhz": 150.0,
        "plls": ecp5_plls(25.0),
        "match": Light(name="led", number=0),
    }


COLORLIGHT_I5 = _base_board("i5", "25F", _I5Platform, flash_bytes=1 << 21)
COLORLIGHT_I9 = _base_board("i9", "45F", _I9Platform, flash_bytes=1 << 21)

COLORLIGHT_5A75B = Board(
    name="colorlight-5a-75b",
    title="Colorlight 5A-75B V7.0 (Lattice LFE5U-25F, speed grade 6)",
    package="CABGA256",
    platform=lambda: with_boot_flash(Colorlight_5A75B_R70Platform(toolchain="Trellis"), "CABGA256"),
    button=Light(name="button", number=0),
    uart=Uart(bridge=None, rates=ADAPTER, pins="RX KEY+, TX LED- of J19", shared=True),
    programmer=Programmer(arguments=("-b", "colorlight"), adapter=True),
    flash=ecp5_flash("25F"),
    **_common("25F"),
)
