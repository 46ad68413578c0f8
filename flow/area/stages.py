"""How deep the logic between two registers is, by kind of stage, counted from a plan."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log2, prod

from spikewright.golden.spec import Fire, Mode, Reset
from spikewright.hdl.config import CoreConfig
from spikewright.hdl.plan import MembraneStore, WeightStore
from spikewright.hdl.product import has_multipliers, multiplies, subtracts

from .soma import multiplied_leaks, soma_bits

__all__ = ["Stage", "stages"]

_LUTRAM_ROWS = 16


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A kind of stage: lookup tables behind each other, bits that a carry goes through, what hangs
    on one net of it, and multiplier blocks, of which there are few: the more are used, the farther.
    """

    kind: str
    levels: float
    carried: float
    fan: int
    blocks: float = 0

    @property
    def spread(self) -> float:
        """How often the fan doubles."""
        return log2(max(1, self.fan))


def stages(configs: Sequence[CoreConfig], *, multipliers: bool) -> list[Stage]:
    """The stages of all cores, any of which may be the slowest; on a device with multiplier blocks
    or on one whose products are of lookup tables.
    """
    found = []
    for config in configs:
        deciding = _decide(config, multipliers=multipliers)
        found += [_fetch(config), deciding, _add(config), _send(config)]
        if has_multipliers(config.payload):
            found.append(_multiply(config, multipliers=multipliers))
        found += [_recall(config, k) for k in _recalled(config)]
        found += [_change(config, k) for k, port in enumerate(config.ports) if port.delta]
    return found


def _read(config: CoreConfig) -> float:
    """Tables between a word of state and who needs it in the same cycle."""
    if config.plan.membranes in (MembraneStore.BLOCK, MembraneStore.SPRAM):
        return 0
    if config.plan.membranes is MembraneStore.LUTRAM:
        return 1 if config.groups <= _LUTRAM_ROWS else 0
    return ceil(log2(max(1, config.groups)) / 2)


def _fetch(config: CoreConfig) -> Stage:
    """From an address to a row of weights, which is gated lane by lane."""
    bits = config.lanes * config.operand_shape.width
    if config.plan.weights is not WeightStore.LOGIC:
        return Stage(kind="rows", levels=3.0, carried=0, fan=bits)
    rows = max(2, *(_rows(config, k) for k in range(len(config.ports))))
    deep = max(1, rows // _LUTRAM_ROWS)
    return Stage(kind="rows", levels=1.0 + ceil(log2(rows) / 2), carried=0, fan=bits * deep)


def _rows(config: CoreConfig, index: int) -> int:
    schedule = config.ports[index].schedule
    return 0 if schedule.weights is None else len(schedule.weights)


def _decide(config: CoreConfig, *, multipliers: bool) -> Stage:
    """A word of membranes, with its sums, to spikes and the next word."""
    reads = 1.0 if config.overlaps else _read(config)
    soma, bits, blocks = config.soma, config.v_bits, 0.0
    if config.divides or config.bursts:
        # One bit of a quotient a cycle.
        counted = soma_bits(config, multipliers=False)
        levels, carried = 3.0, counted.added / max(1, counted.chains)
    else:
        # A comparison is known with its last bit; only then is anything taken off.
        fires = soma.fire is not Fire.NONE
        clips = soma.v_min is not None or soma.v_max is not None
        resets = fires and soma.reset is Reset.SUBTRACT
        leaks = multiplied_leaks(config)
        blocks = _distance(config.sweep_lanes * leaks) if multipliers else 0
        added = ("bias" in config.parameters) + (0 if blocks else 3 * leaks)
        levels = 1.0 + added + 2 * fires + resets + 2 * clips
        carried = float(bits * (1 + resets + clips))
    return Stage(
        kind="decision",
        levels=levels + reads,
        carried=carried,
        fan=config.sweep_lanes * config.state.bits,
        blocks=blocks,
    )


def _add(config: CoreConfig) -> Stage:
    """A weight, times a payload, onto a sum."""
    levels = 1.0 + subtracts(config.payload)
    if not config.overlaps:
        # What the row in front writes is seen, unless rows wait for each other.
        levels += _read(config) + (config.plan.membranes.interval == 1)
    elif config.own_groups:
        levels += _read(config)
    carried = float(config.state.total.width)
    if multiplies(config.payload) and not has_multipliers(config.payload):
        bits = config.payload.payload_shape.width
        levels, carried = max(levels, bits / 2), max(carried, config.operand_shape.width + bits)
    return Stage(kind="sum", levels=levels, carried=carried, fan=config.lanes)


def _distance(blocks: int) -> float:
    return log2(1 + blocks)


def _multiply(config: CoreConfig, *, multipliers: bool) -> Stage:
    """A weight times a payload, which all lanes wait for."""
    fan = config.lanes * config.plan.spikes
    if multipliers:
        return Stage(kind="product", levels=0, carried=0, fan=fan, blocks=_distance(fan))
    bits = config.payload.payload_shape.width
    carried = float(config.operand_shape.width + bits)
    return Stage(kind="product", levels=bits / 2, carried=carried, fan=fan)


def _send(config: CoreConfig) -> Stage:
    """Which lane fired: a few at a time, block by block."""
    lanes = config.sweep_lanes if config.overlaps else config.lanes
    slots = max(host.target.slots for host in config.hosts)
    return Stage(kind="serialiser", levels=4.0 + log2(slots), carried=0, fan=lanes)


def _recalled(config: CoreConfig) -> list[int]:
    settles = config.mode is Mode.SETTLE
    return [k for k, port in enumerate(config.ports) if port.connection.delay and settles]


def _recall(config: CoreConfig, index: int) -> Stage:
    """A sum that is sent in parts: subtracted, compared, compared again."""
    sums = config.ports[index].sums
    bits = max(abs(sums.low), abs(sums.high)).bit_length() + 1
    return Stage(kind="sums of delayed spikes", levels=8.0, carried=2.0 * bits, fan=bits)


def _change(config: CoreConfig, index: int) -> Stage:
    """A function over a window, before and after."""
    port = config.ports[index]
    assert port.delta is not None  # who calls has looked
    taps = 1 if port.delta.window is None else prod(port.delta.window.kernel)
    deep = ceil(log2(max(1, taps))) + 1
    bits = max(abs(port.x.low), abs(port.x.high)).bit_length() + 1
    return Stage(kind="delta", levels=1.0 + 2 * deep, carried=float(deep * bits), fan=bits)
