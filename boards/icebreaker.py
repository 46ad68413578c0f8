"""1BitSquared iCEBreaker and iCEBreaker Bitsy: iCE40 UltraPlus 5K, 12 MHz oscillator.

The Bitsy has no bridge: TX is P0, RX is P1 of its edge connector.
"""

from amaranth_boards.icebreaker import ICEBreakerPlatform
from amaranth_boards.icebreaker_bitsy import ICEBreakerBitsyPlatform

from .board import Board, Flash, Light, Programmer, Uart
from .device import ICE40UP5K
from .links import ADAPTER, FT2232H, FT2232H_SPI, beside_flash, uart_on
from .pll import ice40_plls

__all__ = ["ICEBREAKER", "ICEBREAKER_BITSY"]


def _platform() -> ICEBreakerPlatform:
    """The board with its LED section still attached (or plugged in as PMOD 2)."""
    platform = ICEBreakerPlatform(toolchain="IceStorm")
    platform.add_resources([*platform.break_off_pmod, beside_flash(platform)])
    return platform


def _bitsy() -> ICEBreakerBitsyPlatform:
    platform = ICEBreakerBitsyPlatform(toolchain="IceStorm")
    platform.add_resources([uart_on(tx="0", rx="1", conn=("edge", 0), IO_STANDARD="SB_LVCMOS")])
    return platform


ICEBREAKER = Board(
    name="icebreaker",
    title="iCEBreaker (Lattice iCE40UP5K)",
    **ICE40UP5K.fields,
    package="SG48",
    speed="UP",
    clock="clk12",
    clock_mhz=12.0,
    default_mhz=24.0,
    goal_mhz=48.0,
    plls=ice40_plls(12.0),
    platform=_platform,
    label=tuple(Light(name="led_g", number=number) for number in (1, 2, 3, 4)),
    match=Light(name="led_g", number=0),
    mismatch=Light(name="led_r", number=0),
    beat=Light(name="led_r", number=1),
    button=Light(name="button", number=0),
    uart=Uart(bridge="FT2232H", rates=FT2232H),
    spi=FT2232H_SPI,
    programmer=Programmer(arguments=("-b", "ice40_generic"), sram=False),
    # A bitstream has 104,090 bytes.
    flash=Flash(resource="spi_flash_1x", offset=0x20000, size=1 << 24, half=1),
)

ICEBREAKER_BITSY = Board(
    name="icebreaker-bitsy",
    title="iCEBreaker Bitsy 1.x (Lattice iCE40UP5K)",
    **ICE40UP5K.fields,
    package="SG48",
    speed="UP",
    clock="clk12",
    clock_mhz=12.0,
    default_mhz=24.0,
    goal_mhz=48.0,
    plls=ice40_plls(12.0),
    platform=_bitsy,
    label=(Light(name="rgb_led", number=0, part="r"), Light(name="rgb_led", number=0, part="g")),
    match=Light(name="led_g", number=0),
    mismatch=Light(name="led_r", number=0),
    beat=Light(name="rgb_led", number=0, part="b"),
    button=Light(name="button", number=0),
    uart=Uart(bridge=None, rates=ADAPTER, pins="TX P0, RX P1 of the edge connector"),
    programmer=Programmer(arguments=("-b", "icebreaker-bitsy"), sram=False),
)
