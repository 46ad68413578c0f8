"""Whether a network's memories fit a board, before any tool runs; and what would fit."""

from collections.abc import Sequence
from dataclasses import dataclass

from spikewright.boards import BOARDS, BlockRam, Board
from spikewright.golden.errors import RangeError
from spikewright.golden.spec import Network
from spikewright.hdl.config import CoreConfig, core_configs
from spikewright.hdl.plan import HardwarePlan, MembraneStore, WeightStore

__all__ = ["MemoryUse", "check_fits", "memory_use"]

# Bits in flip-flops that Yosys holds to be as dear as one block RAM.
_BLOCK_COST = 64
_LANES = tuple(1 << k for k in range(11))


@dataclass(frozen=True, kw_only=True)
class MemoryUse:
    """One memory: ``rows`` x ``bits``; ``blocks`` block RAMs, or 0 where it is flip-flops."""

    name: str
    rows: int
    bits: int
    blocks: int


def memory_use(network: Network, plan: HardwarePlan, board: Board) -> tuple[MemoryUse, ...]:
    """Memories that a plan puts in block RAM or flip-flops of a board, core by core.

    Weights, membranes, and queues where the board has no LUT RAM. Tables of per-neuron constants
    are left out: Yosys chooses where they go.
    """
    return _uses(core_configs(network, plan), board)


def check_fits(network: Network, plan: HardwarePlan, board: Board, *, tokens: int = 1) -> None:
    """Refuse a network whose memories exceed the board's.

    Parameters
    ----------
    tokens : words of the self-test's stored sample, which is in block RAM too.

    Raises
    ------
    RangeError
        Which memory, by how much, and what would fit.
    """
    configs = core_configs(network, plan)
    ram = board.block_ram
    uses = _uses(configs, board)
    spare = ram.count - ram.blocks(tokens, configs[0].source.width)
    needed = sum(use.blocks for use in uses)
    if needed > spare:
        largest = max(uses, key=lambda use: use.blocks)
        raise RangeError(
            f"the memories in block RAM must fit the {spare} of {ram.count} {ram.name} that are "
            f"left beside the self-test's",
            found=f"{needed}, {needed - spare} too many; the largest are {largest.name}, "
            f"{largest.rows} rows of {largest.bits} bits in {largest.blocks} {ram.name}",
            where=f"network {network.name!r} on {board.name}",
            action="; ".join(_advice(configs, board, spare, tokens)),
        )
    registers = sum(use.rows * use.bits for use in uses if use.blocks == 0)
    if registers > board.ffs:
        raise RangeError(
            f"membranes in flip-flops must fit the {board.ffs} of the board",
            found=f"{registers} bits, {registers - board.ffs} too many",
            where=f"network {network.name!r} on {board.name}",
            action="put the membranes in block RAM",
        )


def _uses(
    configs: Sequence[CoreConfig],
    board: Board,
    *,
    weight_bits: int | None = None,
    lanes: int | None = None,
) -> tuple[MemoryUse, ...]:
    """The memories, if weights had at most ``weight_bits``, or cores at most ``lanes``."""
    uses = []
    ram = board.block_ram
    for config in configs:
        built = min(config.lanes, lanes or config.lanes)
        groups = -(-config.n // built)
        each = min(config.weight_bits, weight_bits or config.weight_bits)
        name = config.population.name
        if config.plan.weights is WeightStore.BLOCK:
            rows, bits = groups * config.pre, built * each
            uses.append(_use(f"the weights of {name!r}", rows, bits, ram))
        state = built * (config.v_bits + (config.tracer.width if config.tracer else 0))
        where = config.plan.membranes
        if where is MembraneStore.BLOCK:
            uses.append(_use(f"the membranes of {name!r}", groups, state, ram))
        elif where is MembraneStore.REGISTERS or not board.lut_ram:
            uses.append(
                MemoryUse(name=f"the membranes of {name!r}", rows=groups, bits=state, blocks=0)
            )
        queue = _use(f"the queue of {name!r}", config.plan.queue_depth, config.source.width, ram)
        # As Yosys weighs a block RAM against flip-flops; one word of a queue is in its output.
        if not board.lut_ram and (queue.rows - 1) * queue.bits >= _BLOCK_COST * queue.blocks:
            uses.append(queue)
    return tuple(uses)


def _use(name: str, rows: int, bits: int, ram: BlockRam) -> MemoryUse:
    return MemoryUse(name=name, rows=rows, bits=bits, blocks=ram.blocks(rows, bits))


def _advice(configs: Sequence[CoreConfig], board: Board, spare: int, tokens: int) -> list[str]:
    """What would fit: fewer lanes or weight bits, or another board."""

    def blocks(on: Board, *, weight_bits: int | None = None, lanes: int | None = None) -> int:
        uses = _uses(configs, on, weight_bits=weight_bits, lanes=lanes)
        return sum(use.blocks for use in uses)

    advice = []
    widest = max(config.lanes for config in configs)
    fewer = [n for n in _LANES if n < widest and blocks(board, lanes=n) <= spare]
    if fewer:
        advice.append(f"at most {fewer[-1]} lanes would fit")
    most = max(config.weight_bits for config in configs)
    for bits in range(most - 1, 1, -1):
        if blocks(board, weight_bits=bits) <= spare:
            advice.append(f"weights of at most {bits} bits would fit")
            break
    for other in BOARDS.values():
        left = other.block_ram.count - other.block_ram.blocks(tokens, configs[0].source.width)
        if blocks(other) <= left:
            advice.append(f"the board {other.name} would do")
    return advice or ["make the network smaller"]
