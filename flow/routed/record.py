"""The record of what ``make boards`` built: a file of the package."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from spikewright.flow.files import read_json, write_json
from spikewright.golden.errors import FileError

__all__ = ["RECORD", "Routed", "load_routed", "save_routed"]

RECORD = Path(__file__).parent / "boards.json"
"""The file that comes with the package."""

_SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class Routed:
    """What came of the digits network on a board.

    Parameters
    ----------
    device : of the board then. network : hash of what was built.
    lanes : the most of each core; of those that were tried the most that fit.
    refused : why there is no bitstream; empty where there is one.
    fmax_mhz, clock_mhz, lut, ff, bram, spram, dsp : as of ``BuildReport``; 0 without a bitstream.
    used : (used, available) of every resource that is used, by nextpnr's names.
    seed : of place and route. measured : date and machine. versions : of the tools.
    """

    device: str
    network: str
    lanes: int
    refused: str
    fmax_mhz: float
    clock_mhz: float
    lut: int
    ff: int
    bram: int
    spram: int
    dsp: int
    used: Mapping[str, tuple[int, int]]
    seed: int
    measured: Mapping[str, Any]
    versions: Mapping[str, str]

    @property
    def routed(self) -> bool:
        """Whether there was a bitstream."""
        return not self.refused


def load_routed(path: Path = RECORD) -> dict[str, Routed]:
    """What was built, by board; nothing where there is no record yet. Raises FileError."""
    if not path.exists():
        return {}
    data = read_json(path)
    if data.get("schema") != _SCHEMA or not isinstance(data.get("boards"), dict):
        raise FileError(
            f"the record of boards must be of schema {_SCHEMA}",
            found=repr(data.get("schema")),
            where=str(path),
            action="make it anew: make boards",
        )
    names = {each.name for each in fields(Routed)}
    for name, each in data["boards"].items():
        if not isinstance(each, dict) or set(each) != names:
            raise FileError(
                "the record of a board must have all that is recorded, and nothing else",
                found=f"{name}: {', '.join(sorted(names ^ set(each)))}",
                where=str(path),
                action="make it anew: make boards",
            )
    return {
        name: Routed(**each | {"used": {k: (v[0], v[1]) for k, v in each["used"].items()}})
        for name, each in data["boards"].items()
    }


def save_routed(found: Mapping[str, Routed], path: Path = RECORD) -> None:
    """Write the record, boards in the order that they have; raises FileError."""
    write_json(path, {"schema": _SCHEMA, "boards": {k: asdict(v) for k, v in found.items()}})
