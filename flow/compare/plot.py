"""A comparison as a picture: accuracy against steps, synaptic operations and cycles."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter

from .result import Compared

__all__ = ["plot_comparison"]

MARKS = "os^Dv<>pPX*hd"


def plot_comparison(found: Sequence[Compared], path: Path, *, title: str) -> None:
    """Three plots beside each other, as PNG; a line a method, a point a T or a mode.

    Runs that settle or are collapsed have no T: the first plot has them as lines across.
    """
    figure = Figure(figsize=(18, 6.2), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    by_steps, by_synops, by_cycles = figure.subplots(1, 3)
    shown = [each for each in found if each.runs]
    for number, each in enumerate(shown):
        style = {"color": f"C{number % 10}", "marker": MARKS[number % len(MARKS)], "alpha": 0.8}
        stepwise = [run for run in each.runs if run.steps is not None]
        others = [run for run in each.runs if run.steps is None]
        by_steps.plot(
            [run.steps for run in stepwise],
            [100 * run.classification_accuracy for run in stepwise],
            label=each.method,
            **style,
        )
        for run in others[:1]:  # settled and collapsed runs are the same numbers
            by_steps.axhline(
                100 * run.classification_accuracy, color=style["color"], lw=0.8, ls="--"
            )
        runs = sorted(each.runs, key=lambda run: run.synops)
        by_synops.plot(
            [run.synops for run in runs],
            [100 * run.classification_accuracy for run in runs],
            label=each.method,
            **style,
        )
        best, hardware = each.best, each.hardware or {}
        if best is not None and "cycles" in hardware:
            by_cycles.plot(
                [hardware["cycles"]],
                [100 * best.classification_accuracy],
                ls="",
                label=each.method,
                **style,
            )
            by_cycles.annotate(
                f"{each.method}, {best.name}",
                (hardware["cycles"], 100 * best.classification_accuracy),
                textcoords="offset points",
                xytext=(5, 3),
                fontsize=7,
            )
    reached = [each.best.classification_accuracy for each in shown if each.best is not None]
    lowest = 100 * max(0.0, min(reached, default=0.0) - 0.1)
    for axes, name in (
        (by_steps, "steps T (dashed: until nothing fires)"),
        (by_synops, "effective synaptic operations a sample"),
        (by_cycles, "cycles a sample, of the run that was chosen"),
    ):
        axes.set_xlabel(name)
        axes.set_ylabel("accuracy, %")
        axes.set_ylim(lowest, min(100.3, 100 * max(reached, default=1.0) + 0.6))
        axes.grid(alpha=0.3)
    closest = [100 * each for each in reached]
    by_cycles.set_ylim(min(closest, default=0.0) - 0.3, min(100.3, max(closest, default=100) + 0.4))
    by_steps.set_xscale("log", base=2)
    by_steps.xaxis.set_major_formatter(ScalarFormatter())
    by_synops.set_xscale("log")
    by_cycles.set_xscale("log")
    if shown:  # of no line it would warn
        by_steps.legend(fontsize=7, ncols=2)
    figure.savefig(path, dpi=120, format="png")
