"""Fomu PVT: iCE40 UltraPlus 5K inside a USB socket, 48 MHz oscillator, an RGB LED, no link."""

from amaranth_boards.fomu_pvt import FomuPVTPlatform

from .board import Board, Light, Programmer
from .device import ICE40UP5K
from .pll import ice40_plls

__all__ = ["FOMU"]

FOMU = Board(
    name="fomu",
    title="Fomu PVT (Lattice iCE40UP5K)",
    **ICE40UP5K.fields,
    package="UWG30",
    speed="UP",
    clock="clk48",
    clock_mhz=48.0,
    default_mhz=24.0,
    goal_mhz=48.0,
    plls=ice40_plls(48.0, pad=False),
    platform=lambda: FomuPVTPlatform(toolchain="IceStorm"),
    match=Light(name="rgb_led", number=0, part="g"),
    mismatch=Light(name="rgb_led", number=0, part="r"),
    beat=Light(name="rgb_led", number=0, part="b"),
    programmer=Programmer(arguments=("-b", "fomu"), sram=False),
)
