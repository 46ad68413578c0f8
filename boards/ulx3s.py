"""Radiona ULX3S with the largest ECP5: LFE5U-85F, 25 MHz oscillator, eight LEDs."""

from amaranth_boards.ulx3s import ULX3S_85F_Platform

from .board import BlockRam, Board, Light, Uart
from .pll import ecp5_plls

__all__ = ["ULX3S_85F"]


def _platform() -> ULX3S_85F_Platform:
    return ULX3S_85F_Platform(toolchain="Trellis")


ULX3S_85F = Board(
    name="ulx3s-85f",
    title="ULX3S 85F (Lattice LFE5U-85F, speed grade 6)",
    family="ecp5",
    device="LFE5U-85F",
    package="CABGA381",
    luts=83640,
    ffs=83640,
    block_ram=BlockRam(
        name="DP16KD",
        count=208,
        # The widest shape takes both ports, which a memory that is only read can give.
        shapes=((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1)),
        dual_shapes=((1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1)),
        byte=9,
        cost=128,
    ),
    lut_ram=True,
    large_ram=None,
    dsps=156,
    clock="clk25",
    clock_mhz=25.0,
    default_mhz=100.0,
    goal_mhz=150.0,
    plls=ecp5_plls(25.0),
    platform=_platform,
    label=tuple(Light(name="led", number=number) for number in range(6)),
    match=Light(name="led", number=7),
    mismatch=None,
    beat=Light(name="led", number=6),
    button=Light(name="button_fire", number=0),
    uart=Uart(bridge="FT231X", rates=(3_000_000, 2_000_000, 1_000_000, 115_200)),
)
