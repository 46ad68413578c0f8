"""What the lookup tables and flip-flops of a design depend on, counted from its plan by part."""

from collections import Counter
from collections.abc import Iterable, Sequence
from math import prod

from spikewright.boards import Board
from spikewright.flow.memories import core_name
from spikewright.flow.synthesize.fit import MemoryUse
from spikewright.golden.spec import Network
from spikewright.hdl.config import CoreConfig
from spikewright.hdl.make_configs import node_layouts, ranges_of
from spikewright.hdl.plan import HardwarePlan, MembraneStore, ParameterStore, WeightStore
from spikewright.hdl.product import has_multipliers, multiplies, subtracts
from spikewright.hdl.readout import tally_range

from .counted import Features
from .soma import multiplied_leaks, parameter_bits, soma_bits
from .synapses import synapses

__all__ = ["design_features", "dsps", "part_of_model"]

_BLOCK = 8  # lanes that a serialiser looks at in a cycle
_QUEUED = ("queue", "sums", "samples")
_PARTS = {name: name for name in ("control", "intake", "synapses", "serialiser")}


def part_of_model(recorded: str) -> str:
    """The part of the model that a part of a netlist belongs to."""
    core, _, part = recorded.partition(".")
    if part:
        return f"{core}.{_PARTS.get(part, 'body')}"
    return recorded if recorded in ("readout", "selftest") else "board"


def design_features(
    network: Network,
    plan: HardwarePlan,
    configs: Sequence[CoreConfig],
    uses: Sequence[MemoryUse],
    board: Board,
    stored: Iterable[tuple[int, int]],
) -> dict[str, Features]:
    """Features of each part: ``core_<k>.<part>``, ``readout``, ``board`` and ``selftest``.

    Parameters
    ----------
    uses : of the plan's memories. stored : (rows, bits) that a self-test keeps.
    """
    found: dict[str, Features] = {}
    for k, config in enumerate(configs):
        own = [use for use in uses if use.memory.core == core_name(config.plan)]
        # What is of no port is of all: sums of sparse rows are the lanes'.
        queued = [u for u in own if u.memory.kind in _QUEUED and u.memory.port is not None]
        others = [u for u in own if u.memory.kind != "weights" and u not in queued]
        parts = {
            "control": {"one": 1, "hosts": len(config.hosts) - 1},
            "intake": _intake(config, queued),
            "synapses": synapses(config),
            "body": _body(config, others, board),
            "serialiser": _serialiser(config),
        }
        found |= {f"core_{k}.{part}": features for part, features in parts.items()}
    found["readout"] = _readout(network, plan)
    loads = any(config.plan.weights is WeightStore.SPRAM for config in configs)
    found["board"] = {"one": 1, "merged": _merged(network, plan), "loader": loads}
    bits = sum(_bits(rows) + width for rows, width in stored)
    found["selftest"] = {"one": 1, "bits": bits}
    return found


def makes_multipliers(board: Board) -> bool:
    """Whether synthesis makes multiplier blocks of products: only Yosys' flow for ECP5 does."""
    return board.family == "ecp5"


def dsps(configs: Iterable[CoreConfig], board: Board) -> int:
    """Multiplier blocks."""
    if not makes_multipliers(board):
        return 0
    found = 0
    for config in configs:
        if has_multipliers(config.payload):
            found += config.lanes * config.plan.spikes
        found += config.sweep_lanes * multiplied_leaks(config)
    return found


def _bits(count: int) -> int:
    return max(0, (count - 1).bit_length())


def _intake(config: CoreConfig, queued: Iterable[MemoryUse]) -> Features:
    found: Counter[str] = Counter()
    for port in config.ports:
        found["one"] += 1
        found["bits"] += port.source.width
        found["pointers"] += _bits(port.queue_depth)
        found["serial"] += port.serial
        found["delays"] += port.connection.delay
        if port.delta is not None:
            found["delta"] += _bits(port.x.high - port.x.low + 1)
    if len(config.ports) > 1:
        found["merged"] = len(config.ports)
        found["merged_bits"] = sum(port.layout.width for port in config.ports)
    found["ram"] = sum(use.luts for use in queued)
    found["registers"] = sum(use.registers for use in queued)
    found["hosts"] = len(config.hosts) - 1
    return found


