"""Hardware plans as files, and their hash."""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from spikewright.flow.files import read_json, write_json
from spikewright.flow.plan_arguments import is_number
from spikewright.golden.errors import ConfigurationError, FileError
from spikewright.golden.spec import Interval, Mode, Network, Ranges
from spikewright.hdl.depths import sized
from spikewright.hdl.envelope import Envelope, ParameterBounds, PopulationBounds
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

__all__ = [
    "PLAN_SCHEMA",
    "load_plan",
    "plan_as_dict",
    "plan_from_dict",
    "save_plan",
    "with_depths",
]

PLAN_SCHEMA = 6
_Choice = TypeVar("_Choice", bound=StrEnum)


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
    _check_keys(data, wanted | {"encoders", "guards", "envelope"}, wanted, where)
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
    envelope = data.get("envelope")
    return HardwarePlan(
        mode=mode,
        cores=cores,
        encoders=encoders,
        guards=guards,
        envelope=None if envelope is None else _envelope(envelope, f"{where}, envelope"),
    )


def _envelope(data: Any, where: str) -> Envelope:
    values = _object(data, Envelope, where)
    if not isinstance(values["skeleton"], str):
        raise ConfigurationError(
            "skeleton must be a hash", found=repr(values["skeleton"]), where=where
        )
    populations = _list(values["populations"], "populations", where)
    bounds = tuple(_bounds(each, f"{where}, population {k}") for k, each in enumerate(populations))
    return Envelope(skeleton=values["skeleton"], populations=bounds)


def _bounds(data: Any, where: str) -> PopulationBounds:
    values = _object(data, PopulationBounds, where)
    ranges = _object(values["ranges"], Ranges, where)
    intervals = {name: _interval(each, f"{where}, {name}") for name, each in ranges.items()}
    parameters = _list(values["parameters"], "parameters", where, least=0)
    return PopulationBounds(
        population=str(values["population"]),
        ranges=Ranges(**intervals),  # type: ignore[arg-type]  # none is checked against the network
        parameters=tuple(_parameter(each, where) for each in parameters),
    )


def _interval(data: Any, where: str) -> Interval | None:
    if data is None:
        return None
    values = _object(data, Interval, where)
    if not all(map(is_number, values.values())) or values["low"] > values["high"]:
        raise ConfigurationError(
            "an interval must have an integer, and one that is not below it",
            found=repr(data),
            where=where,
        )
    return Interval(**values)


def _parameter(data: Any, where: str) -> ParameterBounds:
    values = _object(data, ParameterBounds, where)
    bounds = {name: values[name] for name in ("low", "high")}
    _interval(bounds, where)
    if not isinstance(values["name"], str) or not isinstance(values["by_position"], bool):
        raise ConfigurationError(
            "a parameter must have a name, and true or false by_position",
            found=repr(data),
            where=where,
        )
    return ParameterBounds(**values)


def _object(data: Any, kind: type, where: str) -> dict[str, Any]:
    """An object with the keys of a dataclass, no more and no less."""
    if not isinstance(data, dict):
        raise ConfigurationError("it must be an object", found=repr(data), where=where)
    names = {field.name for field in fields(kind)}
    _check_keys(data, names, names, where)
    return data


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
    if not isinstance(channels, list) or len(channels) != 2 or not all(map(is_number, channels)):
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
