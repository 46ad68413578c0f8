"""TinyFPGA BX: iCE40 LP8K, 16 MHz oscillator, one LED.

It has no bridge: TX is pin 1, RX is pin 2. Its boot loader takes bitstreams by tinyprog.
"""

from amaranth_boards.tinyfpga_bx import TinyFPGABXPlatform

from .board import Board, Light, Uart
from .device import ICE40LP8K
from .links import ADAPTER, uart_on
from .pll import ice40_plls

__all__ = ["TINYFPGA_BX"]


def _platform() -> TinyFPGABXPlatform:
    platform = TinyFPGABXPlatform(toolchain="IceStorm")
    platform.add_resources([uart_on(tx="1", rx="2", conn=("gpio", 0), IO_STANDARD="SB_LVCMOS")])
    return platform


TINYFPGA_BX = Board(
    name="tinyfpga-bx",
    title="TinyFPGA BX (Lattice iCE40LP8K)",
    **ICE40LP8K.fields,
    package="CM81",
    speed="LP",
    clock="clk16",
    clock_mhz=16.0,
    default_mhz=32.0,
    goal_mhz=90.0,
    plls=ice40_plls(16.0, pad=False),
    platform=_platform,
    match=Light(name="led", number=0),
    uart=Uart(bridge=None, rates=ADAPTER, pins="TX 1, RX 2"),
    by_hand="tinyprog -p top.bin",
)
