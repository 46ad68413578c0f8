"""OrangeCrab r0.2 with an ECP5 25F or 85F: 48 MHz oscillator, an RGB LED.

It has no bridge: RX is pin 0, TX is pin 1 of its header. Its boot loader takes bitstreams by DFU.
"""

from collections.abc import Callable
from typing import Any

from amaranth_boards.orangecrab_r0_2 import OrangeCrabR0_2_25FPlatform, OrangeCrabR0_2_85FPlatform

from .board import Board, Light, Programmer, Uart
from .device import ecp5
from .links import ADAPTER, uart_on
from .pll import ecp5_plls

__all__ = ["ORANGECRAB_25F", "ORANGECRAB_85F"]


def _orangecrab(size: str, platform: Callable[..., Any]) -> Board:
    def with_uart() -> Any:
        made = platform(toolchain="Trellis")
        made.add_resources([uart_on(rx="0", tx="1", conn=("io", 0), IO_TYPE="LVCMOS33")])
        return made

    return Board(
        name=f"orangecrab-{size.lower()}",
        title=f"OrangeCrab r0.2 {size} (Lattice LFE5U-{size}, speed grade 8)",
        **ecp5(f"LFE5U-{size}").fields,
        package="CSFBGA285",
        speed="8",
        clock="clk",
        clock_mhz=48.0,
        default_mhz=96.0,
        goal_mhz=150.0,
        plls=ecp5_plls(48.0),
        platform=with_uart,
        match=Light(name="rgb_led", number=0, part="g"),
        mismatch=Light(name="rgb_led", number=0, part="r"),
        beat=Light(name="rgb_led", number=0, part="b"),
        button=Light(name="button", number=0),
        uart=Uart(bridge=None, rates=ADAPTER, pins="RX 0, TX 1 of the header"),
        programmer=Programmer(arguments=("-b", "orangeCrab"), sram=False),
    )


ORANGECRAB_25F = _orangecrab("25F", OrangeCrabR0_2_25FPlatform)
ORANGECRAB_85F = _orangecrab("85F", OrangeCrabR0_2_85FPlatform)
