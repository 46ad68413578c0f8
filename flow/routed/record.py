"""The record of what ``make boards`` built: a file of the package."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from spikewright.flow.files import read_json, write_json
from spikewright.golden.errors import FileError

__all__ = ["RECORD", "Linked", "Routed", "load_routed", "save_routed"]

RECORD = Path(__file__).parent / "boards.json"
"""The file that comes with the package."""

_SCHEMA = 2


@dataclass(frozen=True, kw_only=True)
class Linked:
    """A network over a link of a board, in the simulator.

    Parameters
    ----------
    name, network : of the network, and its hash. kind : of the link, uart or spi.
    bits_per_s : of the line. clock_mhz : of the accelerator.
    samples : so many, each equal to the golden model in every token, sent as fast as they go.
    sample_bytes : of one of them on the line, there and back.
    line_per_s : samples a second that the line takes, were it never idle.
    accelerator_per_s : that the accelerator takes by the model of cycles, were it never without.
    simulated_per_s : that came, by the cycles between their results.
    measured : date and machine. versions : of the tools.
    """

    name: str
    network: str
    kind: str
    bits_per_s: int
    clock_mhz: float
    samples: int
    sample_bytes: tuple[float, float]
    line_per_s: float
    accelerator_per_s: float
    simulated_per_s: float
    measured: Mapping[str, Any]
    versions: Mapping[str, str]

    @property
    def computed_per_s(self) -> float:
        """Samples a second, by whichever is slower."""
        return min(self.line_per_s, self.accelerator_per_s)


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
    links : what came over its links, of this network and of others.
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
    links: tuple[Linked, ...] = ()

    @property
    def routed(self) -> bool:
        """Whether there was a bitstream."""
        return not self.refused

    def with_link(self, found: Linked) -> "Routed":
        """With this, in place of what was known of the network over the link."""
        known = {(each.name, each.kind): each for each in self.links}
        known[found.name, found.kind] = found
        return replace(self, links=tuple(known.values()))

    @property
    def usual_link(self) -> Linked | None:
        """Of the network that was built, by the board's usual link; None where it was not tried."""
        return next((each for each in self.links if each.network == self.network), None)


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
    return {name: _routed(name, each, str(path)) for name, each in data["boards"].items()}


def _routed(name: str, data: Any, where: str) -> Routed:
    _check(Routed, name, data, where)
    links = []
    for each in data["links"]:
        _check(Linked, f"a link of {name}", each, where)
        there, back = each["sample_bytes"]
        links.append(Linked(**each | {"sample_bytes": (there, back)}))
    used = {what: (taken, there) for what, (taken, there) in data["used"].items()}
    return Routed(**data | {"used": used, "links": tuple(links)})


def _check(kind: type[Routed] | type[Linked], name: str, data: Any, where: str) -> None:
    names = {each.name for each in fields(kind)}
    if not isinstance(data, dict) or set(data) != names:
        raise FileError(
            "the record of a board must have all that is recorded, and nothing else",
            found=f"{name}: {', '.join(sorted(names ^ set(data)))}",
            where=where,
            action="make it anew: make boards",
        )


def save_routed(found: Mapping[str, Routed], path: Path = RECORD) -> None:
    """Write the record, boards in the order that they have; raises FileError."""
    write_json(path, {"schema": _SCHEMA, "boards": {k: asdict(v) for k, v in found.items()}})
