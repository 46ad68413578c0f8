"""Whether a network's memories fit a board, before any tool runs; and what would fit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from spikewright.boards import BOARDS, Board
from spikewright.flow.large_membranes import in_large_rams
from spikewright.flow.memories import ANYWHERE, Memory, core_memories, memories
from spikewright.flow.plan import LARGE_BITS, default_plan, membrane_store
from spikewright.flow.plan_file import with_depths
from spikewright.golden.errors import ConfigurationError, RangeError
from spikewright.golden.spec import Network
from spikewright.hdl.config import CoreConfig
from spikewright.hdl.make_configs import core_configs
from spikewright.hdl.plan import HardwarePlan, MembraneStore, WeightStore

from .mapping import cheapest

__all__ = ["MemoryUse", "check_fits", "check_stores", "memory_use"]

# A LUT RAM of 16 x 4 bits: the lookup tables it is made of and those of its write port.
_LUTRAM_LUTS = 6
_IN_BLOCK = (MembraneStore.BLOCK, WeightStore.BLOCK)
_LANES = tuple(1 << k for k in range(11))


@dataclass(frozen=True, kw_only=True)
class MemoryUse:
    """What one memory takes of a board: block RAMs, large RAMs, lookup tables (about),
    flip-flops.
    """

    memory: Memory
    blocks: int = 0
    large: int = 0
    luts: int = 0
    registers: int = 0

    def __str__(self) -> str:
        rows = sorted({rows for rows, _ in self.memory.parts})
        bits = sum(bits for _, bits in self.memory.parts)
        return f"{self.memory}, {max(rows)} rows of {bits} bits"


def memory_use(network: Network, plan: HardwarePlan, board: Board) -> tuple[MemoryUse, ...]:
    """What the memories of a plan take of a board, core by core."""
    return _uses(network, plan, core_configs(network, plan), board)


def check_fits(
    network: Network, plan: HardwarePlan, board: Board, *, stored: Sequence[tuple[int, int]] = ()
) -> None:
    """Refuse a network whose memories exceed the board's.

    Parameters
    ----------
    stored : (rows, bits) of what the self-test keeps in block RAM.

    Raises
    ------
    RangeError
        Which memory, by how much, and what would fit.
    ConfigurationError
        If a memory is to live in LUT RAM or in large RAMs where there are none.
    """
    configs = core_configs(network, plan)
    uses = _uses(network, plan, configs, board)
    check_stores(uses, board)
    need = _Need(uses, board, stored)
    excess = need.excess()
    if excess is None:
        return
    what, needed, there, unit, largest = excess
    raise RangeError(
        f"{what} must fit the {there} of {board.name} that are left beside a stored sample's",
        found=f"{needed} {unit}, {needed - there} too many; the largest are {largest}",
        where=f"network {network.name!r} on {board.name}",
        action="; ".join(_advice(network, plan, configs, board, stored)) or "make it smaller",
    )


def check_stores(uses: Sequence[MemoryUse], board: Board) -> None:
    """Refuse memories of a kind that the board lacks; raises ConfigurationError."""
    for use in uses:
        if use.memory.store == MembraneStore.LUTRAM and not board.lut_ram:
            raise ConfigurationError(
                f"{use.memory} must be in block RAM or registers: {board.name} has no LUT RAM",
                found=use.memory.store,
                action=f"generate with --membranes {MembraneStore.BLOCK}, or "
                f"{MembraneStore.REGISTERS} where they are few"
                if use.memory.kind == "membranes"
                else "choose a board that has it",
            )
        if use.blocks and use.memory.store in _IN_BLOCK and not board.block_ram.count:
            raise ConfigurationError(
                f"{use.memory} must be in registers, LUT RAM or logic: {board.name} has no block"
                " RAM",
                found=use.memory.store,
                action="choose another store, or another board",
            )
        if use.memory.store == WeightStore.SPRAM and board.large_ram is None:
            what = use.memory.kind
            other = "logic" if what == "weights" else "registers"
            raise ConfigurationError(
                f"{use.memory} must be in block RAM or {other}: {board.name} has no large RAMs",
                found=use.memory.store,
                action=f"generate with --{what} {WeightStore.BLOCK}, or choose another board",
            )


class _Need:
    """What memories take of a board in all."""

    def __init__(
        self, uses: Sequence[MemoryUse], board: Board, stored: Sequence[tuple[int, int]]
    ) -> None:
        self._uses = uses
        self._board = board
        self._stored = sum(board.block_ram.blocks(rows, bits) for rows, bits in stored)

    def excess(self) -> tuple[str, int, int, str, str] | None:
        """What exceeds the board: name, needed, there, unit, the largest part; None if it fits."""
        ram, large = self._board.block_ram, self._board.large_ram
        kinds: tuple[tuple[str, str, int, str, Callable[[MemoryUse], int]], ...] = (
            ("the memories in block RAM", ram.name, ram.count - self._stored, ram.name, _blocks),
            *(
                [("the memories in large RAMs", large.name, large.count, large.name, _large)]
                if large is not None
                else []
            ),
            ("the memories in lookup tables", "LUT", self._board.luts, "LUTs", _luts),
            ("the memories in flip-flops", "FF", self._board.ffs, "flip-flops", _registers),
        )
        for what, short, there, unit, count in kinds:
            needed = sum(map(count, self._uses))
            there = max(there, 0)
            if needed > there:
                largest = max(self._uses, key=count)
                return what, needed, there, unit, f"{largest} in {count(largest)} {short}"
        return None


def _blocks(use: MemoryUse) -> int:
    return use.blocks


def _large(use: MemoryUse) -> int:
    return use.large


def _luts(use: MemoryUse) -> int:
    return use.luts


def _registers(use: MemoryUse) -> int:
    return use.registers


def _uses(
    network: Network, plan: HardwarePlan, configs: Sequence[CoreConfig], board: Board
) -> tuple[MemoryUse, ...]:
    return tuple(_use(memory, board) for memory in memories(network, plan, configs))


def _use(memory: Memory, board: Board) -> MemoryUse:
    blocks = sum(
        board.block_ram.blocks(rows, bits, ports=memory.reads, written=memory.written)
        for rows, bits in memory.kept or memory.parts
        if bits
    )
    units = sum(-(-rows // 16) * -(-bits // 4) for rows, bits in memory.parts)
    store = cheapest(memory, board) if memory.store == ANYWHERE else memory.store
    if store == "block":
        return MemoryUse(memory=memory, blocks=blocks)
    if store == WeightStore.SPRAM and board.large_ram is not None:
        large = sum(board.large_ram.blocks(rows, bits) for rows, bits in memory.parts)
        return MemoryUse(memory=memory, large=large)
    if store == "logic":
        return MemoryUse(memory=memory, luts=-(-memory.bits // 16) * memory.reads)
    if store == "lutram" and board.lut_ram:
        return MemoryUse(memory=memory, luts=units * _LUTRAM_LUTS)
    return MemoryUse(memory=memory, registers=memory.bits)


def _advice(
    network: Network,
    plan: HardwarePlan,
    configs: Sequence[CoreConfig],
    board: Board,
    stored: Sequence[tuple[int, int]],
) -> list[str]:
    """What would fit: another store, fewer lanes or weight bits, another mode or board."""

    def fits(on: Board, other: HardwarePlan, those: Sequence[CoreConfig] = ()) -> bool:
        uses = _uses(network, other, those or core_configs(network, other), on)
        stores = {use.memory.store for use in uses}
        possible = (on.lut_ram or MembraneStore.LUTRAM not in stores) and (
            on.large_ram is not None or WeightStore.SPRAM not in stores
        )
        return possible and _Need(uses, on, stored).excess() is None

    stores = (
        MembraneStore.BLOCK,
        MembraneStore.LUTRAM,
        MembraneStore.REGISTERS,
        MembraneStore.SPRAM,
    )
    advice = [
        f"membranes in {store} would fit"
        for store in stores
        if fits(board, _with_store(plan, configs, store))
    ][:1]
    large = _with_large(plan, configs)
    if large != plan and fits(board, large):
        advice.append(f"weights in {WeightStore.SPRAM} would fit")
    widest = max(core.lanes for core in plan.cores)
    loaded = any(core.weights is WeightStore.SPRAM for core in plan.cores)
    if not loaded and sum(_weights(config) for config in configs) > _room(board):
        widest = 0  # in whatever shape
    for lanes in reversed([n for n in _LANES if n < widest]):
        fewer = _with_lanes(network, plan, board, lanes)
        if fewer is not None and fits(board, fewer):
            advice.append(f"at most {lanes} lanes would fit")
            break
    for bits in range(max(_weight_bits(configs)) - 1, 1, -1):
        if fits(board, plan, [_with_weights(config, bits) for config in configs]):
            advice.append(f"weights of at most {bits} bits would fit")
            break
    for mode in network.modes:
        other = with_depths(network, _without_depths(replace(plan, mode=mode)))
        if mode is not plan.mode and fits(board, other):
            advice.append(f"the mode {mode} would fit")
            break
    larger = sorted(BOARDS.values(), key=lambda on: (on.luts, on.block_ram.count))
    found = next((on.name for on in larger if fits(on, plan)), None)
    return advice if found is None else [*advice, f"the board {found} would do"]


def _room(board: Board) -> int:
    """The most bits of weights that a board holds without its large RAMs."""
    return board.block_ram.count * board.block_ram.bits + board.luts * 16


def _weights(config: CoreConfig) -> int:
    return sum(memory.bits for memory in core_memories(config) if memory.kind == "weights")


def _with_store(
    plan: HardwarePlan, configs: Sequence[CoreConfig], store: MembraneStore
) -> HardwarePlan:
    cores = (
        replace(core, membranes=membrane_store(config.groups, store))
        for core, config in zip(plan.cores, configs, strict=True)
    )
    other = replace(plan, cores=tuple(cores))
    if store is MembraneStore.SPRAM:
        return in_large_rams(other, configs, more_than=LARGE_BITS)
    return other


def _with_large(plan: HardwarePlan, configs: Sequence[CoreConfig]) -> HardwarePlan:
    """Many weights in large RAMs, where they can be."""
    cores = (
        replace(core, weights=WeightStore.SPRAM)
        if core.spikes == 1 and _weights(config) > LARGE_BITS
        else core
        for core, config in zip(plan.cores, configs, strict=True)
    )
    return replace(plan, cores=tuple(cores))


def _with_lanes(
    network: Network, plan: HardwarePlan, board: Board, lanes: int
) -> HardwarePlan | None:
    """What a user gets who asks for so many lanes; None where large RAMs are for too little."""
    large = any(core.weights is WeightStore.SPRAM for core in plan.cores)
    membranes = None if board.lut_ram else MembraneStore.BLOCK
    if any(core.membranes is MembraneStore.SPRAM for core in plan.cores):
        membranes = MembraneStore.SPRAM
    try:
        return default_plan(
            network,
            plan.mode,
            lanes=lanes,
            membranes=membranes,
            weights=WeightStore.SPRAM if large else None,
        )
    except ConfigurationError:
        return None


def _without_depths(plan: HardwarePlan) -> HardwarePlan:
    return replace(plan, cores=tuple(replace(core, queue_depths=()) for core in plan.cores))


def _weight_bits(configs: Sequence[CoreConfig]) -> list[int]:
    return [port.schedule.weight_bits for config in configs for port in config.ports]


def _with_weights(config: CoreConfig, bits: int) -> CoreConfig:
    ports = tuple(
        replace(
            port,
            schedule=replace(port.schedule, weight_bits=min(bits, port.schedule.weight_bits)),
        )
        for port in config.ports
    )
    return replace(config, ports=ports)
