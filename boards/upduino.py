"""tinyVision UPduino 3: iCE40 UltraPlus 5K, 12 MHz oscillator by the solder jumper OSC.

Its FT232H has the flash's lines only. SPI goes by them; a UART of the bridge would, too, but select
the flash by its DTR. One of an adapter's is on the left header: TX on pin 38, RX on pin 28.
"""

from amaranth_boards.upduino_v3 import UpduinoV3Platform

from .board import Board, Flash, Light, Programmer, Uart
from .device import ICE40UP5K
from .flashes import BOOT, boot_flash
from .links import ADAPTER, FT232H_SPI, beside_flash, uart_on
from .pll import ice40_plls

__all__ = ["UPDUINO3"]


def _platform() -> UpduinoV3Platform:
    platform = UpduinoV3Platform(toolchain="IceStorm")
    uart = uart_on(tx="38", rx="28", IO_STANDARD="SB_LVCMOS")
    # The oscillator has the pin of the flash's hold.
    flash = boot_flash(cs="16", clk="15", copi="14", cipo="17", IO_STANDARD="SB_LVCMOS")
    platform.add_resources([uart, beside_flash(platform), flash])
    return platform


UPDUINO3 = Board(
    name="upduino3",
    title="UPduino 3 (Lattice iCE40UP5K)",
    **ICE40UP5K.fields,
    package="SG48",
    speed="UP",
    clock="clk12",
    clock_mhz=12.0,
    default_mhz=24.0,
    goal_mhz=48.0,
    plls=ice40_plls(12.0, pad=False),
    platform=_platform,
    match=Light(name="rgb_led", number=0, part="g"),
    mismatch=Light(name="rgb_led", number=0, part="r"),
    beat=Light(name="rgb_led", number=0, part="b"),
    uart=Uart(bridge=None, rates=ADAPTER, pins="TX 38, RX 28 of the left header"),
    spi=FT232H_SPI,
    programmer=Programmer(arguments=("-b", "ice40_generic", "-c", "ft232"), sram=False),
    flash=Flash(resource=BOOT, offset=0x20000, size=1 << 22, half=1),
)
