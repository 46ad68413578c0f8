"""The recorded sweep that the area model is fitted to: a file of the package for each family."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from spikewright.flow.files import read_json, write_json
from spikewright.golden.errors import FileError

__all__ = ["RECORDS_SCHEMA", "Record", "Records", "load_records", "package_records", "save_records"]

RECORDS_SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class Record:
    """What nextpnr's packer counted of one design, its self-test included.

    Parameters
    ----------
    name : of the design. plan_hash : of its plan. stored : (rows, bits) that the self-test keeps.
    luts, flip_flops, block_rams, sprams, dsps, logic_cells : as of ``BuildReport``.
    parts : (lookup tables, flip-flops) of each part, as ``count_parts`` names them; what packing
        adds is shared out by carry chains, so that the tables add up to ``luts`` about.
    """

    name: str
    plan_hash: str
    stored: tuple[tuple[int, int], ...]
    luts: int
    flip_flops: int
    block_rams: int
    sprams: int
    dsps: int
    logic_cells: int | None
    parts: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, kw_only=True)
class Records:
    """A sweep of one family: ``date`` of its last design, ``versions`` of the tools.

    ``luts``, ``flip_flops`` : coefficients by ``part.feature``, fitted to the designs. ``alone`` :
    the share of flip-flops in cells without a lookup table; None where cells are not counted.
    """

    family: str
    date: str
    versions: Mapping[str, str]
    luts: Mapping[str, float]
    flip_flops: Mapping[str, float]
    alone: float | None
    designs: tuple[Record, ...]

    def find(self, name: str) -> Record | None:
        """The record of a design, if there is one."""
        return next((each for each in self.designs if each.name == name), None)


@cache
def package_records(family: str) -> Records:
    """Those that come with the package; raises FileError where there are none."""
    return load_records(Path(__file__).parent / f"{family}.json")


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
    return Record(**whole)
