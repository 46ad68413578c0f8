"""MuseLab iCESugar (iCE40 UltraPlus 5K) and iCESugar-Pro (ECP5-25F), with their iCELink probe."""

from amaranth_boards.icesugar import ICESugarPlatform
from amaranth_boards.icesugar_pro import ICESugarProPlatform

from .board import Board, Flash, Light, Programmer, Uart
from .device import ICE40UP5K, ecp5
from .flashes import ecp5_flash, with_boot_flash
from .links import ICELINK
from .pll import ecp5_plls, ice40_plls

__all__ = ["ICESUGAR", "ICESUGAR_PRO"]

ICESUGAR = Board(
    name="icesugar",
    title="iCESugar 1.5 (Lattice iCE40UP5K)",
    **ICE40UP5K.fields,
    package="SG48",
    speed="UP",
    clock="clk12",
    clock_mhz=12.0,
    default_mhz=24.0,
    goal_mhz=48.0,
    plls=ice40_plls(12.0),
    platform=lambda: ICESugarPlatform(toolchain="IceStorm"),
    match=Light(name="led_g", number=0),
    mismatch=Light(name="led_r", number=0),
    beat=Light(name="led_b", number=0),
    button=Light(name="switch", number=0),
    uart=Uart(bridge="iCELink", rates=ICELINK),
    by_hand="icesprog top.bin, or flash.bin where the build has made one",
    flash=Flash(resource="spi_flash_1x", offset=0x20000, size=1 << 22, half=1),
)

ICESUGAR_PRO = Board(
    name="icesugar-pro",
    title="iCESugar-Pro 1.3 (Lattice LFE5U-25F, speed grade 6)",
    **ecp5("LFE5U-25F").fields,
    package="CABGA256",
    speed="6",
    clock="clk25",
    clock_mhz=25.0,
    default_mhz=100.0,
    goal_mhz=150.0,
    plls=ecp5_plls(25.0),
    platform=lambda: with_boot_flash(ICESugarProPlatform(toolchain="Trellis"), "CABGA256"),
    match=Light(name="rgb_led", number=0, part="g"),
    mismatch=Light(name="rgb_led", number=0, part="r"),
    beat=Light(name="rgb_led", number=0, part="b"),
    uart=Uart(bridge="iCELink", rates=ICELINK),
    programmer=Programmer(arguments=("-c", "cmsisdap")),
    flash=ecp5_flash("25F"),
)
