"""``spikewright break-even``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spikewright.flow.cli.console import say, show_table, working
from spikewright.flow.cli.options import ProjectFolder, integers, one_of

if TYPE_CHECKING:
    from spikewright.flow.break_even import CoreBreakEven

__all__ = ["break_even"]


def break_even(
    folder: ProjectFolder,
    mode: Annotated[
        str | None,
        typer.Option(
            help="stepwise, settle or collapsed.",
            show_default="collapsed, or else the last that the network has",
        ),
    ] = None,
    lanes: Annotated[
        str | None,
        typer.Option(
            help="Neurons that a core updates in a cycle, at most: one number, or one for each "
            "population in order, as in 16,10.",
            show_default="those that convert --prune balanced the weights for, or else 16",
        ),
    ] = None,
    samples: Annotated[
        int, typer.Option(min=1, help="Of the project's samples, whose spikes are counted.")
    ] = 200,
    plot: Annotated[
        Path | None, typer.Option(help="A drawing of it: FILE.png, .svg or .pdf.")
    ] = None,
) -> None:
    """Show at which share of weights sparse rows become cheaper than dense ones.

    For each core with one dense connection: rows and cycles a sample and bits
    stored, if only a share of the weights were there. balanced: as many in every
    lane, as convert --prune leaves them. scattered: wherever the largest are. The
    spikes are those of the network as it is.

    [bold]Example[/]

      spikewright break-even p --lanes 16,10 --plot even.png
    """
    from spikewright.flow.break_even_stage import break_even_stage
    from spikewright.flow.plot_file import check_plot
    from spikewright.flow.project import Project
    from spikewright.golden.spec import Mode

    if plot is not None:
        check_plot(plot)
    cores = break_even_stage(
        Project(folder),
        None if mode is None else one_of(Mode, mode, "--mode"),
        None if lanes is None else integers(lanes, "--lanes"),
        samples=samples,
        working=working,
    )
    for core in cores:
        _show(core)
    if plot is not None:
        from spikewright.flow.break_even_plot import plot_break_even

        plot_break_even(cores, plot)
        say(f"Written: {plot}")


def _show(core: "CoreBreakEven") -> None:
    show_table(
        f"{core.name}: {core.lanes} lanes, {core.groups} groups",
        ("weights", "rows", "scattered", "cycles", "scattered", "bits", "scattered"),
        [
            (
                "dense",
                *(
                    figure
                    for value in (core.dense.rows, core.dense.cycles, core.dense.bits)
                    for figure in (f"{value:,.0f}", "")
                ),
            ),
            *(
                (
                    f"{point.density:.0%}",
                    *(
                        f"{getattr(cost, measure):,.0f}"
                        for measure in ("rows", "cycles", "bits")
                        for cost in (point.balanced, point.scattered)
                    ),
                )
                for point in core.points
            ),
            (
                f"now, {core.density:.0%}",
                *(
                    figure
                    for value in (core.now.rows, core.now.cycles, core.now.bits)
                    for figure in (f"{value:,.0f}", "")
                ),
            ),
            (
                "break-even",
                *(
                    _share(core.even(measure, layout))
                    for measure in ("rows", "cycles", "bits")
                    for layout in ("balanced", "scattered")
                ),
            ),
        ],
    )


def _share(density: float | None) -> str:
    return "never" if density is None else f"{density:.0%}"
