"""The folder ``points``: what tells of all points, and a project for each of the front."""

from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from spikewright.flow.files import atomic_folder, file_hash, read_json, write_json
from spikewright.flow.original import Original
from spikewright.flow.project import Project
from spikewright.flow.samples import Samples
from spikewright.flow.tools import package_versions
from spikewright.golden.errors import FileError
from spikewright.golden.spec.file import load

from .front import Cost, Found, as_csv
from .job import network_file
from .plot import plot_front

__all__ = ["write_points"]

_KEPT_SAMPLES = 1000
_VERSIONS = ("spikewright", "numpy", "torch", "optuna", "distributed")
_INDEX = "points.json"


def write_points(
    folder: Path,
    networks: Path,
    identity: Mapping[str, Any],
    found: Sequence[Found],
    best: Sequence[Found],
    costs: Sequence[Cost],
    *,
    original: Original,
    held_out: Samples,
) -> Path | None:
    """Replace ``folder`` as a whole: what tells of the points and the points belong together.

    Where somebody worked in the folder that was there, it is moved beside and its path returned.
    """
    aside = _free_name(folder) if _worked_in(folder) else None
    with atomic_folder(folder, aside=aside) as scratch:
        rows = [each.row(each in best) for each in sorted(found, key=lambda each: each.number)]
        (scratch / "points.csv").write_text(as_csv(rows), encoding="utf-8")
        plot_front(found, best, costs, scratch / "front.png")
        _write_projects(scratch, networks, original, best, held_out)
        index = {"made_of": identity, "versions": package_versions(*_VERSIONS), "points": rows}
        write_json(scratch / _INDEX, {**index, "files": _hashes(scratch)})
    return aside


def _write_projects(
    folder: Path, networks: Path, original: Original, best: Sequence[Found], held_out: Samples
) -> None:
    """A project and a plan for each point of the front."""
    kept = held_out.first(_KEPT_SAMPLES)
    for each in best:
        network = load(network_file(networks, each.point))
        project = Project.create(folder / f"{each.number:04d}", network, original, kept)
        write_json(project.root / "plan.json", each.figures["plan"])
        project.record({"explored": each.row(True)})


def _hashes(folder: Path) -> dict[str, str]:
    """Of all files but the index, by their place."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    hashes = {path.relative_to(folder).as_posix(): file_hash(path) for path in files}
    hashes.pop(_INDEX, None)
    return hashes


def _worked_in(folder: Path) -> bool:
    """Whether it holds anything else than an exploration wrote."""
    if not folder.is_dir():
        return False
    try:
        written = read_json(folder / _INDEX).get("files")
    except FileError:
        return True
    return _hashes(folder) != written


def _free_name(folder: Path) -> Path:
    names = (folder.with_name(f"{folder.name}-{n}") for n in count(1))
    return next(name for name in names if not name.exists())
