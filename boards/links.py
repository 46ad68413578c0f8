"""USB bridges of boards, and the rates that they make, in bits a second."""

from typing import Any

from amaranth.build import Attrs, Pins, Resource, Subsignal

from .board import Spi

__all__ = [
    "ADAPTER",
    "BL702",
    "FT2232H",
    "FT231X",
    "FT232H_SPI",
    "FT2232H_SPI",
    "ICELINK",
    "beside_flash",
    "uart_on",
]

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
# FTDI application note AN_135: 60 MHz / 2 / (1 + n). A faster clock than 10 MHz, of which the FPGA
# sees 4 cycles a bit, would leave its answer less than the 25 ns that pads and bridge take.
_MPSSE = (10_000_000, 7_500_000, 6_000_000, 5_000_000, 3_000_000, 2_000_000, 1_000_000)
# iceprog fills the flash by these lines of the bridge: ADBUS0 clk, 1 copi, 2 cipo, 4 select.
FT2232H_SPI = Spi(bridge="FT2232H", rates=_MPSSE, url="ftdi://ftdi:2232h/1")
FT232H_SPI = Spi(bridge="FT232H", rates=_MPSSE, url="ftdi://ftdi:232h/1")


def beside_flash(platform: Any) -> Resource:
    """The resource ``spi_host`` on the lines of a platform's flash, as its bridge drives them."""
    flash = platform.lookup("spi_flash_1x")
    pins = {each.name: each.ios[0].names[0] for each in flash.ios}
    return Resource(
        "spi_host",
        0,
        # That the flash is selected is 0: we are, then, where it is not.
        Subsignal("select", Pins(pins["cs"], dir="i")),
        Subsignal("clk", Pins(pins["clk"], dir="i")),
        Subsignal("copi", Pins(pins["copi"], dir="i")),
        Subsignal("cipo", Pins(pins["cipo"], dir="o")),
        flash.attrs,
    )


def uart_on(*, rx: str, tx: str, conn: tuple[str, int] | None = None, **attrs: Any) -> Resource:
    """The resource ``uart`` on pins of a board, or of one of its connectors."""
    return Resource(
        "uart",
        0,
        Subsignal("rx", Pins(rx, dir="i", conn=conn, assert_width=1)),
        Subsignal("tx", Pins(tx, dir="o", conn=conn, assert_width=1)),
        Attrs(**attrs),
    )
