"""1BitSquared iCEBreaker: iCE40 UltraPlus 5K, 12 MHz oscillator."""

from amaranth_boards.icebreaker import ICEBreakerPlatform

from .board import BlockRam, Board, Flash, LargeRam, Light, Uart
from .pll import ice40_plls

__all__ = ["ICEBREAKER"]


def _platform() -> ICEBreakerPlatform:
    """The board with its LED section still attached (or plugged in as PMOD 2)."""
    platform = ICEBreakerPlatform(toolchain="IceStorm")
    platform.add_resources(platform.break_off_pmod)
    return platform


ICEBREAKER = Board(
    name="icebreaker",
    title="iCEBreaker (Lattice iCE40UP5K)",
    family="ice40",
    device="iCE40UP5K",
    package="SG48",
    luts=5280,
    ffs=5280,
    block_ram=BlockRam(
        name="EBR", count=30, shapes=((256, 16), (512, 8), (1024, 4), (2048, 2)), cost=64
    ),
    lut_ram=False,
    large_ram=LargeRam(name="SPRAM", count=4, rows=16384, bits=16),
    dsps=8,
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
    # A bitstream has 104,090 bytes.
    flash=Flash(resource="spi_flash_1x", offset=0x20000, size=1 << 24),
    uart=Uart(
        bridge="FT2232H",
        rates=(12_000_000, 6_000_000, 4_000_000, 3_000_000, 2_000_000, 1_000_000, 115_200),
    ),
)