def _body(config: CoreConfig, others: Iterable[MemoryUse], board: Board) -> Features:
    """Lanes, membranes and somas."""
    lanes, bits, groups = config.lanes, config.state.bits, config.groups
    rows, total, operand = config.plan.spikes, config.state.total.width, config.operand_shape.width
    summed = total - config.shift  # what is below has no weights, so it is added once
    soma = soma_bits(config, multipliers=makes_multipliers(board))
    product, products = _product(config, blocks=makes_multipliers(board))
    tables, varied = parameter_bits(config)
    found: dict[str, float] = {
        "one": 1,
        "hosts": len(config.hosts) - 1,
        "banks": 0 if config.own_groups else prod(config.banks) - 1,
        "ram": sum(use.luts for use in others),
        "product": lanes * rows * product,
        "negated": lanes * rows * operand * subtracts(config.payload),
        "added": lanes * summed,
        "operands": lanes * rows * operand,
        "chains": lanes * (rows + rows * products) + config.sweep_lanes * soma.chains,
        "soma": config.sweep_lanes * config.fires,
        "soma_added": config.sweep_lanes * soma.added,
        "soma_chosen": config.sweep_lanes * soma.chosen,
        "state": config.sweep_lanes * bits,
        "constants": tables,
        "varied": varied,
        "looked_up": varied * (config.plan.parameters is ParameterStore.REGISTERS),
        "divided": config.sweep_lanes * soma.added * (config.divides or config.bursts),
    }
    if config.own_groups:
        found["own"] = lanes
        found["own_groups"] = lanes * _bits(groups)
    if config.overlaps and config.own_groups:
        # Two banks, and an adder each.
        found["added"] *= 2
        found["chains"] += lanes * (1 + products)
        found["slices"] = config.sweep_lanes * summed * _multiplexer(len(config.slices), board)
        found["fresh"] = config.sweep_lanes * total
        found["emptied"] = 2 * lanes * summed
        if config.plan.membranes is MembraneStore.REGISTERS:
            found |= _registers(2 * lanes * summed, groups, board)
            if not config.stateless:
                words, wide = config.sweep_words, config.sweep_lanes * bits
                found["stored"] += wide * words
                found["slices"] += wide * _multiplexer(words, board)
        return found
    if config.overlaps:
        found["pairs"] = lanes * (operand + 1) * (rows - 1)
        found["slices"] = config.sweep_lanes * summed * _multiplexer(len(config.slices), board)
        found["fresh"] = config.sweep_lanes * total
        found["held"] = lanes * summed
        if config.plan.membranes is MembraneStore.REGISTERS and not config.stateless:
            found |= _registers(config.sweep_lanes * bits, config.sweep_words, board)
        return found
    if config.skips:
        found["touched"] = groups * (1 if config.divides else 2)
        found["touched_ways"] = groups * prod(config.banks)
    found["written"] = lanes * bits
    if config.plan.membranes is MembraneStore.REGISTERS:
        found |= _registers(lanes * bits, groups, board)
    elif config.plan.membranes is MembraneStore.SPRAM:
        found["stored"] = 2 * lanes * bits  # what was read, and what was decided
    elif config.plan.membranes is MembraneStore.BLOCK or groups > 16:
        found["forwarded"] = lanes * bits
    return found


def _registers(bits: int, groups: int, board: Board) -> dict[str, float]:
    """Words of flip-flops, of which one is read."""
    # ECP5 joins two lookup tables for nothing.
    pairs = groups / 2 * (groups > 1) if board.family == "ecp5" else groups - 1
    return {"read": bits * pairs, "stored": bits * groups}


def _multiplexer(ways: int, board: Board) -> float:
    """Lookup tables of a bit that is one of so many."""
    if board.family != "ecp5" or ways <= 4:
        return max(0, ways - 1)
    # Few are gates; many are tables of 6 inputs, which are four each.
    return (0.7 if ways <= 8 else 1.0) * ways


def _product(config: CoreConfig, *, blocks: bool) -> tuple[float, int]:
    """Bits that a lane's product takes beside the sum and multiplier blocks, and its adders."""
    payload, operand = config.payload, config.operand_shape.width
    bits = payload.payload_shape.width
    if not multiplies(payload):
        return 0, 0
    if payload.is_shift:
        places = max(payload.high, -payload.low).bit_length()
        return (operand + places - 1) * places / 2, 0
    if has_multipliers(payload) and blocks:
        return 0, 0
    return (operand + bits) * (bits - 1) + operand / 2, bits - 1


def _serialiser(config: CoreConfig) -> Features:
    lanes = config.sweep_lanes if config.overlaps else config.lanes
    channels = config.sweep_lanes if config.overlaps else config.channel_lanes
    payload = max(host.target.payload_shape.width for host in config.hosts)
    slots = max(host.target.slots for host in config.hosts)
    block = min(_BLOCK, channels)
    blocks = lanes // channels * -(-channels // block)
    return {
        "one": 1,
        "held": lanes * (1 + payload),
        "picked": lanes * (1 + payload) * (blocks > 1),
        "blocks": blocks - 1,
        "lanes": block,
        "levels": block * payload * slots,
        "slots": (slots - 1) * block,
        "address": config.hosts[0].target.address_bits,
        "hosts": len(config.hosts) - 1,
    }


def _readout(network: Network, plan: HardwarePlan) -> Features:
    layout = node_layouts(network, plan)[network.readout.population]
    held = tally_range(network, ranges_of(network, plan))
    bits = layout.payload_shape.width if held is None else max(1, held.high.bit_length())
    return {
        "one": 1,
        "bits": bits,
        "address": layout.address_bits,
        "tally": 0 if held is None else layout.neurons * bits,
    }


def _merged(network: Network, plan: HardwarePlan) -> float:
    """Bits of tokens of populations that several cores share."""
    layouts = node_layouts(network, plan)
    hosted = Counter(host.population for core in plan.cores for host in core.hosts)
    return sum(layouts[name].width * count for name, count in hosted.items() if count > 1)
