"""Lattice's own boards: iCE40-HX8K-B-EVN, iCEstick, ECP5 Versa, ECP5 Evaluation Board.

The link of the Evaluation Board needs two resistor jumpers swapped, and its bridge set up anew: its
manual, section 6.2.
"""

from typing import Any

from amaranth_boards.ecp5_5g_evn import ECP55GEVNPlatform
from amaranth_boards.ice40_hx8k_b_evn import ICE40HX8KBEVNPlatform
from amaranth_boards.icestick import ICEStickPlatform
from amaranth_boards.versa_ecp5 import VersaECP5Platform

from .board import Board, Flash, Light, Programmer, Uart
from .device import ICE40HX1K, ICE40HX8K, ecp5
from .flashes import ecp5_flash, with_boot_flash
from .links import FT2232H, FT2232H_SPI, beside_flash
from .pll import ecp5_plls, ice40_plls

__all__ = ["ECP5_EVN", "HX8K_B_EVN", "ICESTICK", "VERSA_ECP5"]


def _with_spi(platform: Any) -> Any:
    """The jumpers of the HX8K board are those for its flash."""
    platform.add_resources([beside_flash(platform)])
    return platform


HX8K_B_EVN = Board(
    name="hx8k-b-evn",
    title="iCE40-HX8K-B-EVN (Lattice iCE40HX8K)",
    **ICE40HX8K.fields,
    package="CT256",
    speed="HX",
    clock="clk12",
    clock_mhz=12.0,
    default_mhz=48.0,
    goal_mhz=120.0,
    plls=ice40_plls(12.0, pad=False),
    platform=lambda: _with_spi(ICE40HX8KBEVNPlatform(toolchain="IceStorm")),
    label=tuple(Light(name="led", number=number) for number in range(5)),
    match=Light(name="led", number=7),
    mismatch=Light(name="led", number=6),
    beat=Light(name="led", number=5),
    uart=Uart(bridge="FT2232H", rates=FT2232H),
    spi=FT2232H_SPI,
    programmer=Programmer(arguments=("-b", "ice40_generic"), sram=False),
    flash=Flash(resource="spi_flash_1x", offset=0x40000, size=1 << 22, half=3),
)

ICESTICK = Board(
    name="icestick",
    title="iCEstick (Lattice iCE40HX1K)",
    **ICE40HX1K.fields,
    package="TQ144",
    speed="HX",
    clock="clk12",
    clock_mhz=12.0,
    default_mhz=48.0,
    goal_mhz=120.0,
    plls=ice40_plls(12.0, pad=False),
    platform=lambda: _with_spi(ICEStickPlatform(toolchain="IceStorm")),
    label=tuple(Light(name="led", number=number) for number in range(3)),
    match=Light(name="led", number=4),
    beat=Light(name="led", number=3),
    uart=Uart(bridge="FT2232H", rates=FT2232H),
    spi=FT2232H_SPI,
    programmer=Programmer(arguments=("-b", "ice40_generic"), sram=False),
    flash=Flash(resource="spi_flash_1x", offset=0x40000, size=1 << 22, half=3),
)

VERSA_ECP5 = Board(
    name="versa-ecp5",
    title="ECP5 Versa (Lattice LFE5UM-45F, speed grade 8)",
    **ecp5("LFE5UM-45F").fields,
    package="CABGA381",
    speed="8",
    clock="clk100",
    clock_mhz=100.0,
    default_mhz=100.0,
    goal_mhz=150.0,
    plls=ecp5_plls(100.0),
    platform=lambda: VersaECP5Platform(toolchain="Trellis"),
    label=tuple(Light(name="led", number=number) for number in range(5)),
    match=Light(name="led", number=7),
    mismatch=Light(name="led", number=6),
    beat=Light(name="led", number=5),
    uart=Uart(bridge="FT2232H", rates=FT2232H),
    by_hand="OpenOCD, which skips the other device of its JTAG chain",
)

ECP5_EVN = Board(
    name="ecp5-evn",
    title="ECP5 Evaluation Board (Lattice LFE5UM5G-85F, speed grade 8)",
    **ecp5("LFE5UM5G-85F").fields,
    package="CABGA381",
    speed="8",
    clock="clk12",
    clock_mhz=12.0,
    default_mhz=100.0,
    goal_mhz=150.0,
    plls=ecp5_plls(12.0),
    platform=lambda: with_boot_flash(ECP55GEVNPlatform(toolchain="Trellis"), "CABGA381"),
    label=tuple(Light(name="led", number=number) for number in range(5)),
    match=Light(name="led", number=7),
    mismatch=Light(name="led", number=6),
    beat=Light(name="led", number=5),
    button=Light(name="button", number=0),
    uart=Uart(bridge="FT2232H", rates=FT2232H),
    programmer=Programmer(arguments=("-b", "ecp5_evn")),
    flash=ecp5_flash("85F"),
)
