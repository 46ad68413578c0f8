"""What a board is: its device's resources, its clock, and where the self-test shows itself."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .pll import Pll

__all__ = ["BlockRam", "Board", "Flash", "LargeRam", "Light"]


@dataclass(frozen=True, kw_only=True)
class BlockRam:
    """A device's block RAMs.

    Parameters
    ----------
    name : the vendor's word for one. count : how many there are.
    shapes : (rows, bits) that one can be configured to.
    dual_shapes : those in which two rows are read in a cycle; none where it has one read port.
    """

    name: str
    count: int
    shapes: tuple[tuple[int, int], ...]
    dual_shapes: tuple[tuple[int, int], ...] = ()

    def blocks(self, rows: int, bits: int, *, ports: int = 1) -> int:
        """Blocks that a memory of rows x bits takes, all in the shape that suits it best.

        One of which several rows are read in a cycle is there as often as its ``ports`` ask for.
        """
        shapes, copies = self.shapes, ports
        if ports > 1 and self.dual_shapes:
            shapes, copies = self.dual_shapes, -(-ports // 2)
        return copies * min(-(-rows // deep) * -(-bits // wide) for deep, wide in shapes)

    @property
    def bits(self) -> int:
        """Bits of one block."""
        return max(deep * wide for deep, wide in self.shapes)


@dataclass(frozen=True, kw_only=True)
class LargeRam:
    """A device's large RAMs of one port, without initial contents.

    Parameters
    ----------
    name : the vendor's word for one. count : how many there are. rows, bits : of one.
    """

    name: str
    count: int
    rows: int
    bits: int

    def blocks(self, rows: int, bits: int) -> int:
        """RAMs that a memory of rows x bits takes."""
        return -(-rows // self.rows) * -(-bits // self.bits)


@dataclass(frozen=True, kw_only=True)
class Flash:
    """The SPI flash that a board is configured from.

    Parameters
    ----------
    resource : name on the platform, with cs, clk, copi, cipo, wp and hold.
    offset : first byte that no bitstream reaches. size : bytes in all.
    """

    resource: str
    offset: int
    size: int


@dataclass(frozen=True, kw_only=True)
class Light:
    """One LED: the resource's name and number on the platform."""

    name: str
    number: int


@dataclass(frozen=True, kw_only=True)
class Board:
    """A development board.

    Parameters
    ----------
    name : what a user types. title : what a user reads.
    family : ``ecp5`` or ``ice40``. device, package : as the vendor writes them.
    luts, ffs : 4-input lookup tables (iCE40: logic cells) and flip-flops.
    block_ram : the block RAMs. lut_ram : whether lookup tables can be memory.
    large_ram : large RAMs; None where there are none.
    dsps : multiplier blocks.
    clock : resource of the oscillator. clock_mhz : its frequency.
    default_mhz : clock of a bitstream where none is asked for.
    goal_mhz : what place and route aims at, at least; high, so that it tries.
    plls : every clock that can be made of the oscillator, slowest first.
    platform : makes the Amaranth platform with every resource below.
    label : LEDs that show the label in binary, bit 0 first.
    match, mismatch : LEDs that say whether it is the expected one.
    beat : LED that changes with every result.
    button : resource that starts the next run at once.
    flash : where it is configured from, and what fills the large RAMs; None where nothing does.
    """

    name: str
    title: str
    family: str
    device: str
    package: str
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
    label: tuple[Light, ...]
    match: Light
    mismatch: Light | None
    beat: Light | None
    button: Light
    flash: Flash | None = None

    def pll_below(self, mhz: float) -> Pll | None:
        """The fastest clock that does not exceed ``mhz``; None where there is none."""
        fitting = [pll for pll in self.plls if pll.mhz <= mhz]
        return fitting[-1] if fitting else None
