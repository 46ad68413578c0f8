"""Icepi Zero 1.3: ECP5-25F, 50 MHz oscillator, five LEDs."""

from amaranth_boards.icepi_zero import IcepiZero1_3Platform

from .board import Board, Light, Programmer, Uart
from .device import ecp5
from .flashes import ecp5_flash, with_boot_flash
from .links import FT231X
from .pll import ecp5_plls

__all__ = ["ICEPI_ZERO"]

ICEPI_ZERO = Board(
    name="icepi-zero",
    title="Icepi Zero 1.3 (Lattice LFE5U-25F, speed grade 6)",
    **ecp5("LFE5U-25F").fields,
    package="CABGA256",
    speed="6",
    clock="clk50",
    clock_mhz=50.0,
    default_mhz=100.0,
    goal_mhz=150.0,
    plls=ecp5_plls(50.0),
    platform=lambda: with_boot_flash(IcepiZero1_3Platform(toolchain="Trellis"), "CABGA256"),
    label=tuple(Light(name="led", number=number) for number in range(3)),
    match=Light(name="led", number=4),
    beat=Light(name="led", number=3),
    button=Light(name="button", number=0),
    uart=Uart(bridge="FT231X", rates=FT231X),
    programmer=Programmer(arguments=("-b", "icepi-zero")),
    flash=ecp5_flash("25F"),
)
