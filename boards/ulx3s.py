"""Radiona ULX3S with any of four ECP5: 25 MHz oscillator, eight LEDs."""

from collections.abc import Callable
from typing import Any

from amaranth_boards.ulx3s import (
    ULX3S_12F_Platform,
    ULX3S_25F_Platform,
    ULX3S_45F_Platform,
    ULX3S_85F_Platform,
)

from .board import Board, Light, Programmer, Uart
from .device import ecp5
from .flashes import ecp5_flash, with_boot_flash
from .links import FT231X
from .pll import ecp5_plls

__all__ = ["ULX3S_12F", "ULX3S_25F", "ULX3S_45F", "ULX3S_85F"]


def _ulx3s(size: str, platform: Callable[..., Any]) -> Board:
    return Board(
        name=f"ulx3s-{size.lower()}",
        title=f"ULX3S {size} (Lattice LFE5U-{size}, speed grade 6)",
        **ecp5(f"LFE5U-{size}").fields,
        package="CABGA381",
        speed="6",
        clock="clk25",
        clock_mhz=25.0,
        default_mhz=100.0,
        goal_mhz=150.0,
        plls=ecp5_plls(25.0),
        platform=lambda: with_boot_flash(platform(toolchain="Trellis"), "CABGA381"),
        label=tuple(Light(name="led", number=number) for number in range(6)),
        match=Light(name="led", number=7),
        beat=Light(name="led", number=6),
        button=Light(name="button_fire", number=0),
        uart=Uart(bridge="FT231X", rates=FT231X),
        programmer=Programmer(arguments=("-b", "ulx3s")),
        flash=ecp5_flash(size),
    )


ULX3S_12F = _ulx3s("12F", ULX3S_12F_Platform)
ULX3S_25F = _ulx3s("25F", ULX3S_25F_Platform)
ULX3S_45F = _ulx3s("45F", ULX3S_45F_Platform)
ULX3S_85F = _ulx3s("85F", ULX3S_85F_Platform)
