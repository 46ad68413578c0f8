"""Hardware plans: the one that suits a network, their file, their hash."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from spikewright.flow.files import read_json, text_hash, write_json
from spikewright.flow.lanes import Banks, LaneLayout, choose_layout, groups, weight_rows
from spikewright.flow.row_choice import with_rows
from spikewright.golden.errors import ConfigurationError, FileError
from spikewright.golden.spec import Dense, Encoding, Mode, Network, Window
from spikewright.hdl.checks import against_overlap, against_touched, check_plan
from spikewright.hdl.depths import sized
from spikewright.hdl.loops import check_depths
from spikewright.hdl.plan import (
    CorePlan,
    GuardPlan,
    HardwarePlan,
    Host,
    MembraneStore,
    ParameterStore,
    Products,
    Rows,
    Sweeps,
    WeightStore,
)
from spikewright.hdl.token import axes_of

__all__ = [
    "DEFAULT_LANES",
    "LARGE_BITS",
    "PLAN_SCHEMA",
    "default_plan",
    "load_plan",
    "membrane_store",
    "plan_as_dict",
    "plan_from_dict",
    "plan_hash",
    "save_plan",
    "with_depths",
]

PLAN_SCHEMA = 5
DEFAULT_LANES = 16
# Deeper registers are mostly multiplexers; deeper LUT RAM takes more of an ECP5 than block RAM.
_REGISTER_GROUPS = 4
_LUTRAM_GROUPS = 64
# A block RAM has 512 words; fewer than these are better made of lookup tables.
_LOGIC_ROWS = 32
# Weights of fewer bits stay in block RAM where large RAMs are asked for, of which there are few.
LARGE_BITS = 1 << 15
_Choice = TypeVar("_Choice", bound=StrEnum)
_Value = TypeVar("_Value")


def default_plan(
    network: Network,
    mode: Mode,
    *,
    lanes: int | Sequence[int] | Mapping[str, int] | None = None,
    banks: Banks | Sequence[Banks] | Mapping[str, Banks] | None = None,
    sweep_lanes: int | None = None,
    spikes: int = 1,
    sweeps: Sweeps = Sweeps.ALL,
    queue_depth: int | None = None,
    fanout: int | None = None,
    membranes: MembraneStore | None = None,
    weights: WeightStore | None = None,
    rows: Rows = Rows.DENSE,
    products: Products = Products.MULTIPLIER,
    partition: Mapping[str, int] | None = None,
    share: Sequence[Sequence[str]] = (),
    encoders: bool = False,
    guard: int | None = None,
) -> HardwarePlan:
    """One core for each population, no wider than its population.

    Lanes of a core whose population has rows and columns are split into banks of neighbouring
    positions, which the taps of a spike update in the same cycle, and neighbouring channels, as
    ``choose_layout`` says: with lanes enough, as many banks as a spike reaches rows and columns.

    Parameters
    ----------
    lanes : the most accumulator lanes of all cores, of each population in the network's order, or
        by population; populations that a mapping leaves out, and None, get ``DEFAULT_LANES``.
    banks : of rows and columns, likewise; no more are built than a population has.
    sweep_lanes : neurons that decide in a cycle, while rows go on, in the cores that have a lane
        for each neuron and fire, or are read when a sample ends.
    sweeps : ``touched``: maps of several groups whose neurons rest while no spike reaches them are
        asked at a marker only where one did.
    spikes : spikes that those cores take in a cycle, where one dense connection brings them.
    queue_depth : tokens that every queue holds; by default as many as ``depths.sized`` says.
    fanout : pins that a flip-flop of a core reaches at most; by default any number.
    membranes : where membranes live; by default registers where a core has at most 4 words of
        them, one word for each group of lanes, LUT RAM up to 64, block RAM beyond. Up to 4 words
        are in registers too where block RAM is asked for.
    weights : where weights live; by default logic where a core has at most 32 words of them for
        each connection, block RAM beyond. Where large RAMs are asked for, cores of up to 32768
        bits of weights are as if nothing were asked for.
    rows : how weights lie in rows; sparse ones in the cores where they are possible and cheaper.
    products : what multiplies graded payloads.
    partition : populations that are split over so many cores, each with a part of the channels.
    share : populations that one core hosts together.
    encoders : whether inputs take frames, of which hardware makes the spikes.
    guard : tokens that are held for each input of events, which then never waits: what finds no
        room is dropped and counted. By default inputs wait.

    Raises
    ------
    ConfigurationError
        If an argument names an unknown population, has another number of entries than there are
        populations, or holds a number below 1; if lanes are fewer than the banks asked for.
    """
    order = [population.name for population in network.order()]
    wanted = _each(order, lanes, "lanes", single=_is_number, default=DEFAULT_LANES)
    asked = _each(order, banks, "banks", single=_is_pair, default=None)
    parts = dict(partition or {})
    _check_partition(network, order, parts)
    cores: list[CorePlan] = []
    for together in _together(order, parts, share):
        _check_banks(together, asked)
        layout = choose_layout(
            network,
            together,
            lanes=min(wanted[name] for name in together),
            banks=asked[together[0]],
            parts=parts.get(together[0], 1),
        )
        store = _weight_store(network, together, layout, weights)
        for hosts in _hosts(network, together, layout, parts.get(together[0], 1)):
            words = sum(groups(network, host, layout) for host in hosts)
            core = CorePlan(
                hosts=hosts,
                lanes=layout.lanes,
                banks=layout.banks,
                weights=store,
                products=products,
                fanout=fanout,
            )
            if store is WeightStore.SPRAM:
                # Where there are large RAMs, wires are slow: nothing is looked up on the way.
                core = replace(core, parameters=ParameterStore.REGISTERS)
            if sweep_lanes is not None and not against_overlap(network, core, Mode(mode)):
                words = -(-layout.lanes // sweep_lanes)
                core = replace(core, sweep_lanes=sweep_lanes, parameters=ParameterStore.REGISTERS)
            maps = axes_of(network.population(together[0]).shape)[2].size > layout.banks[1]
            if sweeps is Sweeps.TOUCHED and maps and not against_touched(network, core, Mode(mode)):
                core = replace(core, sweeps=sweeps)
            cores.append(replace(core, membranes=membrane_store(words, membranes)))
    own = (Encoding.EVENTS, Encoding.SPREAD)
    if encoders and all(each.encoding in own for each in network.inputs):
        raise ConfigurationError(
            "encoders must have an input of values that they make spikes of",
            found=", ".join(f"{each.name!r}, {each.encoding}" for each in network.inputs),
            where="encoders",
            action="leave them out: the host sends such spikes",
        )
    plan = HardwarePlan(
        mode=Mode(mode), cores=tuple(cores), encoders=encoders, guards=_guards(network, guard)
    )
    if weights is WeightStore.SPRAM and all(core.weights is not weights for core in cores):
        raise ConfigurationError(
            f"large RAMs must be for a core with more than {LARGE_BITS} bits of weights",
            found=f"at most {max(_weight_bits(network, [name]) for name in order)}",
            where="weights",
            action="leave them out: such weights go into block RAM",
        )
    plan = with_rows(network, _with_spikes(network, plan, spikes), rows, sweep_lanes)
    plan = sized(network, plan)
    return plan if queue_depth is None else _with_queues(network, plan, queue_depth)


def _with_queues(network: Network, plan: HardwarePlan, depth: int) -> HardwarePlan:
    """The plan with queues of one depth; raises ConfigurationError where they could deadlock."""
    cores = tuple(
        replace(core, queue_depths=(depth,) * len(core.queue_depths)) for core in plan.cores
    )
    plan = replace(plan, cores=cores)
    check_depths(network, plan)
    return plan


def _weight_bits(network: Network, names: Sequence[str]) -> int:
    """Bits of all weights of a core."""
    operators = [c.operator for name in names for c in network.sources(name)]
    return sum(
        operator.weights.size * operator.weight_bits
        for operator in operators
        if isinstance(operator, (Dense, Window)) and operator.weights is not None
    )


def _weight_store(
    network: Network, names: Sequence[str], layout: LaneLayout, asked: WeightStore | None
) -> WeightStore:
    """Where the weights of a core live; a few are never worth a large RAM."""
    large = asked is WeightStore.SPRAM
    if asked is not None and not (large and _weight_bits(network, names) <= LARGE_BITS):
        return asked
    few = weight_rows(network, names, layout) <= _LOGIC_ROWS
    return WeightStore.LOGIC if few else WeightStore.BLOCK


def _with_spikes(network: Network, plan: HardwarePlan, spikes: int) -> HardwarePlan:
    """The plan with so many spikes a cycle wherever all that hear a source can take them.

    Where nobody can, what stands against it is raised.
    """
    if spikes == 1:
        return plan
    against: list[ConfigurationError] = []
    for source in dict.fromkeys(connection.source for connection in network.connections):
        hearing = [connection.target for connection in network.targets(source)]
        cores = tuple(
            replace(core, spikes=spikes)
            if any(host.population in hearing for host in core.hosts)
            else core
            for core in plan.cores
        )
        wider = replace(plan, cores=cores)
        try:
            check_plan(network, wider)
            plan = wider
        except ConfigurationError as error:
            against.append(error)
    if all(core.spikes == 1 for core in plan.cores):
        raise against[0]
    return plan


def _guards(network: Network, depth: int | None) -> tuple[GuardPlan, ...]:
    if depth is None:
        return ()
    events = [each.name for each in network.inputs if each.encoding is Encoding.EVENTS]
    if not events:
        raise ConfigurationError(
            "a guard must have an input whose spikes are given as events",
            found=", ".join(f"{each.name!r}, {each.encoding}" for each in network.inputs),
            where="guard",
            action="leave it out: such inputs wait, and lose nothing",
        )
    return tuple(GuardPlan(input=name, depth=depth) for name in events)


def _check_banks(together: Sequence[str], asked: Mapping[str, Banks | None]) -> None:
    """One core has one choice of banks, asked for with each of its populations or with none."""
    wishes = {asked[name] for name in together}
    if len(wishes) > 1:
        raise ConfigurationError(
            "populations that share a core must be given the same banks",
            found=", ".join(f"{asked[name]} for {name!r}" for name in together),
            where="banks",
        )


def plan_as_dict(plan: HardwarePlan) -> dict[str, Any]:
    """The plan as JSON."""
    plain: dict[str, Any] = json.loads(json.dumps({"schema": PLAN_SCHEMA, **asdict(plan)}))
    return plain


def plan_from_dict(data: Mapping[str, Any], *, where: str = "plan") -> HardwarePlan:
    """Read what ``plan_as_dict`` wrote; depths of queues that are left out are for ``with_depths``.

    Raises
    ------
    FileError
        If it is of another schema.
    ConfigurationError
        If a key is unknown or missing, or a value is not legal.
    """
    if data.get("schema") != PLAN_SCHEMA:
        raise FileError(
            f"the plan's schema must be {PLAN_SCHEMA}",
            found=repr(data.get("schema")),
            where=where,
            action="generate the accelerator again, or write the plan anew",
        )
    wanted = {"schema", "mode", "cores"}
    _check_keys(data, wanted | {"encoders", "guards"}, wanted, where)
    encoders = data.get("encoders", False)
    if not isinstance(encoders, bool):
        raise ConfigurationError(
            "encoders must be true or false", found=repr(encoders), where=where
        )
    cores = tuple(
        _core(core, f"{where}, core {index}")
        for index, core in enumerate(_list(data["cores"], "cores", where))
    )
    guards = tuple(
        _guard(guard, f"{where}, guard {index}")
        for index, guard in enumerate(_list(data.get("guards", []), "guards", where, least=0))
    )
    mode = _choice(Mode, data["mode"], f"{where}, mode")
    return HardwarePlan(mode=mode, cores=cores, encoders=encoders, guards=guards)


def _guard(data: Any, where: str) -> GuardPlan:
    if not isinstance(data, dict):
        raise ConfigurationError("a guard must be an object", found=repr(data), where=where)
    _check_keys(data, {"input", "depth", "reserve"}, {"input", "depth"}, where)
    return GuardPlan(**data)


def with_depths(network: Network, plan: HardwarePlan) -> HardwarePlan:
    """The plan with the depths of those cores' queues computed that say none."""
    computed = sized(network, plan)
    cores = tuple(
        core if core.queue_depths else replace(core, queue_depths=full.queue_depths)
        for core, full in zip(plan.cores, computed.cores, strict=True)
    )
    return replace(plan, cores=cores)


