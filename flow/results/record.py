"""The record: what every benchmark measured when it was last taken over, and on what.

``docs/results/record.json`` holds it; ``record.md`` beside it and the table of the README are made
from it, so that no figure is typed by hand.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spikewright.flow.files import atomic_files, read_json, write_bytes, write_json
from spikewright.golden.errors import FileError, MismatchError

from .metrics import figures
from .table import page, replace_table, short_table

__all__ = ["RECORD_SCHEMA", "load_record", "name_of", "read_summary", "take_over"]

RECORD_SCHEMA = 1
_FILE = "record.json"

Summary = Mapping[str, Any]

# What a table shows or a later run is held against; the rest of a summary stays in its folder.
_KEPT: dict[str, tuple[str, ...]] = {
    "benchmark": ("name", "seed", "goal"),
    "network": ("name", "hash", "shapes", "weights", "weight_bits", "max_steps"),
    "cosim": ("frames",),
    "golden": ("mode", "steps", "threads", "samples", "samples_per_second"),
    "hardware": ("mode", "cores", "lanes", "banks", "membranes"),
    "build": (
        "mode", "board", "lut", "ff", "bram", "spram", "dsp", "logic_cells", "fmax_mhz",
        "requested_mhz", "clock_mhz", "constraint_mhz", "seed", "seeds", "router", "critical_path",
        "estimated",
    ),
    "measured": ("date", "processor", "cores", "memory_gib"),
}  # fmt: skip
_WHOLE = ("performance", "versions")
_COSIM = (
    "simulator", "samples", "steps", "lanes", "spikes_compared", "mismatches", "cycles_per_second",
    "cycles_per_sample", "bound_cycles", "latency_cycles", "estimated_cycles", "estimate_error",
)  # fmt: skip
_NEEDED = (
    "accuracy", "golden", "hardware", "cosim", "cosim_modes", "build", "performance", "measured",
)  # fmt: skip


def name_of(summary: Summary) -> str:
    """Of the benchmark; of the network, where it is none."""
    return str(summary.get("benchmark", summary["network"])["name"])


def read_summary(folder: Path) -> dict[str, Any]:
    """What a run in ``folder`` left.

    Raises
    ------
    FileError
        If it did not go the whole way, or lacks what is held or shown.
    MismatchError
        If its hardware is not the golden model's equal.
    """
    summary = read_json(Path(folder) / "summary.json")
    missing = [name for name in _NEEDED if name not in summary]
    if missing:
        raise FileError(
            "a run must have gone the whole way",
            found=f"no {', '.join(missing)}",
            where=str(folder),
            action="run it again: spikewright bench NAME, or demo",
        )
    try:
        figures(summary)
        page({name_of(summary): _trimmed(summary)})
        differ = [
            f"{each['mismatches']} of {each['spikes_compared']} spikes that differ, {mode}"
            for mode, each in summary["cosim_modes"].items()
            if each["mismatches"]
        ]
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise FileError(
            "a summary must be of a run of this version",
            found=f"{type(error).__name__}: {error}",
            where=str(folder),
            action="run it again: spikewright bench NAME, or demo",
        ) from error
    if differ:
        raise MismatchError(
            "hardware must send the spikes of the golden model",
            found="; ".join(differ),
            where=str(folder),
        )
    return summary


def load_record(folder: Path) -> dict[str, dict[str, Any]]:
    """The recorded runs by name; none where there is no record yet. Raises FileError."""
    path = Path(folder) / _FILE
    if not path.exists():
        return {}
    record = read_json(path)
    if record.get("schema") != RECORD_SCHEMA or not isinstance(record.get("runs"), dict):
        raise FileError(
            f"the record must be of schema {RECORD_SCHEMA}",
            found=repr(record.get("schema")),
            where=str(path),
            action="make it anew from benchmarks: make bench record",
        )
    return dict(record["runs"])


def take_over(folder: Path, text: Path, summaries: Sequence[Summary]) -> dict[str, dict[str, Any]]:
    """Put runs into the record in ``folder`` and make its page and the table of ``text`` anew.

    Runs that the record has and ``summaries`` has not are kept as they are.

    Raises
    ------
    FileError
        If a file cannot be read or written, or ``text`` has no place for a table.
    """
    runs = load_record(folder) | {name_of(summary): _trimmed(summary) for summary in summaries}
    runs = dict(sorted(runs.items()))
    new = replace_table(text.read_text(encoding="utf-8"), short_table(runs), str(text))
    with atomic_files(folder) as scratch:
        write_json(scratch / _FILE, {"schema": RECORD_SCHEMA, "runs": runs})
        (scratch / "record.md").write_text(page(runs), encoding="utf-8")
    write_bytes(text, new.encode())
    return runs


def _trimmed(summary: Summary) -> dict[str, Any]:
    kept: dict[str, Any] = {
        part: {name: summary[part][name] for name in names if name in summary[part]}
        for part, names in _KEPT.items()
        if part in summary
    }
    kept["accuracy"] = {k: v for k, v in summary["accuracy"].items() if k != "events"}
    kept["cosim_modes"] = {
        mode: {name: report[name] for name in _COSIM if name in report}
        for mode, report in summary["cosim_modes"].items()
    }
    return kept | {part: summary[part] for part in _WHOLE}
