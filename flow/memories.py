"""What a plan keeps in memories: weights, membranes, queues, running sums, tables of constants."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from amaranth.hdl import Shape

from spikewright.flow.constant_bits import kept_parts
from spikewright.golden.spec import (
    Decision,
    Delta,
    Interval,
    Mode,
    Network,
    ReadoutKind,
)
from spikewright.hdl.config import CoreConfig, shape_of
from spikewright.hdl.delta import epoch_bits
from spikewright.hdl.encoder import encoded, frame_layout
from spikewright.hdl.filter import filter_memories
from spikewright.hdl.guard import BEHIND
from spikewright.hdl.loaded_memory import loaded_slices
from spikewright.hdl.make_configs import node_layouts, ranges_of
from spikewright.hdl.parameters import in_memory
from spikewright.hdl.plan import CorePlan, HardwarePlan, MembraneStore, WeightStore
from spikewright.hdl.pointers import pointer_columns
from spikewright.hdl.port_config import PortConfig, ProductConfig
from spikewright.hdl.product_memory import product_slices
from spikewright.hdl.product_sums import ahead_size, segment_of
from spikewright.hdl.queue import SHALLOW_QUEUE
from spikewright.hdl.readout import tally_range
from spikewright.hdl.rows import RowTables
from spikewright.hdl.sparse_schedule import SparseSchedule
from spikewright.hdl.sparse_synapses import entry_slices
from spikewright.hdl.spike_map import map_size
from spikewright.hdl.sum_bank import bank_size
from spikewright.hdl.tables import block_rams
from spikewright.hdl.update import cheapest_store
from spikewright.hdl.weights import column_slices
from spikewright.hdl.windows import window_axis

__all__ = [
    "ANYWHERE",
    "Memory",
    "core_memories",
    "core_name",
    "encoder_memories",
    "guard_memories",
    "memories",
    "readout_memories",
]

ANYWHERE = "any"
"""Store of a memory that Yosys places as it sees fit."""

_PARAMETERS = {
    "initial_total": "initial state",
    "initial_v": "initial membranes",
    "threshold": "thresholds",
    "negative": "negative thresholds",
    "amount": "reset amounts",
    "bias": "bias",
    "slope": "slopes",
}
_CONSTANTS = {"weights", "addresses", "function", *_PARAMETERS.values()}
_TALLIES = {
    ReadoutKind.COUNT: "counts",
    ReadoutKind.FIRST_SPIKE: "first spikes",
    ReadoutKind.MAXIMUM: "maxima",
}


@dataclass(frozen=True, kw_only=True)
class Memory:
    """One memory of a core or of the readout behind it, in as many parts as it is built of.

    Parameters
    ----------
    core : the core's name, the population that is read, or an input that is encoded or has a guard.
        kind : weights, addresses (tables of what a spike reaches), membranes, queue, sums (of a
        delta or a product), function (of a delta), keys and values (of a product), and keys ahead,
        samples (of a delay where a network settles), frame (of an encoder), counts and labels (of
        the readout), or a soma's parameter.
    port, source : the core's port that it is for, and whose spikes come there; None where it is for
        all. Where there is one port, ``source`` is None too.
    store : block, lutram, registers, logic or spram, as the plan says; ``ANYWHERE`` where it says
        nothing.
    parts : (rows, bits) of each. kept : those of weights without bits that are the same in all
        rows, which synthesis makes constants; None elsewhere. reads : rows of each that are read in
        a cycle. at_once : whether they are read in the cycle that asks for them, as those of a
        shallow queue; no block RAM is.
    """

    core: str
    kind: str
    port: int | None
    source: str | None
    store: str
    parts: tuple[tuple[int, int], ...]
    reads: int = 1
    at_once: bool = False
    kept: tuple[tuple[int, int], ...] | None = None

    @property
    def written(self) -> bool:
        """Whether it is no table of constants."""
        return self.kind not in _CONSTANTS

    @property
    def bits(self) -> int:
        """Bits in all."""
        return sum(rows * bits for rows, bits in self.parts)

    def __str__(self) -> str:
        origin = "" if self.source is None else f" from {self.source!r}"
        return f"the {self.kind} of {self.core!r}{origin}"


def core_name(core: CorePlan) -> str:
    """A core by what it hosts: ``conv``, ``conv[0:8]`` for a slice of channels, ``a+b``."""
    parts = []
    for host in core.hosts:
        first_last = "" if host.channels is None else f"[{host.channels[0]}:{host.channels[1]}]"
        parts.append(host.population + first_last)
    return "+".join(parts)


def memories(
    network: Network, plan: HardwarePlan, configs: Sequence[CoreConfig]
) -> tuple[Memory, ...]:
    """The memories of inputs, cores and the readout, without small tables, which are logic."""
    inside = [memory for config in configs for memory in core_memories(config)]
    sources = (*encoder_memories(network, plan), *guard_memories(network, plan))
    return (*sources, *inside, *readout_memories(network, plan))


def encoder_memories(network: Network, plan: HardwarePlan) -> tuple[Memory, ...]:
    """The frames of inputs that are encoded in hardware."""
    layouts = node_layouts(network, plan)
    found = []
    for source in encoded(network, plan):
        frame = frame_layout(source, layouts[source.name])
        part = (max(2, frame.neurons), frame.address_bits + frame.payload_shape.width)
        found.append(
            Memory(
                core=source.name,
                kind="frame",
                port=None,
                source=None,
                store=ANYWHERE,
                parts=(part,),
            )
        )
    return tuple(found)


def guard_memories(network: Network, plan: HardwarePlan) -> tuple[Memory, ...]:
    """The queues of inputs that cannot wait, by input."""
    layouts = node_layouts(network, plan)
    return tuple(
        Memory(
            core=guard.input,
            kind="queue",
            port=None,
            source=None,
            store=ANYWHERE,
            parts=((_stored(guard.depth + BEHIND), layouts[guard.input].width),),
            at_once=guard.depth + BEHIND <= SHALLOW_QUEUE,
        )
        for guard in plan.guards
    )


def readout_memories(network: Network, plan: HardwarePlan) -> tuple[Memory, ...]:
    """The counts of a readout that counts, and the best so far at each position of a map."""
    name = network.readout.population
    layout = node_layouts(network, plan)[name]

    def made(kind: str, store: str, rows: int, bits: int) -> Memory:
        parts = ((rows, bits),)
        return Memory(core=name, kind=kind, port=None, source=None, store=store, parts=parts)

    found = []
    bits = layout.payload_shape.width
    held = tally_range(network, ranges_of(network, plan))
    if held is not None:
        bits = shape_of(Interval(min(held.low, 0), max(held.high, 0))).width
        kind = _TALLIES[network.readout.kind]
        found.append(made(kind, str(MembraneStore.REGISTERS), layout.neurons, bits))
    if network.readout.biquads:
        value = Interval(layout.low, layout.high)
        inside = filter_memories(layout, network.readout, value)
        found += [made(kind, ANYWHERE, max(2, rows), bits) for kind, rows, bits in inside]
    channels, rows, columns = layout.axes
    if network.readout.decision is Decision.ARGMAX and rows.size * columns.size > 1:
        depth = ((rows.codes - 1) << columns.bits) + columns.codes
        store = str(cheapest_store(depth))
        found.append(made("labels", store, max(2, depth), 1 + bits + channels.bits))
    return tuple(found)


def core_memories(config: CoreConfig) -> tuple[Memory, ...]:
    """The memories of one core."""
    name = core_name(config.plan)
    several = len(config.ports) > 1
    found = []
    for k, port in enumerate(config.ports):
        source = port.connection.source if several else None
        found += [
            Memory(
                core=name,
                kind=kind,
                port=k,
                source=source,
                store=store,
                parts=parts,
                reads=config.plan.spikes if kind == "weights" else 1,
                at_once=kind == "queue" and port.queue_depth <= SHALLOW_QUEUE,
                kept=kept_parts(config, port, parts) if kind == "weights" else None,
            )
            for kind, store, parts in _port_memories(config, port)
        ]
    if config.overlaps:
        word, banks = (config.sweep_words, config.sweep_lanes * config.state.bits), 1
    elif config.own_groups:
        word, banks = (config.groups, config.state.bits), config.lanes
    else:
        word = (config.groups, config.channel_lanes * config.state.bits)
        banks = prod(config.banks)
    whole = [("membranes", str(config.plan.membranes), (word,) * banks)]
    if config.overlaps and config.stateless:
        whole = []
    if config.overlaps and config.own_groups:
        sums = ((config.groups, config.state.total.width),) * (2 * config.lanes)
        whole.append(("sums", str(config.plan.membranes), sums))
    for parameter, kind in _PARAMETERS.items():
        if parameter not in config.parameters:
            continue
        table = config.table(parameter)
        rows = table.rows
        if config.overlaps:
            rows = config.sliced(rows, by_group=table.by_group)
        if table.loads or in_memory(rows, config.plan.parameters):
            whole.append((kind, ANYWHERE, ((len(rows), len(rows[0]) * table.shape.width),)))
    return (
        *found,
        *(
            Memory(core=name, kind=kind, port=None, source=None, store=store, parts=parts)
            for kind, store, parts in whole
        ),
    )


def _stored(depth: int) -> int:
    """Words of a queue's memory; the others are in registers of their own."""
    return depth - (1 if depth <= SHALLOW_QUEUE else 3)