def load_plan(path: Path) -> HardwarePlan:
    """Read a plan file; raises FileError and ConfigurationError."""
    return plan_from_dict(read_json(path), where=str(path))


def save_plan(plan: HardwarePlan, path: Path) -> None:
    """Write a plan file; raises FileError."""
    write_json(path, plan_as_dict(plan))


def plan_hash(plan: HardwarePlan) -> str:
    """SHA-256 of the plan, in hex."""
    return text_hash(json.dumps(plan_as_dict(plan), sort_keys=True, separators=(",", ":")))


def membrane_store(words: int, asked: MembraneStore | None) -> MembraneStore:
    """Where a core's words of membranes live; a few are never worth a block RAM."""
    few = words <= _REGISTER_GROUPS
    if asked is None:
        asked = MembraneStore.LUTRAM if words <= _LUTRAM_GROUPS else MembraneStore.BLOCK
        return MembraneStore.REGISTERS if few else asked
    return MembraneStore.REGISTERS if few and asked is MembraneStore.BLOCK else asked


def _hosts(
    network: Network, together: Sequence[str], layout: LaneLayout, parts: int
) -> list[tuple[Host, ...]]:
    """Hosts of each core: all of ``together`` on one, or the slices of one population."""
    if parts == 1:
        return [tuple(Host(population=name) for name in together)]
    channels = axes_of(network.population(together[0]).shape)[0].size
    blocks = -(-channels // layout.channel_lanes)
    cuts = [k * blocks // parts * layout.channel_lanes for k in range(parts)] + [channels]
    return [
        (Host(population=together[0], channels=(first, last)),) for first, last in pairwise(cuts)
    ]


def _together(
    order: Sequence[str], parts: Mapping[str, int], share: Sequence[Sequence[str]]
) -> list[tuple[str, ...]]:
    """The populations of each core, in the order of the first of each."""
    place: dict[str, tuple[str, ...]] = {}
    for names in share:
        unknown = sorted(set(names) - set(order))
        twice = sorted(name for name in names if name in place or list(names).count(name) > 1)
        sliced = sorted(name for name in names if parts.get(name, 1) > 1)
        for what, wrong in (("known", unknown), ("named once", twice), ("whole", sliced)):
            if wrong:
                raise ConfigurationError(
                    f"populations that share a core must be {what}",
                    found=", ".join(wrong),
                    action=f"the network has {', '.join(order)}",
                )
        members = tuple(name for name in order if name in names)
        place |= dict.fromkeys(members, members)
    cores = []
    for name in order:
        members = place.get(name, (name,))
        if name == members[0]:
            cores.append(members)
    return cores


def _check_partition(network: Network, order: Sequence[str], parts: Mapping[str, int]) -> None:
    unknown = sorted(set(parts) - set(order))
    if unknown:
        raise ConfigurationError(
            f"a partition may be given for {', '.join(order)}", found=", ".join(unknown)
        )
    for name, n in parts.items():
        channels = axes_of(network.population(name).shape)[0].size
        if not _is_number(n) or not 1 <= n <= channels:
            raise ConfigurationError(
                f"a partition must have 1 to {channels} parts, the population's channels",
                found=repr(n),
                where=f"population {name!r}",
            )


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_pair(value: object) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and all(map(_is_number, value))


def _each(
    order: Sequence[str],
    given: Any,
    what: str,
    *,
    single: Callable[[object], bool],
    default: _Value,
) -> dict[str, _Value]:
    """A value for each population from one for all, one for each, or some by name."""
    if single(given) or not isinstance(given, (Mapping, Sequence)):
        values = dict.fromkeys(order, default if given is None else given)
    elif isinstance(given, Mapping):
        unknown = sorted(set(given) - set(order))
        if unknown:
            raise ConfigurationError(
                f"{what} may be given for {', '.join(order)}", found=", ".join(unknown)
            )
        values = {name: given.get(name, default) for name in order}
    else:
        listed = list(given)
        if len(listed) not in (1, len(order)):
            raise ConfigurationError(
                f"{what} must be given once, or once for each of {', '.join(order)}",
                found=f"{len(listed)} of them",
            )
        values = dict(zip(order, listed * (len(order) // len(listed)), strict=True))
    for name, value in values.items():
        if value is default:
            continue
        if not single(value) or min(value if isinstance(value, tuple) else (value,)) < 1:
            raise ConfigurationError(
                f"{what} must be integers of at least 1", found=repr(value), where=f"core {name!r}"
            )
    return values


_CHOICES = {
    "membranes": MembraneStore,
    "weights": WeightStore,
    "rows": Rows,
    "products": Products,
    "parameters": ParameterStore,
    "sweeps": Sweeps,
}


def _core(data: Any, where: str) -> CorePlan:
    if not isinstance(data, dict):
        raise ConfigurationError("a core must be an object", found=repr(data), where=where)
    _check_keys(data, {f.name for f in fields(CorePlan)}, {"hosts", "lanes"}, where)
    values = dict(data)
    values["hosts"] = tuple(_host(each, where) for each in _list(data["hosts"], "hosts", where))
    if "banks" in data:
        values["banks"] = tuple(_list(data["banks"], "banks", where))
    if "queue_depths" in data:
        values["queue_depths"] = tuple(_list(data["queue_depths"], "queue_depths", where, least=0))
    for name, kind in _CHOICES.items():
        if name in data:
            values[name] = _choice(kind, data[name], f"{where}, {name}")
    return CorePlan(**values)


def _host(data: Any, where: str) -> Host:
    if not isinstance(data, dict):
        raise ConfigurationError("a host must be an object", found=repr(data), where=where)
    _check_keys(data, {"population", "channels"}, {"population"}, where)
    if not isinstance(data["population"], str):
        raise ConfigurationError(
            "population must be a name", found=repr(data["population"]), where=where
        )
    channels = data.get("channels")
    if channels is None:
        return Host(population=data["population"])
    if not isinstance(channels, list) or len(channels) != 2 or not all(map(_is_number, channels)):
        raise ConfigurationError(
            "channels must be the first and last (exclusive) of a slice",
            found=repr(channels),
            where=where,
        )
    return Host(population=data["population"], channels=(channels[0], channels[1]))


def _list(value: object, what: str, where: str, *, least: int = 1) -> list[Any]:
    if not isinstance(value, list) or len(value) < least:
        raise ConfigurationError(
            f"{what} must be a list of at least {least}", found=repr(value), where=where
        )
    return value


def _check_keys(data: Mapping[str, Any], known: set[str], needed: set[str], where: str) -> None:
    for what, names in (("known", set(data) - known), ("present", needed - set(data))):
        if names:
            raise ConfigurationError(
                f"every key must be {what}"
                if what == "known"
                else "every needed key must be there",
                found=f"{'unknown' if what == 'known' else 'missing'} {', '.join(sorted(names))}",
                where=where,
                action=f"the keys are {', '.join(sorted(known))}",
            )


def _choice(kind: type[_Choice], value: object, where: str) -> _Choice:
    try:
        return kind(str(value))
    except ValueError as error:
        raise ConfigurationError(
            f"must be one of {', '.join(kind)}", found=repr(value), where=where
        ) from error
