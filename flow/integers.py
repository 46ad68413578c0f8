"""A network that was integers all along: there is no other that it could be held against."""

from dataclasses import dataclass
from pathlib import Path

from spikewright.flow.files import read_json, write_json
from spikewright.golden.errors import FileError

__all__ = ["Integers"]

SCHEMA = 1
FILE = "integers.json"


@dataclass(frozen=True, kw_only=True)
class Integers:
    """Says that a project's network was built as integers, and trained as such or not.

    ``origin`` : what made it, for a reader.
    """

    origin: str

    def save(self, folder: Path) -> None:
        """Write it into a folder."""
        write_json(folder / FILE, {"schema": SCHEMA, "origin": self.origin})

    @classmethod
    def is_in(cls, folder: Path) -> bool:
        """Whether a folder says so."""
        return (folder / FILE).is_file()

    @classmethod
    def load(cls, folder: Path) -> "Integers":
        """Read what ``save`` wrote; raises FileError."""
        data = read_json(folder / FILE)
        if data.keys() != {"schema", "origin"} or data["schema"] != SCHEMA:
            raise FileError(
                f"the file must have schema {SCHEMA} and an origin, and nothing else",
                found=", ".join(f"{key} {value!r}" for key, value in data.items()) or "nothing",
                where=str(folder / FILE),
                action="convert the network again",
            )
        return cls(origin=str(data["origin"]))
