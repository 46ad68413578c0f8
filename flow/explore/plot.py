"""The front as a picture."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from .front import Cost, Found

__all__ = ["plot_front"]

_MARKS = "os^Dv<>p"


def plot_front(
    found: Sequence[Found], best: Sequence[Found], costs: Sequence[Cost], path: Path
) -> None:
    """Accuracy over each cost, as PNG: every point faint, those of the front bold and numbered."""
    boards = sorted({each.point.board for each in found})
    figure = Figure(figsize=(6.4 * len(costs), 4.8), layout="constrained")
    FigureCanvasAgg(figure)
    for place, cost in enumerate(costs, 1):
        axes = figure.add_subplot(1, len(costs), place)
        for mark, board in zip(_MARKS * len(boards), boards, strict=False):
            for group, alpha, label in ((found, 0.25, None), (best, 1.0, board)):
                there = [each for each in group if each.point.board == board]
                axes.scatter(
                    [float(each.figures[cost.figure]) for each in there],
                    [100 * each.accuracy for each in there],
                    marker=mark,
                    alpha=alpha,
                    color=f"C{boards.index(board)}",
                    label=label if there else None,
                )
        for each in best:
            at = float(each.figures[cost.figure]), 100 * each.accuracy
            axes.annotate(
                str(each.number), at, textcoords="offset points", xytext=(4, 4), fontsize=7
            )
        if all(float(each.figures[cost.figure]) > 0 for each in found):
            axes.set_xscale("log")
        axes.set_xlabel(cost.axis)
        axes.set_ylabel("accuracy, %")
        axes.grid(alpha=0.3)
        if best:
            axes.legend(fontsize=8)
    figure.savefig(path, dpi=150, format="png")
