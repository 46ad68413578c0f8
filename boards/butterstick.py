"""Good Stuff Department ButterStick: ECP5-5G 85F, 30 MHz oscillator, seven LEDs, no link.

Its LEDs are a matrix of seven lines and three colours: label and beat choose the line, match and
mismatch the colour, green or red. Its pins are on SYZYGY connectors only.
"""

from amaranth.build import Attrs, Pins, Resource
from amaranth_boards.butterstick import ButterStickPlatform

from .board import Board, Light
from .device import ecp5
from .pll import ecp5_plls

__all__ = ["BUTTERSTICK"]


def _platform() -> ButterStickPlatform:
    platform = ButterStickPlatform(toolchain="Trellis")
    muxed = {each.name: each.ios[0].names for each in platform.lookup("rgb_leds_muxed").ios[:4]}
    lvcmos = Attrs(IO_TYPE="LVCMOS33")
    pins = [("line", k, pin) for k, pin in enumerate(muxed["leds"])]
    pins += [("colour", k, muxed[name][0]) for k, name in enumerate("rg")]
    platform.add_resources(Resource(n, k, Pins(pin, dir="o"), lvcmos) for n, k, pin in pins)
    return platform


BUTTERSTICK = Board(
    name="butterstick",
    title="ButterStick r1.0 (Lattice LFE5UM5G-85F, speed grade 8)",
    **ecp5("LFE5UM5G-85F").fields,
    package="CABGA381",
    speed="8",
    clock="clk30",
    clock_mhz=30.0,
    default_mhz=100.0,
    goal_mhz=150.0,
    plls=ecp5_plls(30.0),
    platform=_platform,
    label=tuple(Light(name="line", number=number) for number in range(6)),
    match=Light(name="colour", number=1),
    mismatch=Light(name="colour", number=0),
    beat=Light(name="line", number=6),
    by_hand="dfu-util -a 0 -D top.bit, with its boot loader",
)
