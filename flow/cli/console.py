"""What a person sees: progress bars, tables, one message for an error."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from spikewright.flow.progress import Advance
from spikewright.golden.errors import SpikewrightError

__all__ = [
    "say",
    "show_error",
    "show_pairs",
    "show_summary",
    "show_table",
    "show_warning",
    "working",
]

OUT = Console()
ERR = Console(stderr=True)
_LINE_SECONDS = 10.0

_COSIM = (
    "simulator", "mode", "samples", "spikes_compared", "mismatches", "cycles_per_second", "jobs",
    "guards",
)  # fmt: skip
_ACCURACY = (
    "float", "as_trained", "quantised", "stepwise", "settle", "collapsed", "samples",
    "mean_iou", "spikes_per_neuron",
)  # fmt: skip
# Figures of summary.json in the order a reader wants them: title, section, keys.
_SECTIONS = (
    (
        "Events",
        "events",
        (
            "samples",
            "recordings",
            "empty",
            "events",
            "late",
            "crowded",
            "merged",
            "clipped",
            "busiest",
        ),
    ),
    (
        "Network",
        "network",
        (
            "name",
            "shapes",
            "weight_bits",
            "fraction_bits",
            "weights",
            "modes",
            "hash",
        ),
    ),
    ("Pruned", "pruned", ("share", "lanes", "weights_left")),
    ("From NIR", "nir", ("reads", "silent", "agreement", "precision", "discretisation")),
    ("Accuracy", "accuracy", _ACCURACY),
    ("Control", "control", ("episodes", "longest", "float_return", "modes")),
    (
        "Hardware",
        "hardware",
        (
            "mode",
            "cores",
            "lanes",
            "banks",
            "sweep_lanes",
            "spikes",
            "sweeps",
            "membranes",
            "weights",
            "loads",
            "rows",
            "products",
            "parameters",
            "fanout",
            "verilog",
            "interface",
            "block",
        ),
    ),
    (
        "Co-simulation",
        "cosim",
        _COSIM,
    ),
    ("Gate level", "gates", (*_COSIM, "gates")),
    ("Build", "build", ("board", "lut", "ff", "bram", "fmax_mhz", "bitstream")),
    (
        "Behind a link",
        "link",
        ("board", "lut", "ff", "bram", "fmax_mhz", "clock_mhz", "link", "bitstream"),
    ),
    (
        "Performance",
        "performance",
        (
            "mode",
            "cycles_per_sample",
            "bound_cycles",
            "efficiency",
            "latency_us",
            "frames_per_s",
            "frames_per_s_per_klut",
        ),
    ),
)


@contextmanager
def working(title: str) -> Iterator[Advance]:
    """Show a bar while something long runs; yields a function for the share done and a note.

    On a terminal the bar moves; elsewhere (a log, CI) lines say that it begins, every 10 s how far
    it is, and when it is done.
    """
    if not ERR.is_terminal:
        with _telling(title) as tell:
            yield tell
        return
    bar = Progress(
        SpinnerColumn(finished_text="[green]✓"),
        TextColumn("{task.description:<24}"),
        BarColumn(bar_width=30),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[note]}"),
        console=ERR,
    )
    with bar:
        task = bar.add_task(title, total=None, note="")

        def advance(share: float, note: str = "") -> None:
            bar.update(task, total=1.0, completed=share, note=note)

        yield advance
        bar.update(task, total=1.0, completed=1.0)


@contextmanager
def _telling(title: str) -> Iterator[Advance]:
    """Lines in place of a bar: none says what the one before did."""
    start = last = time.perf_counter()
    said = ""

    def tell(share: float, note: str = "") -> None:
        nonlocal last, said
        now = time.perf_counter()
        text = f": {share:.0%}" + (f", {note}" if note else "")
        if now - last >= _LINE_SECONDS and text != said:
            last, said = now, text
            say(f"{title}{text}", to=ERR)

    say(f"{title} ...", to=ERR)
    yield tell
    say(f"{title}: {time.perf_counter() - start:.1f} s", to=ERR)


def show_error(error: SpikewrightError) -> None:
    """One message on standard error."""
    ERR.print(Text.assemble(("error: ", "bold red"), str(error)), soft_wrap=True)


def show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """One message on standard error, without the place in the code that Python would give."""
    kind = "" if issubclass(category, UserWarning) else f"{category.__name__}: "
    ERR.print(Text.assemble(("warning: ", "bold yellow"), f"{kind}{message}"), soft_wrap=True)


def show_summary(summary: Mapping[str, Any], *sections: str) -> None:
    """The sections asked for, or all there are, as one table."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for title, section, keys in _SECTIONS:
        figures = summary.get(section)
        if figures is None or (sections and section not in sections):
            continue
        heading = title
        for key in keys:
            if key in figures and figures[key] not in ({}, []):
                kind = key if key in ("spikes_per_neuron", "mean_iou", "guards") else section
                table.add_row(heading, key.replace("_", " "), _text(kind, figures[key]))
                heading = ""
    OUT.print(table)


def say(text: str, *, to: Console = OUT) -> None:
    """A line as it is: names of files may look like markup."""
    to.print(text, highlight=False, markup=False, soft_wrap=True)


def _text(section: str, value: Any) -> str:
    if section in ("nir", "link") and isinstance(value, dict):
        return "  ".join(f"{name} {_text(section, each)}" for name, each in value.items())
    if section == "guards":
        return "  ".join(
            f"{name}: " + ", ".join(f"{count:,} {what}" for what, count in counts.items())
            for name, counts in value.items()
        )
    if section == "gates" and isinstance(value, dict):
        cells = ", ".join(f"{count:,} {cell}" for cell, count in value["cells"].items())
        own = ", ".join(value["models"]["spikewright"])
        models = "Yosys'" + (f", but our own of {own}" if own else "")
        return f"{value['board']}: {cells}; models are {models}"
    if section == "control" and isinstance(value, dict):
        return "\n".join(
            f"{mode}: return {each['return']:g}, {each['events_per_decision']:.1f} spikes a "
            f"decision, {100 * each['same_actions']:.2f} % the same"
            for mode, each in value.items()
        )
    if section == "spikes_per_neuron":
        return "  ".join(f"{name} {mean:.3f}" for name, mean in value.items())
    if section == "mean_iou":
        return "  ".join(f"{name} {_text('accuracy', share)}" for name, share in value.items())
    if section == "accuracy" and isinstance(value, dict):
        return "  ".join(f"T={steps} {_text(section, share)}" for steps, share in value.items())
    if section == "accuracy" and isinstance(value, float):
        return f"{100 * value:.2f} %"
    if isinstance(value, list):
        return " ".join(map(str, value))
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:g}"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)


def show_pairs(title: str, rows: Sequence[tuple[str, str]]) -> None:
    """Names and what they are, one a line."""
    table = Table(box=None, title=title, title_justify="left", show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, Text(value))
    OUT.print(table)


def show_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Figures in columns; the first column names the rows."""
    table = Table(box=None, title=title, title_justify="left", pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    OUT.print(table)
