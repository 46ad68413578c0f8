"""LambdaConcept ECPIX-5 R02 with an ECP5-5G 45F or 85F: 100 MHz oscillator, four RGB LEDs."""

from collections.abc import Callable
from typing import Any

from amaranth_boards.ecpix5 import ECPIX545Platform, ECPIX585Platform

from .board import Board, Light, Programmer, Uart
from .device import ecp5
from .flashes import ecp5_flash, with_boot_flash
from .links import FT2232H
from .pll import ecp5_plls

__all__ = ["ECPIX5_45F", "ECPIX5_85F"]


def _ecpix5(size: str, platform: Callable[..., Any]) -> Board:
    return Board(
        name=f"ecpix5-{size.lower()}",
        title=f"ECPIX-5 {size} (Lattice LFE5UM5G-{size}, speed grade 8)",
        **ecp5(f"LFE5UM5G-{size}").fields,
        package="CABGA554",
        speed="8",
        clock="clk100",
        clock_mhz=100.0,
        default_mhz=100.0,
        goal_mhz=150.0,
        plls=ecp5_plls(100.0),
        platform=lambda: with_boot_flash(platform(toolchain="Trellis"), "CABGA554"),
        label=tuple(Light(name="rgb_led", number=number, part="b") for number in range(4)),
        match=Light(name="rgb_led", number=0, part="g"),
        mismatch=Light(name="rgb_led", number=0, part="r"),
        beat=Light(name="rgb_led", number=3, part="g"),
        uart=Uart(bridge="FT2232H", rates=FT2232H),
        programmer=Programmer(arguments=("-b", "ecpix5")),
        flash=ecp5_flash(size),
    )


ECPIX5_45F = _ecpix5("45F", ECPIX545Platform)
ECPIX5_85F = _ecpix5("85F", ECPIX585Platform)
