"""A comparison as files: a picture and a table."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

from spikewright.flow.files import atomic_files, write_bytes

from .plot import plot_comparison
from .result import Compared, Run

__all__ = ["write_report"]

STATIC = ("footprint", "parameter_count", "connection_sparsity")
HARDWARE = (
    "board", "lanes", "cycles", "latency_cycles", "bound_cycles", "efficiency", "luts",
    "flip_flops", "block_rams", "fmax_mhz",
)  # fmt: skip


def write_report(found: Sequence[Compared], out: Path) -> None:
    """Write comparison.png and comparison.csv, a line for each run of each method, into ``out``."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    runs = [each.name for each in fields(Run)]
    writer.writerow(
        ["method", "levels", "weight_bits", "epochs", "tune_epochs", "float_accuracy", "chosen"]
        + [*runs, *STATIC, *HARDWARE, "refused"]
    )
    for each in found:
        head = [each.method, each.levels, each.weight_bits, each.epochs, each.tune_epochs]
        static, hardware = each.static or {}, each.hardware or {}
        for number, run in enumerate(each.runs):
            chosen = number == each.chosen
            writer.writerow(
                [*head, each.float_accuracy, int(chosen), *asdict(run).values()]
                + [static.get(name) for name in STATIC]
                + [hardware.get(name) if chosen else None for name in HARDWARE]
                + [hardware.get("refused") if chosen else None]
            )
        if not each.runs:
            blanks = [None] * (2 + len(runs) + len(STATIC) + len(HARDWARE))
            writer.writerow([*head, *blanks, each.refused])
    write_bytes(out / "comparison.csv", stream.getvalue().encode())
    with atomic_files(out) as scratch:
        plot_comparison(found, scratch / "comparison.png", title="Methods side by side")
