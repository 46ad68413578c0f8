"""Run the rows that have no finding yet."""

import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from spikewright.flow.files import read_json, write_json
from spikewright.flow.machine import measured
from spikewright.flow.tools import package_versions, tool_version
from spikewright.golden.errors import ConfigurationError

from .attention import ATTENTION_ROWS
from .budgets import BUDGET_ROWS
from .codes import CODE_ROWS
from .memories import MEMORY_ROWS
from .presets import PRESET_ROWS
from .row import Context, Row
from .sequences import SEQUENCE_ROWS
from .tasks import TASK_ROWS
from .untrained import UNTRAINED_ROWS

__all__ = ["ROWS", "found", "study"]

ROWS: dict[str, Row] = {
    row.name: row
    for row in (
        *UNTRAINED_ROWS,
        *CODE_ROWS,
        *BUDGET_ROWS,
        *SEQUENCE_ROWS,
        *MEMORY_ROWS,
        *ATTENTION_ROWS,
        *TASK_ROWS,
        *PRESET_ROWS,
    )
}


def study(context: Context, names: Iterable[str]) -> None:
    """Run rows; each leaves OUT/rows/NAME.json, and is not run again while that is there.

    Raises ConfigurationError where that is of another seed, as networks that rows share are then.
    """
    folder = context.out / "rows"
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        path = folder / f"{name}.json"
        if path.exists():
            seed = read_json(path)["seed"]
            if seed != context.seed:
                raise ConfigurationError(
                    f"a folder must be of one seed, {context.seed} here",
                    found=str(seed),
                    where=str(path),
                    action="take another folder",
                )
            continue
        start = time.perf_counter()
        finding = ROWS[name].run(context)
        finding = replace(finding, seconds=round(time.perf_counter() - start, 1))
        write_json(
            path,
            {
                "finding": finding.as_dict(),
                "seed": context.seed,
                "measured": measured(),
                "versions": {
                    **{each: package_versions(each)[each] for each in ("spikewright", "torch")},
                    "verilator": tool_version("verilator"),
                },
            },
        )


def found(context: Context) -> dict[str, dict[str, Any]]:
    """What rows left, by name, in the order of the rows."""
    folder = context.out / "rows"
    return {
        name: read_json(folder / f"{name}.json")
        for name in ROWS
        if (folder / f"{name}.json").exists()
    }