_Part = tuple[str, str, tuple[tuple[int, int], ...]]


def _port_memories(config: CoreConfig, port: PortConfig) -> list[_Part]:
    """Kind, store and parts of what one port needs."""
    rows = _stored(port.queue_depth)
    found: list[_Part] = [("queue", ANYWHERE, ((rows, port.source.width),))]
    if config.own_groups:
        return found + _sparse_memories(config, port.sparse)
    if port.product is not None:
        found += _product_memories(port, port.product)
    elif port.dense.weights is not None:
        rows, *word = port.dense.weights.shape
        rows += config.plan.spikes > 1  # one of zeros
        cut = loaded_slices if config.loads_weights else column_slices
        slices = cut(rows, prod(word) * port.schedule.weight_bits, config.plan.weights)
        parts = tuple((rows, bits) for bits in slices)
        found.append(("weights", str(config.plan.weights), parts))
    tables = RowTables(
        layout=port.layout,
        schedule=port.dense,
        first_group=config.hosts[port.host].first_group,
    )
    if tables.block_rams:
        found.append(("addresses", str(WeightStore.BLOCK), tables.block_rams))
    if port.delta is not None:
        found += _delta_memories(port, port.delta)
    if port.connection.delay and config.mode is Mode.SETTLE:
        depth, bits = bank_size(port.source, port.sums)
        part = (max(2, depth), bits)
        found.append(("samples", str(cheapest_store(depth)), (part, part)))
    return found


