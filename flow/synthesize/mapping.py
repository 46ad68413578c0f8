"""Where Yosys puts a memory that nobody places: its ``memory_libmap`` takes what costs least."""

from spikewright.boards import Board
from spikewright.flow.memories import Memory

__all__ = ["cheapest"]

# Costs as of Yosys' libraries of memories: bits of flip-flops are 1, of constants 1/16.
_CONSTANT_BITS = 16
_LUTRAM_ROWS, _LUTRAM_BITS, _LUTRAM_COST = 16, 4, 4
# What is added around one: its own read port; what Yosys puts behind that where a word may be read
# while it is written, which it knows of queues that it is not.
_PORT, _WRITTEN = 2, 14


def cheapest(memory: Memory, board: Board) -> str:
    """``block``, ``lutram``, ``registers`` or, of constants, ``logic``."""
    ((rows, bits),) = memory.parts
    best = rows * bits if memory.written else rows * bits // _CONSTANT_BITS
    store = "registers" if memory.written else "logic"
    if memory.written and board.lut_ram:
        cost = _lutram_cost(rows, bits)
        if cost < best:
            best, store = int(cost), "lutram"
    if not memory.at_once:
        ram = board.block_ram
        cost = ram.total_cost(rows, bits, written=memory.written)
        cost += _WRITTEN if memory.written and memory.kind != "queue" else _PORT
        if cost < best:
            store = "block"
    return store


def _lutram_cost(rows: int, bits: int) -> float:
    parts = -(-rows // _LUTRAM_ROWS)
    units = parts * -(-bits // _LUTRAM_BITS)
    multiplexer = (parts - 1) * bits + (parts if parts > 1 else 0)
    return _LUTRAM_COST * units + multiplexer / 2 + _PORT
