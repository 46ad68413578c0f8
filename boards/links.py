"""USB bridges of boards, and the rates that they make, in baud."""

from typing import Any

from amaranth.build import Attrs, Pins, Resource, Subsignal

__all__ = ["ADAPTER", "BL702", "FT2232H", "FT231X", "ICELINK", "uart_on"]

# FTDI application note AN_120: a high-speed chip divides 12 MHz by n + k/8, but for 12 and 8 MHz
# only whole; a full-speed chip 3 MHz, but for 3 and 2 MHz.
FT2232H = (12_000_000, 8_000_000, 6_000_000, 4_000_000, 3_000_000, 2_000_000, 1_000_000, 115_200)
FT231X = (3_000_000, 2_000_000, 1_000_000, 115_200)
# Sipeed's firmware for BL702 and BL616 says that it is an FT2232; users have measured 3 Mbaud.
BL702 = (3_000_000, 2_000_000, 1_000_000, 115_200)
# A debug probe's serial port, which its maker documents at this rate only.
ICELINK = (115_200,)
# CH340, CP2102, FT232R and PL2303 all make these.
ADAPTER = (1_000_000, 115_200)


def uart_on(*, rx: str, tx: str, conn: tuple[str, int] | None = None, **attrs: Any) -> Resource:
    """The resource ``uart`` on pins of a board, or of one of its connectors."""
    return Resource(
        "uart",
        0,
        Subsignal("rx", Pins(rx, dir="i", conn=conn, assert_width=1)),
        Subsignal("tx", Pins(tx, dir="o", conn=conn, assert_width=1)),
        Attrs(**attrs),
    )