def _product_memories(port: PortConfig, product: ProductConfig) -> list[_Part]:
    """The sums of two steps, and their keys and values."""
    keys, values, made = product.keys, product.values, product.rows
    rows, slices = product_slices(made.depth, made.lanes * product.sums.width)
    found: list[_Part] = [
        ("sums", str(WeightStore.BLOCK), tuple((rows, bits) for bits in slices)),
    ]
    for kind, (depth, width) in (
        ("keys", map_size(keys, made.keys, segment_of(keys), 1)),
        ("values", map_size(values, made.values, 1, made.lanes)),
    ):
        part = (max(2, depth), width)
        found.append((kind, str(cheapest_store(depth)), (part, part)))
    return [*found, ("keys ahead", ANYWHERE, (ahead_size(keys, made),))]


def _sparse_memories(config: CoreConfig, schedule: SparseSchedule) -> list[_Part]:
    """Compressed rows, and the pointers to them."""
    slices = entry_slices(schedule, config.plan.weights)
    parts = tuple((len(schedule.weights), bits) for bits in slices)
    found: list[_Part] = [("weights", str(config.plan.weights), parts)]
    pointers = block_rams(pointer_columns(schedule))
    if pointers:
        found.append(("addresses", str(WeightStore.BLOCK), pointers))
    return found


def _delta_memories(port: PortConfig, delta: Delta) -> list[_Part]:
    """The running sums under each window, each with a bit that says of which sample it is."""
    reshapes = delta.window is None and port.source.shape != port.layout.shape
    seen = port.layout if reshapes else port.source
    sides = [
        window_axis(delta.window, seen.axes[1 + k], port.layout.axes[1 + k], k) for k in (0, 1)
    ]
    first, last = port.channels
    depth = prod(side.blocks for side in sides) * (last - first)
    bits = shape_of(Interval(min(port.x.low, 0), max(port.x.high, 0))).width
    sums = (max(2, depth), bits + epoch_bits(depth))
    found: list[_Part] = [
        ("sums", str(cheapest_store(depth)), (sums,) * prod(side.banks for side in sides))
    ]
    if delta.table is not None:
        found.append(("function", ANYWHERE, ((1 << bits, _shape([delta.table.tolist()]).width),)))
    return found


def _shape(rows: list[list[int]]) -> Shape:
    values = [value for row in rows for value in row]
    return shape_of(Interval(min(values), max(values)))
