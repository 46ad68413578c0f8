"""What a board is: its device's resources, its clock, where the self-test shows itself, and how a
host reaches it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from .pll import Pll
from .rams import BlockRam, LargeRam
from .resources import Resources

__all__ = ["Board", "Flash", "Light", "Programmer", "Spi", "Uart"]


@dataclass(frozen=True, kw_only=True)
class Flash:
    """The SPI flash that a board is configured from.

    Parameters
    ----------
    resource : name on the platform, with cs, copi and cipo; with clk, but on an ECP5, where a cell
    leads to that line; maybe with wp and hold.
    offset : first byte that no bitstream reaches. size : bytes in all, at least.
    half : cycles of half a period of its clock, so many that this has less than 25 MHz in the
    fastest design.
    """

    resource: str
    offset: int
    size: int
    half: int


@dataclass(frozen=True, kw_only=True)
class Light:
    """One LED: the resource's name and number on the platform, and which of its parts."""

    name: str
    number: int
    part: str | None = None


@dataclass(frozen=True, kw_only=True)
class Uart:
    """The serial link to a host.

    Parameters
    ----------
    resource, number : on the platform, with rx and tx as the FPGA sees them.
    bridge : the board's own USB bridge; None where an adapter of one's own goes on ``pins``.
    rates : baud that the bridge makes, descending; of an adapter, what all common ones make.
    pins : where rx and tx are, for who wires an adapter.
    shared : whether they are the pins of the LED and the button, which then cannot be used.
    """

    kind: ClassVar[str] = "uart"
    resource: str = "uart"
    number: int = 0
    bridge: str | None
    rates: tuple[int, ...]
    pins: str = ""
    shared: bool = False


@dataclass(frozen=True, kw_only=True)
class Spi:
    """The lines by which a board's USB bridge fills its flash, while the flash is not selected.

    Parameters
    ----------
    resource, number : on the platform, with clk, copi, cipo, and select, which is 1 while the flash
    is not selected.
    bridge : the USB bridge, which makes the clock. rates : in bits a second, descending.
    url : pyftdi's, of the bridge where no other is plugged in.
    """

    kind: ClassVar[str] = "spi"
    shared: ClassVar[bool] = False
    resource: str = "spi_host"
    number: int = 0
    bridge: str
    rates: tuple[int, ...]
    url: str


@dataclass(frozen=True, kw_only=True)
class Programmer:
    """How openFPGALoader writes a bitstream.

    Parameters
    ----------
    arguments : what names the board, or its cable. sram : whether the device takes it at once,
    until it loses power. flash : whether it can be written to stay.
    adapter : whether a JTAG adapter of one's own is needed, which must be named.
    """

    arguments: tuple[str, ...]
    sram: bool = True
    flash: bool = True
    adapter: bool = False


@dataclass(frozen=True, kw_only=True)
class Board:
    """A development board.

    Parameters
    ----------
    name : what a user types. title : what a user reads.
    family : ``ecp5``, ``ice40`` or ``gowin``. device, package, speed : as the vendor writes them;
    the speed of an iCE40 is that of its series, UP, HX or LP.
    luts, ffs : 4-input lookup tables (iCE40: logic cells) and flip-flops.
    block_ram : the block RAMs. lut_ram : whether lookup tables can be memory.
    large_ram : large RAMs; None where there are none.
    dsps : multiplier blocks.
    clock : resource of the oscillator. clock_mhz : its frequency.
    default_mhz : clock of a bitstream where none is asked for.
    goal_mhz : what place and route aims at, at least; high, so that it tries.
    plls : every clock that can be made of the oscillator, slowest first.
    platform : makes the Amaranth platform with every resource below.
    match : LED that says that the result is the expected one.
    label : LEDs that show the label in binary, bit 0 first; as many as there are.
    mismatch : LED that says that it is another one. beat : LED that changes with every result.
    button : resource that starts the next run at once. What a board has not is None.
    uart, spi : links to a host; None where there is none.
    programmer : None where openFPGALoader does not know how; ``by_hand`` says it then.
    flash : where it is configured from, where a network can lie behind the bitstream; None where
    there is none, or it is not ours to write.
    """

    name: str
    title: str
    family: str
    device: str
    package: str
    speed: str
    luts: int
    ffs: int
    block_ram: BlockRam
    lut_ram: bool
    large_ram: LargeRam | None
    dsps: int
    clock: str
    clock_mhz: float
    default_mhz: float
    goal_mhz: float
    plls: tuple[Pll, ...]
    platform: Callable[[], Any]
    match: Light
    label: tuple[Light, ...] = ()
    mismatch: Light | None = None
    beat: Light | None = None
    button: Light | None = None
    uart: Uart | None = None
    spi: Spi | None = None
    programmer: Programmer | None = None
    by_hand: str = ""
    flash: Flash | None = None

    @property
    def resources(self) -> Resources:
        """What its device has."""
        return Resources(
            name=self.name,
            luts=self.luts,
            flip_flops=self.ffs,
            block_rams=self.block_ram.count,
            block_ram_bits=self.block_ram.bits,
            lut_ram=self.lut_ram,
            sprams=0 if self.large_ram is None else self.large_ram.count,
            dsps=self.dsps,
        )

    @property
    def links(self) -> tuple[Uart | Spi, ...]:
        """Its links to a host, the usual one first: that of its own bridge, a UART before SPI."""
        found = [link for link in (self.uart, self.spi) if link is not None]
        return tuple(sorted(found, key=lambda link: link.bridge is None))

    @property
    def default_pll(self) -> Pll:
        """What makes the clock that a bitstream has where none is asked for."""
        return self.pll_below(self.default_mhz) or self.plls[0]

    def pll_below(self, mhz: float) -> Pll | None:
        """The fastest clock that does not exceed ``mhz``; None where there is none."""
        fitting = [pll for pll in self.plls if pll.mhz <= mhz]
        return fitting[-1] if fitting else None
