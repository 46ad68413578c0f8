"""Flash memories that boards are configured from, and the lines by which a design reaches them."""

from typing import Any

from amaranth.build import Attrs, Pins, PinsN, Resource, Subsignal

from .board import Flash

__all__ = ["BOOT", "boot_flash", "ecp5_flash", "with_boot_flash"]

BOOT = "boot_flash"

# ECP5 and ECP5-5G sysCONFIG guide (FPGA-TN-02039): the pads of master SPI, by package. What clocks
# the flash there is no pin of a design's.
_ECP5 = {
    "CABGA256": {"cs": "N8", "copi": "T8", "cipo": "T7"},
    "CABGA381": {"cs": "R2", "copi": "W2", "cipo": "V2"},
    "CABGA554": {"cs": "AA2", "copi": "AE2", "cipo": "AD2"},
}
# Bits of a bitstream with all block RAMs, not compressed: the same guide, in whole half megabytes.
_ECP5_OFFSET = {"12F": 0x100000, "25F": 0x100000, "45F": 0x180000, "85F": 0x280000}
# At 250 MHz, which no design of ours reaches, clk has 25.
_ECP5_HALF = 5


def boot_flash(*, cs: str, copi: str, cipo: str, clk: str | None = None, **attrs: Any) -> Resource:
    """The resource ``boot_flash``; without ``clk`` a cell of the device's own leads to that line.

    Write protection and hold are left to the board's resistors.
    """
    clock = [] if clk is None else [Subsignal("clk", Pins(clk, dir="o"))]
    return Resource(
        BOOT,
        0,
        Subsignal("cs", PinsN(cs, dir="o")),
        *clock,
        Subsignal("copi", Pins(copi, dir="o")),
        Subsignal("cipo", Pins(cipo, dir="i")),
        Attrs(**attrs),
    )


def with_boot_flash(platform: Any, package: str) -> Any:
    """An ECP5's platform with ``boot_flash`` on the pads of its package."""
    platform.add_resources([boot_flash(**_ECP5[package], IO_TYPE="LVCMOS33")])
    return platform


def ecp5_flash(size: str, *, bytes_: int = 1 << 22) -> Flash:
    """The flash of an ECP5 of so many thousand lookup tables, as ``25F``; ``bytes_`` in all."""
    return Flash(resource=BOOT, offset=_ECP5_OFFSET[size], size=bytes_, half=_ECP5_HALF)
