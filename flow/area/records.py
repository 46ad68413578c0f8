"""The recorded sweep that the area model is fitted to: a file of the package for each family."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from spikewright.flow.files import read_json, text_hash, write_json
from spikewright.flow.plan_file import PLAN_SCHEMA, plan_as_dict, plan_from_dict
from spikewright.golden.errors import ConfigurationError, FileError
from spikewright.hdl.plan import CorePlan, HardwarePlan, Host

__all__ = [
    "RECORDS_SCHEMA",
    "Record",
    "Records",
    "calibrated",
    "load_records",
    "model_hash",
    "package_path",
    "package_records",
    "plain_hash",
    "plain_plan",
    "save_records",
]

RECORDS_SCHEMA = 2


@dataclass(frozen=True, kw_only=True)
class Record:
    """What nextpnr's packer counted of one design, its self-test included.

    Parameters
    ----------
    name : of the design. plan : as ``plain_plan`` gives it, and plan_hash, its hash.
    stored : (rows, bits) that the self-test keeps.
    luts, flip_flops, block_rams, sprams, dsps, logic_cells : as of ``BuildReport``.
    parts : (lookup tables, flip-flops) of each part, as ``count_parts`` names them; what packing
        adds is shared out by carry chains, so that the tables add up to ``luts`` about.
    """

    name: str
    plan: Mapping[str, Any]
    plan_hash: str
    stored: tuple[tuple[int, int], ...]
    luts: int
    flip_flops: int
    block_rams: int
    sprams: int
    dsps: int
    logic_cells: int | None
    parts: Mapping[str, tuple[int, int]]
    fmax_mhz: float | None
    slowest: tuple[str, str] | None

    def hardware_plan(self) -> HardwarePlan:
        """The plan that was built, whatever a design's plan is by now."""
        data = {"schema": PLAN_SCHEMA, **self.plan}
        return plan_from_dict(data, where=f"the record of {self.name!r}")


def plain_plan(plan: HardwarePlan) -> dict[str, Any]:
    """A plan as data that outlive the schema of its file: what is by default is left out."""
    data = plan_as_dict(plan)
    del data["schema"]
    bare = CorePlan(hosts=(Host(population=""),), lanes=1)
    usual = plan_as_dict(HardwarePlan(mode=plan.mode, cores=(bare,)))
    cores = [
        {
            name: value
            for name, value in core.items()
            if name in ("hosts", "lanes") or value != usual["cores"][0][name]
        }
        for core in data.pop("cores")
    ]
    wanted = {name: value for name, value in data.items() if name == "mode" or value != usual[name]}
    return {**wanted, "cores": cores}


def plain_hash(plan: Mapping[str, Any]) -> str:
    """Hash of ``plain_plan``."""
    return text_hash(json.dumps(plan, sort_keys=True, separators=(",", ":")))


@dataclass(frozen=True, kw_only=True)
class Records:
    """A sweep of one family: ``date`` of its last design, ``versions`` of the tools.

    ``luts``, ``flip_flops`` : coefficients by ``part.feature``, fitted to the designs. ``alone`` :
    the share of flip-flops in cells without a lookup table; None where cells are not counted.
    ``delays``, ``spread`` : of the clock, as ``fit_delays`` and ``spread_of`` give them.
    """

    family: str
    date: str
    versions: Mapping[str, str]
    luts: Mapping[str, float]
    flip_flops: Mapping[str, float]
    alone: float | None
    delays: Mapping[str, float]
    spread: float
    designs: tuple[Record, ...]

    @property
    def fitted(self) -> dict[str, Any]:
        """What estimates are made with: all but the designs and when they were recorded."""
        names = ("luts", "flip_flops", "alone", "delays", "spread")
        return {name: getattr(self, name) for name in names}

    def find(self, name: str) -> Record | None:
        """The record of a design, if there is one."""
        return next((each for each in self.designs if each.name == name), None)


def package_path(family: str) -> Path:
    """The file of a family that comes with the package."""
    return Path(__file__).parent / f"{family}.json"


def calibrated(family: str) -> bool:
    """Whether the package has a sweep of that family."""
    return package_path(family).exists()


@cache
def package_records(family: str) -> Records:
    """Those that come with the package.

    Raises
    ------
    ConfigurationError
        If there are none of that family.
    FileError
        If there are not all.
    """
    if not calibrated(family):
        raise ConfigurationError(
            "the area model must have been calibrated on the family of the board",
            found=f"{family}, which was not",
            action="choose lanes yourself: spikewright generate --lanes, and build",
        )
    path = package_path(family)
    found = load_records(path)
    if not (found.luts and found.flip_flops and found.delays):
        raise FileError(
            "a sweep must have been recorded whole to say what others take",
            found=f"{len(found.designs)} designs, and no coefficients",
            where=str(path),
            action=f"run on: spikewright calibrate --family {family}",
        )
    return found


def model_hash(families: Iterable[str]) -> str:
    """Says by which model areas of such boards are estimated; raises FileError.

    It need not look at the code, of which the fit is made: another count of features fits
    otherwise, and a test says so where that was not done.
    """
    found = {family: package_records(family).fitted for family in families}
    return text_hash(json.dumps(found, sort_keys=True))


def load_records(path: Path) -> Records:
    """Read a sweep; raises FileError."""
    data = read_json(path)
    if data.get("schema") != RECORDS_SCHEMA:
        raise FileError(
            f"the schema of a sweep must be {RECORDS_SCHEMA}",
            found=repr(data.get("schema")),
            where=str(path),
            action="record it anew with calibrate --again",
        )
    try:
        designs = tuple(_record(each) for each in data["designs"])
        return Records(
            family=data["family"],
            date=data["date"],
            versions=dict(data["versions"]),
            luts=_coefficients(data["luts"]),
            flip_flops=_coefficients(data["flip_flops"]),
            alone=None if data["alone"] is None else float(data["alone"]),
            delays=_coefficients(data["delays"]),
            spread=float(data["spread"]),
            designs=designs,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise FileError(
            "a sweep must hold family, date, versions, coefficients and designs",
            found=f"{type(error).__name__}: {error}",
            where=str(path),
        ) from error


def save_records(records: Records, path: Path) -> None:
    """Write a sweep; raises FileError."""
    write_json(path, {"schema": RECORDS_SCHEMA, **asdict(records)})


def _coefficients(data: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in data.items()}


def _record(data: Mapping[str, Any]) -> Record:
    whole = dict(data)
    whole["stored"] = tuple((int(rows), int(bits)) for rows, bits in data["stored"])
    whole["parts"] = {
        name: (int(luts), int(flip_flops)) for name, (luts, flip_flops) in data["parts"].items()
    }
    whole["slowest"] = None if data["slowest"] is None else tuple(data["slowest"])
    return Record(**whole)
