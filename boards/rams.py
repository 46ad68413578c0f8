"""What a device has of RAMs, and how many of them a memory takes."""

from dataclasses import dataclass

__all__ = ["BlockRam", "LargeRam"]


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
