"""What addresses and weights take, as bits of tables and of what moves them."""

from collections import defaultdict
from math import prod

from spikewright.hdl.config import CoreConfig
from spikewright.hdl.loaded_memory import loaded_slices
from spikewright.hdl.plan import WeightStore
from spikewright.hdl.pointers import pointer_columns
from spikewright.hdl.port_config import PortConfig
from spikewright.hdl.rows import RowTables
from spikewright.hdl.tables import Column, ColumnKind

from .counted import Features

__all__ = ["synapses"]

_TABLE_INPUTS = 4


def synapses(config: CoreConfig) -> Features:
    """Of all ports of a core."""
    return _sparse(config) if config.own_groups else _dense(config)


def _dense(config: CoreConfig) -> Features:
    found: dict[str, float] = defaultdict(float)
    gated = config.lanes * config.operand_shape.width
    for port in config.ports:
        tables = RowTables(
            layout=port.layout.single if config.plan.spikes > 1 else port.layout,
            schedule=port.dense,
            first_group=config.hosts[port.host].first_group,
        )
        loops = tables.loops.values()
        columns = [c for loop in loops for c in (loop.reach, loop.last, *loop.columns.values())]
        found["one"] += config.plan.spikes
        found["address"] += config.plan.spikes * _bits(tables.n_rows)
        found["tables"] += config.plan.spikes * sum(map(_column_luts, columns))
        found["turns"] += sum(_bits(loop.turns) for loop in loops)
        found["gated"] += gated
        found["joined"] += gated * (len(config.ports) > 1)
        found["banks"] += (prod(config.banks) - 1) * _bits(config.groups)
        for name, count in _words(config, port, tables).items():
            found[name] += count
    return found


def _words(config: CoreConfig, port: PortConfig, tables: RowTables) -> dict[str, float]:
    """Of weights in logic, and of bringing them to their banks."""
    weights = port.dense.weights
    if weights is None:
        return {}
    rows, high, wide, each = weights.shape
    bits = each * port.dense.weight_bits
    found: dict[str, float] = {}
    if config.plan.weights is WeightStore.LOGIC:
        found["rom"] = high * wide * bits * max(0.5, rows / 16) * config.plan.spikes
    y, x = (sum(len(bank) - 1 for bank in tables.loops[axis].options) for axis in "yx")
    if config.loads_weights:
        slices = loaded_slices(rows, high * wide * bits, config.plan.weights)
        found["loaded"] = _bits(rows) + len(slices)
        found["words"] = high * wide * bits
    found["aligned"] = y * wide * bits + x * len(tables.loops["y"].options) * bits
    if config.holds_words and config.plan.spikes == 1 and not found["aligned"]:
        found["held"] = high * wide * bits
    if port.dense.place is not None and config.channel_lanes > 1:
        found["masked"] = config.lanes * port.dense.weight_bits
    return found


def _sparse(config: CoreConfig) -> Features:
    """Pointers and entries of compressed rows."""
    (port,) = config.ports
    schedule = port.sparse
    columns = list(pointer_columns(schedule).values())
    pointed = sum(column.width for column in columns if column.constant is None)
    entries = schedule.lanes * schedule.entry_bits
    in_logic = config.plan.weights is WeightStore.LOGIC
    return {
        "one": 1,
        "tables": sum(map(_column_luts, columns)),
        "pointers": 1,
        "pointed": pointed + port.layout.payload_shape.width + config.overlaps,
        "entries": entries,
        "rom": entries * max(0.5, len(schedule.weights) / 16) * in_logic,
    }


def _bits(count: int) -> int:
    return max(0, (count - 1).bit_length())


def _column_luts(column: Column) -> float:
    if column.kind is ColumnKind.LOGIC:
        return float(column.width * max(1.0, 2.0 ** (len(column.support) - _TABLE_INPUTS)))
    if column.kind is ColumnKind.ADDERS:
        return column.width * len(column.terms or ())
    return 0
