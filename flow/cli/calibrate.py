"""The command ``calibrate``: what the area model knows, and how it came to know it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spikewright.flow.cli.console import OUT, say, working

if TYPE_CHECKING:
    from spikewright.flow.area import DesignCheck

__all__ = ["calibrate"]


def calibrate(
    family: Annotated[str, typer.Option(help="ecp5 or ice40.")],
    out: Annotated[
        Path | None,
        typer.Option(help="The sweep's file.", show_default="the one of the package"),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Build every design anew, recorded or not.")
    ] = False,
) -> None:
    """Record what a list of designs takes after synthesis, and fit the area model to it.

    Each design is synthesised and packed, a few are placed and routed too, for their clock; an hour
    for all. What is recorded already is kept, so that a sweep that was stopped goes on, and one
    that is complete only shows the table: what was counted, what the model says, and what it would
    say had it not seen the design.

    [bold]Example[/]

      spikewright calibrate --family ice40
    """
    from spikewright.flow.area import calibrate as record_all
    from spikewright.flow.area import check_records
    from spikewright.flow.area.records import package_path

    with working(f"Calibrate {family}") as advance:
        records = record_all(family, out or package_path(family), again=again, progress=advance)
    _show(check_records(records))
    say(f"clocks are told with a spread of {100 * records.spread:.0f} %")


def _show(checks: "tuple[DesignCheck, ...]") -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("design", style="bold", no_wrap=True)
    for title in ("LUTs", "model", "unseen", "flip-flops", "unseen", "block RAMs", "MHz", "unseen"):
        table.add_column(title, justify="right")
    for each in checks:
        table.add_row(
            each.name,
            f"{each.luts:,}",
            f"{100 * (each.luts_fitted / each.luts - 1):+.1f} %",
            f"{100 * each.error:+.1f} %",
            f"{each.flip_flops:,}",
            f"{100 * (each.flip_flops_unseen / each.flip_flops - 1):+.1f} %",
            f"{each.block_rams}",
            "-" if each.fmax_mhz is None else f"{each.fmax_mhz:.1f}",
            "-" if each.fmax_error is None else f"{100 * each.fmax_error:+.1f} %",
        )
    OUT.print(table)
