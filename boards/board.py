"""What a board is: its device's resources, its clock, and where the self-test shows itself."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .pll import Pll
from .resources import Resources

__all__ = ["BlockRam", "Board", "Flash", "LargeRam", "Light", "Uart"]


@dataclass(frozen=True, kw_only=True)
class BlockRam:
    """A device's block RAMs, and how synthesis makes memories of them.

    Parameters
    ----------
    name : the vendor's word for one. count : how many there are.
    shapes : (rows, bits) that one can be configured to.
    dual_shapes : those in which two rows are read in a cycle; none where it has one read port.
    byte : bits that are written together; a word that is written is whole bytes.
    cost : what synthesis holds one to cost, where a gate of a multiplexer costs a half.
    """

    name: str
    count: int
    shapes: tuple[tuple[int, int], ...]
    dual_shapes: tuple[tuple[int, int], ...] = ()
    byte: int = 1
    cost: int

    def blocks(self, rows: int, bits: int, *, ports: int = 1, written: bool = False) -> int:
        """Blocks that a memory of rows x bits takes, all in the shape that costs the least.

        Rows that one block does not hold lie side by side, behind a multiplexer. One of which
        several rows are read in a cycle is there as often as its ``ports`` ask for. ``written`` :
        it is no table of constants.
        """
        return self._best(rows, bits, ports, written)[1]

    def total_cost(self, rows: int, bits: int, *, written: bool = False) -> float:
        """What synthesis holds them to cost, with their multiplexers."""
        return self._best(rows, bits, 1, written)[0]

    def _best(self, rows: int, bits: int, ports: int, written: bool) -> tuple[float, int]:
        options = [(shape, ports) for shape in self.shapes]
        options += [(shape, -(-ports // 2)) for shape in self.dual_shapes if ports > 1]
        return min(self._priced(rows, bits, *option, written) for option in options)

    def _priced(
        self, rows: int, bits: int, shape: tuple[int, int], copies: int, written: bool
    ) -> tuple[float, int]:
        deep, wide = shape
        byte = min(self.byte, wide) if written else 1
        parts = -(-rows // deep)
        blocks = -(-parts * -(-bits // byte) * byte // wide) * copies
        multiplexer = (parts - 1) * bits + (parts if written and parts > 1 else 0)
        return self.cost * blocks + multiplexer / 2, blocks

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
class Uart:
    """The serial link to a host.

    Parameters
    ----------
    resource, number : on the platform, with rx and tx as the FPGA sees them.
    bridge : the board's own USB bridge; None where an adapter of one's own goes on ``pins``.
    rates : baud that the bridge makes, descending; of an adapter, what all common ones make.
    pins : where rx and tx are, for who wires an adapter.
    """

    resource: str = "uart"
    number: int = 0
    bridge: str | None
    rates: tuple[int, ...]
    pins: str = ""


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
    uart: Uart | None = None

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

    def pll_below(self, mhz: float) -> Pll | None:
        """The fastest clock that does not exceed ``mhz``; None where there is none."""
        fitting = [pll for pll in self.plls if pll.mhz <= mhz]
        return fitting[-1] if fitting else None
