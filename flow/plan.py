"""Hardware plans: the one that suits a network, their file, their hash."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from spikewright.flow.files import read_json, text_hash, write_json
from spikewright.golden.errors import ConfigurationError, FileError
from spikewright.golden.spec import Mode, Network
from spikewright.hdl.plan import CorePlan, HardwarePlan, MembraneStore, WeightStore

__all__ = [
    "DEFAULT_LANES",
    "PLAN_SCHEMA",
    "default_plan",
    "load_plan",
    "plan_as_dict",
    "plan_from_dict",
    "plan_hash",
    "save_plan",
]

PLAN_SCHEMA = 1
DEFAULT_LANES = 16
_REGISTER_GROUPS = 4

_Choice = TypeVar("_Choice", bound=StrEnum)


def default_plan(
    network: Network,
    mode: Mode,
    *,
    lanes: int | Sequence[int] | Mapping[str, int] | None = None,
    membranes: MembraneStore | None = None,
    weights: WeightStore = WeightStore.BLOCK,
    queue_depth: int = 16,
) -> HardwarePlan:
    """One core for each population, no wider than its population.

    Parameters
    ----------
    lanes : of all cores, of each in the order of the data's way, or by population; populations
        that a mapping leaves out, and None, get ``DEFAULT_LANES``.
    membranes : where membranes live; by default registers where a population has few groups of
        lanes, LUT RAM otherwise.

    Raises
    ------
    ConfigurationError
        If ``lanes`` names an unknown population, has another number of entries than there are
        populations, or holds a number below 1.
    """
    order = _order(network)
    cores = []
    for name, wanted in zip(order, _lanes(order, lanes), strict=True):
        n = network.population(name).n
        if isinstance(wanted, bool) or not isinstance(wanted, int) or wanted < 1:
            raise ConfigurationError(
                "lanes must be integers of at least 1", found=repr(wanted), where=f"core {name!r}"
            )
        built = min(n, wanted)
        groups = -(-n // built)
        chosen = MembraneStore.REGISTERS if groups <= _REGISTER_GROUPS else MembraneStore.LUTRAM
        if membranes is not None and (groups > 1 or membranes is not MembraneStore.BLOCK):
            # One group is read and written in every cycle, which block RAM cannot do.
            chosen = membranes
        cores.append(
            CorePlan(
                population=name,
                lanes=built,
                membranes=chosen,
                weights=weights,
                queue_depth=queue_depth,
            )
        )
    return HardwarePlan(mode=Mode(mode), cores=tuple(cores))


def plan_as_dict(plan: HardwarePlan) -> dict[str, Any]:
    """The plan as JSON."""
    return {
        "schema": PLAN_SCHEMA,
        "mode": str(plan.mode),
        "cores": [
            {k: str(v) if isinstance(v, StrEnum) else v for k, v in asdict(core).items()}
            for core in plan.cores
        ],
    }


def plan_from_dict(data: Mapping[str, Any], *, where: str = "plan") -> HardwarePlan:
    """Read what ``plan_as_dict`` wrote.

    Raises
    ------
    FileError
        If it is of another schema.
    ConfigurationError
        If a key is unknown or missing, or a value is not legal.
    """
    if data.get("schema") != PLAN_SCHEMA:
        raise FileError(
            f"the plan's schema must be {PLAN_SCHEMA}", found=repr(data.get("schema")), where=where
        )
    _check_keys(data, {"schema", "mode", "cores"}, {"schema", "mode", "cores"}, where)
    if not isinstance(data["cores"], list) or not data["cores"]:
        raise ConfigurationError(
            "cores must be a list of at least one core", found=repr(data["cores"]), where=where
        )
    cores = []
    for index, core in enumerate(data["cores"]):
        place = f"{where}, core {index}"
        if not isinstance(core, dict):
            raise ConfigurationError("a core must be an object", found=repr(core), where=place)
        _check_keys(core, {f.name for f in fields(CorePlan)}, {"population", "lanes"}, place)
        if not isinstance(core["population"], str):
            raise ConfigurationError(
                "population must be a name", found=repr(core["population"]), where=place
            )
        values = dict(core)
        if "membranes" in core:
            values["membranes"] = _choice(MembraneStore, core["membranes"], f"{place}, membranes")
        if "weights" in core:
            values["weights"] = _choice(WeightStore, core["weights"], f"{place}, weights")
        cores.append(CorePlan(**values))
    return HardwarePlan(mode=_choice(Mode, data["mode"], f"{where}, mode"), cores=tuple(cores))


def load_plan(path: Path) -> HardwarePlan:
    """Read a plan file; raises FileError and ConfigurationError."""
    return plan_from_dict(read_json(path), where=str(path))


def save_plan(plan: HardwarePlan, path: Path) -> None:
    """Write a plan file; raises FileError."""
    write_json(path, plan_as_dict(plan))


def plan_hash(plan: HardwarePlan) -> str:
    """SHA-256 of the plan, in hex."""
    return text_hash(json.dumps(plan_as_dict(plan), sort_keys=True, separators=(",", ":")))


def _order(network: Network) -> list[str]:
    """Populations along the data's way; those off a chain follow in the network's order."""
    feeds = {connection.source: connection.target for connection in network.connections}
    order: list[str] = []
    name = feeds.get(network.inputs[0].name)
    while name is not None and name not in order:
        order.append(name)
        name = feeds.get(name)
    return order + [p.name for p in network.populations if p.name not in order]


def _lanes(
    order: list[str], lanes: int | Sequence[int] | Mapping[str, int] | None
) -> Sequence[int]:
    if lanes is None or isinstance(lanes, int):
        return [DEFAULT_LANES if lanes is None else lanes] * len(order)
    if isinstance(lanes, Mapping):
        unknown = sorted(set(lanes) - set(order))
        if unknown:
            raise ConfigurationError(
                f"lanes may be given for {', '.join(order)}", found=", ".join(unknown)
            )
        return [lanes.get(name, DEFAULT_LANES) for name in order]
    if len(lanes) == 1:
        return list(lanes) * len(order)
    if len(lanes) != len(order):
        raise ConfigurationError(
            f"lanes must be one number, or one for each of {', '.join(order)}",
            found=f"{len(lanes)} numbers",
        )
    return list(lanes)


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
